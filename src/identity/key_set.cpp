#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "identity/strict_json.hpp"
#include "porteiro/identity/token.hpp"

namespace porteiro::identity {
namespace {

using nlohmann::json;

constexpr int rsa_bits_min = 2048;  // RFC 7518, 3.3.
constexpr int rsa_bits_max = 8192;  // Beyond, a verification takes milliseconds.
constexpr std::size_t coordinate_bytes = 32;

template <auto release>
struct Free {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using RawSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view bytes) {
  Number number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
  PORTEIRO_ASSERT(number != nullptr);
  return number;
}

// Null: these are no key.
std::shared_ptr<void> make_key(const char* kind, const Builder& builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  PORTEIRO_ASSERT(params != nullptr && context != nullptr);
  EVP_PKEY* made = nullptr;
  PORTEIRO_ASSERT(EVP_PKEY_fromdata_init(context.get()) == 1);
  const bool sound =
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) == 1;
  std::shared_ptr<void> key(made, [](void* old) { EVP_PKEY_free(static_cast<EVP_PKEY*>(old)); });
  ERR_clear_error();
  if (!sound) return nullptr;
  const KeyContext checker(EVP_PKEY_CTX_new_from_pkey(nullptr, made, nullptr));
  const bool checked = checker != nullptr && EVP_PKEY_public_check(checker.get()) == 1;
  ERR_clear_error();
  return checked ? key : nullptr;
}

Error bad_key(std::string_view id, std::string_view problem) {
  std::string text = "the key \"";
  return error(Errc::invalid, text.append(id).append("\" ").append(problem));
}

Result<PublicKey> rsa_key(const std::string& id, const json& jwk) {
  const std::string* modulus = text_member(jwk, "n");
  const std::string* exponent = text_member(jwk, "e");
  const auto n = modulus == nullptr ? std::nullopt : decode_strictly(*modulus);
  const auto e = exponent == nullptr ? std::nullopt : decode_strictly(*exponent);
  if (!n || !e || n->empty() || e->empty() || n->size() > rsa_bits_max / 8 || e->size() > 8) {
    return bad_key(id, "has no sound n and e in base64url; take the set from its issuer again");
  }
  const Number big_n = number_of(*n);
  const Number big_e = number_of(*e);
  if (BN_num_bits(big_n.get()) < rsa_bits_min) {
    return bad_key(id, "has fewer than 2048 bits; have its issuer make a longer one");
  }
  if (!BN_is_odd(big_n.get()) || !BN_is_odd(big_e.get()) || BN_is_one(big_e.get())) {
    return bad_key(id, "is no RSA key; take the set from its issuer again");
  }
  const Builder builder(OSSL_PARAM_BLD_new());
  PORTEIRO_ASSERT(builder != nullptr);
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, big_n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, big_e.get());
  auto key = make_key("RSA", builder);
  if (key == nullptr) return bad_key(id, "is no RSA key; take the set from its issuer again");
  return PublicKey(std::move(key), Algorithm::rs256);
}

Result<PublicKey> ec_key(const std::string& id, const json& jwk) {
  std::string point = "\x04";
  for (const char* name : {"x", "y"}) {
    const std::string* coordinate = text_member(jwk, name);
    const auto bytes = coordinate == nullptr ? std::nullopt : decode_strictly(*coordinate);
    if (!bytes || bytes->size() != coordinate_bytes) {
      return bad_key(id,
                     "has no x and y of 32 bytes in base64url; take the set from its issuer again");
    }
    point += *bytes;
  }
  const Builder builder(OSSL_PARAM_BLD_new());
  PORTEIRO_ASSERT(builder != nullptr);
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  auto key = make_key("EC", builder);
  if (key == nullptr)
    return bad_key(id, "is no point of P-256; take the set from its issuer again");
  return PublicKey(std::move(key), Algorithm::es256);
}

// Whether the key is meant for something else than RS256 or ES256.
bool is_other(const json& jwk) {
  const std::string* kind = text_member(jwk, "kty");
  const std::string* algorithm = text_member(jwk, "alg");
  const std::string* use = text_member(jwk, "use");
  if (kind == nullptr || (*kind != "RSA" && *kind != "EC")) return true;
  const bool rsa = *kind == "RSA";
  if (algorithm != nullptr && *algorithm != (rsa ? "RS256" : "ES256")) return true;
  if (use != nullptr && *use != "sig") return true;
  const std::string* curve = text_member(jwk, "crv");
  if (!rsa && (curve == nullptr || *curve != "P-256")) return true;
  const auto operations = jwk.find("key_ops");
  return operations != jwk.end() && operations->is_array() &&
         std::find(operations->begin(), operations->end(), "verify") == operations->end();
}

bool verify_raw(EVP_PKEY* key, std::string_view message, const unsigned char* signature,
                std::size_t bytes) {
  const DigestContext context(EVP_MD_CTX_new());
  PORTEIRO_ASSERT(context != nullptr);
  const bool right =
      EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) ==
          1 &&
      EVP_DigestVerify(context.get(), signature, bytes, bytes_of(message), message.size()) == 1;
  ERR_clear_error();
  return right;
}

}  // namespace

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  auto* const key = static_cast<EVP_PKEY*>(key_.get());
  if (algorithm_ == Algorithm::rs256) {
    return verify_raw(key, message, bytes_of(signature), signature.size());
  }
  if (signature.size() != 2 * coordinate_bytes) return false;
  const RawSignature raw(ECDSA_SIG_new());
  PORTEIRO_ASSERT(raw != nullptr);
  Number r = number_of(signature.substr(0, coordinate_bytes));
  Number s = number_of(signature.substr(coordinate_bytes));
  PORTEIRO_ASSERT(ECDSA_SIG_set0(raw.get(), r.release(), s.release()) == 1);
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(raw.get(), &der);
  PORTEIRO_ASSERT(size > 0);
  const bool right = verify_raw(key, message, der, static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return right;
}

Result<KeySet> KeySet::parse(std::string_view text) {
  // openssl.cnf is not read (see kms).
  PORTEIRO_ASSERT(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1);
  const auto document = parse_strictly(text);
  const auto keys = document ? document->find("keys") : json::const_iterator{};
  if (!document || keys == document->end() || !keys->is_array()) {
    return error(Errc::invalid,
                 "is no JWK set: it has to be JSON with a list \"keys\", no member given twice");
  }
  if (keys->size() > keys_max) return error(Errc::invalid, "holds more than 100 keys");
  KeySet set;
  for (const json& jwk : *keys) {
    const std::string* const id = jwk.is_object() ? text_member(jwk, "kid") : nullptr;
    const std::string name = id == nullptr ? "" : *id;
    if (!jwk.is_object()) return error(Errc::invalid, "holds a key that is no JSON object");
    if (jwk.contains("d") || jwk.contains("k")) {
      return bad_key(name, "is private or secret; keep it away from here, give public keys only");
    }
    if (is_other(jwk)) continue;
    if (name.empty()) return error(Errc::invalid, "holds a key without a kid; give each its own");
    PORTEIRO_TRY(auto key, jwk.at("kty") == "RSA" ? rsa_key(name, jwk) : ec_key(name, jwk));
    if (!set.keys_.emplace(name, std::move(key)).second) {
      return bad_key(name, "is there twice; give each key its own kid");
    }
  }
  if (set.keys_.empty()) {
    return error(Errc::invalid, "holds no key for RS256 or ES256 (kty RSA, or EC with crv P-256)");
  }
  return set;
}

const PublicKey* KeySet::find(std::string_view id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace porteiro::identity
