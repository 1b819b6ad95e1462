// The digests that AWS protocols are made with.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "porteiro/identity/digest.hpp"

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

using identity::hmac_sha256;
using identity::same_secret;
using identity::sha256_hex;

}  // namespace porteiro::protocols::aws
