// The cryptographic primitives the emulator uses, over OpenSSL. The free functions are pure and
// thread-safe; Cipher and Hmac each belong to one thread at a time. Nothing here runs before its
// first use, and openssl.cnf is not read.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "porteiro/base/random.hpp"
#include "porteiro/base/result.hpp"

namespace porteiro::kms {

// 32 bytes of key material: wiped when it dies, never printed, moved or copied knowingly.
class Secret {
 public:
  static constexpr std::size_t bytes = 32;
  Secret() = default;
  explicit Secret(std::string_view material);  // Exactly 32 bytes.
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret();
  static Secret random(Entropy& entropy);
  std::string_view view() const { return {data_.data(), data_.size()}; }

 private:
  std::array<char, bytes> data_{};
};

// Key material of any length: wiped when it dies, never printed. A moved-from one is empty.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::string_view material);
  SecretBytes(const SecretBytes& other) : SecretBytes(other.view()) {}
  SecretBytes(SecretBytes&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  SecretBytes& operator=(SecretBytes other) noexcept;
  ~SecretBytes();
  static SecretBytes random(Entropy& entropy, std::size_t size);
  std::string_view view() const { return {data_.get(), size_}; }
  bool empty() const { return size_ == 0; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
};

enum class Digest : std::uint8_t { sha1, sha224, sha256, sha384, sha512 };
std::size_t bytes_of(Digest digest);  // 20 to 64.
std::string digest_of(Digest digest, std::string_view message);
// HMAC with a key of any length (RFC 2104).
std::string mac_of(Digest digest, const SecretBytes& key, std::string_view message);
bool same_bytes(std::string_view a, std::string_view b);  // In constant time for equal lengths.

// AES-256-GCM. The sealed form is 12 bytes IV, ciphertext, 16 bytes tag. A Cipher keeps its key
// schedule: sealing many boxes under one key is cheap. Not thread-safe.
class Cipher {
 public:
  explicit Cipher(const Secret& key);  // Cheap: the key schedule is made on first use.
  ~Cipher();
  Cipher(Cipher&&) noexcept;
  Cipher& operator=(Cipher&&) noexcept;

  std::string seal(std::string_view plaintext, std::string_view aad, Entropy& entropy);
  // Appends the sealed form to `out`.
  void seal_to(std::string& out, std::string_view plaintext, std::string_view aad,
               Entropy& entropy);
  Result<std::string> open(std::string_view sealed, std::string_view aad);  // Errors: corrupt.

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};
inline constexpr std::size_t sealed_overhead_bytes = 12 + 16;

// HMAC-SHA256 with the key kept. Not thread-safe.
class Hmac {
 public:
  explicit Hmac(const Secret& key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;
  std::array<char, 32> operator()(std::string_view message);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::array<char, 32> sha256(std::string_view message);

// scrypt N=2^15, r=8, p=1: takes about 0.1 s and 32 MiB, on purpose. For start-up only.
Secret derive(std::string_view passphrase, std::string_view salt);

// Makes OpenSSL ready; what uses it by itself calls this first. Cheap when it was called before.
void prepare();

// Overwrites and empties a text that held key material; copies made of it are not reached.
void wipe(std::string& text);

}  // namespace porteiro::kms
