#include "protocols/aws/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "porteiro/base/bytes.hpp"

namespace porteiro::protocols::aws {
namespace {

constexpr std::size_t host_max = 255;  // RFC 1035, 2.3.4.

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool hex_digit(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }

bool valid_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, failure] = std::from_chars(text.data(), end, port);
  return failure == std::errc() && parsed == end && text.size() <= 5;
}

bool valid_host(std::string_view host) {
  if (host.empty() || host.size() > host_max) return false;
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return false;
    host = host.substr(1, host.size() - 2);
    return std::all_of(host.begin(), host.end(),
                       [](char c) { return hex_digit(c) || c == ':' || c == '.'; });
  }
  return std::all_of(host.begin(), host.end(), [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

bool starts_like(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](char a, char b) { return a == lower(b); });
}

bool valid_authority(std::string_view text) {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return valid_host(text);
  return valid_host(text.substr(0, colon)) && valid_port(text.substr(colon + 1));
}

}  // namespace porteiro::protocols::aws
