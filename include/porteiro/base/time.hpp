// Time as every module sees it: UTC nanoseconds since 1970, from an injected clock.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "porteiro/base/result.hpp"

namespace porteiro {

using Duration = std::chrono::nanoseconds;

struct Epoch {  // Names the time line; it has no now(): a Clock does.
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Epoch, Duration>;
  static constexpr bool is_steady = true;
};
using Time = Epoch::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;  // Never goes back while the process lives.
};

std::string to_rfc3339(Time time);                  // "2026-03-01T12:00:00.123Z", milliseconds.
Result<Time> parse_rfc3339(std::string_view text);  // Errors: invalid.
Result<Duration> parse_duration(std::string_view text);  // "800ms", "1.5s", "30m", "12h", "365d".
std::string to_text(Duration duration);                  // The shortest such text: "1.5ms".

}  // namespace porteiro
