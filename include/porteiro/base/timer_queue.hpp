// The one timer heap of both modes: tasks ordered by (time, sequence), plus the posted ones.
// Not thread-safe; reads no clock: its owner says what time it is.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "porteiro/base/function.hpp"
#include "porteiro/base/scheduler.hpp"

namespace porteiro {

class TimerQueue {
 public:
  void post(Task task) { ready_.push_back(std::move(task)); }
  TimerId add(Time due, Task task);
  bool cancel(TimerId timer);

  std::optional<Time> next_due() const;  // Of the timers; nullopt: none.
  bool has_posted() const { return !ready_.empty(); }
  std::size_t timers() const { return slots_.size() - free_.size(); }

  // Takes the oldest posted task, or else the first timer due at or before `now`.
  std::optional<Task> pop(Time now);
  std::optional<Task> pop_timer(Time now);  // Only the latter, before the posted ones.

 private:
  struct Entry {
    Time due;
    std::uint64_t sequence;  // Of all timers: those due at the same time run in this order.
    std::uint32_t slot;
    friend bool operator>(const Entry& a, const Entry& b) {
      return a.due != b.due ? a.due > b.due : a.sequence > b.sequence;
    }
  };
  struct Slot {
    Task task;
    std::uint64_t sequence = 0;    // Of the timer it holds; 0: it is free.
    std::uint32_t generation = 0;  // How many timers it has held: tells them apart in a TimerId.
  };
  bool live(const Entry& entry) const { return slots_[entry.slot].sequence == entry.sequence; }
  Task take(std::uint32_t slot);
  void drop_cancelled();

  std::deque<Task> ready_;
  std::vector<Entry> heap_;  // A min-heap; a cancelled timer's entry stays until it surfaces.
  std::vector<Slot> slots_;  // TimerId: generation << 32 | slot.
  std::vector<std::uint32_t> free_;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace porteiro
