#include "lambda/output.hpp"

#include <algorithm>
#include <utility>

namespace porteiro::lambda {
namespace {

std::string label(const std::string& function) { return "function=\"" + function + "\""; }

// A log line is text: what is no UTF-8 is shown as question marks.
void make_text(std::string& line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (valid_utf8(line)) return;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
}

}  // namespace

Output::Output(const Clock& clock, telemetry::Telemetry& telemetry, std::string function,
               const Mask& mask)
    : clock_(clock),
      telemetry_(telemetry),
      function_(std::move(function)),
      mask_(mask),
      lines_total_(telemetry.counter("porteiro_function_log_lines_total", label(function_))),
      dropped_total_(
          telemetry.counter("porteiro_function_log_lines_dropped_total", label(function_))) {}

void Output::begin(std::string request, Id trace) {
  request_ = std::move(request);
  trace_ = trace;
  tail_.clear();
}

void Output::write(Stream stream, std::string_view bytes) {
  Line& line = lines_[static_cast<std::size_t>(stream)];
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    const std::size_t room = line_bytes_max - std::min(line_bytes_max, line.text.size());
    line.text += part.substr(0, room);
    line.left_out += part.size() - std::min(part.size(), room);
    if (end == std::string_view::npos) return;
    finish(line);
    bytes.remove_prefix(end + 1);
  }
}

void Output::finish(Line& line) {
  std::string text = std::exchange(line.text, {});
  if (const std::size_t left_out = std::exchange(line.left_out, 0); left_out > 0) {
    text += " … " + std::to_string(left_out) + " more bytes";
  }
  write_line(std::move(text));
}

void Output::write_line(std::string text) {
  ++lines_total_;
  make_text(text);
  mask_.apply(text);
  append_tail(text);
  if (!allowed()) {
    if (dropped_++ == 0) {
      log(telemetry::Level::warning, "writes more than " + std::to_string(lines_per_second_max) +
                                         " lines a second; the rest is left out");
    }
    ++dropped_total_;
    return;
  }
  tell_dropped();
  log(telemetry::Level::info, text);
}

void Output::tell_dropped() {
  if (dropped_ == 0) return;
  log(telemetry::Level::warning,
      std::to_string(std::exchange(dropped_, 0)) + " lines came too fast and were left out");
}

void Output::log(telemetry::Level level, std::string_view text) {
  std::string line = request_.empty() ? function_ + ": " : function_ + " " + request_ + ": ";
  line += text;
  telemetry_.note(level, std::move(line), trace_);
}

bool Output::allowed() {
  const Time now = clock_.now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    count_ = 0;
  }
  return ++count_ <= lines_per_second_max;
}

void Output::note(telemetry::Level level, std::string text) {
  if (text.size() > line_bytes_max) text.resize(line_bytes_max);
  make_text(text);
  mask_.apply(text);
  log(level, text);
}

// Cut with some slack, so that not every line moves the whole tail.
void Output::append_tail(std::string_view line) {
  tail_ += line;
  tail_ += '\n';
  if (tail_.size() > 2 * tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
}

std::string Output::tail(std::string_view last) const {
  std::string text = tail_;
  for (const Line& line : lines_) {
    if (line.text.empty()) continue;
    std::string open = line.text;
    make_text(open);
    mask_.apply(open);
    text += open + "\n";
  }
  text += last;
  if (text.size() <= tail_bytes_max) return text;
  std::size_t from = text.size() - tail_bytes_max;
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0U) == 0x80U) ++from;
  return text.substr(from);
}

void Output::end() {
  for (Line& line : lines_) {
    if (!line.text.empty()) finish(line);
  }
  tell_dropped();
}

}  // namespace porteiro::lambda
