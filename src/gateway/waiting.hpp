// The clients that wait for the reply to their event, and the time-outs of their waiting. One
// timer a distinct time-out, not one a request: within a lane those who came first time out first.
// Belongs to the loop.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "gateway/compiled.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/base/id.hpp"

namespace porteiro::gateway {

// A request that was let in and will get exactly one answer.
struct Exchange {
  http::Responder respond;
  CompiledRoute* route = nullptr;
  Time received{};
  Id correlation;
  bool masked = false;  // The client may not see protected values whole.
};

class WaitingRoom {
 public:
  using TimedOut = std::function<void(Id event, Exchange)>;
  WaitingRoom(Scheduler& scheduler, TimedOut timed_out);

  std::size_t lane(Duration timeout);  // At set-up; the same time-out gives the same lane.
  void add(Id event, std::size_t lane, Exchange exchange);
  std::optional<Exchange> take(Id event);  // One of those who wait for this event.
  std::optional<Exchange> take_any();
  std::size_t size() const { return waiters_.size(); }

 private:
  struct Waiter {
    Exchange exchange;
    Time due;
    std::size_t lane;
    Id event;
    Waiter* before = nullptr;  // Within the lane, in the order of the coming.
    Waiter* after = nullptr;
  };
  using Waiters = std::unordered_multimap<Id, Waiter>;
  struct Lane {
    Lane(Duration of, Scheduler& scheduler) : timeout(of), timer(scheduler) {}
    Duration timeout;
    Waiter* first = nullptr;
    Waiter* last = nullptr;
    Timer timer;
  };
  Exchange remove(Waiters::iterator at);
  void expire(std::size_t lane);

  Scheduler& scheduler_;
  TimedOut timed_out_;
  Waiters waiters_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace porteiro::gateway
