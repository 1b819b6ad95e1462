// application/x-www-form-urlencoded text as pairs of decoded names and values.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace porteiro::protocols::aws {

struct FormPair {
  std::string_view name, value;
};

class Form {
 public:
  static constexpr std::size_t pairs_max = 4000;  // A full batch has about 500.

  enum class Fault { none, broken, too_many };

  // Replaces the pairs by those of both texts, in their order. They view the texts, or copies kept
  // here where something was escaped. Broken: an escape without two hexadecimal digits, or a
  // decoded text that is not UTF-8.
  Fault parse(std::string_view first, std::string_view second = {});

  const std::vector<FormPair>& pairs() const { return pairs_; }
  // Ends the use of the pairs; gives back memory that only an uncommonly large form needs.
  void release();
  // The value of the first pair of that name; empty when there is none.
  std::string_view value(std::string_view name) const;

 private:
  Fault add(std::string_view text);
  bool decode(std::string_view& text);

  std::vector<FormPair> pairs_;
  std::string decoded_;  // Never grows while views into it are in use.
};

}  // namespace porteiro::protocols::aws
