#include "porteiro/stores/mask.hpp"

#include <algorithm>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::stores {
namespace {

constexpr std::string_view blot = "***";

// The N of "first:N"; 0: it is none.
std::size_t count_of(std::string_view pattern, std::string_view name) {
  if (pattern.size() != name.size() + 2 || !pattern.starts_with(name)) return 0;
  if (pattern[name.size()] != ':') return 0;
  const char digit = pattern.back();
  return digit >= '1' && digit <= '4' ? static_cast<std::size_t>(digit - '0') : 0;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && !begins_character(text[end])) ++end;
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

std::string initials(std::string_view text) {
  std::string out;
  bool word = false;
  for (const std::string_view each : characters(text)) {
    const bool blank = each == " " || each == "\t" || each == "\n" || each == "\r";
    if (!blank && !word) {
      if (!out.empty()) out += ' ';
      out.append(each).append(".");
    }
    word = !blank;
  }
  return out;
}

std::string first(std::string_view text, std::size_t count) {
  const auto all = characters(text);
  std::string out;
  for (std::size_t i = 0; i < std::min(count, all.size() / 2); ++i) out += all[i];
  return out.append(blot);
}

std::string last(std::string_view text, std::size_t count) {
  const auto all = characters(text);
  std::string out(blot);
  for (std::size_t i = all.size() - std::min(count, all.size() / 2); i < all.size(); ++i) {
    out += all[i];
  }
  return out;
}

std::string email(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return std::string(blot);
  return first(text.substr(0, at), 1).append(text.substr(at));
}

std::string digits(std::string_view text) {
  std::string out;
  for (const std::string_view each : characters(text)) {
    const char c = each.front();
    const bool alone = each.size() == 1;
    const bool open = alone && (c == ' ' || c == '.' || c == '-' || c == '/' || c == '(' ||
                                c == ')' || c == '+' || c == ':' || c == ',');
    out += open ? c : '*';
  }
  return out;
}

std::string with_pattern(std::string_view pattern, std::string_view text) {
  if (pattern == "initials") return initials(text);
  if (pattern == "email") return email(text);
  if (pattern == "digits") return digits(text);
  if (const std::size_t count = count_of(pattern, "first")) return first(text, count);
  if (const std::size_t count = count_of(pattern, "last")) return last(text, count);
  return std::string(blot);
}

}  // namespace

bool is_mask(std::string_view pattern) {
  return pattern == "all" || pattern == "initials" || pattern == "email" || pattern == "digits" ||
         count_of(pattern, "first") > 0 || count_of(pattern, "last") > 0;
}

std::string masked(std::string_view pattern, std::string_view raw) {
  if (raw == "null") return std::string(raw);
  std::string text(blot);
  if (!raw.empty() && raw.front() != '{' && raw.front() != '[') {
    text = with_pattern(pattern, string_value(raw).value_or(std::string(raw)));
  }
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace porteiro::stores
