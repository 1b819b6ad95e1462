#include "porteiro/events/event_log.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::events {
namespace {

constexpr std::uint32_t snapshot_version = 1;
constexpr char erasure = 1;  // Begins the journal's entry of one, before the subject; others are
                             // envelopes.

Error unreadable() {
  return error(Errc::corrupt, "the snapshot of the business events cannot be read");
}

}  // namespace

EventLog::EventLog(Environment& environment, journal::Journal& journal, std::size_t events_max)
    : environment_(environment),
      journal_(journal),
      stream_(journal.join("events", *this)),
      events_max_(std::max<std::size_t>(events_max, 1)) {}

void EventLog::append(std::shared_ptr<const std::string> json) {
  PORTEIRO_ASSERT(json != nullptr);
  // On disk the journal's bytes pass the witness; in memory nothing else would show the events.
  if (!journal_.on_disk()) environment_.wrote(Place::traces, *json);
  journal_.append(stream_, *json);
  add(std::move(json));
}

void EventLog::add(std::shared_ptr<const std::string> json) {
  entries_.push_back(std::move(json));
  if (entries_.size() > events_max_) {
    entries_.pop_front();
    ++first_;
  }
}

std::uint64_t EventLog::next() const { return first_ + entries_.size(); }

std::vector<EventLog::Entry> EventLog::read(std::uint64_t from, std::size_t limit,
                                            Id correlation) const {
  // The text is looked for first, since that is fast; data may hold it, too, so the hit is checked.
  const std::string wanted = correlation ? "\"" + to_text(correlation) + "\"" : std::string();
  std::vector<Entry> found;
  for (std::uint64_t number = std::max(from, first_); number < next() && found.size() < limit;
       ++number) {
    const auto& json = entries_[number - first_];
    if (correlation && (json->find(wanted) == std::string::npos ||
                        find_member(*json, "correlationid") != wanted)) {
      continue;
    }
    found.push_back({number, json});
  }
  return found;
}

std::size_t EventLog::erase_subject(std::string_view subject) {
  const std::size_t erased = erase(subject);
  if (erased > 0) journal_.append(stream_, std::string(1, erasure).append(subject));
  return erased;
}

std::size_t EventLog::erase(std::string_view subject) {
  std::size_t erased = 0;
  for (auto& json : entries_) {
    if (json->find(subject) == std::string::npos) continue;
    auto event = parse_event(*json);
    if (!event || event.value().subject != subject) continue;
    Event rest;
    rest.id = event.value().id;
    rest.source = std::move(event.value().source);
    rest.type = std::move(event.value().type);
    rest.time = event.value().time;
    rest.correlation = event.value().correlation;
    rest.causation = event.value().causation;
    rest.data = R"({"erased":true})";
    json = std::make_shared<const std::string>(to_json(rest));
    ++erased;
  }
  return erased;
}

void EventLog::reset() {
  entries_.clear();
  first_ = 1;
}

std::string EventLog::snapshot() {
  std::string out;
  append_u32(out, snapshot_version);
  append_u64(out, first_);
  append_u64(out, entries_.size());
  for (const auto& json : entries_) append_sized(out, *json);
  return out;
}

Result<void> EventLog::restore(std::string_view snapshot) {
  ByteReader reader(snapshot);
  const auto version = reader.u32();
  const auto first = reader.u64();
  const auto count = reader.u64();
  if (version != snapshot_version || !first || *first == 0 || !count) return unreadable();
  reset();
  first_ = *first;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto json = reader.sized();
    if (!json) return unreadable();
    add(std::make_shared<const std::string>(*json));
  }
  if (!reader.rest().empty()) return unreadable();
  return success();
}

Result<void> EventLog::replay(std::string_view entry) {
  if (entry.starts_with(erasure)) {
    erase(entry.substr(1));
    return success();
  }
  add(std::make_shared<const std::string>(entry));
  return success();
}

}  // namespace porteiro::events
