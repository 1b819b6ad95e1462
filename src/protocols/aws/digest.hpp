// The digests that AWS protocols are made with.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace porteiro::protocols::aws {

using Md5Text = std::array<char, 32>;  // Lower-case hexadecimal digits.
inline std::string_view view(const Md5Text& text) { return {text.data(), text.size()}; }

// MD5 with its context kept from one digest to the next. Not thread-safe.
class Md5 {
 public:
  Md5();
  ~Md5();
  void add(std::string_view bytes);
  Md5Text finish();  // Of what was added since the last one.
  Md5Text of(std::string_view bytes) {
    add(bytes);
    return finish();
  }

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view message);  // 32 bytes.
bool same_secret(std::string_view a, std::string_view b);                 // In constant time.

}  // namespace porteiro::protocols::aws
