#include "runtime/loop.hpp"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace porteiro::runtime {
namespace {

constexpr int tasks_per_turn_max = 256;  // Then timers and I/O get their chance.
constexpr int timers_per_turn_max = 64;  // Of those that came due behind so many tasks.
constexpr int tasks_per_now = 1;         // Tasks that share one reading of the clock.

}  // namespace

// One thread runs handlers and does I/O; others only post.
Loop::Loop()
    : io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      timer_(io_.get_executor()),
      steady_start_(std::chrono::steady_clock::now()),
      start_(Duration(std::chrono::system_clock::now().time_since_epoch())),
      now_(start_) {}

Time Loop::now() const {
  if (!fresh_) {
    now_ = start_ + Duration(std::chrono::steady_clock::now() - steady_start_);
    fresh_ = true;
  }
  return now_;
}

void Loop::post(Task task) {
  queue_.post(std::move(task));
  wake();
}

TimerId Loop::after(Duration delay, Task task) {
  const Time from = now();
  const Time due = from + std::clamp(delay, Duration::zero(), Time::max() - from);
  const TimerId id = queue_.add(due, std::move(task));
  if (!turning_ && (!armed_ || due < *armed_)) arm();
  return id;
}

bool Loop::cancel(TimerId timer) { return queue_.cancel(timer); }

void Loop::at_turn_end(boost::intrusive_ptr<TurnEnd> item) {
  ends_.push_back(std::move(item));
  if (!turning_) wake();
}

void Loop::wake() {
  if (woken_ || turning_) return;
  woken_ = true;
  asio::post(io_, [this] { turn(); });
}

void Loop::turn() {
  woken_ = false;
  turning_ = true;
  entered();
  run_tasks();
  ending_.swap(ends_);
  for (const auto& item : ending_) item->turn_ends();
  ending_.clear();
  turning_ = false;
  if (queue_.has_posted() || !ends_.empty()) wake();
  arm();
}

void Loop::run_tasks() {
  for (int i = 0; i < tasks_per_turn_max && !quitting_; ++i) {
    if (i % tasks_per_now == 0) entered();
    if (!queue_.has_posted() && !queue_.next_due()) return;
    auto task = queue_.pop(now());
    if (!task) return;
    (*task)();
  }
  for (int i = 0; i < timers_per_turn_max && !quitting_; ++i) {
    auto task = queue_.pop_timer(now());
    if (!task) return;
    (*task)();
  }
}

// The timer is left alone while it comes early enough: time-outs are many and mostly cancelled.
void Loop::arm() {
  const auto due = queue_.next_due();
  if (!due || (armed_ && *armed_ <= *due)) return;
  armed_ = due;
  timer_.expires_at(steady_start_ + (*due - start_));
  timer_.async_wait([this](error_code failed) {
    if (failed) return;  // Armed anew.
    armed_.reset();
    turn();
  });
}

void Loop::run() {
  if (!quitting_) {
    const auto guard = asio::make_work_guard(io_);
    io_.restart();
    io_.run();
  }
  quitting_ = false;
}

bool Loop::pump(Duration wait_max) {
  const auto guard = asio::make_work_guard(io_);
  io_.restart();
  entered();  // The time between two pumps has passed, too.
  std::size_t ran = io_.poll();
  if (ran == 0 && wait_max > Duration::zero()) ran = io_.run_one_for(wait_max);
  return ran > 0;
}

void Loop::quit() {
  quitting_ = true;
  io_.stop();
}

}  // namespace porteiro::runtime
