#include "porteiro/kms/key_pair.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/bytes.hpp"
#include "unit/kms/support.hpp"

using namespace porteiro;
using namespace porteiro::kms;
using namespace porteiro::kms::test;

namespace {

std::string hex(std::string_view text) { return from_hex(text).value(); }

// SubjectPublicKeyInfo and PKCS #8 around raw keys (RFC 8410, RFC 5480).
std::string edwards_public(std::string_view key) {
  return hex("302a300506032b6570032100") + hex(key);
}
std::string edwards_private(std::string_view key) {
  return hex("302e020100300506032b657004220420") + hex(key);
}
std::string p256_public(std::string_view x, std::string_view y) {
  return hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + hex(x) + hex(y);
}

std::string der_number(std::string bytes) {
  while (bytes.size() > 1 && bytes[0] == 0) bytes.erase(0, 1);
  if ((bytes[0] & 0x80) != 0) bytes.insert(0, 1, '\0');
  return std::string("\x02") + static_cast<char>(bytes.size()) + bytes;
}
std::string der_signature(std::string_view r, std::string_view s) {
  const std::string both = der_number(hex(r)) + der_number(hex(s));
  return std::string("\x30") + static_cast<char>(both.size()) + both;
}

KeyPair::Shared make(KeySpec spec, std::uint64_t seed = 1) {
  virtual_world::SeededEntropy entropy(seed);
  return KeyPair::make(spec, SecretBytes::random(entropy, KeyPair::seed_bytes));
}

constexpr KeySpec pairs[] = {KeySpec::rsa_2048,        KeySpec::ecc_nist_p256,
                             KeySpec::ecc_nist_p384,   KeySpec::ecc_nist_p521,
                             KeySpec::ecc_secg_p256k1, KeySpec::ecc_nist_edwards25519};

}  // namespace

TEST_CASE("key pair: Ed25519 as in RFC 8032, 7.1") {
  struct Vector {
    std::string_view secret, key, message, signature;
  };
  const Vector vectors[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf"
       "9"
       "b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f"
       "1"
       "1d8c387b2eaeb4302aeeb00d291612bb0c00"}};
  for (const Vector& v : vectors) {
    const auto pair =
        KeyPair::from_private(KeySpec::ecc_nist_edwards25519, edwards_private(v.secret));
    REQUIRE(pair.has_value());
    CHECK(pair.value()->public_der() == edwards_public(v.key));
    const auto algorithm = SigningAlgorithm::ed25519_sha_512;
    CHECK(pair.value()->sign(algorithm, hex(v.message)).value() == hex(v.signature));
    const auto known = KeyPair::from_public(edwards_public(v.key));
    REQUIRE(known.has_value());
    CHECK(known.value()->verify(algorithm, hex(v.message), hex(v.signature)));
    CHECK_FALSE(known.value()->verify(algorithm, hex(v.message) + "x", hex(v.signature)));
  }
}

TEST_CASE("key pair: ECDSA signatures of RFC 6979, A.2.5, verify") {
  const auto known = KeyPair::from_public(
      p256_public("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
                  "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"));
  REQUIRE(known.has_value());
  REQUIRE(known.value()->spec() == KeySpec::ecc_nist_p256);
  const std::string sample =
      der_signature("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");
  const std::string test =
      der_signature("F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                    "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083");
  const auto algorithm = SigningAlgorithm::ecdsa_sha_256;
  CHECK(known.value()->verify(algorithm, "sample", sample));
  CHECK(known.value()->verify(algorithm, digest_of(Digest::sha256, "sample"), sample, true));
  CHECK(known.value()->verify(algorithm, "test", test));
  CHECK_FALSE(known.value()->verify(algorithm, "test", sample));
  CHECK_FALSE(known.value()->verify(algorithm, "sample", "sample"));
  CHECK_FALSE(known.value()->verify(SigningAlgorithm::ecdsa_sha_384, "sample", sample));
}

TEST_CASE("key pair: HMACs of RFC 4231, test case 2") {
  const SecretBytes key("Jefe");
  const std::string_view message = "what do ya want for nothing?";
  CHECK(to_hex(mac_of(Digest::sha224, key, message)) ==
        "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44");
  CHECK(to_hex(mac_of(Digest::sha256, key, message)) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(
      to_hex(mac_of(Digest::sha384, key, message)) ==
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab2"
      "1649");
  CHECK(
      to_hex(mac_of(Digest::sha512, key, message)) ==
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0"
      "e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

TEST_CASE("key pair: what is signed verifies, with the public key alone, and nothing else does") {
  for (const KeySpec spec : pairs) {
    CAPTURE(to_string(spec));
    const auto pair = make(spec);
    const auto known = KeyPair::from_public(pair->public_der());
    REQUIRE(known.has_value());
    CHECK(known.value()->spec() == spec);
    for (const SigningAlgorithm algorithm : signing_algorithms(spec)) {
      const auto signature = pair->sign(algorithm, "message");
      REQUIRE(signature.has_value());
      CHECK(known.value()->verify(algorithm, "message", signature.value()));
      CHECK_FALSE(known.value()->verify(algorithm, "Message", signature.value()));
      std::string changed = signature.value();
      changed.back() = static_cast<char>(changed.back() ^ 1);
      CHECK_FALSE(known.value()->verify(algorithm, "message", changed));
      CHECK_FALSE(known.value()->verify(algorithm, "message", ""));
    }
    CHECK(errc_of(pair->sign(spec == KeySpec::rsa_2048 ? SigningAlgorithm::ecdsa_sha_256
                                                       : SigningAlgorithm::rsassa_pss_sha_256,
                             "message")) == Errc::invalid);
  }
}

TEST_CASE("key pair: a curve's key follows from its seed, and survives as bytes") {
  for (const KeySpec spec : pairs) {
    if (is_rsa(spec)) continue;
    CAPTURE(to_string(spec));
    CHECK(make(spec, 7)->public_der() == make(spec, 7)->public_der());
    CHECK(make(spec, 7)->public_der() != make(spec, 8)->public_der());
    const auto pair = make(spec);
    const auto again = KeyPair::from_private(spec, pair->private_der().view());
    REQUIRE(again.has_value());
    CHECK(again.value()->public_der() == pair->public_der());
    const std::string der(pair->private_der().view());
    CHECK(errc_of(KeyPair::from_private(KeySpec::rsa_2048, der)) == Errc::corrupt);
    CHECK(errc_of(KeyPair::from_private(spec, der.substr(1))) == Errc::corrupt);
    CHECK(errc_of(KeyPair::from_private(spec, der + "x")) == Errc::corrupt);
  }
  CHECK(errc_of(KeyPair::from_public("nonsense")) == Errc::corrupt);
}

TEST_CASE("key pair: RSA encrypts up to what OAEP leaves, and refuses what is damaged") {
  const auto pair = make(KeySpec::rsa_2048);
  for (const Digest digest : {Digest::sha1, Digest::sha256}) {
    const std::string longest(pair->plaintext_max(digest), 'p');
    const std::string sealed = pair->encrypt(digest, longest).value();
    CHECK(pair->decrypt(digest, sealed).value().view() == longest);
    CHECK(errc_of(pair->encrypt(digest, longest + "p")) == Errc::invalid);
    std::string changed = sealed;
    changed[9] = static_cast<char>(changed[9] ^ 1);
    CHECK(errc_of(pair->decrypt(digest, changed)) == Errc::corrupt);
    CHECK(errc_of(pair->decrypt(digest, sealed.substr(1))) == Errc::corrupt);
  }
}

TEST_CASE("key pair: two agree on a secret that others do not have") {
  const auto one = make(KeySpec::ecc_nist_p256, 1), two = make(KeySpec::ecc_nist_p256, 2),
             three = make(KeySpec::ecc_nist_p256, 3);
  CHECK(one->derive(two->public_der()).value().view() ==
        two->derive(one->public_der()).value().view());
  CHECK(one->derive(two->public_der()).value().view() !=
        one->derive(three->public_der()).value().view());
  CHECK(errc_of(one->derive(make(KeySpec::ecc_nist_p384)->public_der())) == Errc::invalid);
  CHECK(errc_of(one->derive("nonsense")) == Errc::invalid);
}
