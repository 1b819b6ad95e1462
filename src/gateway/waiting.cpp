#include "gateway/waiting.hpp"

#include <utility>

namespace porteiro::gateway {

WaitingRoom::WaitingRoom(Scheduler& scheduler, TimedOut timed_out)
    : scheduler_(scheduler), timed_out_(std::move(timed_out)) {}

std::size_t WaitingRoom::lane(Duration timeout) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i]->timeout == timeout) return i;
  }
  lanes_.push_back(std::make_unique<Lane>(timeout, scheduler_));
  return lanes_.size() - 1;
}

void WaitingRoom::add(Id event, std::size_t number, Exchange exchange) {
  Lane& lane = *lanes_[number];
  const Time due = scheduler_.now() + lane.timeout;
  const auto at =
      waiters_.emplace(event, Waiter{std::move(exchange), due, number, event, lane.last, nullptr});
  Waiter* waiter = &at->second;  // A node of the map stays where it is.
  (lane.last == nullptr ? lane.first : lane.last->after) = waiter;
  lane.last = waiter;
  // A timer that runs is due no later than this one: it looks again then.
  if (!lane.timer.running()) lane.timer.start(lane.timeout, [this, number] { expire(number); });
}

std::optional<Exchange> WaitingRoom::take(Id event) {
  const auto at = waiters_.find(event);
  if (at == waiters_.end()) return std::nullopt;
  return remove(at);
}

std::optional<Exchange> WaitingRoom::take_any() {
  for (const auto& lane : lanes_) {
    if (lane->first != nullptr) return take(lane->first->event);
  }
  return std::nullopt;
}

Exchange WaitingRoom::remove(Waiters::iterator at) {
  Waiter& waiter = at->second;
  Lane& lane = *lanes_[waiter.lane];
  (waiter.before == nullptr ? lane.first : waiter.before->after) = waiter.after;
  (waiter.after == nullptr ? lane.last : waiter.after->before) = waiter.before;
  Exchange exchange = std::move(waiter.exchange);
  waiters_.erase(at);
  return exchange;
}

void WaitingRoom::expire(std::size_t number) {
  Lane& lane = *lanes_[number];
  const Time now = scheduler_.now();
  while (lane.first != nullptr && lane.first->due <= now) {
    Waiter* first = lane.first;
    auto at = waiters_.find(first->event);
    while (&at->second != first) ++at;  // Others may wait for the same event.
    const Id event = first->event;
    timed_out_(event, remove(at));
  }
  if (lane.first == nullptr || lane.timer.running()) return;
  lane.timer.start(lane.first->due - now, [this, number] { expire(number); });
}

}  // namespace porteiro::gateway
