// The cryptographic primitives the emulator uses, over OpenSSL. The free functions are pure and
// thread-safe; Cipher and Hmac each belong to one thread at a time. Nothing here runs before its
// first use, and openssl.cnf is not read.
#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

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

// AES-256-GCM. The sealed form is 12 bytes IV, ciphertext, 16 bytes tag. A Cipher keeps its key
// schedule: sealing many boxes under one key is cheap. Not thread-safe.
class Cipher {
 public:
  explicit Cipher(const Secret& key);  // Cheap: the key schedule is made on first use.
  ~Cipher();
  Cipher(Cipher&&) noexcept;
  Cipher& operator=(Cipher&&) noexcept;

  std::string seal(std::string_view plaintext, std::string_view aad, Entropy& entropy);
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

// Overwrites and empties a text that held key material; copies made of it are not reached.
void wipe(std::string& text);

}  // namespace porteiro::kms
