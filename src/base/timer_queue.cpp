#include "porteiro/base/timer_queue.hpp"

#include <algorithm>

namespace porteiro {

TimerId TimerQueue::add(Time due, Task task) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.task = std::move(task);
  slot.sequence = ++last_sequence_;
  if (++slot.generation == 0) slot.generation = 1;  // 0 is no timer.
  heap_.push_back({due, slot.sequence, index});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  return TimerId{slot.generation} << 32 | index;
}

bool TimerQueue::cancel(TimerId timer) {
  const auto index = static_cast<std::uint32_t>(timer);
  if (index >= slots_.size()) return false;
  const Slot& slot = slots_[index];
  if (slot.sequence == 0 || slot.generation != timer >> 32) return false;
  const Task doomed = take(index);  // Its captures may come back here as they die.
  drop_cancelled();
  return true;
}

Task TimerQueue::take(std::uint32_t slot) {
  slots_[slot].sequence = 0;
  free_.push_back(slot);
  return std::move(slots_[slot].task);
}

std::optional<Time> TimerQueue::next_due() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

std::optional<Task> TimerQueue::pop(Time now) {
  if (!ready_.empty()) {
    std::optional<Task> task(std::move(ready_.front()));
    ready_.pop_front();
    return task;
  }
  return pop_timer(now);
}

std::optional<Task> TimerQueue::pop_timer(Time now) {
  if (heap_.empty() || heap_.front().due > now) return std::nullopt;
  std::optional<Task> task(take(heap_.front().slot));
  drop_cancelled();
  return task;
}

// Keeps the front of the heap alive, and the cancelled entries below half of it: time-outs are long
// and nearly always cancelled.
void TimerQueue::drop_cancelled() {
  while (!heap_.empty() && !live(heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
  if (heap_.size() < 64 || heap_.size() < 2 * timers()) return;
  std::erase_if(heap_, [this](const Entry& entry) { return !live(entry); });
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
}

}  // namespace porteiro
