// The event source of routes: events become invocations, outcomes decide what becomes of them.
#include <algorithm>

#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

struct Routed : Bench {
  queue::Queue* q;
  std::vector<std::string> replies;

  explicit Routed(queue::Options options = {.name = "q", .visibility_timeout = 5s}) {
    q = &make_queue(std::move(options));
  }
  Functions::Replied replied() {
    return [this](const events::Event& e, Result<Reply> outcome) {
      const std::string what =
          outcome ? outcome.value().body : std::string(to_string(outcome.error().code));
      replies.push_back(e.type + "=" + what);
      CHECK(q->depth().in_flight > 0);  // The message goes after the reply.
    };
  }
  void source(SourceOptions options) {
    options.queue = "q";
    REQUIRE(functions->add_source(*q, std::move(options), replied()).has_value());
  }
};

Registry::Handler answer(std::string text) {
  return [text](std::shared_ptr<const Invocation>, Services&, Completion done) {
    done(Reply{200, {}, text});
  };
}

FunctionOptions options(std::string name, std::size_t concurrency = 1000) {
  FunctionOptions o;
  o.name = std::move(name);
  o.concurrency_max = concurrency;
  return o;
}

}  // namespace

TEST_CASE("source: each event is replied to, then its message is deleted") {
  Routed b;
  b.make(options("f"), answer("done"));
  b.source({.function = "f"});
  b.send(*b.q, b.event("one"));
  b.send(*b.q, b.event("two"), true);
  b.settle();
  CHECK(b.replies == std::vector<std::string>{"one=done", "two=done"});
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("source: events of one queue go to functions by their type") {
  Routed b;
  b.make(options("move"), answer("moved"));
  b.make(options("get"), answer("got"));
  b.make(options("rest"), answer("rest"));
  SourceOptions o;
  o.by_type = {{"trail.moved", "move"}, {"trail.requested", "get"}};
  bool fallback = false;
  SUBCASE("with a function for the others") { fallback = true; }
  SUBCASE("without") {}
  if (fallback) o.function = "rest";
  b.source(o);
  for (const char* type : {"trail.moved", "trail.requested", "other"}) b.send(*b.q, b.event(type));
  b.settle();
  CHECK(b.replies == std::vector<std::string>{"trail.moved=moved", "trail.requested=got",
                                              fallback ? "other=rest" : "other=not_found"});
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("source: no message is taken without a free worker") {
  Routed b;
  std::vector<Completion> held;
  b.make(options("f", 2),
         [&](auto, Services&, Completion done) { held.push_back(std::move(done)); });
  b.source({.function = "f"});
  for (int i = 0; i < 5; ++i) b.send(*b.q, b.event("x"));
  b.settle();
  CHECK(held.size() == 2);
  CHECK(b.q->depth().in_flight == 2);
  for (std::size_t i = 0; i < 5; ++i) {
    held[i](Reply{});
    CHECK(b.q->depth().in_flight <= 2);
  }
  CHECK(b.replies.size() == 5);
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("source: by type, a busy function lets at most one message wait") {
  Routed b;
  std::vector<Completion> held;
  b.make(options("slow", 1),
         [&](auto, Services&, Completion done) { held.push_back(std::move(done)); });
  b.make(options("fast"), answer("fast"));
  SourceOptions o;
  o.by_type = {{"slow", "slow"}, {"fast", "fast"}};
  b.source(o);
  for (const char* type : {"slow", "slow", "slow", "fast"}) b.send(*b.q, b.event(type));
  b.settle();
  CHECK(held.size() == 1);
  CHECK(b.q->depth().in_flight == 2);
  held[0](Reply{200, {}, "1"});
  REQUIRE(held.size() == 2);
  CHECK(b.q->depth().in_flight == 2);
  held[1](Reply{200, {}, "2"});
  held[2](Reply{200, {}, "3"});
  CHECK(b.replies == std::vector<std::string>{"slow=1", "slow=2", "fast=fast", "slow=3"});
}

TEST_CASE(
    "source: an error to be retried leaves the message, in the end for the dead-letter queue") {
  Routed b(queue::Options{
      .name = "q", .visibility_timeout = 5s, .dead_letter_queue = "dead", .receives_max = 2});
  queue::Queue& dead = b.make_queue({.name = "dead"});
  int calls = 0;
  FunctionOptions o = options("f");
  o.retries_max = 1;
  b.make(o, [&](auto, Services&, Completion done) {
    ++calls;
    done(error(Errc::unavailable, "for now"));
  });
  b.source({.function = "f"});
  b.send(*b.q, b.event("x"));
  b.world.scheduler.run_for(4s);
  CHECK(calls == 2);
  CHECK(b.replies.empty());
  CHECK(b.q->depth().in_flight == 1);
  b.world.scheduler.run_for(10s);
  CHECK(calls == 4);
  CHECK(b.q->depth().total() == 0);
  CHECK(dead.depth().ready == 1);
}

TEST_CASE("source: an error that will not pass is the answer") {
  Routed b;
  b.make(options("f"),
         [](auto, Services&, Completion done) { done(error(Errc::not_found, "no such thing")); });
  b.source({.function = "f"});
  b.send(*b.q, b.event("x"));
  b.settle();
  CHECK(b.replies == std::vector<std::string>{"x=not_found"});
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("source: what is no event is deleted, counted and noted") {
  Routed b;
  b.make(options("f"), answer("done"));
  b.source({.function = "f"});
  REQUIRE(b.q->send({.body = "not an event"}).has_value());
  b.settle();
  CHECK(b.replies.empty());
  CHECK(b.q->depth().total() == 0);
  CHECK(b.records(telemetry::Kind::note).size() == 1);
  CHECK(b.telemetry.metrics().find("porteiro_function_malformed_events_total{queue=\"q\"} 1") !=
        std::string::npos);
}

TEST_CASE("source: a worker that crashes leaves its message until the visibility timeout") {
  Routed b;
  int effects = 0;
  b.make(options("f"), [&](auto, Services&, Completion done) {
    ++effects;
    done(Reply{200, {}, "done"});
  });
  b.source({.function = "f"});
  b.faults.faults[FaultPoint::worker_effect_done_ack_pending] = {{Fault::Kind::crash, 800ms}};
  b.send(*b.q, b.event("x"));
  b.world.scheduler.run_for(4s);
  CHECK(effects == 1);
  CHECK(b.replies.empty());
  CHECK(b.q->depth().in_flight == 1);
  b.world.scheduler.run_for(1s);
  CHECK(effects == 2);
  CHECK(b.replies == std::vector<std::string>{"x=done"});
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("source: a deep queue is worked off without a stall or a deep stack") {
  Routed b;
  std::size_t calls = 0;
  b.make(options("f"), [&](auto, Services&, Completion done) {
    ++calls;
    done(Reply{});
  });
  for (int i = 0; i < 5000; ++i) b.send(*b.q, b.event("x"));
  b.source({.function = "f"});
  b.world.scheduler.step();
  CHECK(calls < 100);  // The loop turns in between.
  b.settle();
  CHECK(calls == 5000);
}

TEST_CASE("source: what cannot be is refused") {
  Routed b;
  b.make(options("f"), answer("x"));
  const auto add = [&](SourceOptions o) {
    return b.functions->add_source(*b.q, o, b.replied()).error().code;
  };
  CHECK(add({.function = "g"}) == Errc::not_found);
  CHECK(add({}) == Errc::not_found);
  CHECK(add({.by_type = {{"x", "g"}}}) == Errc::not_found);
}
