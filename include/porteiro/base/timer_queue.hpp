// The one timer heap of both modes: tasks ordered by (time, sequence), plus the posted ones.
// Not thread-safe; reads no clock: its owner says what time it is.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
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
  std::size_t timers() const { return live_.size(); }

  // Takes the oldest posted task, or else the first timer due at or before `now`.
  std::optional<Task> pop(Time now);
  std::optional<Task> pop_timer(Time now);  // Only the latter, before the posted ones.

 private:
  struct Entry {
    Time due;
    TimerId id;
    friend bool operator>(const Entry& a, const Entry& b) {
      return a.due != b.due ? a.due > b.due : a.id > b.id;
    }
  };
  void drop_cancelled();

  std::deque<Task> ready_;
  std::vector<Entry> heap_;  // A min-heap; a cancelled timer's entry stays until it surfaces.
  std::unordered_map<TimerId, Task> live_;
  TimerId last_ = 0;
};

}  // namespace porteiro
