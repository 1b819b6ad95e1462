#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include "unit/runtime/raw_client.hpp"

using namespace porteiro;
using namespace porteiro::runtime;
using namespace std::chrono_literals;
using test::run_until;

TEST_CASE("loop: posted tasks run in order, timers by time; quit ends after the running task") {
  const auto runtime = Runtime::create(1);
  Scheduler& scheduler = runtime->scheduler();
  std::string log;
  scheduler.after(2ms, [&] {
    log += 'd';
    runtime->quit();
    scheduler.post([&] { log += 'e'; });
  });
  scheduler.after(1ms, [&] { log += 'c'; });
  scheduler.post([&] { log += 'a'; });
  scheduler.post([&] { log += 'b'; });
  const TimerId cancelled = scheduler.after(1ms, [&] { log += '!'; });
  CHECK(scheduler.cancel(cancelled));
  runtime->run();
  CHECK(log == "abcd");
  scheduler.after(0ms, [&] { runtime->quit(); });
  runtime->run();
  CHECK(log == "abcde");
}

TEST_CASE("loop: time passes, never back, and timers are never early") {
  const auto runtime = Runtime::create(1);
  Scheduler& scheduler = runtime->scheduler();
  const Time start = scheduler.now();
  CHECK(start > Time(std::chrono::hours(24 * 365 * 55)));  // This is a real clock.
  Time last = start;
  int ticks = 0;
  UniqueFunction<void()> tick;
  tick = [&] {
    CHECK(scheduler.now() >= last + 300us);
    last = scheduler.now();
    if (++ticks == 10) return runtime->quit();
    scheduler.after(300us, [&] { tick(); });
  };
  scheduler.after(300us, [&] { tick(); });
  runtime->run();
}

TEST_CASE("loop: a task that always posts another starves neither timers nor I/O") {
  const auto runtime = Runtime::create(1);
  const auto server = runtime->listen("127.0.0.1", 0, {}, [](const http::Request&, auto respond) {
    respond(http::Response{.body = "{}"});
  });
  UniqueFunction<void()> spin;
  spin = [&] { runtime->scheduler().post([&] { spin(); }); };
  spin();
  bool due = false;
  runtime->scheduler().after(1ms, [&] { due = true; });
  test::RawClient client(server.value()->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(*runtime, [&] { return due && client.count("HTTP/1.1 200") == 1; });
}

TEST_CASE("loop: a lane does its work in order, off the loop, and completes on it") {
  const auto runtime = Runtime::create(1);
  Offload& offload = runtime->offload();
  const auto lane = offload.lane("test");
  const auto other = offload.lane("a name longer than a thread's");
  const auto here = std::this_thread::get_id();
  std::vector<int> worked;
  std::vector<int> completed;
  bool apart = true;
  for (int i = 0; i < 1000; ++i) {
    offload.run(
        lane,
        [&worked, &apart, i, here] {
          worked.push_back(i);
          apart = apart && std::this_thread::get_id() != here;
        },
        [&completed, &apart, i, here] {
          completed.push_back(i);
          apart = apart && std::this_thread::get_id() == here;
        });
  }
  bool other_done = false;
  offload.run(
      other, [] {}, [&] { other_done = true; });
  run_until(*runtime, [&] { return completed.size() == 1000 && other_done; });
  CHECK(apart);
  CHECK(worked == completed);
  CHECK(std::is_sorted(worked.begin(), worked.end()));
}

TEST_CASE("loop: a runtime that dies finishes the work of its lanes and drops the completions") {
  int worked = 0;
  int completed = 0;
  {
    const auto runtime = Runtime::create(1);
    const auto lane = runtime->offload().lane("test");
    for (int i = 0; i < 100; ++i) {
      runtime->offload().run(
          lane, [&] { ++worked; }, [&] { ++completed; });
    }
    runtime->offload().run(
        lane, [&] { ++worked; }, nullptr);
  }
  CHECK(worked == 101);
  CHECK(completed == 0);
}

TEST_CASE("loop: entropy does not repeat, whatever the size") {
  const auto runtime = Runtime::create(1);
  std::array<std::byte, 32> a{};
  std::array<std::byte, 32> b{};
  runtime->entropy().fill(a);
  runtime->entropy().fill(b);
  CHECK(a != b);
  std::vector<std::byte> large(10'000);
  runtime->entropy().fill(large);
  CHECK(std::count(large.begin(), large.end(), std::byte{0}) < 200);
  for (int i = 0; i < 300; ++i) {
    runtime->entropy().fill(a);
    CHECK(a != b);
  }
}

TEST_CASE("loop: the seed makes the modelled randomness, not the entropy") {
  CHECK(Runtime::create(7)->random().next() == Runtime::create(7)->random().next());
}

TEST_CASE("loop: the first interrupt is a task") {
  struct sigaction before_int {};
  struct sigaction before_term {};
  ::sigaction(SIGINT, nullptr, &before_int);
  ::sigaction(SIGTERM, nullptr, &before_term);
  {
    const auto runtime = Runtime::create(1);
    bool interrupted = false;
    runtime->on_interrupt([&] { interrupted = true; });
    ::raise(SIGTERM);
    run_until(*runtime, [&] { return interrupted; });
  }
  ::sigaction(SIGINT, &before_int, nullptr);
  ::sigaction(SIGTERM, &before_term, nullptr);
}
