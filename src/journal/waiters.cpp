#include "journal/waiters.hpp"

#include <algorithm>

namespace porteiro::journal {

void Waiters::add(Sequence sequence, Done done) {
  auto place = waiters_.end();  // Nearly always the right one.
  if (!waiters_.empty() && waiters_.back().sequence > sequence) {
    place = std::upper_bound(
        waiters_.begin(), waiters_.end(), sequence,
        [](Sequence wanted, const Waiter& waiter) { return wanted < waiter.sequence; });
  }
  waiters_.insert(place, Waiter{sequence, std::move(done)});
}

void Waiters::run(Sequence durable) {
  while (!waiters_.empty() && waiters_.front().sequence <= durable) {
    Waiter waiter = std::move(waiters_.front());
    waiters_.pop_front();
    waiter.done(success());
  }
}

void Waiters::fail(const Error& reason) {
  std::deque<Waiter> failed;
  failed.swap(waiters_);
  for (Waiter& waiter : failed) waiter.done(reason);
}

}  // namespace porteiro::journal
