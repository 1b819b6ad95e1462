#include "stores/decimal.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

namespace porteiro::stores {

namespace {

struct Digits {
  bool negative = false;
  std::string_view whole;     // Without leading zeros; empty: zero.
  std::string_view fraction;  // As written.
};

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Digits> parts_of(std::string_view text) {
  Digits parts;
  if (text.starts_with('-')) {
    parts.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t point = text.find('.');
  parts.whole = text.substr(0, point);
  if (parts.whole.empty() || !all_digits(parts.whole)) return std::nullopt;
  if (point != std::string_view::npos) {
    parts.fraction = text.substr(point + 1);
    if (parts.fraction.empty() || !all_digits(parts.fraction)) return std::nullopt;
  }
  parts.whole.remove_prefix(std::min(parts.whole.find_first_not_of('0'), parts.whole.size()));
  if (parts.whole.size() > decimal_digits_max || parts.fraction.size() > decimal_digits_max) {
    return std::nullopt;
  }
  const bool zero =
      parts.whole.empty() && parts.fraction.find_first_not_of('0') == std::string_view::npos;
  if (zero) parts.negative = false;
  return parts;
}

constexpr char negative_mark = 0x7f, zero_mark = static_cast<char>(0x80),
               positive_mark = static_cast<char>(0x81);
constexpr int exponent_bias = 64;

char inverted(char c) { return static_cast<char>(~static_cast<unsigned char>(c)); }

}  // namespace

std::optional<std::string> canonical_decimal(std::string_view text) {
  const auto parts = parts_of(text);
  if (!parts) return std::nullopt;
  std::string form(parts->negative ? "-" : "");
  form.append(parts->whole.empty() ? "0" : parts->whole);
  if (!parts->fraction.empty()) form.append(".").append(parts->fraction);
  return form;
}

bool append_ordered_decimal(std::string& out, std::string_view text) {
  const auto parts = parts_of(text);
  if (!parts) return false;
  std::string digits(parts->whole);
  digits.append(parts->fraction);
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) {
    out.push_back(zero_mark);
    return true;
  }
  const int exponent = static_cast<int>(parts->whole.size()) - static_cast<int>(first);
  digits.erase(digits.find_last_not_of('0') + 1);
  digits.erase(0, first);
  std::string body(1, static_cast<char>(exponent_bias + exponent));
  body.append(digits).push_back('\0');
  if (parts->negative) std::transform(body.begin(), body.end(), body.begin(), inverted);
  out.push_back(parts->negative ? negative_mark : positive_mark);
  out.append(body);
  return true;
}

std::optional<std::string> take_ordered_decimal(std::string_view& bytes) {
  if (bytes.empty()) return std::nullopt;
  const char mark = bytes[0];
  if (mark == zero_mark) {
    bytes.remove_prefix(1);
    return "0";
  }
  if (mark != positive_mark && mark != negative_mark) return std::nullopt;
  const std::size_t end = bytes.find(mark == negative_mark ? '\xff' : '\0', 2);
  if (end == std::string_view::npos) return std::nullopt;
  std::string body(bytes.substr(1, end - 1));
  if (mark == negative_mark) std::transform(body.begin(), body.end(), body.begin(), inverted);
  const int exponent = static_cast<unsigned char>(body[0]) - exponent_bias;
  std::string digits = body.substr(1);
  const int limit = static_cast<int>(decimal_digits_max);
  if (digits.empty() || !all_digits(digits) || exponent < -limit || exponent > limit) {
    return std::nullopt;
  }
  std::string text(mark == negative_mark ? "-" : "");
  const auto whole = static_cast<std::size_t>(std::max(exponent, 0));
  if (exponent <= 0) {
    text.append("0.").append(static_cast<std::size_t>(-exponent), '0').append(digits);
  } else if (whole >= digits.size()) {
    text.append(digits).append(whole - digits.size(), '0');
  } else {
    text.append(digits, 0, whole).append(".").append(digits, whole);
  }
  bytes.remove_prefix(end + 1);
  return text;
}

int compare_decimals(std::string_view a, std::string_view b) {
  std::string a_bytes, b_bytes;
  append_ordered_decimal(a_bytes, a);
  append_ordered_decimal(b_bytes, b);
  return a_bytes.compare(b_bytes);
}

bool fits_integer(const nlohmann::json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() ||
         value.get<std::uint64_t>() <=
             static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

}  // namespace porteiro::stores
