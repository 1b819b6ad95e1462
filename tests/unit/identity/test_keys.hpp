// Keys that sign tokens, made anew in each run: no private key is kept anywhere.
#pragma once
#include <doctest/doctest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <string_view>

#include "porteiro/base/bytes.hpp"

namespace porteiro::identity {

class TestKey {
 public:
  static TestKey rsa(unsigned bits = 2048) { return TestKey(EVP_RSA_gen(bits), true); }
  static TestKey ec(const char* curve = "P-256") { return TestKey(EVP_EC_gen(curve), false); }

  // As a JWK; `more` is further members, with a comma in front.
  std::string jwk(std::string_view kid, std::string_view more = {}) const {
    std::string text = "{\"kid\":\"" + std::string(kid) + "\",";
    if (rsa_) {
      text += R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
              number(OSSL_PKEY_PARAM_RSA_E) + "\"";
    } else {
      text += R"("kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X, 32) +
              R"(","y":")" + number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"";
    }
    return text.append(more).append("}");
  }
  std::string set(std::string_view kid) const { return "{\"keys\":[" + jwk(kid) + "]}"; }

  // A token with these two parts, signed as RS256 or ES256, whatever the header says.
  std::string token(std::string_view header, std::string_view claims) const {
    const std::string message = to_base64url(header) + "." + to_base64url(claims);
    return message + "." + to_base64url(sign(message));
  }

  std::string sign(std::string_view message) const {
    const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    REQUIRE(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key_.get(),
                                  nullptr) == 1);
    const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
    std::size_t size = 0;
    REQUIRE(EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size()) == 1);
    std::string signature(size, '\0');
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           bytes, message.size()) == 1);
    signature.resize(size);
    return rsa_ ? signature : raw(signature);
  }

 private:
  TestKey(EVP_PKEY* key, bool rsa) : key_(key, EVP_PKEY_free), rsa_(rsa) {
    REQUIRE(key != nullptr);
  }

  std::string number(const char* name, int bytes = 0) const {
    BIGNUM* found = nullptr;
    REQUIRE(EVP_PKEY_get_bn_param(key_.get(), name, &found) == 1);
    const int size = bytes == 0 ? BN_num_bytes(found) : bytes;
    std::string text(static_cast<std::size_t>(size), '\0');
    BN_bn2binpad(found, reinterpret_cast<unsigned char*>(text.data()), size);
    BN_free(found);
    return to_base64url(text);
  }

  static std::string raw(const std::string& der) {  // R and S, 32 bytes each.
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* parts = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::string text(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(text.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(parts), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parts), out + 32, 32);
    ECDSA_SIG_free(parts);
    return text;
  }

  std::shared_ptr<EVP_PKEY> key_;
  bool rsa_;
};

}  // namespace porteiro::identity
