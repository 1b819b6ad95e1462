// What kinds of keys there are and what each can do (AWS KMS developer guide, "Key spec
// reference"). The names in text are those of the AWS KMS API.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "porteiro/kms/crypto.hpp"

namespace porteiro::kms {

// The numbers are those of the key file: new ones go last.
enum class KeySpec : std::uint8_t {
  symmetric_default,
  hmac_256,
  hmac_224,
  hmac_384,
  hmac_512,
  rsa_2048,
  rsa_3072,
  rsa_4096,
  ecc_nist_p256,
  ecc_nist_p384,
  ecc_nist_p521,
  ecc_secg_p256k1,
  ecc_nist_edwards25519,
  count_
};
std::string_view to_string(KeySpec spec);
std::optional<KeySpec> parse_key_spec(std::string_view text);
bool is_hmac(KeySpec spec);
bool is_rsa(KeySpec spec);
bool is_curve(KeySpec spec);  // ECC, Ed25519 too.
inline bool is_pair(KeySpec spec) { return is_rsa(spec) || is_curve(spec); }
Digest hmac_digest(KeySpec spec);          // Of an HMAC spec.
std::size_t material_bytes(KeySpec spec);  // Of symmetric and HMAC keys that we make.

enum class KeyUsage : std::uint8_t {
  encrypt_decrypt,
  sign_verify,
  generate_verify_mac,
  key_agreement,
  count_
};
std::string_view to_string(KeyUsage usage);
std::optional<KeyUsage> parse_key_usage(std::string_view text);
bool allows(KeySpec spec, KeyUsage usage);
KeyUsage default_usage(KeySpec spec);  // Of the config's keys.

enum class SigningAlgorithm : std::uint8_t {
  rsassa_pss_sha_256,
  rsassa_pss_sha_384,
  rsassa_pss_sha_512,
  rsassa_pkcs1_v1_5_sha_256,
  rsassa_pkcs1_v1_5_sha_384,
  rsassa_pkcs1_v1_5_sha_512,
  ecdsa_sha_256,
  ecdsa_sha_384,
  ecdsa_sha_512,
  ed25519_sha_512,
  count_
};
std::string_view to_string(SigningAlgorithm algorithm);
std::optional<SigningAlgorithm> parse_signing_algorithm(std::string_view text);
std::span<const SigningAlgorithm> signing_algorithms(KeySpec spec);  // Empty: it cannot sign.
bool can_sign(KeySpec spec, SigningAlgorithm algorithm);
Digest digest_used(SigningAlgorithm algorithm);

}  // namespace porteiro::kms
