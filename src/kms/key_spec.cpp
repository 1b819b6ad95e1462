#include "porteiro/kms/key_spec.hpp"

#include <algorithm>
#include <array>

namespace porteiro::kms {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(KeySpec::count_)> spec_names{
    "SYMMETRIC_DEFAULT",
    "HMAC_256",
    "HMAC_224",
    "HMAC_384",
    "HMAC_512",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519"};
constexpr std::array<std::string_view, static_cast<std::size_t>(KeyUsage::count_)> usage_names{
    "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"};
constexpr std::array<std::string_view, static_cast<std::size_t>(SigningAlgorithm::count_)>
    signing_names{"RSASSA_PSS_SHA_256",
                  "RSASSA_PSS_SHA_384",
                  "RSASSA_PSS_SHA_512",
                  "RSASSA_PKCS1_V1_5_SHA_256",
                  "RSASSA_PKCS1_V1_5_SHA_384",
                  "RSASSA_PKCS1_V1_5_SHA_512",
                  "ECDSA_SHA_256",
                  "ECDSA_SHA_384",
                  "ECDSA_SHA_512",
                  "ED25519_SHA_512"};

using enum SigningAlgorithm;
constexpr std::array rsa_algorithms{rsassa_pkcs1_v1_5_sha_256, rsassa_pkcs1_v1_5_sha_384,
                                    rsassa_pkcs1_v1_5_sha_512, rsassa_pss_sha_256,
                                    rsassa_pss_sha_384,        rsassa_pss_sha_512};
constexpr std::array of_256{ecdsa_sha_256};
constexpr std::array of_384{ecdsa_sha_384};
constexpr std::array of_521{ecdsa_sha_512};
constexpr std::array of_25519{ed25519_sha_512};

template <class Enum, class Names>
std::optional<Enum> find(const Names& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(KeySpec spec) { return spec_names[static_cast<std::size_t>(spec)]; }
std::string_view to_string(KeyUsage usage) { return usage_names[static_cast<std::size_t>(usage)]; }
std::string_view to_string(SigningAlgorithm algorithm) {
  return signing_names[static_cast<std::size_t>(algorithm)];
}
std::optional<KeySpec> parse_key_spec(std::string_view text) {
  return find<KeySpec>(spec_names, text);
}
std::optional<KeyUsage> parse_key_usage(std::string_view text) {
  return find<KeyUsage>(usage_names, text);
}
std::optional<SigningAlgorithm> parse_signing_algorithm(std::string_view text) {
  return find<SigningAlgorithm>(signing_names, text);
}

bool is_hmac(KeySpec spec) { return spec >= KeySpec::hmac_256 && spec <= KeySpec::hmac_512; }
bool is_rsa(KeySpec spec) { return spec >= KeySpec::rsa_2048 && spec <= KeySpec::rsa_4096; }
bool is_curve(KeySpec spec) {
  return spec >= KeySpec::ecc_nist_p256 && spec <= KeySpec::ecc_nist_edwards25519;
}

Digest hmac_digest(KeySpec spec) {
  switch (spec) {
    case KeySpec::hmac_224:
      return Digest::sha224;
    case KeySpec::hmac_384:
      return Digest::sha384;
    case KeySpec::hmac_512:
      return Digest::sha512;
    default:
      return Digest::sha256;
  }
}

std::size_t material_bytes(KeySpec spec) {
  return spec == KeySpec::symmetric_default ? Secret::bytes : bytes_of(hmac_digest(spec));
}

bool allows(KeySpec spec, KeyUsage usage) {
  switch (usage) {
    case KeyUsage::encrypt_decrypt:
      return spec == KeySpec::symmetric_default || is_rsa(spec);
    case KeyUsage::sign_verify:
      return is_pair(spec);
    case KeyUsage::generate_verify_mac:
      return is_hmac(spec);
    case KeyUsage::key_agreement:
      return spec >= KeySpec::ecc_nist_p256 && spec <= KeySpec::ecc_nist_p521;
    case KeyUsage::count_:
      break;
  }
  return false;
}

KeyUsage default_usage(KeySpec spec) {
  if (is_hmac(spec)) return KeyUsage::generate_verify_mac;
  return is_pair(spec) ? KeyUsage::sign_verify : KeyUsage::encrypt_decrypt;
}

std::span<const SigningAlgorithm> signing_algorithms(KeySpec spec) {
  if (is_rsa(spec)) return rsa_algorithms;
  switch (spec) {
    case KeySpec::ecc_nist_p256:
    case KeySpec::ecc_secg_p256k1:
      return of_256;
    case KeySpec::ecc_nist_p384:
      return of_384;
    case KeySpec::ecc_nist_p521:
      return of_521;
    case KeySpec::ecc_nist_edwards25519:
      return of_25519;
    default:
      return {};
  }
}

bool can_sign(KeySpec spec, SigningAlgorithm algorithm) {
  const auto able = signing_algorithms(spec);
  return std::find(able.begin(), able.end(), algorithm) != able.end();
}

Digest digest_used(SigningAlgorithm algorithm) {
  switch (algorithm) {
    case rsassa_pss_sha_256:
    case rsassa_pkcs1_v1_5_sha_256:
    case ecdsa_sha_256:
      return Digest::sha256;
    case rsassa_pss_sha_384:
    case rsassa_pkcs1_v1_5_sha_384:
    case ecdsa_sha_384:
      return Digest::sha384;
    default:
      return Digest::sha512;
  }
}

}  // namespace porteiro::kms
