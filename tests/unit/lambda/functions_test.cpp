// Workers: concurrency, cold and warm, time-outs, retries, crashes.
#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

// Keeps what it was asked until the test answers.
struct Held {
  struct Call {
    std::shared_ptr<const Invocation> invocation;
    Completion done;
  };
  std::vector<Call> calls;
  Registry::Handler handler() {
    return [this](std::shared_ptr<const Invocation> invocation, Services&, Completion done) {
      calls.push_back({std::move(invocation), std::move(done)});
    };
  }
};

struct Outcomes {
  std::vector<std::string> list;
  Completion one() {
    return [this](Result<Reply> reply) {
      list.push_back(reply ? reply.value().body : std::string(to_string(reply.error().code)));
    };
  }
};

FunctionOptions options(std::string name) {
  FunctionOptions o;
  o.name = std::move(name);
  return o;
}

}  // namespace

TEST_CASE("functions: no more than concurrency_max run; the others wait in order") {
  Bench b;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.concurrency_max = 2;
  b.make(o, held.handler());
  for (int i = 0; i < 4; ++i) b.functions->invoke("f", {b.event("x")}, out.one());
  CHECK(held.calls.size() == 2);
  CHECK(b.functions->running() == 4);
  CHECK(held.calls[0].invocation->cold);
  CHECK(held.calls[0].invocation->function == "f");
  CHECK(held.calls[0].invocation->deadline == b.world.scheduler.now() + 3s);
  CHECK(held.calls[0].invocation->id != held.calls[1].invocation->id);
  held.calls[1].done(Reply{200, {}, "b"});
  REQUIRE(held.calls.size() == 3);
  CHECK_FALSE(held.calls[2].invocation->cold);
  held.calls[0].done(Reply{200, {}, "a"});
  held.calls[2].done(error(Errc::invalid, "no"));
  held.calls[3].done(Reply{200, {}, "d"});
  CHECK(out.list == std::vector<std::string>{"b", "a", "invalid", "d"});
  CHECK(b.functions->running() == 0);
  CHECK(b.telemetry.metrics().find("porteiro_function_cold_starts_total{function=\"f\"} 2") !=
        std::string::npos);
  CHECK(b.records(telemetry::Kind::invocation_ended).size() == 4);
}

TEST_CASE("functions: waiting is bounded, and thousands who wait cost no stack") {
  Bench b;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.concurrency_max = 1;
  bool at_once = false;
  b.make(o, [&](std::shared_ptr<const Invocation> invocation, Services&, Completion done) {
    if (at_once) return done(Reply{});
    held.calls.push_back({std::move(invocation), std::move(done)});
  });
  for (std::size_t i = 0; i < waiting_max + 2; ++i) {
    b.functions->invoke("f", {b.event("x")}, out.one());
  }
  CHECK(out.list == std::vector<std::string>{"limit_exceeded"});
  at_once = true;
  held.calls[0].done(Reply{});
  CHECK(out.list.size() == waiting_max + 2);
}

TEST_CASE("functions: an unused worker is gone after idle_max; the last used is taken first") {
  Bench b;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.idle_max = 10s;
  b.make(o, held.handler());
  const auto run = [&] {
    b.functions->invoke("f", {b.event("x")}, out.one());
    const bool cold = held.calls.back().invocation->cold;
    held.calls.back().done(Reply{});
    return cold;
  };
  CHECK(run());
  CHECK_FALSE(run());
  b.world.scheduler.run_for(10s);
  CHECK_FALSE(run());
  b.world.scheduler.run_for(11s);
  CHECK(run());
}

TEST_CASE(
    "functions: a time-out ends the attempt, is retried, and its late completion is ignored") {
  Bench b;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.timeout = 1s;
  o.retries_max = 1;
  o.retry_delay = 100ms;
  b.make(o, held.handler());
  b.functions->invoke("f", {b.event("x")}, out.one());
  b.world.scheduler.run_for(1s);
  CHECK(out.list.empty());
  b.world.scheduler.run_for(100ms);
  REQUIRE(held.calls.size() == 2);
  CHECK(held.calls[1].invocation->cold);  // The old worker was ended.
  held.calls[0].done(Reply{200, {}, "late"});
  CHECK(out.list.empty());
  b.world.scheduler.run_for(1s);
  CHECK(out.list == std::vector<std::string>{"timeout"});
  held.calls[1].done(Reply{200, {}, "late"});
  CHECK(out.list.size() == 1);
  CHECK(b.functions->running() == 0);
}

TEST_CASE("functions: time-outs are kept although others complete before") {
  Bench b;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.timeout = 1s;
  o.retries_max = 0;
  b.make(o, held.handler());
  for (int i = 0; i < 3; ++i) {
    b.functions->invoke("f", {b.event("x")}, out.one());
    b.world.scheduler.run_for(400ms);
  }
  CHECK(out.list == std::vector<std::string>{"timeout"});  // The first, after 1 s.
  held.calls[1].done(Reply{200, {}, "in time"});
  b.world.scheduler.run_for(599ms);
  CHECK(out.list.size() == 2);
  b.world.scheduler.run_for(1ms);
  CHECK(out.list == std::vector<std::string>{"timeout", "in time", "timeout"});
}

TEST_CASE("functions: retries wait twice as long each time, for errors that may pass only") {
  Bench b;
  Outcomes out;
  std::vector<Duration> at;
  const Time start = b.world.scheduler.now();
  Errc code = Errc::unavailable;
  FunctionOptions o = options("f");
  o.retries_max = 3;
  o.retry_delay = 100ms;
  b.make(o, [&](std::shared_ptr<const Invocation>, Services&, Completion done) {
    at.push_back(b.world.scheduler.now() - start);
    done(error(code, "for now"));
  });
  b.functions->invoke("f", {b.event("x")}, out.one());
  b.world.scheduler.run_for(10s);
  CHECK(at == std::vector<Duration>{0ms, 100ms, 300ms, 700ms});
  CHECK(out.list == std::vector<std::string>{"unavailable"});
  code = Errc::not_found;
  b.functions->invoke("f", {b.event("x")}, out.one());
  CHECK(at.size() == 5);
  CHECK(out.list.back() == "not_found");
}

TEST_CASE("functions: modelled starts and runs") {
  Bench b;
  b.world.environment.modelled = true;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.cold = {50ms, 50ms};
  o.warm = {10ms, 10ms};
  o.timeout = 40ms;
  b.make(o, held.handler());
  const auto asked_after = [&](Duration least, Duration most) {
    const std::size_t before = held.calls.size();
    b.functions->invoke("f", {b.event("x")}, out.one());
    b.world.scheduler.run_for(least - 1ns);
    CHECK(held.calls.size() == before);
    while (held.calls.size() == before && least <= most) {
      b.world.scheduler.run_for(1ms);
      least += 1ms;
    }
    REQUIRE(held.calls.size() == before + 1);
    held.calls.back().done(Reply{200, {}, "a"});
  };
  asked_after(30ms, 90ms);  // The start does not count for the time-out.
  CHECK(held.calls[0].invocation->cold);
  asked_after(5ms, 15ms);
  CHECK_FALSE(held.calls[1].invocation->cold);
  CHECK(out.list == std::vector<std::string>{"a", "a"});
}

TEST_CASE("functions: faults at the start of a worker") {
  Bench b;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.retries_max = 0;
  o.concurrency_max = 1;
  b.make(o, held.handler());
  auto& list = b.faults.faults[FaultPoint::worker_start];

  list = {{Fault::Kind::error, {}}};
  b.functions->invoke("f", {b.event("x")}, out.one());
  CHECK(out.list == std::vector<std::string>{"internal"});

  list = {{Fault::Kind::slow, 500ms}};
  b.functions->invoke("f", {b.event("x")}, out.one());
  b.world.scheduler.run_for(499ms);
  CHECK(held.calls.empty());
  b.world.scheduler.run_for(1ms);
  REQUIRE(held.calls.size() == 1);
  held.calls[0].done(Reply{200, {}, "slow"});

  list = {{Fault::Kind::crash, 2s}};
  b.functions->invoke("f", {b.event("x")}, out.one());
  CHECK(out.list.back() == "unavailable");
  b.functions->invoke("f", {b.event("x")}, out.one());
  CHECK(held.calls.size() == 1);  // The only worker restarts.
  b.world.scheduler.run_for(2s);
  REQUIRE(held.calls.size() == 2);
  CHECK(held.calls[1].invocation->cold);
  held.calls[1].done(Reply{200, {}, "after"});
  CHECK(out.list.back() == "after");
  CHECK(b.records(telemetry::Kind::invocation_crashed).size() == 1);
}

TEST_CASE("functions: a crash after the effect discards the outcome, without a retry") {
  Bench b;
  Held held;
  Outcomes out;
  b.make(options("f"), held.handler());
  b.faults.faults[FaultPoint::worker_effect_done_ack_pending] = {{Fault::Kind::crash, 1s}};
  b.functions->invoke("f", {b.event("x")}, out.one());
  held.calls[0].done(Reply{200, {}, "done"});
  CHECK(out.list == std::vector<std::string>{"unavailable"});
  b.world.scheduler.run_for(5s);
  CHECK(held.calls.size() == 1);
}

TEST_CASE("functions: reset abandons what runs and waits, and cools the workers") {
  Bench b;
  Held held;
  Outcomes out;
  FunctionOptions o = options("f");
  o.concurrency_max = 1;
  b.make(o, held.handler());
  b.functions->invoke("f", {b.event("x")}, out.one());
  b.functions->invoke("f", {b.event("x")}, out.one());
  b.functions->reset();
  CHECK(b.functions->running() == 0);
  held.calls[0].done(Reply{});
  b.world.scheduler.run_for(10s);  // Nor does its time-out count.
  CHECK(out.list.empty());
  CHECK(held.calls.size() == 1);
  b.functions->invoke("f", {b.event("x")}, out.one());
  REQUIRE(held.calls.size() == 2);
  CHECK(held.calls[1].invocation->cold);
  b.functions.reset();  // Their end is as quiet.
  held.calls[1].done(Reply{});
  b.world.scheduler.run_for(10s);
  CHECK(out.list.empty());
}

TEST_CASE("functions: a stop waits for what runs") {
  Bench b;
  Held held;
  Outcomes out;
  b.make(options("f"), held.handler());
  b.functions->invoke("f", {b.event("x")}, out.one());
  bool stopped = false;
  b.functions->stop([&] { stopped = true; });
  b.settle();
  CHECK_FALSE(stopped);
  held.calls[0].done(Reply{});
  CHECK(out.list.size() == 1);
  b.settle();
  CHECK(stopped);
}

TEST_CASE("functions: options and names are checked") {
  Bench b;
  const auto create = [&](FunctionOptions o) {
    Held held;
    Registry one;
    one.add_handler("it", held.handler());
    const json with;
    return b.functions->create(o, one.make("it", {o.name, with, *b.services}).value());
  };
  CHECK(create(options("f")).has_value());
  CHECK(create(options("f")).error().code == Errc::conflict);
  CHECK(create(options("")).error().code == Errc::invalid);
  FunctionOptions o = options("g");
  o.concurrency_max = 0;
  CHECK(create(o).error().at == "concurrency_max");
  o = options("g");
  o.timeout = 901s;
  CHECK(create(o).error().at == "timeout");
  CHECK(errc_of(b.ask("missing", b.event("x"))) == Errc::not_found);
}

// Goal: a function that is replaced does not take what runs with it.
TEST_CASE("functions: one that is removed ends what it runs, and its name is free at once") {
  Bench bench;
  std::vector<Completion> running;
  const auto create = [&](const std::string& answer) {
    FunctionOptions options;
    options.name = "orders";
    options.concurrency_max = 1;
    bench.make(std::move(options), [&running, answer](const auto&, Services&, Completion done) {
      if (answer == "old") return running.push_back(std::move(done));
      done(Reply{.body = answer});
    });
  };
  std::vector<std::string> replies;
  const auto invoke = [&] {
    auto direct = std::make_shared<Direct>();
    direct->payload = "{}";
    bench.functions->invoke("orders", direct, [&](Result<Reply> reply) {
      replies.push_back(reply ? reply.value().body : reply.error().detail);
    });
  };
  CHECK(bench.functions->remove("orders").error().code == Errc::not_found);
  create("old");
  invoke();
  invoke();  // Waits for the only worker.
  REQUIRE(bench.functions->remove("orders").has_value());
  create("new");
  invoke();
  bench.settle();
  CHECK(replies == std::vector<std::string>{"new"});
  CHECK(bench.functions->running() == 2);
  bool stopped = false;
  bench.functions->stop([&] { stopped = true; });
  bench.settle();
  CHECK_FALSE(stopped);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(running.size() == 1);
    Completion done = std::move(running.front());
    running.clear();
    done(Reply{.body = "old"});
    bench.settle();
  }
  CHECK(replies == std::vector<std::string>{"new", "old", "old"});
  CHECK(stopped);
}

TEST_CASE("functions: one that a source feeds is not removed") {
  Bench bench;
  bench.make("sink", "echo", json::object());
  queue::Options options;
  options.name = "in";
  queue::Queue& queue = bench.make_queue(std::move(options));
  REQUIRE(bench.functions->add_source(queue, {.queue = "in", .function = "sink"}, nullptr));
  CHECK(bench.functions->remove("sink").error().code == Errc::conflict);
}
