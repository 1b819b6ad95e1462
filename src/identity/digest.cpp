#include "porteiro/identity/digest.hpp"

#include <openssl/crypto.h>

#include <array>

#include "porteiro/base/bytes.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::identity {
namespace {

std::string text_of(const std::array<char, 32>& bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

std::string sha256_hex(std::string_view bytes) { return to_hex(text_of(kms::sha256(bytes))); }

std::string hmac_sha256(std::string_view key, std::string_view message) {
  constexpr std::size_t block = 64;
  std::string padded(key);
  if (key.size() > block) padded = text_of(kms::sha256(key));
  padded.resize(block, '\0');
  std::string inner = padded;
  std::string outer = padded;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  inner.append(message);
  outer.append(text_of(kms::sha256(inner)));
  return text_of(kms::sha256(outer));
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace porteiro::identity
