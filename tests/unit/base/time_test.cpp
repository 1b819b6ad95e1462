#include "porteiro/base/time.hpp"

#include <doctest/doctest.h>

using namespace porteiro;
using namespace std::chrono_literals;

TEST_CASE("time: RFC 3339 in milliseconds of UTC") {
  CHECK(to_rfc3339(Time(0s)) == "1970-01-01T00:00:00.000Z");
  CHECK(to_rfc3339(Time(1767225600s + 999'999'999ns)) == "2026-01-01T00:00:00.999Z");
  CHECK(to_rfc3339(Time(951'782'400s)) == "2000-02-29T00:00:00.000Z");
  CHECK(to_rfc3339(Time(-1ns)) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("time: RFC 3339 is read with fractions and offsets") {
  CHECK(parse_rfc3339("2026-01-01T00:00:00Z").value() == Time(1767225600s));
  CHECK(parse_rfc3339("2026-01-01t00:00:00.5z").value() == Time(1767225600s + 500ms));
  CHECK(parse_rfc3339("2026-01-01T00:00:00.123456789123Z").value() ==
        Time(1767225600s + 123'456'789ns));
  CHECK(parse_rfc3339("2025-12-31T21:00:00-03:00").value() == Time(1767225600s));
  CHECK(parse_rfc3339("2026-01-01T05:30:00+05:30").value() == Time(1767225600s));
  for (const std::string_view wrong :
       {"", "2026-01-01", "2026-01-01 00:00:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00+3:00", "1500-01-01T00:00:00Z", "2900-01-01T00:00:00Z",
        "26-01-01T00:00:00Z", "2026-1-01T00:00:00Z"}) {
    CAPTURE(wrong);
    const auto time = parse_rfc3339(wrong);
    REQUIRE_FALSE(time.has_value());
    CHECK(time.error().code == Errc::invalid);
  }
}

TEST_CASE("time: durations are read from a number and a unit") {
  CHECK(parse_duration("800ms").value() == 800ms);
  CHECK(parse_duration("1.5s").value() == 1500ms);
  CHECK(parse_duration("30m").value() == 30min);
  CHECK(parse_duration("12h").value() == 12h);
  CHECK(parse_duration("365d").value() == 24h * 365);
  CHECK(parse_duration("7us").value() == 7us);
  CHECK(parse_duration("0.000000001s").value() == 1ns);
  CHECK(parse_duration("0s").value() == 0s);
  CHECK(parse_duration("9223372036854775807ns").value() == Duration::max());
  for (const std::string_view wrong : {"", "s", "5", "5 s", "-5s", "1.s", ".5s", "1e3s", "5sec",
                                       "+1s", "0.5ns", "9223372036854775808ns", "300000d", "1.2.3s",
                                       "99999999999999999999999999999999999999999999s"}) {
    CAPTURE(wrong);
    const auto duration = parse_duration(wrong);
    REQUIRE_FALSE(duration.has_value());
    CHECK(duration.error().code == Errc::invalid);
  }
}

TEST_CASE("time: a duration's text is the shortest, and is read back as the same") {
  const std::pair<Duration, std::string_view> examples[] = {
      {0ns, "0s"},   {1500us, "1.5ms"},   {100ms, "100ms"},  {1000ms, "1s"}, {60s, "1m"},
      {90s, "90s"},  {36h, "36h"},        {24h, "1d"},       {1ns, "1ns"},   {800ms, "800ms"},
      {3600s, "1h"}, {24h * 365, "365d"}, {1234ns, "1234ns"}};
  for (const auto& [duration, text] : examples) {
    CHECK(to_text(duration) == text);
    CHECK(parse_duration(text).value() == duration);
  }
  CHECK(to_text(-1500us) == "-1.5ms");
  CHECK(parse_duration(to_text(Duration::max())).value() == Duration::max());
  CHECK(to_text(Duration::min()) == "-9223372036.854775808s");
}
