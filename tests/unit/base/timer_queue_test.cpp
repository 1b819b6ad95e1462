#include "porteiro/base/timer_queue.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace porteiro;
using namespace std::chrono_literals;

namespace {

std::string drain(TimerQueue& queue, std::string& log, Time now) {
  while (auto task = queue.pop(now)) (*task)();
  return std::exchange(log, {});
}

}  // namespace

TEST_CASE("timer_queue: posted tasks first, then timers by time and by age") {
  TimerQueue queue;
  std::string log;
  queue.add(Time(2s), [&log] { log += 'c'; });
  queue.add(Time(1s), [&log] { log += 'a'; });
  queue.add(Time(1s), [&log] { log += 'b'; });
  queue.post([&log] { log += '1'; });
  queue.post([&log] { log += '2'; });
  CHECK(queue.next_due() == Time(1s));
  CHECK(drain(queue, log, Time(0s)) == "12");
  CHECK(drain(queue, log, Time(1s)) == "ab");
  CHECK(queue.next_due() == Time(2s));
  CHECK(drain(queue, log, Time(9s)) == "c");
  CHECK_FALSE(queue.next_due().has_value());
}

TEST_CASE("timer_queue: a cancelled timer is gone, once") {
  TimerQueue queue;
  std::string log;
  const TimerId first = queue.add(Time(1s), [&log] { log += 'a'; });
  queue.add(Time(2s), [&log] { log += 'b'; });
  CHECK(queue.cancel(first));
  CHECK_FALSE(queue.cancel(first));
  CHECK_FALSE(queue.cancel(0));
  CHECK(queue.next_due() == Time(2s));
  CHECK(queue.timers() == 1);
  CHECK(drain(queue, log, Time(5s)) == "b");
}

TEST_CASE("timer_queue: a task that has run cannot be cancelled") {
  TimerQueue queue;
  const TimerId timer = queue.add(Time(1s), [] {});
  REQUIRE(queue.pop(Time(1s)).has_value());
  CHECK_FALSE(queue.cancel(timer));
}

TEST_CASE("timer_queue: many long time-outs that are cancelled leave the order intact") {
  TimerQueue queue;
  std::string log;
  for (int i = 0; i < 10'000; ++i) {
    queue.cancel(queue.add(Time(30s + 1ms * i), [&log] { log += '!'; }));
    if (i % 1000 == 0) {
      queue.add(Time(60s - 1s * (i / 1000)), [&log, i] { log += std::to_string(i / 1000); });
    }
  }
  CHECK(queue.timers() == 10);
  CHECK(drain(queue, log, Time(60s)) == "9876543210");
}

TEST_CASE("timer_queue: pop_timer passes the posted tasks by") {
  TimerQueue queue;
  std::string log;
  queue.post([&log] { log += 'p'; });
  queue.add(Time(1s), [&log] { log += 't'; });
  CHECK_FALSE(queue.pop_timer(Time(0s)).has_value());
  auto task = queue.pop_timer(Time(1s));
  REQUIRE(task.has_value());
  (*task)();
  CHECK(log == "t");
  CHECK(queue.has_posted());
}
