// The quantities that a file writes as text.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace porteiro::config {

// Of the format duration (ns), size (bytes) or rate (a second); for date: 0. nullopt: the value is
// not of the format.
std::optional<std::uint64_t> quantity(std::string_view format, const nlohmann::json& value);

// "a duration such as \"800ms\""
std::string_view describe_format(std::string_view format);

}  // namespace porteiro::config
