// Who waits for messages: long polls, watchers, and the queue's timer.
#include <algorithm>

#include "queue/state.hpp"

namespace porteiro::queue {
namespace {}

Queue::Waiter::~Waiter() {
  if (queue != nullptr) queue->withdraw(*this);
}

std::shared_ptr<Queue::Waiter> Queue::State::wait(ReceiveRequest request, Duration wait,
                                                  Done done) {
  auto waiter = std::make_shared<Waiter>(*this);
  waiter->request = std::move(request);
  waiter->done = std::move(done);
  waiter->place = waiters.insert(waiters.end(), waiter.get());
  waiter->repeats = attempts.contains(waiter->request.attempt_id);
  repeats_wait |= waiter->repeats;
  if (wait != Duration::max()) {
    const Time due = env.scheduler.now() + std::max(wait, Duration::zero());
    waiter->deadline = {due, ++waiter_number};
    deadlines.emplace(*waiter->deadline, waiter.get());
    arm(due.time_since_epoch().count());
  }
  serve_soon();
  return waiter;
}

std::shared_ptr<Queue::Waiter> Queue::State::watch(std::function<void()> told) {
  auto watcher = std::make_shared<Waiter>(*this);
  watcher->ready = std::move(told);
  watcher->place = watchers.insert(watchers.end(), watcher.get());
  serve_soon();
  return watcher;
}

void Queue::State::withdraw(Waiter& waiter) {
  if (waiter.ready) {
    if (telling == waiter.place) ++telling;
    watchers.erase(waiter.place);
  } else {
    waiters.erase(waiter.place);
    if (waiter.deadline) deadlines.erase(*waiter.deadline);
  }
  waiter.queue = nullptr;
}

void Queue::State::end_waits() {
  while (!waiters.empty()) {
    Waiter& waiter = *waiters.front();
    env.scheduler.post([weak = waiter.weak_from_this()] {
      if (const auto ended = weak.lock()) std::exchange(ended->done, Done())({});
    });
    withdraw(waiter);
  }
}

void Queue::State::serve_soon() {
  const bool idle = first_ready() == no_slot || (waiters.empty() && watchers.empty());
  if (serve_posted || (idle && !repeats_wait)) return;
  serve_posted = true;
  env.scheduler.post([this, weak = std::weak_ptr(alive)] {
    if (weak.expired() || !serve_posted) return;
    serve_posted = false;
    advance(env.scheduler.now());
    serve();
  });
}

// Runs callbacks, each of which may end this queue.
void Queue::State::serve() {
  const std::weak_ptr<int> weak(alive);
  if (repeats_wait) serve_repeats();
  if (weak.expired()) return;
  while (!waiters.empty() && first_ready() != no_slot) {
    Waiter& waiter = *waiters.front();
    const auto& caller = waiter.request.caller;
    const bool gone = caller && caller->expired();
    auto deliveries = gone ? std::vector<Delivery>() : receive(waiter.request);
    if (deliveries.empty() && !gone) break;
    Done done = std::move(waiter.done);
    withdraw(waiter);
    done(std::move(deliveries));
    if (weak.expired()) return;
  }
  if (first_ready() != no_slot && held_back(first_ready())) return;
  telling = watchers.begin();
  while (telling != watchers.end() && first_ready() != no_slot) {
    const std::shared_ptr<Waiter> watcher = (*telling++)->shared_from_this();
    watcher->ready();
    if (weak.expired()) return;
  }
  telling = watchers.end();
}

// Their messages are in flight: they wait for no others.
void Queue::State::serve_repeats() {
  const std::weak_ptr<int> weak(alive);
  while (repeats_wait) {
    const auto found = std::find_if(waiters.begin(), waiters.end(),
                                    [](const Waiter* waiter) { return waiter->repeats; });
    repeats_wait = found != waiters.end();
    if (!repeats_wait) return;
    Waiter& waiter = **found;
    waiter.repeats = false;
    auto deliveries = repeat(waiter.request, env.scheduler.now());
    if (!deliveries) continue;
    Done done = std::move(waiter.done);
    withdraw(waiter);
    done(std::move(*deliveries));
    if (weak.expired()) return;
  }
}

void Queue::State::expire_waiters(Time now) {
  const std::weak_ptr<int> weak(alive);
  while (!deadlines.empty() && deadlines.begin()->first.first <= now) {
    Waiter& waiter = *deadlines.begin()->second;
    Done done = std::move(waiter.done);
    withdraw(waiter);
    done({});
    if (weak.expired()) return;
  }
}

void Queue::State::arm(std::int64_t deadline) {
  if (deadline >= armed) return;
  armed = deadline;
  timer.start(Time(Duration(deadline)) - env.scheduler.now(), [this] { on_timer(); });
}

void Queue::State::on_timer() {
  const std::weak_ptr<int> weak(alive);
  armed = never;
  const Time now = env.scheduler.now();
  advance(now);
  serve_posted = false;  // Done here, before the waits that end now.
  serve();
  if (weak.expired()) return;
  expire_waiters(now);
  if (weak.expired()) return;
  for (const Order* order : {&delayed, &in_flight}) {
    if (!order->empty()) arm(order->first_key());
  }
  if (!retention.empty()) arm(retention.first_key() + options.retention.count());
  if (!deadlines.empty()) arm(deadlines.begin()->first.first.time_since_epoch().count());
}

}  // namespace porteiro::queue
