// Decimal numbers as text: exact, ordered as numbers.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace porteiro::stores {

inline constexpr std::size_t decimal_digits_max = 30;  // On each side of the point.

// -?digits[.digits] without leading zeros; the digits after the point stay as they are ("12.50"),
// and there is no negative zero. nullopt: no such number.
std::optional<std::string> canonical_decimal(std::string_view text);

// Appends bytes that order as the numbers do and end by themselves; equal numbers have equal bytes
// (12.5, 12.50). False: not a decimal; nothing was appended. Layout: docs/store-format.md.
bool append_ordered_decimal(std::string& out, std::string_view text);

// Takes such bytes from the front of `bytes` and gives the number back, without final zeros.
std::optional<std::string> take_ordered_decimal(std::string_view& bytes);

// By the numbers; both have to be decimals.
int compare_decimals(std::string_view a, std::string_view b);

bool fits_integer(const nlohmann::json& value);  // An integer within 64 bits, signed.

}  // namespace porteiro::stores
