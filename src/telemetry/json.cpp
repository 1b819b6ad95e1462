// Records as JSON for people.
#include <array>

#include "porteiro/base/faults.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::telemetry {
namespace {

// How a record's number is shown.
enum class Form : std::uint8_t { hidden, number, flag, microseconds, outcome, point, fault, name };

struct Shape {
  std::string_view kind;
  Form value_form = Form::hidden;
  std::string_view value_name = {};
  Form extra_form = Form::hidden;
  std::string_view extra_name = {};
};

// In the order of Kind.
constexpr std::array<Shape, static_cast<std::size_t>(Kind::count_)> shapes{{
    {"request.received"},
    {"request.refused", Form::number, "status"},
    {"event.created"},
    {"message.sent", Form::number, "depth"},
    {"message.received", Form::number, "receive_count", Form::microseconds, "waited_us"},
    {"message.deleted"},
    {"message.redelivered", Form::number, "receive_count"},
    {"message.dead", Form::number, "receive_count"},
    {"message.dropped"},
    {"invocation.started", Form::flag, "cold"},
    {"invocation.ended", Form::outcome, "outcome", Form::microseconds, "duration_us"},
    {"invocation.crashed"},
    {"store.read", Form::outcome, "outcome", Form::microseconds, "duration_us"},
    {"store.written", Form::outcome, "outcome", Form::microseconds, "duration_us"},
    {"kms.called", Form::outcome, "outcome", Form::microseconds, "duration_us"},
    {"reply.sent", Form::number, "status", Form::microseconds, "duration_us"},
    {"reply.stored", Form::number, "status"},
    {"projection.applied", Form::number, "sequence", Form::microseconds, "lag_us"},
    {"fault.struck", Form::point, "point", Form::fault, "fault"},
    {"access.denied", Form::name, "action", Form::name, "resource"},
    {"note"},
}};
static_assert(shapes.back().kind == "note");

constexpr std::array<std::string_view, 17> fault_names{
    "none",     "crash",         "error",      "slow",        "duplicate", "delay",
    "throttle", "reorder",       "drop_ack",   "poison",      "pause",     "timeout",
    "garbage",  "partial_batch", "cold_start", "disable_key", "rotate_key"};
static_assert(fault_names.size() == static_cast<std::size_t>(Fault::Kind::rotate_key) + 1);

const Shape& shape_of(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  PORTEIRO_ASSERT(index < shapes.size());
  return shapes[index];
}

std::string_view outcome_text(std::uint64_t value) {
  if (value == 0) return "success";
  if (value > static_cast<std::uint64_t>(Errc::internal) + 1) return "unknown";
  return to_string(static_cast<Errc>(value - 1));
}

void append_microseconds(std::string& out, std::uint64_t nanoseconds) {
  out += std::to_string(nanoseconds / 1000);
  const auto rest = static_cast<unsigned>(nanoseconds % 1000);
  if (rest == 0) return;
  out += '.';
  out += static_cast<char>('0' + rest / 100);
  out += static_cast<char>('0' + rest / 10 % 10);
  out += static_cast<char>('0' + rest % 10);
}

void append_form(std::string& out, const Telemetry& telemetry, Form form, std::string_view name,
                 std::uint64_t value) {
  if (form == Form::hidden) return;
  out.append(",\"").append(name).append("\":");
  switch (form) {
    case Form::hidden:
      break;
    case Form::number:
      out += std::to_string(value);
      break;
    case Form::flag:
      out += value != 0 ? "true" : "false";
      break;
    case Form::microseconds:
      append_microseconds(out, value);
      break;
    case Form::outcome:
      append_json_string(out, outcome_text(static_cast<std::uint32_t>(value)));
      break;
    case Form::point:
      append_json_string(out, value < static_cast<std::uint64_t>(FaultPoint::count_)
                                  ? to_string(static_cast<FaultPoint>(value))
                                  : "unknown");
      break;
    case Form::fault:
      append_json_string(out, value < fault_names.size() ? fault_names[value] : "unknown");
      break;
    case Form::name:
      append_json_string(
          out, value < telemetry.names() ? telemetry.name(static_cast<Name>(value)) : "unknown");
      break;
  }
}

// With microseconds, since the hops of a live request lie that close together.
void append_at(std::string& out, Time at) {
  const std::string text = to_rfc3339(at);
  const auto nanoseconds = at.time_since_epoch().count() % 1'000'000;
  const auto micros =
      static_cast<unsigned>((nanoseconds < 0 ? nanoseconds + 1'000'000 : nanoseconds) / 1000);
  out.append("{\"at\":\"").append(text, 0, text.size() - 1);
  out += static_cast<char>('0' + micros / 100);
  out += static_cast<char>('0' + micros / 10 % 10);
  out += static_cast<char>('0' + micros % 10);
  out += "Z\"";
}

void append_trace(std::string& out, Id trace) {
  if (!trace) return;
  out += ",\"trace\":\"";
  append_text(out, trace);
  out += '"';
}

}  // namespace

std::string_view to_string(Kind kind) { return shape_of(kind).kind; }

std::string_view to_string(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

std::string to_json(const Telemetry& telemetry, const Record& record) {
  std::string out;
  append_at(out, record.at);
  if (record.kind == Kind::note) {
    out.append(",\"level\":\"").append(to_string(static_cast<Level>(record.value)));
    out += "\",\"text\":";
    append_json_string(out, telemetry.note_text(record.extra));
    append_trace(out, record.trace);
    out += '}';
    return out;
  }
  const Shape& shape = shape_of(record.kind);
  out.append(",\"kind\":\"").append(shape.kind).append("\"");
  append_trace(out, record.trace);
  if (record.name != 0) {
    out += ",\"name\":";
    append_json_string(out, telemetry.name(record.name));
  }
  if (record.kind == Kind::kms_called && kms_call_of(record) != 0) {
    append_form(out, telemetry, Form::name, "call", kms_call_of(record));
  }
  append_form(out, telemetry, shape.value_form, shape.value_name, record.value);
  append_form(out, telemetry, shape.extra_form, shape.extra_name, record.extra);
  out += '}';
  return out;
}

}  // namespace porteiro::telemetry
