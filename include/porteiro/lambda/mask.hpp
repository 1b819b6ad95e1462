// What is blotted out of text that functions write, before it goes to the log: configured secrets,
// and what has the form of the values that tokens stand for. A safety net, not a proof: encoded or
// split values, and those of other forms, pass.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace porteiro::lambda {

class Mask {
 public:
  // CPFs (with right check digits, plain or with dots and hyphen) are always masked; e-mail
  // addresses when asked for; `secrets` as they are (empty ones are ignored).
  explicit Mask(std::vector<std::string> secrets = {}, bool emails = false);
  Mask with(std::string secret) const;  // One more secret; empty: none.
  void apply(std::string& text) const;  // Each becomes "***".

 private:
  std::vector<std::string> secrets_;
  bool emails_;
};

}  // namespace porteiro::lambda
