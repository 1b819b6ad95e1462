#include "porteiro/kms/key_pair.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>

namespace porteiro::kms {
namespace {

template <auto release>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    release(pointer);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, Free<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Free<EC_POINT_free>>;
using Arithmetic = std::unique_ptr<BN_CTX, Free<BN_CTX_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

const EVP_MD* method(Digest digest) {
  constexpr std::array<const EVP_MD* (*)(), 5> methods{EVP_sha1, EVP_sha224, EVP_sha256, EVP_sha384,
                                                       EVP_sha512};
  return methods[static_cast<std::size_t>(digest)]();
}

// The curve's name, as OpenSSL has it.
struct Curve {
  KeySpec spec;
  int number;
  const char* name;
};
constexpr std::array curves{Curve{KeySpec::ecc_nist_p256, NID_X9_62_prime256v1, "prime256v1"},
                            Curve{KeySpec::ecc_nist_p384, NID_secp384r1, "secp384r1"},
                            Curve{KeySpec::ecc_nist_p521, NID_secp521r1, "secp521r1"},
                            Curve{KeySpec::ecc_secg_p256k1, NID_secp256k1, "secp256k1"}};

int rsa_bits(KeySpec spec) {
  return spec == KeySpec::rsa_2048 ? 2048 : spec == KeySpec::rsa_3072 ? 3072 : 4096;
}

// What spec a key is of; nullopt: none.
std::optional<KeySpec> spec_of(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeySpec::ecc_nist_edwards25519;
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    for (const KeySpec spec : {KeySpec::rsa_2048, KeySpec::rsa_3072, KeySpec::rsa_4096}) {
      if (EVP_PKEY_get_bits(key) == rsa_bits(spec)) return spec;
    }
    return std::nullopt;
  }
  std::array<char, 64> name{};
  std::size_t size = 0;
  if (EVP_PKEY_is_a(key, "EC") != 1 ||
      EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) {
    return std::nullopt;
  }
  for (const Curve& curve : curves) {
    if (std::string_view(name.data(), size) == curve.name) return curve.spec;
  }
  return std::nullopt;
}

// Private scalar and public point of the curve: 1 + seed mod (order - 1), and that times G.
Pkey make_curve_key(const Curve& curve, std::string_view seed) {
  const Group group(EC_GROUP_new_by_curve_name(curve.number));
  const Arithmetic work(BN_CTX_secure_new());
  const Number scalar(BN_secure_new()), bound(BN_dup(EC_GROUP_get0_order(group.get())));
  const Number wide(BN_bin2bn(bytes(seed), static_cast<int>(seed.size()), nullptr));
  const Point point(EC_POINT_new(group.get()));
  PORTEIRO_ASSERT(wide && point && BN_sub_word(bound.get(), 1) == 1);
  BN_set_flags(wide.get(), BN_FLG_CONSTTIME);
  PORTEIRO_ASSERT(BN_nnmod(scalar.get(), wide.get(), bound.get(), work.get()) == 1 &&
                  BN_add_word(scalar.get(), 1) == 1);
  PORTEIRO_ASSERT(
      EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, work.get()) == 1);
  std::array<unsigned char, 160> encoded;
  const std::size_t size =
      EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(),
                         encoded.size(), work.get());
  const Builder builder(OSSL_PARAM_BLD_new());
  PORTEIRO_ASSERT(
      size > 0 &&
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.name, 0) ==
          1 &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, encoded.data(),
                                       size) == 1);
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  PORTEIRO_ASSERT(EVP_PKEY_fromdata_init(context.get()) == 1 &&
                  EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) == 1);
  return Pkey(key);
}

Pkey make_key(KeySpec spec, std::string_view seed) {
  for (const Curve& curve : curves) {
    if (curve.spec == spec) return make_curve_key(curve, seed);
  }
  if (is_rsa(spec)) {
    return Pkey(
        EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits(spec))));
  }
  return Pkey(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, bytes(seed), 32));
}

bool set_padding(EVP_PKEY_CTX* context, SigningAlgorithm algorithm) {
  switch (algorithm) {
    case SigningAlgorithm::rsassa_pss_sha_256:
    case SigningAlgorithm::rsassa_pss_sha_384:
    case SigningAlgorithm::rsassa_pss_sha_512:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    case SigningAlgorithm::rsassa_pkcs1_v1_5_sha_256:
    case SigningAlgorithm::rsassa_pkcs1_v1_5_sha_384:
    case SigningAlgorithm::rsassa_pkcs1_v1_5_sha_512:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    default:
      return true;
  }
}

PkeyContext oaep(EVP_PKEY* key, Digest digest, bool encrypts) {
  PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  PORTEIRO_ASSERT(context != nullptr);
  PORTEIRO_ASSERT((encrypts ? EVP_PKEY_encrypt_init(context.get())
                            : EVP_PKEY_decrypt_init(context.get())) == 1);
  PORTEIRO_ASSERT(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), method(digest)) == 1 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), method(digest)) == 1);
  return context;
}

Error no_key() {
  ERR_clear_error();
  return error(Errc::corrupt, "the bytes are no key of the spec that is wanted");
}

}  // namespace

struct KeyPair::Key {
  Pkey pkey;
};

KeyPair::KeyPair(KeySpec spec, std::unique_ptr<Key> key) : spec_(spec), key_(std::move(key)) {}
KeyPair::~KeyPair() = default;

KeyPair::Shared KeyPair::make(KeySpec spec, const SecretBytes& seed) {
  PORTEIRO_ASSERT(is_pair(spec) && seed.view().size() == seed_bytes);
  prepare();
  Pkey key = make_key(spec, seed.view());
  PORTEIRO_ASSERT(key != nullptr);
  return Shared(new KeyPair(spec, std::unique_ptr<Key>(new Key{std::move(key)})));
}

Result<KeyPair::Shared> KeyPair::from_private(KeySpec spec, std::string_view der) {
  prepare();
  const unsigned char* at = bytes(der);
  using Info = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;
  const Info info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
  if (info == nullptr || at != bytes(der) + der.size()) return no_key();
  Pkey key(EVP_PKCS82PKEY_ex(info.get(), nullptr, nullptr));
  if (key == nullptr || spec_of(key.get()) != spec) return no_key();
  return Shared(new KeyPair(spec, std::unique_ptr<Key>(new Key{std::move(key)})));
}

bool KeyPair::is_sound() const {
  if (spec_ == KeySpec::ecc_nist_edwards25519) return true;  // Its public key follows from it.
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_->pkey.get(), nullptr));
  const bool good = EVP_PKEY_check(context.get()) == 1;
  ERR_clear_error();
  return good;
}

Result<KeyPair::Shared> KeyPair::from_public(std::string_view der) {
  prepare();
  const unsigned char* at = bytes(der);
  Pkey key(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(der.size()), nullptr, nullptr));
  if (key == nullptr || at != bytes(der) + der.size()) return no_key();
  const auto spec = spec_of(key.get());
  if (!spec) return no_key();
  return Shared(new KeyPair(*spec, std::unique_ptr<Key>(new Key{std::move(key)})));
}

SecretBytes KeyPair::private_der() const {
  using Info = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;
  const Info info(EVP_PKEY2PKCS8(key_->pkey.get()));
  PORTEIRO_ASSERT(info != nullptr);
  unsigned char* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
  PORTEIRO_ASSERT(size > 0);
  SecretBytes out({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return out;
}

std::string KeyPair::public_der() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_->pkey.get(), &der);
  PORTEIRO_ASSERT(size > 0);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Result<std::string> KeyPair::sign(SigningAlgorithm algorithm, std::string_view message,
                                  bool hashed) const {
  if (!can_sign(spec_, algorithm)) {
    return error(Errc::invalid, "the key's spec does not know this signing algorithm");
  }
  EVP_PKEY* const key = key_->pkey.get();
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  bool good = false;
  if (spec_ == KeySpec::ecc_nist_edwards25519) {
    if (hashed) return error(Errc::invalid, "Ed25519 signs messages, not digests");
    const DigestContext context(EVP_MD_CTX_new());
    good =
        EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key, nullptr) ==
            1 &&
        EVP_DigestSign(context.get(), bytes(signature), &size, bytes(message), message.size()) == 1;
  } else {
    const Digest used = digest_used(algorithm);
    const std::string digest = hashed ? std::string(message) : digest_of(used, message);
    if (digest.size() != bytes_of(used)) {
      return error(Errc::invalid, "the digest has not the length of the algorithm's");
    }
    const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    good = EVP_PKEY_sign_init(context.get()) == 1 && set_padding(context.get(), algorithm) &&
           EVP_PKEY_CTX_set_signature_md(context.get(), method(used)) == 1 &&
           EVP_PKEY_sign(context.get(), bytes(signature), &size, bytes(digest), digest.size()) == 1;
  }
  if (!good) {
    ERR_clear_error();
    return error(Errc::internal, "the key cannot sign");
  }
  signature.resize(size);
  return signature;
}

bool KeyPair::verify(SigningAlgorithm algorithm, std::string_view message,
                     std::string_view signature, bool hashed) const {
  if (!can_sign(spec_, algorithm)) return false;
  EVP_PKEY* const key = key_->pkey.get();
  bool good = false;
  if (spec_ == KeySpec::ecc_nist_edwards25519) {
    const DigestContext context(EVP_MD_CTX_new());
    good = !hashed &&
           EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key,
                                   nullptr) == 1 &&
           EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message),
                            message.size()) == 1;
  } else {
    const Digest used = digest_used(algorithm);
    const std::string digest = hashed ? std::string(message) : digest_of(used, message);
    const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    good = digest.size() == bytes_of(used) && EVP_PKEY_verify_init(context.get()) == 1 &&
           set_padding(context.get(), algorithm) &&
           EVP_PKEY_CTX_set_signature_md(context.get(), method(used)) == 1 &&
           EVP_PKEY_verify(context.get(), bytes(signature), signature.size(), bytes(digest),
                           digest.size()) == 1;
  }
  ERR_clear_error();
  return good;
}

std::size_t KeyPair::plaintext_max(Digest digest) const {  // RFC 8017, 7.1.1.
  const auto modulus = static_cast<std::size_t>(EVP_PKEY_get_size(key_->pkey.get()));
  return modulus - 2 * bytes_of(digest) - 2;
}

Result<std::string> KeyPair::encrypt(Digest digest, std::string_view plaintext) const {
  if (!is_rsa(spec_) || plaintext.size() > plaintext_max(digest)) {
    return error(Errc::invalid, "the plaintext is longer than the key can encrypt");
  }
  const PkeyContext context = oaep(key_->pkey.get(), digest, true);
  std::string out(static_cast<std::size_t>(EVP_PKEY_get_size(key_->pkey.get())), '\0');
  std::size_t size = out.size();
  if (EVP_PKEY_encrypt(context.get(), bytes(out), &size, bytes(plaintext), plaintext.size()) != 1) {
    ERR_clear_error();
    return error(Errc::internal, "the key cannot encrypt");
  }
  out.resize(size);
  return out;
}

Result<SecretBytes> KeyPair::decrypt(Digest digest, std::string_view ciphertext) const {
  const auto modulus = static_cast<std::size_t>(EVP_PKEY_get_size(key_->pkey.get()));
  std::string out(modulus, '\0');
  std::size_t size = out.size();
  bool good = is_rsa(spec_) && ciphertext.size() == modulus;
  if (good) {
    const PkeyContext context = oaep(key_->pkey.get(), digest, false);
    good = EVP_PKEY_decrypt(context.get(), bytes(out), &size, bytes(ciphertext),
                            ciphertext.size()) == 1;
  }
  if (!good) {
    ERR_clear_error();
    wipe(out);
    return error(Errc::corrupt, "the ciphertext is damaged, or of another key");
  }
  SecretBytes plaintext(std::string_view(out).substr(0, size));
  wipe(out);
  return plaintext;
}

Result<SecretBytes> KeyPair::unwrap(Digest digest, std::string_view wrapped) const {
  const Error bad = error(Errc::corrupt, "the wrapped material is damaged, or for another key");
  const auto modulus = static_cast<std::size_t>(EVP_PKEY_get_size(key_->pkey.get()));
  if (wrapped.size() <= modulus + 8) return bad;
  PORTEIRO_TRY(const SecretBytes aes, decrypt(digest, wrapped.substr(0, modulus)));
  const std::string_view body = wrapped.substr(modulus);
  using CipherMethod = std::unique_ptr<EVP_CIPHER, Free<EVP_CIPHER_free>>;
  const std::size_t bits = aes.view().size() * 8;
  if (bits != 128 && bits != 192 && bits != 256) return bad;
  const std::string name = "AES-" + std::to_string(bits) + "-WRAP-PAD";
  const CipherMethod method(EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr));
  const std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>> context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  std::string out(body.size() + 16, '\0');
  int size = 0, rest = 0;
  const bool good =
      method != nullptr &&
      EVP_DecryptInit_ex2(context.get(), method.get(), bytes(aes.view()), nullptr, nullptr) == 1 &&
      EVP_DecryptUpdate(context.get(), bytes(out), &size, bytes(body),
                        static_cast<int>(body.size())) == 1 &&
      EVP_DecryptFinal_ex(context.get(), bytes(out) + size, &rest) == 1;
  ERR_clear_error();
  if (!good) {
    wipe(out);
    return bad;
  }
  SecretBytes material(std::string_view(out).substr(0, static_cast<std::size_t>(size + rest)));
  wipe(out);
  return material;
}

Result<SecretBytes> KeyPair::derive(std::string_view other_public_der) const {
  const auto other = from_public(other_public_der);
  if (!other || other.value()->spec_ != spec_ || !allows(spec_, KeyUsage::key_agreement)) {
    return error(Errc::invalid, "the public key is not one on the key's curve");
  }
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_->pkey.get(), nullptr));
  std::string out(80, '\0');  // A coordinate of P-521 has 66 bytes.
  std::size_t size = out.size();
  const bool good = EVP_PKEY_derive_init(context.get()) == 1 &&
                    EVP_PKEY_derive_set_peer(context.get(), other.value()->key_->pkey.get()) == 1 &&
                    EVP_PKEY_derive(context.get(), bytes(out), &size) == 1;
  if (!good) {
    ERR_clear_error();
    return error(Errc::invalid, "the public key is not one on the key's curve");
  }
  SecretBytes secret(std::string_view(out).substr(0, size));
  wipe(out);
  return secret;
}

}  // namespace porteiro::kms
