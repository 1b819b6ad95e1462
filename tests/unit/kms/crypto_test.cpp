#include "porteiro/kms/crypto.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "porteiro/base/bytes.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "unit/kms/support.hpp"

using namespace porteiro;
using namespace porteiro::kms;
using kms::test::errc_of;

namespace {

std::string hex(std::string_view text) { return from_hex(text).value(); }

template <std::size_t N>
std::string hex_of(const std::array<char, N>& bytes) {
  return to_hex({bytes.data(), N});
}

// Gives the bytes it was made with: the IV of a test vector.
struct FixedEntropy final : Entropy {
  explicit FixedEntropy(std::string bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::byte> out) override {
    REQUIRE(out.size() == bytes_.size());
    std::memcpy(out.data(), bytes_.data(), out.size());
  }
  std::string bytes_;
};

// HMAC pads short keys with zeros and hashes long ones, so vectors of any key size fit 32 bytes.
Secret hmac_key(std::string key) {
  if (key.size() > 64) {
    const auto hash = sha256(key);
    return Secret({hash.data(), hash.size()});
  }
  key.resize(Secret::bytes);
  return Secret(key);
}

}  // namespace

// Goal: the box is AES-256-GCM as specified (test cases 13, 14 and 16 of the GCM specification).
TEST_CASE("crypto: AES-256-GCM gives the specification's ciphertexts and tags") {
  struct Vector {
    std::string key, iv, plain, aad, cipher, tag;
  };
  const std::string zeros(64, '0');
  const std::string key16 = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
  const std::vector<Vector> vectors{
      {zeros, zeros.substr(0, 24), "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {zeros, zeros.substr(0, 24), zeros.substr(0, 32), "", "cea7403d4d606b6e074ec5d3baf39d18",
       "d0d1c8a799996bf0265b98b5d48ab919"},
      {key16, "cafebabefacedbaddecaf888",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
       "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
       "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
       "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
       "76fc6ece0f4e1768cddf8853bb2d551b"}};
  for (const Vector& v : vectors) {
    FixedEntropy iv(hex(v.iv));
    Cipher cipher{Secret(hex(v.key))};
    for (int round = 0; round < 2; ++round) {  // The second one with the key schedule kept.
      const std::string sealed = cipher.seal(hex(v.plain), hex(v.aad), iv);
      CHECK(to_hex(sealed) == v.iv + v.cipher + v.tag);
      const auto opened = cipher.open(sealed, hex(v.aad));
      REQUIRE(opened.has_value());
      CHECK(to_hex(opened.value()) == v.plain);
    }
  }
}

TEST_CASE("crypto: a box changed in any byte, cut or lengthened does not open") {
  virtual_world::World world;
  Cipher cipher(Secret::random(world.entropy));
  const std::string sealed = cipher.seal("52998224725", "aad", world.entropy);
  REQUIRE(sealed.size() == 11 + sealed_overhead_bytes);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(errc_of(cipher.open(changed, "aad")) == Errc::corrupt);
    CHECK(errc_of(cipher.open(sealed.substr(0, i), "aad")) == Errc::corrupt);
  }
  CHECK(errc_of(cipher.open(sealed + "x", "aad")) == Errc::corrupt);
  CHECK(errc_of(cipher.open(sealed, "")) == Errc::corrupt);
  CHECK(errc_of(cipher.open(sealed, "aae")) == Errc::corrupt);
  CHECK(errc_of(Cipher(Secret::random(world.entropy)).open(sealed, "aad")) == Errc::corrupt);
  CHECK(cipher.open(sealed, "aad").value() == "52998224725");  // Failures leave no trace.
}

TEST_CASE("crypto: two boxes of one text differ, since each has its own IV") {
  virtual_world::World world;
  Cipher cipher(Secret::random(world.entropy));
  CHECK(cipher.seal("same", "", world.entropy) != cipher.seal("same", "", world.entropy));
}

// Goal: the token's function is HMAC-SHA256 as specified (RFC 4231, all cases of full length).
TEST_CASE("crypto: HMAC-SHA256 gives the MACs of RFC 4231") {
  struct Vector {
    std::string key, message, mac;
  };
  const std::vector<Vector> vectors{
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The "
       "key needs to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}};
  for (const Vector& v : vectors) {
    Hmac hmac(hmac_key(v.key));
    CHECK(hex_of(hmac(v.message)) == v.mac);
    CHECK(hex_of(hmac("")) != v.mac);
    CHECK(hex_of(hmac(v.message)) == v.mac);  // The kept key serves again.
  }
}

TEST_CASE("crypto: SHA-256 gives the digests of FIPS 180-4's examples") {
  CHECK(hex_of(sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_of(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("crypto: derive is scrypt with N=2^15, r=8, p=1") {
  CHECK(to_hex(derive("correct horse", "0123456789abcdef").view()) ==
        "a6e1c5f30b25e0fe6d47724036c0a579988e41eb3ed39298d8fa076d41293064");
}

TEST_CASE("crypto: a secret is wiped when it dies") {
  alignas(Secret) char place[sizeof(Secret)];
  auto* const secret = new (place) Secret(std::string(Secret::bytes, 'k'));
  secret->~Secret();
  for (const char c : place) CHECK(c == 0);
}

TEST_CASE("crypto: ciphers and MACs move with their keys") {
  virtual_world::World world;
  const Secret key = Secret::random(world.entropy);
  Cipher first(key);
  const std::string sealed = first.seal("text", "", world.entropy);
  Cipher second(std::move(first));
  CHECK(second.open(sealed, "").value() == "text");
  Hmac hmac(key);
  const auto mac = hmac("text");
  Hmac other(Secret::random(world.entropy));
  other = std::move(hmac);
  CHECK(other("text") == mac);
}
