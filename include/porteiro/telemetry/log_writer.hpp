// The log: a reader of the telemetry ring that writes JSON lines. Belongs to the loop.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "porteiro/base/function.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::telemetry {

class LogWriter {
 public:
  // Gets whole lines, each ended by '\n', valid during the call. It makes no records.
  using Sink = UniqueFunction<void(std::string_view lines)>;

  // Borrows `telemetry`, whose Options::log_level says which notes are written; at `debug` every
  // other record is written, too. Begins with the oldest record the ring holds.
  LogWriter(const Telemetry& telemetry, Sink sink);

  // Writes what came since the last call, with one call of the sink; cheap when nothing did. What
  // was overwritten before it could be written is told in a line of its own.
  void drain();

 private:
  void append_line(const Record& record);

  const Telemetry& telemetry_;
  Sink sink_;
  std::uint64_t position_ = 0;
  std::uint64_t notes_ = 0;  // Seen so far.
  std::string lines_;
};

}  // namespace porteiro::telemetry
