#include "gateway/ledger.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "porteiro/base/bytes.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::gateway {
namespace {

// The first byte of an entry in the journal.
constexpr char accepted = 1;
constexpr char finished = 2;
constexpr char snapshot_version = 1;

void append_id(std::string& out, Id id) {
  append_u64(out, id.high);
  append_u64(out, id.low);
}

void append_time(std::string& out, Time time) {
  append_u64(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

void append_outcome(std::string& out, const Outcome& outcome) {
  append_u32(out, static_cast<std::uint32_t>(outcome.status));
  append_u32(out, outcome.sealed ? 1 : 0);
  append_sized(out, outcome.content_type);
  append_sized(out, outcome.body);
}

// Reads what the above wrote; `good` turns false at the first thing that is missing.
struct Fields {
  ByteReader& reader;
  bool good = true;

  std::uint32_t u32() { return take(reader.u32()); }
  std::uint64_t u64() { return take(reader.u64()); }
  std::string_view text() { return take(reader.sized()); }
  Id id() {
    const std::uint64_t high = u64();
    return {high, u64()};
  }
  Time time() { return Time(Duration(static_cast<std::int64_t>(u64()))); }
  Outcome outcome() {
    Outcome outcome;
    outcome.status = static_cast<int>(u32());
    outcome.sealed = u32() != 0;
    outcome.content_type = text();
    outcome.body = text();
    return outcome;
  }

 private:
  template <class T>
  T take(std::optional<T> value) {
    good = good && value.has_value();
    return value.value_or(T{});
  }
};

Error damaged() { return error(Errc::corrupt, "the reply ledger in the journal is damaged"); }

}  // namespace

Id key_digest(std::string_view client, std::string_view route, std::string_view key) {
  std::string text;
  append_sized(text, client);
  append_sized(text, route);
  text += key;
  const auto digest = kms::sha256(text);
  ByteReader reader(std::string_view(digest.data(), digest.size()));
  Fields fields{reader};
  return fields.id();
}

Ledger::Ledger(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry,
               std::size_t entries_max)
    : environment_(environment),
      journal_(journal),
      telemetry_(telemetry),
      entries_max_(entries_max),
      stream_(journal.join("gateway.ledger", *this)),
      timer_(environment.scheduler) {}

bool Ledger::reserve(Entry entry) {
  if (entries_.size() >= entries_max_) return false;
  const Id id = entry.id;
  if (entry.key) by_key_.insert_or_assign(entry.key, id);
  by_expiry_.emplace(entry.expires, id);
  const bool added = entries_.emplace(id, std::move(entry)).second;
  PORTEIRO_ASSERT(added);
  arm();
  return true;
}

void Ledger::cancel(Id id) {
  if (entries_.contains(id)) erase(id);
}

journal::Sequence Ledger::commit(Id id) {
  const auto found = entries_.find(id);
  PORTEIRO_ASSERT(found != entries_.end());
  Entry& entry = found->second;
  entry.state = State::pending;
  return journal_.append(stream_, encode_entry(entry));
}

journal::Sequence Ledger::finish(Id id, Outcome outcome, Duration keep, bool journal_only) {
  const auto found = entries_.find(id);
  PORTEIRO_ASSERT(found != entries_.end());
  Entry& entry = found->second;
  const Time now = environment_.scheduler.now();
  std::string line(1, finished);
  append_id(line, id);
  append_time(line, now);
  append_time(line, now + keep);
  append_outcome(line, outcome);
  entry.settled = true;
  entry.outcome = std::move(outcome);
  if (!journal_only) {
    entry.state = State::done;
    entry.at = now;
    set_expiry(entry, now + keep);
  }
  return journal_.append(stream_, line);
}

Ledger::Entry* Ledger::find(Id id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

Ledger::Entry* Ledger::find_key(Id key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : find(found->second);
}

Duration Ledger::until_room() const {
  if (by_expiry_.empty()) return Duration::zero();
  return std::max(Duration::zero(), by_expiry_.begin()->first - environment_.scheduler.now());
}

void Ledger::reset() {
  entries_.clear();
  by_key_.clear();
  by_expiry_.clear();
  timer_.stop();
}

void Ledger::set_expiry(Entry& entry, Time expires) {
  by_expiry_.erase({entry.expires, entry.id});
  entry.expires = expires;
  by_expiry_.emplace(expires, entry.id);
  arm();
}

void Ledger::erase(Id id) {
  const auto found = entries_.find(id);
  const Entry& entry = found->second;
  by_expiry_.erase({entry.expires, id});
  if (const auto key = by_key_.find(entry.key); key != by_key_.end() && key->second == id) {
    by_key_.erase(key);
  }
  entries_.erase(found);
}

// Restored entries expire by the same clock, so expiry needs no entry in the journal.
void Ledger::sweep() {
  const Time now = environment_.scheduler.now();
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) erase(by_expiry_.begin()->second);
  arm();
}

void Ledger::arm() {
  if (by_expiry_.empty()) return;
  const Time first = by_expiry_.begin()->first;
  if (timer_.running() && due_ <= first) return;  // It looks again then.
  due_ = first;
  timer_.start(until_room(), [this] { sweep(); });
}

std::string Ledger::encode_entry(const Entry& entry) const {
  std::string out(1, accepted);
  append_id(out, entry.id);
  append_id(out, entry.correlation);
  append_id(out, entry.key);
  append_sized(out, {entry.request.data(), entry.request.size()});
  append_sized(out, entry.client);
  append_sized(out, telemetry_.name(entry.route));
  append_u32(out, entry.restricted ? 1 : 0);
  append_u32(out, entry.settled ? 1 : 0);
  append_time(out, entry.at);
  append_time(out, entry.expires);
  append_outcome(out, entry.outcome);
  return out;
}

Result<void> Ledger::decode_entry(ByteReader& reader) {
  Fields fields{reader};
  Entry entry;
  entry.id = fields.id();
  entry.correlation = fields.id();
  entry.key = fields.id();
  const std::string_view request = fields.text();
  entry.client = fields.text();
  entry.route = telemetry_.intern(fields.text());
  entry.restricted = fields.u32() != 0;
  entry.settled = fields.u32() != 0;
  entry.state = entry.settled ? State::done : State::pending;
  entry.at = fields.time();
  entry.expires = fields.time();
  entry.outcome = fields.outcome();
  if (!fields.good || request.size() != entry.request.size() || !reader.rest().empty()) {
    return damaged();
  }
  std::memcpy(entry.request.data(), request.data(), request.size());
  const Id id = entry.id;
  if (entries_.contains(id)) erase(id);
  if (entry.key) by_key_.insert_or_assign(entry.key, id);
  by_expiry_.emplace(entry.expires, id);
  entries_.emplace(id, std::move(entry));
  arm();
  return ok();
}

Result<void> Ledger::decode_outcome(ByteReader& reader) {
  Fields fields{reader};
  const Id id = fields.id();
  const Time at = fields.time();
  const Time expires = fields.time();
  Outcome outcome = fields.outcome();
  if (!fields.good || !reader.rest().empty()) return damaged();
  Entry* entry = find(id);
  if (entry == nullptr) return ok();  // It had expired when the snapshot was made.
  entry->state = State::done;
  entry->settled = true;
  entry->at = at;
  entry->outcome = std::move(outcome);
  set_expiry(*entry, expires);
  return ok();
}

std::string Ledger::snapshot() {
  std::string out(1, snapshot_version);
  for (const auto& [expires, id] : by_expiry_) {
    const Entry& entry = entries_.at(id);
    if (entry.state != State::reserved) append_sized(out, encode_entry(entry));
  }
  return out;
}

Result<void> Ledger::restore(std::string_view snapshot) {
  reset();
  if (snapshot.empty() || snapshot.front() != snapshot_version) return damaged();
  ByteReader reader(snapshot.substr(1));
  while (!reader.rest().empty()) {
    const auto entry = reader.sized();
    if (!entry) return damaged();
    PORTEIRO_TRY(replay(*entry));
  }
  return ok();
}

Result<void> Ledger::replay(std::string_view entry) {
  if (entry.empty()) return damaged();
  ByteReader reader(entry.substr(1));
  if (entry.front() == accepted) return decode_entry(reader);
  if (entry.front() == finished) return decode_outcome(reader);
  return damaged();
}

}  // namespace porteiro::gateway
