// What a worker writes to stdout and stderr, by lines: masked, bounded, to the log with the
// function's name and the request id; the last of it is kept for the log tail of an Invoke.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "porteiro/base/processes.hpp"
#include "porteiro/lambda/mask.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::lambda {

inline constexpr std::size_t line_bytes_max = 8192;  // The rest of a longer line is left out.
inline constexpr std::size_t tail_bytes_max = 4096;  // AWS Lambda: the last 4 KB.
inline constexpr std::uint64_t lines_per_second_max = 500;  // Of a worker; more are counted only.

class Output {
 public:
  using Stream = ProcessListener::Stream;
  // Borrows all.
  Output(const Clock& clock, telemetry::Telemetry& telemetry, std::string function,
         const Mask& mask);

  void begin(std::string request, Id trace);  // What comes now is of this invocation.
  void write(Stream stream, std::string_view bytes);
  void note(telemetry::Level level, std::string text);  // A line of our own about the worker.
  void append_tail(std::string_view line);              // A line for the tail alone.
  // Since begin(), with the beginnings of lines that have not ended, and `last` at the end.
  std::string tail(std::string_view last) const;
  void end();  // The worker has ended: lines without an end are written.

 private:
  struct Line {
    std::string text;
    std::size_t left_out = 0;
  };
  void finish(Line& line);
  void write_line(std::string text);
  bool allowed();
  void tell_dropped();
  void log(telemetry::Level level, std::string_view text);

  const Clock& clock_;
  telemetry::Telemetry& telemetry_;
  const std::string function_;
  const Mask& mask_;
  std::array<Line, 2> lines_;  // Of stdout and stderr, not ended yet.
  std::string request_;        // Empty: before the first invocation.
  Id trace_{};
  std::string tail_;
  std::uint64_t& lines_total_;
  std::uint64_t& dropped_total_;
  std::uint64_t dropped_ = 0;  // Since the last line that was written.
  Time second_{};              // When the count began.
  std::uint64_t count_ = 0;
};

}  // namespace porteiro::lambda
