// What happened, for looking: a bounded ring of binary records that its readers format (traces,
// logs, checks), plus counters for hot operations. It may drop, it restores nothing, and it never
// holds restricted data: records carry ids, interned config names and numbers, no values.
// Not thread-safe: belongs to the loop.
#pragma once
#include <cstdint>
#include <deque>
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
  request_received,     // name: route.
  request_refused,      // name: route or "gateway"; value: HTTP status.
  event_created,        // name: event type.
  message_sent,         // name: queue; value: depth after.
  message_received,     // name: queue; value: receive count; extra: nanoseconds waited.
  message_deleted,      // name: queue.
  message_redelivered,  // name: queue; value: receive count. Its lease had run out or was given
                        // back.
  message_dead,         // name: dead-letter queue; value: receive count.
  message_dropped,      // name: queue; retention over, or dead without a dead-letter queue.
  invocation_started,   // name: function; value: 1 when cold.
  invocation_ended,     // name: function; value: 0 success, else 1 + Errc; extra: nanoseconds.
  invocation_crashed,   // name: function.
  store_read,           // name: store; value: 0 or 1 + Errc; extra: nanoseconds.
  store_written,        // name: store; value: 0 or 1 + Errc; extra: nanoseconds.
  kms_called,           // name: key; value: 0 or 1 + Errc, and the Name of the call in its upper
                        // half; extra: nanoseconds.
  reply_sent,           // name: route; value: HTTP status; extra: nanoseconds since received.
  reply_stored,         // name: route; value: HTTP status. An asynchronous command has its outcome.
  projection_applied,   // name: read model; value: feed sequence; extra: lag in nanoseconds.
  fault_struck,         // name: fault's id or target; value: FaultPoint; extra: Fault::Kind.
  access_denied,        // name: who; value: Name of the action; extra: Name of the resource.
  note,                 // A log line: value: Level; extra: number of the note.
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

// Of a kms_called record: the Name of the call, "decrypt".
inline Name kms_call_of(const Record& record) { return static_cast<Name>(record.value >> 32); }

struct Options {
  std::size_t records_max = 65536;  // The ring's size, rounded up to a power of two.
  std::size_t notes_max = 1024;     // Log lines kept for readers.
  Level log_level = Level::info;
};

// A histogram over powers of two with 16 steps each: percentiles within 6 %, exact below 32. At
// most 8 kB, allocated as larger values come.
class Histogram {
 public:
  void add(std::uint64_t value);
  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }  // Modulo 2^64.
  // The value that p percent of the added ones do not exceed; p in (0, 100]; 0 when empty.
  std::uint64_t percentile(double p) const;

 private:
  std::uint64_t count_ = 0, sum_ = 0;
  std::vector<std::uint64_t> buckets_;
};

class Telemetry {
 public:
  // Borrows both; they outlive it. The witness may be null.
  Telemetry(const Clock& clock, Options options, Witness* witness = nullptr);

  Name intern(std::string_view name);      // At set-up; the same name gives the same number.
  std::string_view name(Name name) const;  // Of an interned name; stays valid.
  std::size_t names() const { return names_.size(); }  // Interned: the numbers below.
  const Options& options() const { return options_; }

  // The ring grows as it is used, up to records_max; then the oldest record goes.
  void record(Kind kind, Id trace, Name name, std::uint64_t value = 0, std::uint64_t extra = 0);

  // A line for people, kept for the log reader: the newest notes_max of them. The text holds no
  // client data; the witness sees it as Place::logs.
  void note(Level level, std::string text, Id trace = {});

  // A counter or gauge for the metrics page; the reference stays valid. `labels` as in Prometheus:
  // `queue="vault"`. The name's unit goes last: porteiro_kms_calls_total. A name ending in `_total`
  // is shown as a counter, any other as a gauge.
  std::uint64_t& counter(std::string_view name, std::string_view labels = {});
  // Reads the counters of one name, each with its labels, in the order they were made.
  void counters(std::string_view name,
                UniqueFunction<void(std::string_view labels, std::uint64_t value)> each) const;
  // A value read when the page is asked for; a second one of the same name and labels replaces the
  // first. What `read` refers to outlives this object, or the gauge is replaced first.
  void gauge(std::string_view name, std::string_view labels, UniqueFunction<double()> read);
  // The counters and gauges with these labels are no more; references to them end.
  void forget(std::string_view labels);
  // The HELP line of a metric; without one its name, spelled out, serves.
  void describe(std::string_view name, std::string_view help);

  // Readers: records [from, next()) that the ring still holds, oldest first. Returns where to go
  // on; what was overwritten before it was read is added to `dropped`. `each` makes no records.
  std::uint64_t read(std::uint64_t from, UniqueFunction<void(const Record&)> each,
                     std::uint64_t* dropped = nullptr) const;
  std::uint64_t next() const { return next_; }
  std::uint64_t oldest() const { return next_ - ring_.size(); }  // Still held; next() when none is.
  std::string_view note_text(std::uint64_t number) const;        // Empty when no longer kept.
  std::uint64_t notes() const { return notes_first_ + notes_.size(); }  // Made so far.

  // Called with every record at once, in order; the simulation's checks listen here. May be empty.
  void listen(UniqueFunction<void(const Record&)> each) { listener_ = std::move(each); }

  // The running hash of all records, and of the texts of notes: the history hash of a simulation.
  std::uint64_t hash() const { return hash_; }

  std::string metrics() const;  // Prometheus text format 0.0.4.

  // Back to the state after start: empties the ring, forgets the notes, sets counters to zero and
  // the hash to its beginning. Names, gauges, listener and the numbers of records and notes stay,
  // so that a reader goes on with its old position.
  void reset();

 private:
  struct Metric {
    std::string name, labels;
    std::uint64_t value = 0;
    UniqueFunction<double()> read;  // Set for gauges.
  };
  struct Interned {
    std::string text;
    std::uint64_t hash;
  };
  Metric& metric(std::string_view name, std::string_view labels);
  void mix(const Record& record);

  static constexpr std::uint64_t hash_start = 0xcbf29ce484222325U;

  const Clock& clock_;
  Options options_;
  Witness* witness_;
  std::vector<Record> ring_;
  std::uint64_t next_ = 0;
  std::uint64_t ring_start_ = 0;  // The number of the record in ring_[0] when it was first filled.
  std::uint64_t hash_ = hash_start;
  std::deque<std::string> notes_;
  std::uint64_t notes_first_ = 0;
  std::deque<Interned> names_;
  StringMap<Name> by_name_;
  mutable std::deque<Metric> metrics_;
  StringMap<std::size_t> metric_index_;
  std::vector<std::size_t> metrics_free_;
  StringMap<std::string> help_;
  UniqueFunction<void(const Record&)> listener_;
};

// One record as JSON without a line end: {"at":…,"kind":…,"trace":…,"name":…} and, by kind, what
// value and extra mean: "status", "depth", "outcome", "duration_us", …; a note as the log line
// {"at":…,"level":…,"text":…,"trace":…}. What is zero or empty by nature is left out.
std::string to_json(const Telemetry& telemetry, const Record& record);

// All records of one trace that the ring still holds, oldest first.
std::vector<Record> trace(const Telemetry& telemetry, Id id);

}  // namespace porteiro::telemetry
