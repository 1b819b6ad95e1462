#include "porteiro/base/timer_queue.hpp"

#include <algorithm>

namespace porteiro {

TimerId TimerQueue::add(Time due, Task task) {
  const TimerId id = ++last_;
  live_.emplace(id, std::move(task));
  heap_.push_back({due, id});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  return id;
}

bool TimerQueue::cancel(TimerId timer) {
  const auto found = live_.find(timer);
  if (found == live_.end()) return false;
  const Task doomed = std::move(found->second);  // Its captures may come back here as they die.
  live_.erase(found);
  drop_cancelled();
  return true;
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
  const auto found = live_.find(heap_.front().id);
  std::optional<Task> task(std::move(found->second));
  live_.erase(found);
  drop_cancelled();
  return task;
}

// Keeps the front of the heap alive, and the cancelled entries below half of it: time-outs are long
// and nearly always cancelled.
void TimerQueue::drop_cancelled() {
  while (!heap_.empty() && !live_.contains(heap_.front().id)) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
  if (heap_.size() < 64 || heap_.size() < 2 * live_.size()) return;
  std::erase_if(heap_, [this](const Entry& entry) { return !live_.contains(entry.id); });
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
}

}  // namespace porteiro
