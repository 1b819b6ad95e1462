#include "porteiro/base/format.hpp"

#include <algorithm>
#include <array>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_hex(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

int check_digit(std::string_view digits) {  // Weights n+1 … 2, modulo 11.
  int sum = 0;
  int weight = static_cast<int>(digits.size()) + 1;
  for (const char c : digits) sum += (c - '0') * weight--;
  const int rest = sum % 11;
  return rest < 2 ? 0 : 11 - rest;
}

// Each of these gives the canonical form, or an empty string for a text of another format.
std::string cpf(std::string_view text) {
  std::string digits;
  if (text.size() == 14 && text[3] == '.' && text[7] == '.' && text[11] == '-') {
    digits.append(text, 0, 3).append(text, 4, 3).append(text, 8, 3).append(text, 12, 2);
  } else if (text.size() == 11) {
    digits = text;
  }
  if (digits.size() != 11 || !all_digits(digits)) return {};
  if (digits.find_first_not_of(digits[0]) == std::string::npos) return {};
  const std::string_view view = digits;
  if (check_digit(view.substr(0, 9)) != view[9] - '0') return {};
  if (check_digit(view.substr(0, 10)) != view[10] - '0') return {};
  return digits;
}

std::string uuid(std::string_view text) {
  if (text.size() != 36) return {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex(text[i])) return {};
  }
  return lowered(text);
}

std::string date(std::string_view text) {
  if (text.size() != 10) return {};
  std::string noon(text);
  noon += "T12:00:00Z";
  if (parse_rfc3339(noon)) return std::string(text);
  return {};
}

std::string date_time(std::string_view text) {
  const auto time = parse_rfc3339(text);
  return time ? to_rfc3339(time.value()) : std::string();
}

// What mail systems accept in practice: no quoted local parts, no address literals.
std::string email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at > 64 || text.size() > 254) return {};
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  constexpr std::string_view local_signs = "!#$%&'*+-/=?^_`{|}~.";
  const auto alnum = [](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); };
  const auto in_local = [&](char c) { return alnum(c) || local_signs.find(c) != local_signs.npos; };
  const auto in_domain = [&](char c) { return alnum(c) || c == '-' || c == '.'; };
  if (!std::all_of(local.begin(), local.end(), in_local)) return {};
  if (!std::all_of(domain.begin(), domain.end(), in_domain)) return {};
  for (const std::string_view part : {local, domain}) {
    if (part.empty() || part.front() == '.' || part.back() == '.') return {};
    if (part.find("..") != std::string_view::npos) return {};
  }
  if (domain.find('.') == std::string_view::npos) return {};
  return lowered(text);
}

std::string only_digits(std::string_view text) {
  return all_digits(text) ? std::string(text) : std::string();
}

struct Format {
  std::string_view name;
  std::string (*canonical)(std::string_view);
  std::string_view wanted;
};
constexpr std::array<Format, 6> formats{
    {{"cpf", cpf, "a CPF: 11 digits or ddd.ddd.ddd-dd, with its two check digits"},
     {"uuid", uuid, "a UUID: 8-4-4-4-12 hexadecimal digits"},
     {"date", date, "a date: YYYY-MM-DD"},
     {"date-time", date_time, "a date and time of RFC 3339, such as 2026-03-01T12:00:00Z"},
     {"email", email, "an e-mail address: name@domain"},
     {"digits", only_digits, "a text of digits"}}};

const Format* find(std::string_view name) {
  for (const Format& format : formats) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

}  // namespace

bool is_format(std::string_view name) { return find(name) != nullptr; }

Result<std::string> canonical(std::string_view format, std::string_view text) {
  const Format* known = find(format);
  if (known == nullptr) {
    return error(Errc::invalid, "there is no format " + std::string(format) +
                                    "; the formats are cpf, uuid, date, date-time, email, digits");
  }
  std::string form = known->canonical(text);
  if (form.empty()) return error(Errc::invalid, "has to be " + std::string(known->wanted));
  return form;
}

}  // namespace porteiro
