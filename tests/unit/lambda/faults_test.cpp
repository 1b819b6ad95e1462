// Goal: what a fault does to an invocation is the same for functions in this process and outside,
// and a worker outside that a fault kills is gone.
#include <algorithm>
#include <csignal>

#include "unit/lambda/outside.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

using Kind = Fault::Kind;

// A function in this process: counts its calls and answers "done" at once.
struct Inside {
  explicit Inside(FunctionOptions options = {}) {
    options.name = "f";
    options.retries_max = 0;
    b.make(std::move(options), [this](auto invocation, Services&, Completion done) {
      ++calls;
      cold.push_back(invocation->cold);
      done(Reply{200, "application/json", "\"done\""});
    });
  }
  void invoke() {
    b.functions->invoke("f", {b.event("x")}, [this](Result<Reply> reply) {
      out.push_back(reply ? reply.value().body : std::string(to_string(reply.error().code)));
    });
    b.settle();
  }
  void strike(FaultPoint point, Kind kind, Duration delay = {}) {
    b.faults.faults[point] = {{kind, delay}};
  }
  Bench b;
  int calls = 0;
  std::vector<bool> cold;
  std::vector<std::string> out;
};

struct Struck : Outside {
  explicit Struck() { make(); }
  void strike(FaultPoint point, Kind kind, Duration delay = {}) {
    b.faults.faults[point] = {{kind, delay}};
  }
  void pass(Duration time) { b.world.scheduler.run_for(time); }
};

constexpr FaultPoint start = FaultPoint::worker_start;
constexpr FaultPoint done = FaultPoint::worker_effect_done_ack_pending;

// The ids of a batch's messages, as the function outside sees them.
std::vector<std::string> ids_of(const http::Response& next) {
  std::vector<std::string> ids;
  const json event = json::parse(next.body);
  for (const json& record : event.at("Records")) ids.push_back(record["messageId"]);
  return ids;
}

MappingOptions batches_of(std::uint32_t size, bool reports) {
  return {
      .id = {1, 1}, .queue = "q", .function = "f", .batch_max = size, .reports_failures = reports};
}

std::vector<std::string> bodies(const queue::Queue& q) {
  std::vector<std::string> out;
  for (const auto& each : q.peek(10)) out.push_back(each.message.body);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("faults: a pause holds the answer back, and the time-out counts") {
  Inside inside;
  inside.strike(done, Kind::pause, 2s);
  inside.invoke();
  CHECK(inside.calls == 1);
  inside.b.world.scheduler.run_for(1999ms);
  CHECK(inside.out.empty());
  inside.b.world.scheduler.run_for(1ms);
  CHECK(inside.out == std::vector<std::string>{"\"done\""});
  inside.strike(done, Kind::pause, 4s);
  inside.invoke();
  inside.b.world.scheduler.run_for(10s);
  CHECK(inside.calls == 2);
  CHECK(inside.out.back() == "timeout");

  Struck outside;
  outside.strike(done, Kind::pause, 2s);
  outside.invoke();
  outside.pass(1999ms);
  CHECK(outside.out.empty());
  outside.pass(1ms);
  CHECK(outside.out == std::vector<std::string>{"\"done\""});
  outside.strike(done, Kind::pause, 4s);
  outside.invoke();
  outside.pass(3s);
  CHECK(outside.out.back() == "timeout");
  CHECK(outside.child().killed());
  outside.pass(10s);
  CHECK(outside.out.size() == 2);
}

TEST_CASE(
    "faults: a function that does not answer ends at its time-out, before or after its work") {
  for (const FaultPoint point : {start, done}) {
    CAPTURE(to_string(point));
    const int calls = point == start ? 0 : 1;
    Inside inside;
    inside.strike(point, Kind::timeout);
    inside.invoke();
    inside.b.world.scheduler.run_for(2999ms);
    CHECK(inside.out.empty());
    inside.b.world.scheduler.run_for(1ms);
    CHECK(inside.out == std::vector<std::string>{"timeout"});
    CHECK(inside.calls == calls);

    Struck outside;
    outside.strike(point, Kind::timeout);
    const auto direct = outside.invoke();
    outside.pass(2999ms);
    CHECK(outside.out.empty());
    CHECK(outside.children.processes.running() == 1);
    outside.pass(1ms);
    CHECK(outside.out == std::vector<std::string>{"timeout"});
    CHECK(outside.invocations.size() == static_cast<std::size_t>(calls));
    CHECK(outside.child().killed());
    CHECK(json::parse(direct->error)["errorType"] == "Sandbox.Timedout");
    outside.invoke();
    CHECK(outside.out.back() == "\"done\"");
  }
}

TEST_CASE("faults: garbage comes as it is to whoever invoked, and is a 500 behind a route") {
  Inside inside;
  inside.strike(done, Kind::garbage);
  inside.invoke();
  REQUIRE(inside.out.size() == 1);
  CHECK_FALSE(json::accept(inside.out[0]));

  Struck outside;
  outside.strike(done, Kind::garbage);
  const auto direct = outside.invoke();
  REQUIRE(outside.out.size() == 1);
  CHECK_FALSE(json::accept(outside.out[0]));
  CHECK(direct->error.empty());
  CHECK_FALSE(outside.child().gone());

  for (Bench* b : {&inside.b, &outside.b}) {
    queue::Queue& q = b->make_queue({.name = "routes"});
    std::vector<Reply> replies;
    REQUIRE(b->functions
                ->add_source(q, {.queue = "routes", .function = "f"},
                             [&](const events::Event&, Result<Reply> outcome) {
                               replies.push_back(std::move(outcome).value());
                             })
                .has_value());
    b->faults.faults[done] = {{Kind::garbage, {}}};
    b->send(q, b->event("x"));
    b->settle();
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].status == 500);
    CHECK(replies[0].body == "{\"message\":\"Internal Server Error\"}");
    CHECK(q.depth().total() == 0);
  }
}

TEST_CASE("faults: garbage fails a batch as a whole if its answer is read, and else does nothing") {
  for (const bool reports : {true, false}) {
    CAPTURE(reports);
    Struck outside;
    queue::Queue& q = outside.b.make_queue({.name = "q", .visibility_timeout = 5s});
    REQUIRE(q.send({.body = "one"}).has_value());
    REQUIRE(q.send({.body = "two"}).has_value());
    outside.strike(done, Kind::garbage);
    outside.b.functions->map(batches_of(10, reports));
    outside.b.settle();
    CHECK(q.depth().total() == (reports ? 2 : 0));
    outside.pass(5s);
    CHECK(q.depth().total() == 0);
    CHECK(outside.invocations.size() == (reports ? 2 : 1));
  }
}

TEST_CASE(
    "faults: a partial batch brings its second half again, beside what the function reports") {
  Struck outside;
  queue::Queue& q = outside.b.make_queue({.name = "q", .visibility_timeout = 5s});
  for (const char* body : {"one", "two", "three", "four", "five"}) {
    REQUIRE(q.send({.body = body}).has_value());
  }
  outside.strike(FaultPoint::worker_batch_answered, Kind::partial_batch);
  outside.handler = [&](VirtualChild& child, const http::Response& next) {
    const auto ids = ids_of(next);
    outside.respond(child, next,
                    ids.size() < 5
                        ? R"({"batchItemFailures":[]})"
                        : R"({"batchItemFailures":[{"itemIdentifier":")" + ids[0] + "\"}]}");
  };
  outside.b.functions->map(batches_of(10, true));
  outside.b.settle();
  CHECK(bodies(q) == std::vector<std::string>{"five", "four", "one", "three"});
  outside.pass(5s);
  CHECK(q.depth().total() == 0);
  CHECK(outside.invocations.size() == 2);

  Inside inside;
  queue::Queue& r = inside.b.make_queue({.name = "q", .visibility_timeout = 5s});
  REQUIRE(r.send({.body = "only"}).has_value());
  inside.strike(FaultPoint::worker_batch_answered, Kind::partial_batch);
  inside.b.functions->map(batches_of(10, true));
  inside.b.settle();
  CHECK(inside.calls == 1);
  CHECK(r.depth().total() == 1);
  inside.b.world.scheduler.run_for(5s);
  CHECK(inside.calls == 2);
  CHECK(r.depth().total() == 0);
}

TEST_CASE("faults: a cold start throws the warm worker away") {
  Inside inside;
  inside.invoke();
  inside.invoke();
  inside.strike(start, Kind::cold_start);
  inside.invoke();
  inside.invoke();
  CHECK(inside.cold == std::vector<bool>{true, false, true, false});

  Struck outside;
  outside.invoke();
  outside.strike(start, Kind::cold_start);
  outside.invoke();
  CHECK(outside.out.size() == 2);
  REQUIRE(outside.children.processes.started().size() == 2);
  CHECK(outside.child(0).gone());
  CHECK_FALSE(outside.child(1).gone());
  outside.invoke();
  CHECK(outside.children.processes.started().size() == 2);
}

TEST_CASE("faults: an error after the work hides it, slowness delays its answer") {
  Inside inside;
  inside.strike(done, Kind::error);
  inside.invoke();
  CHECK(inside.calls == 1);
  CHECK(inside.out == std::vector<std::string>{"internal"});
  inside.strike(done, Kind::slow, 1s);
  inside.invoke();
  CHECK(inside.out.size() == 1);
  inside.b.world.scheduler.run_for(1s);
  CHECK(inside.out.back() == "\"done\"");
}

TEST_CASE("faults: a crash kills the worker outside, with what it has") {
  for (const FaultPoint point : {start, done}) {
    CAPTURE(to_string(point));
    Struck outside;
    outside.invoke();
    outside.strike(point, Kind::crash, 1s);
    outside.invoke();
    CHECK(outside.out.back() == "unavailable");
    CHECK(outside.child().killed());
    CHECK(outside.children.ports.open_ports() == 0);
    outside.invoke();
    CHECK(outside.out.back() == "\"done\"");
  }
}
