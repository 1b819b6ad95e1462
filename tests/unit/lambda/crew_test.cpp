// Functions that run outside: their workers are started, kept warm, replaced, reaped and ended.
#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

class Played;

// Plays the workers of one function: the test says what each does.
struct Stage {
  std::vector<Played*> alive;  // By their start.
  int made = 0, killed = 0;
  std::uint64_t version = 1;
  bool stubborn = false;  // Workers that do not end when they are asked to.
  bool starts = true;     // By themselves, soon.
};

class Played final : public Worker {
 public:
  Played(Stage& stage, Scheduler& scheduler, Workers::Callbacks callbacks)
      : stage_(stage), scheduler_(scheduler), callbacks_(std::move(callbacks)) {
    ++stage_.made;
    stage_.alive.push_back(this);
    if (stage_.starts) {
      scheduler_.post([this, weak = std::weak_ptr(life_)] {
        if (!weak.expired()) start();
      });
    }
  }
  ~Played() override {
    std::erase(stage_.alive, this);
    if (alive_) ++stage_.killed;
  }

  void invoke(std::shared_ptr<const Invocation> invocation, Completion done) override {
    REQUIRE_FALSE(done_);
    ids.push_back(invocation->id);
    invocation_ = std::move(invocation);
    done_ = std::move(done);
  }
  bool alive() const override { return alive_; }
  void stop() override {
    ++stops;
    if (stage_.stubborn) return;
    scheduler_.post([this, weak = std::weak_ptr(life_)] {
      if (!weak.expired()) end();
    });
  }

  void start(std::optional<Failure> failure = {}) {
    auto started = std::move(callbacks_.started);
    started(std::move(failure));
  }
  void answer(Result<Reply> outcome) { std::exchange(done_, nullptr)(std::move(outcome)); }
  void end() {
    alive_ = false;
    const std::weak_ptr<int> weak = life_;
    if (done_) answer(error(Errc::unavailable, "exited"));
    if (weak.expired()) return;
    Task ended = std::move(callbacks_.ended);
    ended();
  }
  const Invocation& invocation() const { return *invocation_; }
  bool busy() const { return static_cast<bool>(done_); }

  std::vector<Id> ids;
  int stops = 0;

 private:
  Stage& stage_;
  Scheduler& scheduler_;
  Workers::Callbacks callbacks_;
  bool alive_ = true;
  std::shared_ptr<const Invocation> invocation_;
  Completion done_;
  std::shared_ptr<int> life_ = std::make_shared<int>();
};

class PlayedWorkers final : public Workers {
 public:
  PlayedWorkers(Stage& stage, Scheduler& scheduler) : stage_(stage), scheduler_(scheduler) {}
  std::unique_ptr<Worker> start(Callbacks callbacks) override {
    return std::make_unique<Played>(stage_, scheduler_, std::move(callbacks));
  }
  std::uint64_t version() override { return stage_.version; }

 private:
  Stage& stage_;
  Scheduler& scheduler_;
};

struct Outside {
  explicit Outside(std::size_t concurrency = 10) {
    options.name = "f";
    options.concurrency_max = concurrency;
    options.retries_max = 0;
    options.idle_max = 60s;
  }
  void make() {
    auto workers = std::make_unique<PlayedWorkers>(stage, b.world.scheduler);
    REQUIRE(b.functions->create(options, std::move(workers)).has_value());
  }
  void invoke() {
    b.functions->invoke("f", {b.event("x")}, [this](Result<Reply> reply) {
      out.push_back(reply ? reply.value().body : std::string(to_string(reply.error().code)));
    });
    b.settle();
  }
  std::shared_ptr<Direct> direct() {
    auto it = std::make_shared<Direct>(Direct{.payload = "{}"});
    b.functions->invoke("f", it, [this](Result<Reply> reply) {
      out.push_back(reply ? reply.value().body : std::string(to_string(reply.error().code)));
    });
    b.settle();
    return it;
  }
  Played& worker(std::size_t i = 0) { return *stage.alive.at(i); }
  void wait(Duration duration) { b.world.scheduler.run_for(duration); }
  std::string metric(const std::string& name) const {
    const std::string text = b.telemetry.metrics();
    const std::size_t at = text.find("\n" + name + "{function=\"f\"} ");
    if (at == std::string::npos) return "none";
    const std::size_t from = text.find(' ', at) + 1;
    return text.substr(from, text.find('\n', from) - from);
  }

  Stage stage;  // Outlives the workers.
  Bench b;
  FunctionOptions options;
  std::vector<std::string> out;
};

Failure broken() {
  return {error(Errc::internal, "it could not start"), R"({"errorType":"Broken"})"};
}

}  // namespace

TEST_CASE("crew: a worker is started on demand, used again, and another only when it is busy") {
  Outside o(2);
  o.make();
  CHECK(o.stage.made == 0);
  o.invoke();
  REQUIRE(o.stage.made == 1);
  REQUIRE(o.worker().busy());
  CHECK(o.worker().invocation().cold);
  o.worker().answer(Reply{200, {}, "a"});
  o.invoke();
  CHECK(o.stage.made == 1);
  CHECK_FALSE(o.worker().invocation().cold);
  o.invoke();
  o.invoke();  // Waits.
  CHECK(o.stage.made == 2);
  CHECK(o.b.functions->running() == 3);
  o.worker(1).answer(Reply{200, {}, "b"});
  CHECK(o.worker(1).ids.size() == 2);
  o.worker(0).answer(Reply{200, {}, "c"});
  o.worker(1).answer(Reply{200, {}, "d"});
  CHECK(o.out == std::vector<std::string>{"a", "b", "c", "d"});
  o.invoke();
  CHECK(o.worker(1).busy());  // The last used.
  CHECK(o.metric("porteiro_function_cold_starts_total") == "2");
  CHECK(o.metric("porteiro_function_idle_workers") == "1");
}

TEST_CASE("crew: the time-out counts from the end of the start, and kills the worker") {
  Outside o;
  o.stage.starts = false;
  o.make();
  o.invoke();
  o.wait(7s);
  o.worker().start();
  CHECK(o.worker().invocation().deadline == o.b.world.scheduler.now() + 3s);
  o.wait(2999ms);
  CHECK(o.out.empty());
  o.wait(1ms);
  CHECK(o.out == std::vector<std::string>{"timeout"});
  CHECK(o.stage.alive.empty());
  CHECK(o.stage.killed == 1);
  CHECK(o.metric("porteiro_function_cold_start_microseconds_total") == "7000000");

  o.stage.starts = true;
  const auto direct = o.direct();
  o.wait(3s);
  CHECK(o.out.size() == 2);
  CHECK(direct->error.find("\"Sandbox.Timedout\"") != std::string::npos);
  CHECK(direct->error.find("Error: Task timed out after 3.00 seconds") != std::string::npos);
}

TEST_CASE(
    "crew: the crash of a busy worker ends its invocation at once, that of an idle one none") {
  Outside o;
  o.make();
  o.invoke();
  o.worker().end();
  CHECK(o.out == std::vector<std::string>{"unavailable"});
  CHECK(o.stage.alive.empty());
  CHECK(o.stage.killed == 0);
  o.invoke();
  o.worker().answer(Reply{200, {}, "a"});
  o.worker().end();
  CHECK(o.stage.alive.empty());
  o.invoke();
  CHECK(o.stage.made == 3);
  o.worker().answer(Reply{200, {}, "b"});
  CHECK(o.out.back() == "b");
}

TEST_CASE("crew: idle workers end by a timer") {
  Outside o;
  o.options.timeout = 900s;
  o.make();
  o.invoke();
  o.invoke();
  o.worker(0).answer(Reply{});
  o.wait(30s);
  o.worker(1).answer(Reply{});
  o.wait(29s);
  CHECK(o.stage.alive.size() == 2);
  o.wait(1s);
  REQUIRE(o.stage.alive.size() == 1);  // Asked, and ended.
  CHECK(o.stage.killed == 0);
  o.stage.stubborn = true;
  o.wait(30s);
  REQUIRE(o.stage.alive.size() == 1);
  CHECK(o.worker().stops == 1);
  o.invoke();
  CHECK(o.stage.made == 3);  // Who was asked to end gets nothing more.
  o.wait(1999ms);
  CHECK(o.stage.killed == 0);
  o.wait(1ms);
  CHECK(o.stage.killed == 1);
}

TEST_CASE("crew: workers of old code are replaced, a running invocation ends undisturbed") {
  Outside o;
  o.make();
  o.invoke();
  o.invoke();
  o.worker(0).answer(Reply{200, {}, "old"});
  o.stage.version = 2;
  o.invoke();
  CHECK(o.stage.made == 3);
  REQUIRE(o.stage.alive.size() == 2);
  CHECK(o.worker(0).busy());
  o.worker(0).answer(Reply{200, {}, "old and late"});
  o.worker(1).answer(Reply{200, {}, "new"});
  o.invoke();
  CHECK(o.stage.made == 3);
  REQUIRE(o.stage.alive.size() == 1);
  o.worker(0).answer(Reply{200, {}, "new again"});
  CHECK(o.out == std::vector<std::string>{"old", "old and late", "new", "new again"});
}

TEST_CASE("crew: starts that fail pause longer and longer, until new code comes") {
  Outside o;
  o.stage.starts = false;
  o.make();
  const auto direct = o.direct();
  o.worker().start(broken());
  CHECK(o.out == std::vector<std::string>{"internal"});
  CHECK(direct->error == R"({"errorType":"Broken"})");
  CHECK(o.stage.alive.empty());
  CHECK(o.stage.killed == 1);

  const auto told = o.direct();  // At once: nobody waits for a start that will fail.
  CHECK(o.out.size() == 2);
  CHECK(told->error == R"({"errorType":"Broken"})");
  CHECK(o.stage.made == 1);

  Duration pause = 100ms;
  for (int i = 2; i < 12; ++i) {
    o.wait(pause - 1ms);
    o.invoke();
    CHECK(o.stage.made == i - 1);
    o.wait(1ms);
    o.invoke();
    REQUIRE(o.stage.made == i);
    o.worker().start(broken());
    pause = std::min<Duration>(2 * pause, 10s);
  }
  CHECK(o.b.functions->running() == 0);
  o.stage.version = 2;
  o.stage.starts = true;
  o.invoke();
  REQUIRE(o.stage.alive.size() == 1);
  o.worker(0).answer(Reply{200, {}, "mended"});
  CHECK(o.out.back() == "mended");
}

TEST_CASE("crew: while starts fail, a queue keeps its messages") {
  Outside o;
  o.stage.starts = false;
  o.make();
  queue::Queue& q = o.b.make_queue({.name = "q", .visibility_timeout = 5s});
  o.b.functions->map({.id = Id{1, 1}, .queue = "q", .function = "f"});
  o.b.send(q, o.b.event("x"));
  o.b.settle();
  o.worker().start(broken());
  o.b.send(q, o.b.event("y"));
  o.b.settle();
  CHECK(q.depth().ready == 1);
  o.wait(100ms);
  CHECK(q.depth().ready == 0);
  REQUIRE(o.stage.alive.size() == 1);
  CHECK(o.worker().ids.empty());
}

TEST_CASE("crew: a function that cannot start holds up no other of the same queue") {
  Outside o(1);
  o.stage.starts = false;
  o.make();
  o.b.make(FunctionOptions{.name = "sound"},
           [](std::shared_ptr<const Invocation>, Services&, Completion done) {
             done(Reply{200, {}, "sound"});
           });
  queue::Queue& q = o.b.make_queue({.name = "q", .visibility_timeout = 30s});
  std::vector<std::string> replies;
  SourceOptions shared{.queue = "q"};
  shared.by_type = {{"broken", "f"}, {"sound", "sound"}};
  REQUIRE(o.b.functions
              ->add_source(q, shared,
                           [&](const events::Event&, Result<Reply> outcome) {
                             replies.emplace_back(outcome ? outcome.value().body
                                                          : to_string(outcome.error().code));
                           })
              .has_value());
  o.b.send(q, o.b.event("broken"), true);
  o.b.send(q, o.b.event("broken"), true);  // Waits for the only worker.
  o.b.settle();
  o.worker().start(broken());
  CHECK(replies == std::vector<std::string>{"internal", "internal"});
  o.b.send(q, o.b.event("broken"), true);
  o.b.send(q, o.b.event("broken"));
  o.b.send(q, o.b.event("sound"), true);
  o.b.settle();
  CHECK(replies == std::vector<std::string>{"internal", "internal", "internal", "sound"});
  CHECK(q.depth().total() == 1);  // The one that is kept comes again.
}

TEST_CASE("crew: a client that waits hears of a failure at once; a kept message is tried again") {
  for (const bool ephemeral : {true, false}) {
    CAPTURE(ephemeral);
    Outside o;
    o.make();
    queue::Queue& q = o.b.make_queue({.name = "q", .visibility_timeout = 5s});
    std::vector<std::string> replies;
    REQUIRE(o.b.functions
                ->add_source(q, {.queue = "q", .function = "f"},
                             [&](const events::Event&, Result<Reply> outcome) {
                               replies.emplace_back(outcome ? outcome.value().body
                                                            : to_string(outcome.error().code));
                             })
                .has_value());
    o.b.send(q, o.b.event("x"), ephemeral);
    o.b.settle();
    REQUIRE(o.worker().busy());
    CHECK(o.worker().invocation().route);
    CHECK(o.worker().invocation().queue == "q");
    CHECK(o.worker().invocation().deliveries.size() == 1);
    o.worker().answer(error(Errc::internal, "it failed"));
    CHECK(replies.size() == (ephemeral ? 1 : 0));
    CHECK(q.depth().total() == (ephemeral ? 0 : 1));
    o.wait(5s);
    if (ephemeral) continue;
    REQUIRE(o.worker().busy());
    o.worker().answer(Reply{200, {}, "done"});
    CHECK(replies == std::vector<std::string>{"done"});
  }
}

TEST_CASE("crew: a batch names its failures by the messages' ids") {
  Outside o;
  o.make();
  queue::Queue& q = o.b.make_queue({.name = "q", .visibility_timeout = 5s});
  for (const char* body : {"one", "two", "three"}) REQUIRE(q.send({.body = body}).has_value());
  o.b.functions->map({.id = Id{1, 1}, .queue = "q", .function = "f", .reports_failures = true});
  o.b.settle();
  const auto& deliveries = o.worker().invocation().deliveries;
  REQUIRE(deliveries.size() == 3);
  CHECK_FALSE(o.worker().invocation().route);
  const std::string second = to_uuid(deliveries[1].message.id);
  const std::string plain = to_text(deliveries[1].message.id);
  o.worker().answer(
      Reply{200, {}, R"({"batchItemFailures":[{"itemIdentifier":")" + plain + "\"}]}"});
  REQUIRE(q.depth().total() == 1);
  CHECK(q.peek(1)[0].message.body == "two");
}

TEST_CASE("crew: faults strike functions outside, too") {
  Outside o;
  o.make();
  auto& start = o.b.faults.faults[FaultPoint::worker_start];
  o.invoke();
  o.worker().answer(Reply{200, {}, "warm"});
  start = {{Fault::Kind::error, {}}};
  o.invoke();
  CHECK(o.out.back() == "internal");
  CHECK(o.stage.alive.size() == 1);
  start = {{Fault::Kind::slow, 500ms}};
  o.invoke();
  CHECK_FALSE(o.worker().busy());
  o.wait(500ms);
  REQUIRE(o.worker().busy());
  o.worker().answer(Reply{200, {}, "slow"});
  start = {{Fault::Kind::crash, 1s}};
  o.invoke();
  CHECK(o.out.back() == "unavailable");
  CHECK(o.stage.killed == 1);
  o.invoke();
  o.b.faults.faults[FaultPoint::worker_effect_done_ack_pending] = {{Fault::Kind::crash, 1s}};
  o.worker().answer(Reply{200, {}, "lost"});
  CHECK(o.out.back() == "unavailable");
  CHECK(o.stage.killed == 2);
  CHECK(o.stage.alive.empty());
}

TEST_CASE("crew: a stop waits for what runs, then ends the workers and kills those that stay") {
  for (const bool stubborn : {false, true}) {
    CAPTURE(stubborn);
    Outside o;
    o.stage.stubborn = stubborn;
    o.make();
    o.invoke();
    o.invoke();
    o.worker(0).answer(Reply{});
    bool stopped = false;
    o.b.functions->stop([&] { stopped = true; });
    o.b.settle();
    CHECK(o.stage.alive.size() == 2);
    o.worker(1).answer(Reply{});
    CHECK(o.out.size() == 2);
    o.b.settle();
    CHECK(stopped == !stubborn);
    o.wait(2s);
    CHECK(stopped);
    CHECK(o.stage.alive.empty());
    CHECK(o.stage.killed == (stubborn ? 2 : 0));
  }
}

TEST_CASE("crew: a function that is removed is gone when its last worker has ended") {
  for (const bool stubborn : {false, true}) {
    CAPTURE(stubborn);
    Outside o;
    o.stage.stubborn = stubborn;
    o.make();
    o.invoke();
    o.invoke();
    o.worker(0).answer(Reply{});
    bool gone = false;
    REQUIRE(o.b.functions->remove("f", [&] { gone = true; }).has_value());
    o.wait(2s);
    CHECK_FALSE(gone);
    o.worker(1).answer(Reply{});
    o.b.settle();
    CHECK(gone == !stubborn);
    o.wait(2s);
    CHECK(gone);
  }
}

TEST_CASE("crew: a queue's batches begin with five workers, and get five more each second") {
  Outside o(1000);
  o.make();
  queue::Queue& q = o.b.make_queue({.name = "q", .visibility_timeout = 60s});
  for (int i = 0; i < 100; ++i) REQUIRE(q.send({.body = "1"}).has_value());
  MappingOptions mapping;
  mapping.id = {1, 1};
  mapping.queue = "q";
  mapping.function = "f";
  mapping.batch_max = 1;
  o.b.functions->map(mapping);
  o.b.settle();
  CHECK(o.stage.alive.size() == 5);
  o.wait(1s);
  CHECK(o.stage.alive.size() == 10);
  o.wait(1s);
  CHECK(o.stage.alive.size() == 15);
  while (q.depth().total() > 0) {
    const auto busy = std::find_if(o.stage.alive.begin(), o.stage.alive.end(),
                                   [](const Played* worker) { return worker->busy(); });
    REQUIRE(busy != o.stage.alive.end());
    (*busy)->answer(Reply{});
    o.b.settle();
  }
  CHECK(o.stage.alive.size() == 15);  // Warm ones did the rest.
}

TEST_CASE("crew: workers that end before they get an invocation are not started for ever") {
  struct Doomed final : Worker {
    void invoke(std::shared_ptr<const Invocation>, Completion done) override {
      done(error(Errc::unavailable, "ended"));
    }
    bool alive() const override { return false; }
    bool never_began() const override { return true; }
    void stop() override {}
  };
  struct DoomedWorkers final : Workers {
    DoomedWorkers(Scheduler& scheduler_, int& starts_) : scheduler(scheduler_), starts(starts_) {}
    std::unique_ptr<Worker> start(Callbacks callbacks) override {
      REQUIRE(++starts < 100);
      scheduler.post([callbacks = std::make_shared<Callbacks>(std::move(callbacks))] {
        callbacks->started(std::nullopt);
      });
      return std::make_unique<Doomed>();
    }
    std::uint64_t version() override { return 1; }
    Scheduler& scheduler;
    int& starts;
  };
  Outside o;
  int starts = 0;
  auto workers = std::make_unique<DoomedWorkers>(o.b.world.scheduler, starts);
  REQUIRE(o.b.functions->create(o.options, std::move(workers)).has_value());
  o.invoke();
  CHECK(starts == 4);
  CHECK(o.out == std::vector<std::string>{"unavailable"});
}

TEST_CASE("crew: a reset ends all workers, busy ones too, and forgets their outcome") {
  Outside o;
  o.make();
  o.invoke();
  o.invoke();
  o.worker(0).answer(Reply{200, {}, "a"});
  o.b.functions->reset();
  CHECK(o.worker(1).stops == 1);
  o.b.settle();
  CHECK(o.stage.alive.empty());
  CHECK(o.out == std::vector<std::string>{"a"});
  o.invoke();
  REQUIRE(o.stage.alive.size() == 1);
  o.worker().answer(Reply{200, {}, "b"});
  CHECK(o.out.back() == "b");
  o.invoke();
  o.b.functions.reset();  // The end is as quiet, but kills.
  CHECK(o.stage.alive.empty());
  CHECK(o.out.size() == 2);
}

TEST_CASE("crew: an invocation of the service is not retried, and is an event in this process") {
  Bench b;
  std::vector<events::Event> seen;
  b.make(FunctionOptions{.name = "inside"},
         [&](std::shared_ptr<const Invocation> invocation, Services&, Completion done) {
           seen.push_back(invocation->event());
           done(error(Errc::unavailable, "not now"));
         });
  int ended = 0;
  for (const std::string& payload : {std::string("[1,2]"), events::to_json(b.event("sold"))}) {
    b.functions->invoke("inside", std::make_shared<Direct>(Direct{.payload = payload}),
                        [&](Result<Reply>) { ++ended; });
  }
  CHECK(ended == 2);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].type == "function.invoked");
  CHECK(seen[0].data == "[1,2]");
  CHECK(seen[1].type == "sold");
  // Whom it is for is never the payload's to say; what is masked stays so.
  events::Event given = b.event("sold");
  given.principal = "somebody";
  given.purpose = "anything";
  const auto invoke = [&](const Behalf& behalf) {
    const Direct direct{.payload = events::to_json(given), .behalf = behalf};
    b.functions->invoke("inside", std::make_shared<Direct>(direct), [](const Result<Reply>&) {});
    return seen.back();
  };
  CHECK(invoke({}).principal.empty());
  CHECK(invoke({}).purpose.empty());
  const events::Event shown = invoke({"credit", "shop", true});
  CHECK(shown.purpose == "credit");
  CHECK(shown.principal == "shop");
  CHECK(shown.masked);
  given.masked = true;
  CHECK(invoke({}).masked);
  bool told = false;
  b.functions->invoke("nobody", std::make_shared<Direct>(),
                      [&](Result<Reply> reply) { told = errc_of(reply) == Errc::not_found; });
  CHECK(told);
}
