#include "journal/memory_journal.hpp"

#include <algorithm>

namespace porteiro::journal {

Stream MemoryJournal::join(std::string_view name, Participant&) {
  PORTEIRO_ASSERT(std::find(names_.begin(), names_.end(), name) == names_.end());
  names_.emplace_back(name);
  return static_cast<Stream>(names_.size());
}

Sequence MemoryJournal::append(Stream stream, std::string_view) {
  PORTEIRO_ASSERT(stream >= 1 && stream <= names_.size());
  return ++last_;
}

// One post for all that come in a turn: cheaper than a post each, in the same order.
void MemoryJournal::when_durable(Sequence sequence, UniqueFunction<void(Result<void>)> done) {
  PORTEIRO_ASSERT(sequence <= last_);
  waiters_.add(0, std::move(done));
  if (std::exchange(wake_posted_, true)) return;
  scheduler_.post([this, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    wake_posted_ = false;
    waiters_.run(last_);
  });
}

}  // namespace porteiro::journal
