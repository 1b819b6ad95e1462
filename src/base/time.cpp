#include "porteiro/base/time.hpp"

#include <array>
#include <limits>
#include <optional>

namespace porteiro {
namespace {

__extension__ typedef unsigned __int128 Wide;

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
constexpr std::array<Unit, 7> units{{{"d", 86'400'000'000'000},
                                     {"h", 3'600'000'000'000},
                                     {"m", 60'000'000'000},
                                     {"s", 1'000'000'000},
                                     {"ms", 1'000'000},
                                     {"us", 1'000},
                                     {"ns", 1}}};
constexpr std::uint64_t duration_max = std::numeric_limits<std::int64_t>::max();

void put_digits(char* to, unsigned value, int count) {
  for (int i = count; i-- > 0; value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

// Takes exactly `count` digits from the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char wanted, char or_this) {
  if (text.empty() || (text[0] != wanted && text[0] != or_this)) return false;
  text.remove_prefix(1);
  return true;
}
bool take(std::string_view& text, char wanted) { return take(text, wanted, wanted); }

std::optional<std::int64_t> take_date(std::string_view& text) {  // Days since 1970.
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<std::int64_t> take_time_of_day(std::string_view& text) {  // Nanoseconds.
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  std::int64_t fraction = 0;
  if (take(text, '.')) {
    std::int64_t scale = 100'000'000;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      fraction += (text[digits] - '0') * scale;
      scale /= 10;
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
  }
  return (*hour * 3600 + *minute * 60 + *second) * std::int64_t{1'000'000'000} + fraction;
}

std::optional<std::int64_t> take_offset(std::string_view& text) {  // Minutes east of UTC.
  if (take(text, 'Z', 'z')) return 0;
  const bool west = !text.empty() && text[0] == '-';
  if (!take(text, '+', '-')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  const int minutes = *hour * 60 + *minute;
  return west ? -minutes : minutes;
}

std::optional<Time> read_rfc3339(std::string_view text) {
  const auto days = take_date(text);
  if (!days || !take(text, 'T', 't')) return std::nullopt;
  const auto of_day = take_time_of_day(text);
  if (!of_day) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  // 64 bits of nanoseconds reach from 1677 to 2262; two days of room for the time and the offset.
  constexpr std::int64_t days_max = 106'749;
  if (*days > days_max || *days < -days_max) return std::nullopt;
  return Time(std::chrono::hours(24) * *days + Duration(*of_day) - std::chrono::minutes(*offset));
}

// The value in `unit` as a decimal number; nullopt: below one, or more than nine decimals.
std::optional<std::string> decimal(std::uint64_t nanoseconds, std::uint64_t unit) {
  if (nanoseconds < unit) return std::nullopt;
  std::string text = std::to_string(nanoseconds / unit);
  std::uint64_t rest = nanoseconds % unit;
  if (rest != 0) text += '.';
  for (int decimals = 0; rest != 0; ++decimals) {
    if (decimals == 9) return std::nullopt;
    rest *= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text;
}

std::optional<Duration> read_duration(std::string_view text) {
  Wide digits = 0;
  Wide scale = 1;
  bool any = false;
  bool point = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && any && !point) {
      point = true;
      any = false;  // A digit has to follow.
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    digits = digits * 10 + static_cast<unsigned>(c - '0');
    if (point) scale *= 10;
    if (digits > duration_max || scale > duration_max) return std::nullopt;
  }
  if (!any) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(at) != unit.name) continue;
    const Wide product = digits * unit.nanoseconds;
    if (product % scale != 0 || product / scale > duration_max) return std::nullopt;
    return Duration(static_cast<std::int64_t>(product / scale));
  }
  return std::nullopt;
}

}  // namespace

std::string to_rfc3339(Time time) {
  const auto since = time.time_since_epoch();
  const auto days = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const auto of_day =
      static_cast<unsigned>(std::chrono::floor<std::chrono::milliseconds>(since - days).count());
  std::string text = "0000-00-00T00:00:00.000Z";
  put_digits(&text[0], static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_digits(&text[5], static_cast<unsigned>(date.month()), 2);
  put_digits(&text[8], static_cast<unsigned>(date.day()), 2);
  put_digits(&text[11], of_day / 3'600'000, 2);
  put_digits(&text[14], of_day / 60'000 % 60, 2);
  put_digits(&text[17], of_day / 1000 % 60, 2);
  put_digits(&text[20], of_day % 1000, 3);
  return text;
}

Result<Time> parse_rfc3339(std::string_view text) {
  if (const auto time = read_rfc3339(text)) return *time;
  return error(Errc::invalid,
               "not a date and time of RFC 3339 between 1678 and 2261, such as "
               "2026-03-01T12:00:00Z");
}

Result<Duration> parse_duration(std::string_view text) {
  if (const auto duration = read_duration(text)) return *duration;
  return error(Errc::invalid,
               "not a duration: write a number and one of ns, us, ms, s, m, h, d, such as 800ms");
}

std::string to_text(Duration duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0s";
  const std::uint64_t magnitude =
      count < 0 ? ~static_cast<std::uint64_t>(count) + 1 : static_cast<std::uint64_t>(count);
  std::string shortest;
  for (const Unit& unit : units) {
    auto text = decimal(magnitude, unit.nanoseconds);
    if (!text) continue;
    text->append(unit.name);
    if (shortest.empty() || text->size() < shortest.size()) shortest = std::move(*text);
  }
  return count < 0 ? "-" + shortest : shortest;
}

}  // namespace porteiro
