#include "config/values.hpp"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "porteiro/base/format.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::config {
namespace {

using nlohmann::json;

struct Unit {
  std::string_view name;
  unsigned shift;
};
constexpr Unit units[] = {{"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<std::uint64_t> read_size(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (text != unit.name) continue;
    if (*number > std::numeric_limits<std::uint64_t>::max() >> unit.shift) return std::nullopt;
    return *number << unit.shift;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> read_rate(std::string_view text) {
  const auto number = take_number(text);
  return text == "/s" ? number : std::nullopt;
}

std::optional<std::uint64_t> read_duration(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration || duration.value() < Duration::zero()) return std::nullopt;
  return static_cast<std::uint64_t>(duration.value().count());
}

std::uint64_t checked(std::string_view format, const json& value) {
  const auto found = quantity(format, value);
  PORTEIRO_ASSERT(found.has_value());  // The schema has checked it.
  return *found;
}

}  // namespace

std::optional<std::uint64_t> quantity(std::string_view format, const json& value) {
  if (format == "size" && value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (format == "duration") return read_duration(text);
  if (format == "size") return read_size(text);
  if (format == "rate") return read_rate(text);
  PORTEIRO_ASSERT(format == "date");
  return canonical("date", text) ? std::optional<std::uint64_t>(0) : std::nullopt;
}

std::string_view describe_format(std::string_view format) {
  if (format == "duration") return "a duration such as \"800ms\", \"30s\" or \"12h\"";
  if (format == "size") return "a size such as \"64KiB\" or \"1MiB\", or a number of bytes";
  if (format == "rate") return "a rate such as \"200/s\"";
  return "a date such as \"2026-03-01\"";
}

Duration duration_of(const json& value) {
  return Duration(static_cast<Duration::rep>(checked("duration", value)));
}
std::uint64_t size_of(const json& value) { return checked("size", value); }
std::uint64_t rate_of(const json& value) { return checked("rate", value); }

}  // namespace porteiro::config
