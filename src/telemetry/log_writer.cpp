#include "porteiro/telemetry/log_writer.hpp"

namespace porteiro::telemetry {

LogWriter::LogWriter(const Telemetry& telemetry, Sink sink)
    : telemetry_(telemetry), sink_(std::move(sink)), position_(telemetry.oldest()) {}

void LogWriter::drain() {
  const bool all = telemetry_.options().log_level == Level::debug;
  if (!all && telemetry_.notes() == notes_) {
    position_ = telemetry_.next();  // Records, but none for the log.
    return;
  }
  std::uint64_t dropped = 0;
  position_ = telemetry_.read(
      position_, [this](const Record& record) { append_line(record); }, &dropped);
  notes_ = telemetry_.notes();
  if (dropped > 0) {
    lines_ += "{\"level\":\"warning\",\"text\":\"" + std::to_string(dropped) +
              " telemetry records were overwritten before the log could show them\"}\n";
  }
  if (lines_.empty()) return;
  sink_(lines_);
  lines_.clear();
}

void LogWriter::append_line(const Record& record) {
  const Level level = telemetry_.options().log_level;
  const bool wanted = record.kind == Kind::note ? record.value >= static_cast<std::uint64_t>(level)
                                                : level == Level::debug;
  if (wanted) lines_.append(to_json(telemetry_, record)).append("\n");
}

}  // namespace porteiro::telemetry
