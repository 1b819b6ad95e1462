// What happened, for looking: a bounded ring of binary records that its readers format (traces,
// logs, checks), plus counters for hot operations. It may drop, it restores nothing, and it never
// holds restricted data: records carry ids, interned config names and numbers, no values.
// Not thread-safe: belongs to the loop.
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::telemetry {

// The hops of a request and what else is worth a record. `name` is what the record is about (a
// route, queue, function, store or key of the config); `value` and `extra` are as listed.
enum class Kind : std::uint16_t {
  request_received,      // name: route.
  request_refused,       // name: route or "gateway"; value: HTTP status.
  event_created,         // name: event type.
  message_sent,          // name: queue; value: depth after.
  message_received,      // name: queue; value: receive count; extra: nanoseconds waited.
  message_deleted,       // name: queue.
  message_redelivered,   // name: queue; value: receive count. Its lease had run out or was given back.
  message_dead,          // name: dead-letter queue; value: receive count.
  message_dropped,       // name: queue; retention over, or dead without a dead-letter queue.
  invocation_started,    // name: function; value: 1 when cold.
  invocation_ended,      // name: function; value: 0 success, else 1 + Errc; extra: nanoseconds.
  invocation_crashed,    // name: function.
  store_read,            // name: store; value: 0 or 1 + Errc; extra: nanoseconds.
  store_written,         // name: store; value: 0 or 1 + Errc; extra: nanoseconds.
  kms_called,            // name: key; value: 0 or 1 + Errc; extra: nanoseconds.
  reply_sent,            // name: route; value: HTTP status; extra: nanoseconds since received.
  reply_stored,          // name: route; value: HTTP status. An asynchronous command has its outcome.
  projection_applied,    // name: read model; value: feed sequence; extra: lag in nanoseconds.
  fault_struck,          // name: fault's id or target; value: FaultPoint; extra: Fault::Kind.
  note,                  // A log line: value: Level; extra: number of the note.
  count_
};
std::string_view to_string(Kind kind);  // "request.received": dots for the first underscore.

enum class Level : std::uint8_t { debug, info, warning, error };
std::string_view to_string(Level level);

using Name = std::uint32_t;  // An interned name; 0 is the empty one.

struct Record {
  Time at;
  Id trace;  // The correlation id; zero: none.
  Kind kind;
  Name name;
  std::uint64_t value;
  std::uint64_t extra;
};

struct Options {
  std::size_t records_max = 65536;  // The ring's size; a power of two.
  std::size_t notes_max = 1024;     // Log lines kept for readers.
  Level log_level = Level::info;
};

// A histogram over powers of two with 16 steps each: percentiles within 6 %.
class Histogram {
 public:
  void add(std::uint64_t value);
  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t percentile(double p) const;  // p in (0, 100]; 0 when empty.
 private:
  std::uint64_t count_ = 0, sum_ = 0;
  std::vector<std::uint32_t> buckets_;
};

class Telemetry {
 public:
  Telemetry(const Clock& clock, Options options, Witness* witness = nullptr);

  Name intern(std::string_view name);  // At set-up; the same name gives the same number.
  std::string_view name(Name name) const;

  void record(Kind kind, Id trace, Name name, std::uint64_t value = 0, std::uint64_t extra = 0);

  // A line for people, kept for the log reader. The text holds no client data.
  void note(Level level, std::string text, Id trace = {});

  // A counter or gauge for the metrics page; the reference stays valid. `labels` as in Prometheus:
  // `queue="vault"`. The name's unit goes last: porteiro_kms_calls_total.
  std::uint64_t& counter(std::string_view name, std::string_view labels = {});
  // A value read when the page is asked for.
  void gauge(std::string_view name, std::string_view labels, UniqueFunction<double()> read);

  // Readers: records [from, next()) that the ring still holds, oldest first. Returns where to go on;
  // what was overwritten before it was read is added to `dropped`.
  std::uint64_t read(std::uint64_t from, UniqueFunction<void(const Record&)> each,
                     std::uint64_t* dropped = nullptr) const;
  std::uint64_t next() const { return next_; }
  std::string_view note_text(std::uint64_t number) const;  // Empty when no longer kept.

  // Called with every record at once, in order; the simulation's checks listen here. May be empty.
  void listen(UniqueFunction<void(const Record&)> each) { listener_ = std::move(each); }

  // The running hash of all records: the history hash of a simulation.
  std::uint64_t hash() const { return hash_; }

  std::string metrics() const;  // Prometheus text format 0.0.4.

  // Back to the state after start: empties the ring and sets counters to zero; names stay.
  void reset();

 private:
  struct Metric {
    std::string name, labels;
    std::uint64_t value = 0;
    UniqueFunction<double()> read;  // Set for gauges.
  };
  const Clock& clock_;
  Options options_;
  Witness* witness_;
  std::vector<Record> ring_;
  std::uint64_t next_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::deque<std::string> notes_;
  std::uint64_t notes_first_ = 0;
  std::deque<std::string> names_;
  StringMap<Name> by_name_;
  mutable std::deque<Metric> metrics_;
  StringMap<std::size_t> metric_index_;
  UniqueFunction<void(const Record&)> listener_;
};

// One record as a line of JSON: {"at":…,"kind":…,"trace":…,"name":…,…}; notes as log lines with
// "level" and "text".
std::string to_json(const Telemetry& telemetry, const Record& record);

// All records of one trace that the ring still holds, oldest first.
std::vector<Record> trace(const Telemetry& telemetry, Id id);

}  // namespace porteiro::telemetry
