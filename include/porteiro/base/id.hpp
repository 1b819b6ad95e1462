// A 128-bit identifier: events, correlations (= W3C trace ids), messages, invocations.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace porteiro {

class Entropy;

struct Id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Id&, const Id&) = default;
  explicit operator bool() const { return (high | low) != 0; }
};

Id make_id(Entropy& entropy);
std::string to_text(Id id);  // 32 lower-case hexadecimal digits.
void append_text(std::string& out, Id id);
std::optional<Id> parse_id(std::string_view text);  // 32 hex digits, or the UUID form with hyphens.

}  // namespace porteiro

template <>
struct std::hash<porteiro::Id> {
  std::size_t operator()(const porteiro::Id& id) const noexcept {
    return id.high ^ (id.low * 0x9e3779b97f4a7c15U);
  }
};
