#include "porteiro/telemetry/telemetry.hpp"

#include <algorithm>
#include <bit>

namespace porteiro::telemetry {
namespace {

__extension__ typedef unsigned __int128 Wide;

// The folded 128-bit product: one multiplication mixes two words.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t text_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a.
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

}  // namespace

Telemetry::Telemetry(const Clock& clock, Options options, Witness* witness)
    : clock_(clock), options_(options), witness_(witness) {
  options_.records_max = std::bit_ceil(std::max<std::size_t>(options_.records_max, 1));
  options_.notes_max = std::max<std::size_t>(options_.notes_max, 1);
  intern("");
}

Name Telemetry::intern(std::string_view name) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  const Name number = static_cast<Name>(names_.size());
  names_.push_back({std::string(name), text_hash(name)});
  by_name_.emplace(name, number);
  return number;
}

std::string_view Telemetry::name(Name name) const {
  PORTEIRO_ASSERT(name < names_.size());
  return names_[name].text;
}

// The three products do not depend on each other, so that the processor overlaps them.
void Telemetry::mix(const Record& record) {
  const std::uint64_t what =
      (std::uint64_t{static_cast<std::uint16_t>(record.kind)} << 48) ^ names_[record.name].hash;
  const std::uint64_t a =
      fold(static_cast<std::uint64_t>(record.at.time_since_epoch().count()) ^ 0xa0761d6478bd642fU,
           what ^ 0xe7037ed1a0b428dbU);
  const std::uint64_t b =
      fold(record.trace.high ^ 0x8ebc6af09c88c6e3U, record.trace.low ^ 0x589965cc75374cc3U);
  const std::uint64_t c =
      fold(record.value ^ 0x1d8e4e27c47d124fU, record.extra ^ 0xeb44accab455d165U);
  hash_ = fold(hash_ + a, std::rotl(b, 23) ^ c ^ 0x9e3779b97f4a7c15U);
}

void Telemetry::record(Kind kind, Id trace, Name name, std::uint64_t value, std::uint64_t extra) {
  PORTEIRO_ASSERT(name < names_.size());
  const Record record{clock_.now(), trace, kind, name, value, extra};
  if (ring_.size() < options_.records_max) {
    ring_.push_back(record);
  } else {
    ring_[(next_ - ring_start_) & (options_.records_max - 1)] = record;
  }
  ++next_;
  mix(record);
  if (listener_) listener_(record);
}

void Telemetry::note(Level level, std::string text, Id trace) {
  if (witness_ != nullptr) witness_->wrote(Place::logs, text);
  hash_ = fold(hash_ ^ text_hash(text), 0xd6e8feb86659fd93U);
  const std::uint64_t number = notes();
  notes_.push_back(std::move(text));
  if (notes_.size() > options_.notes_max) {
    notes_.pop_front();
    ++notes_first_;
  }
  record(Kind::note, trace, 0, static_cast<std::uint64_t>(level), number);
}

std::uint64_t Telemetry::read(std::uint64_t from, UniqueFunction<void(const Record&)> each,
                              std::uint64_t* dropped) const {
  if (from < oldest()) {
    if (dropped != nullptr) *dropped += oldest() - from;
    from = oldest();
  }
  for (; from < next_; ++from) each(ring_[(from - ring_start_) & (options_.records_max - 1)]);
  return next_;
}

std::string_view Telemetry::note_text(std::uint64_t number) const {
  if (number < notes_first_ || number >= notes()) return {};
  return notes_[number - notes_first_];
}

void Telemetry::reset() {
  ring_ = {};
  ring_start_ = next_;
  hash_ = hash_start;
  notes_first_ = notes();
  notes_.clear();
  for (Metric& metric : metrics_) metric.value = 0;
}

std::vector<Record> trace(const Telemetry& telemetry, Id id) {
  std::vector<Record> records;
  telemetry.read(0, [&](const Record& record) {
    if (record.trace == id) records.push_back(record);
  });
  return records;
}

}  // namespace porteiro::telemetry
