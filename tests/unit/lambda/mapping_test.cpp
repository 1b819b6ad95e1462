// Event source mappings: batches of messages become invocations, outcomes decide what becomes of
// the messages.
#include <algorithm>

#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

struct Mapped : Bench {
  queue::Queue* q;

  explicit Mapped(queue::Options options = {.name = "q", .visibility_timeout = 5s}) {
    q = &make_queue(std::move(options));
  }
  void map(MappingOptions options) {
    options.id = mapping;
    options.queue = q->options().name;
    options.function = "f";
    functions->map(std::move(options));
  }
  static constexpr Id mapping{1, 1};
};

// Keeps what it gets, and its completions.
struct Recorder {
  std::vector<std::vector<std::string>> batches;
  std::vector<Completion> held;
  Registry::Handler handler() {
    return [this](std::shared_ptr<const Invocation> i, Services&, Completion done) {
      std::vector<std::string> batch;
      for (const events::Event& event : i->events) batch.push_back(event.data);
      batches.push_back(std::move(batch));
      held.push_back(std::move(done));
    };
  }
  void finish(Result<Reply> with = Reply{}) {
    for (std::size_t i = 0; i < held.size(); ++i) std::exchange(held[i], {})(with);
    held.clear();
  }
};

FunctionOptions options(std::string name, std::size_t concurrency = 1000) {
  FunctionOptions o;
  o.name = std::move(name);
  o.concurrency_max = concurrency;
  return o;
}

Pattern pattern(const char* text) { return Pattern::parse(text).value(); }

std::string naming(const std::vector<std::string>& ids) {
  json items = json::array();
  for (const std::string& id : ids) items.push_back({{"itemIdentifier", id}});
  return json{{"batchItemFailures", items}}.dump();
}

}  // namespace

TEST_CASE("mapping: what clients send as they like comes as an event's data") {
  Mapped b;
  std::vector<events::Event> seen;
  b.make(options("f"), [&](auto invocation, Services&, Completion done) {
    seen.push_back(invocation->event());
    done(Reply{});
  });
  b.map({.batch_max = 1});
  const Id id = b.q->send({.body = "{\"a\":1}"}).value().id;
  REQUIRE(b.q->send({.body = "plain \"text\""}).has_value());
  b.settle();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].id == id);
  CHECK(seen[0].type == "message.received");
  CHECK(seen[0].source == "/porteiro/queue/q");
  CHECK(seen[0].data == "{\"a\":1}");
  CHECK(seen[1].data == "\"plain \\\"text\\\"\"");
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("mapping: a batch is full, or its window has ended") {
  Mapped b;
  std::vector<std::size_t> sizes;
  b.make(options("f"), [&](std::shared_ptr<const Invocation> i, Services&, Completion done) {
    sizes.push_back(i->events.size());
    done(Reply{});
  });
  b.map({.batch_max = 3, .window = 1s});
  b.send(*b.q, b.event("x"));
  b.world.scheduler.run_for(900ms);
  CHECK(sizes.empty());
  b.send(*b.q, b.event("x"));
  b.world.scheduler.run_for(100ms);
  CHECK(sizes == std::vector<std::size_t>{2});
  for (int i = 0; i < 7; ++i) b.send(*b.q, b.event("x"));
  b.settle();
  CHECK(sizes == std::vector<std::size_t>{2, 3, 3});
  bool stopped = false;
  b.functions->stop([&] { stopped = true; });  // Does not wait for the window.
  b.settle();
  CHECK(sizes == std::vector<std::size_t>{2, 3, 3, 1});
  CHECK(stopped);
  CHECK(b.q->depth().total() == 0);
  b.send(*b.q, b.event("x"));
  b.settle();
  CHECK(b.q->depth().ready == 1);
}

TEST_CASE("mapping: a window holds a worker, and gives it back when nothing comes of it") {
  Mapped b;
  std::size_t calls = 0;
  b.make(options("f", 1), [&](auto, Services&, Completion done) {
    ++calls;
    done(Reply{});
  });
  b.map({.batch_max = 3, .window = 1s});
  REQUIRE(b.q->send({.body = "\xff"}).has_value());
  b.settle();
  bool replied = false;
  b.functions->invoke("f", {b.event("x")}, [&](Result<Reply>) { replied = true; });
  CHECK_FALSE(replied);
  b.world.scheduler.run_for(1s);
  CHECK(replied);
  CHECK(calls == 1);
}

TEST_CASE("mapping: a batch fails as a whole, or in the parts that its reply names") {
  Mapped b;
  std::vector<events::Event> seen;
  std::function<Result<Reply>(const Invocation&)> how;
  b.make(options("f"), [&](std::shared_ptr<const Invocation> i, Services&, Completion done) {
    seen = i->events;
    done(how(*i));
  });
  b.map({.reports_failures = true});
  const auto left_after = [&](std::function<Result<Reply>(const Invocation&)> next) {
    b.q->purge();
    how = std::move(next);
    for (int i = 0; i < 3; ++i) b.send(*b.q, b.event("x"));
    b.settle();
    REQUIRE(seen.size() == 3);
    return b.q->depth().total();
  };
  const auto naming = [](std::string id) {
    return [id](const Invocation& i) -> Result<Reply> {
      const json body{
          {"batchItemFailures", {{{"itemIdentifier", id.empty() ? to_text(i.events[1].id) : id}}}}};
      return Reply{200, "application/json", body.dump()};
    };
  };
  CHECK(left_after([](auto&) { return Reply{}; }) == 0);
  CHECK(left_after([](auto&) -> Result<Reply> { return error(Errc::invalid, "no"); }) == 0);
  CHECK(left_after([](auto&) { return Reply{200, {}, "{\"batchItemFailures\":[]}"}; }) == 0);
  CHECK(left_after(naming("")) == 1);
  CHECK(b.q->peek(1)[0].message.body.find(to_text(seen[1].id)) != std::string::npos);
  CHECK(left_after(naming("unknown")) == 3);
  CHECK(left_after([](auto&) { return Reply{500, {}, "{}"}; }) == 0);
  CHECK(left_after([](auto&) -> Result<Reply> { return error(Errc::stale, "no"); }) == 0);
}

TEST_CASE("mapping: reset forgets what was held; afterwards messages flow again") {
  Mapped b;
  std::size_t events = 0;
  b.make(options("f", 1), [&](std::shared_ptr<const Invocation> i, Services&, Completion done) {
    events += i->events.size();
    done(Reply{});
  });
  b.map({.batch_max = 3, .window = 1s});
  b.send(*b.q, b.event("x"));
  b.settle();
  b.functions->reset();
  b.queues->reset();
  b.world.scheduler.run_for(2s);
  CHECK(events == 0);
  b.send(*b.q, b.event("x"));
  b.world.scheduler.run_for(2s);
  CHECK(events == 1);
}

TEST_CASE("mapping: no more batches at a time than it may have") {
  Mapped b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  b.map({.batch_max = 2, .concurrency_max = 2});
  for (int i = 0; i < 9; ++i) REQUIRE(b.q->send({.body = std::to_string(i)}).has_value());
  b.settle();
  CHECK(recorder.held.size() == 2);
  CHECK(b.q->depth().in_flight == 4);
  recorder.finish();
  b.settle();
  CHECK(recorder.batches.size() >= 4);
  while (!recorder.held.empty()) {
    CHECK(recorder.held.size() <= 2);
    recorder.finish();
    b.settle();
  }
  CHECK(recorder.batches.size() == 5);
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("mapping: what no filter lets through is deleted, the rest is handed on") {
  Mapped b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  b.map({.filters = {pattern(R"({"body":{"kind":["sale"]}})"),
                     pattern(R"({"body":[{"prefix":"urgent"}]})")}});
  for (const char* body : {R"({"kind":"sale"})", R"({"kind":"gift"})", "urgent: x", "other"}) {
    REQUIRE(b.q->send({.body = body}).has_value());
  }
  b.settle();
  CHECK(recorder.batches ==
        std::vector<std::vector<std::string>>{{R"({"kind":"sale"})", R"("urgent: x")"}});
  CHECK(b.q->depth().total() == 2);
  CHECK(b.telemetry.metrics().find("porteiro_function_filtered_messages_total{queue=\"q\"} 2") !=
        std::string::npos);
  recorder.finish();
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("mapping: a window counts what passes the filters") {
  Mapped b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  b.map({.batch_max = 2, .window = 1s, .filters = {pattern(R"({"body":["yes"]})")}});
  for (const char* body : {"no", "no", "yes"}) REQUIRE(b.q->send({.body = body}).has_value());
  b.world.scheduler.run_for(900ms);
  CHECK(recorder.batches.empty());
  REQUIRE(b.q->send({.body = "yes"}).has_value());
  b.settle();
  CHECK(recorder.batches.size() == 1);
}

TEST_CASE("mapping: a batch that would be too large for an invocation becomes several") {
  Mapped b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  const std::string mebibyte(1'000'000, 'x');
  for (int i = 0; i < 7; ++i) REQUIRE(b.q->send({.body = mebibyte}).has_value());
  b.map({.batch_max = 10});
  b.settle();
  REQUIRE(recorder.batches.size() == 2);
  CHECK(recorder.batches[0].size() == 5);
  CHECK(recorder.batches[1].size() == 2);
  recorder.finish();
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("mapping: without ReportBatchItemFailures a reply says nothing of the messages") {
  Mapped b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  b.map({});
  const Id id = b.q->send({.body = "x"}).value().id;
  b.settle();
  recorder.finish(Reply{200, {}, naming({to_text(id)})});
  CHECK(b.q->depth().total() == 0);
}

// Goal: the groups of a FIFO queue stay in order if the function stops at the first failure, and a
// function that does not is told so.
TEST_CASE("mapping: on a FIFO queue a function stops at the first failure") {
  Mapped b({.name = "q.fifo", .visibility_timeout = 5s, .fifo = true});
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  std::vector<std::string> ids;
  for (const char* body : {"1", "2", "3"}) {
    ids.push_back(
        to_text(b.q->send({.body = body, .group = "g", .deduplication_id = body}).value().id));
  }
  b.map({.reports_failures = true});
  b.settle();
  REQUIRE(recorder.batches == std::vector<std::vector<std::string>>{{"1", "2", "3"}});
  SUBCASE("it reports all that follow") {
    recorder.finish(Reply{200, {}, naming({ids[1], ids[2]})});
    CHECK(b.records(telemetry::Kind::note).empty());
    b.world.scheduler.run_for(6s);
    REQUIRE(recorder.batches.size() == 2);
    CHECK(recorder.batches[1] == std::vector<std::string>{"2", "3"});
  }
  SUBCASE("it reports one of them") {
    recorder.finish(Reply{200, {}, naming({ids[1]})});
    CHECK(b.records(telemetry::Kind::note).size() == 1);
    CHECK(b.q->depth().total() == 1);
  }
}

TEST_CASE("mapping: another set of options takes over while a batch of the old ones runs") {
  Mapped b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  b.map({.batch_max = 1, .concurrency_max = 1});
  for (const char* body : {"1", "2"}) REQUIRE(b.q->send({.body = body}).has_value());
  b.settle();
  REQUIRE(recorder.batches.size() == 1);
  b.map({.batch_max = 5});
  b.settle();
  CHECK(recorder.batches.size() == 2);
  recorder.finish();
  b.settle();
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("mapping: one that is removed takes no more, and its last batch ends as ever") {
  Mapped b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  b.map({.batch_max = 1});
  REQUIRE(b.q->send({.body = "1"}).has_value());
  b.settle();
  b.functions->unmap(b.mapping);
  b.functions->unmap(b.mapping);
  REQUIRE(b.q->send({.body = "2"}).has_value());
  b.settle();
  CHECK(recorder.batches.size() == 1);
  recorder.finish(error(Errc::internal, "no"));
  b.settle();
  CHECK(b.q->depth().ready == 1);
  CHECK(b.q->depth().in_flight == 1);
}

TEST_CASE("mapping: a function may come later, and go and come again") {
  Mapped b;
  Recorder first, second;
  b.map({.batch_max = 1, .window = 1s});
  REQUIRE(b.q->send({.body = "1"}).has_value());
  b.settle();
  CHECK(b.q->depth().ready == 1);
  b.make(options("f"), first.handler());
  b.settle();
  REQUIRE(first.batches.size() == 1);
  REQUIRE(b.functions->remove("f").has_value());
  b.make(options("f"), second.handler());
  REQUIRE(b.q->send({.body = "2"}).has_value());
  b.settle();
  first.finish();
  second.finish();
  CHECK(second.batches == std::vector<std::vector<std::string>>{{"2"}});
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("mapping: what a window holds waits for the function that takes the place of another") {
  Mapped b;
  Recorder first, second;
  b.make(options("f"), first.handler());
  b.map({.batch_max = 5, .window = 2s});
  REQUIRE(b.q->send({.body = "1"}).has_value());
  b.world.scheduler.run_for(1s);
  REQUIRE(b.functions->remove("f").has_value());
  b.make(options("f"), second.handler());
  b.world.scheduler.run_for(1s);
  CHECK(first.batches.empty());
  CHECK(second.batches == std::vector<std::vector<std::string>>{{"1"}});
  second.finish();
  b.settle();
  CHECK(b.q->depth().total() == 0);

  REQUIRE(b.q->send({.body = "2"}).has_value());
  b.world.scheduler.run_for(1s);
  REQUIRE(b.functions->remove("f").has_value());
  CHECK(b.q->depth().in_flight == 1);
  b.world.scheduler.run_for(1s);
  CHECK(b.q->depth().ready == 1);  // Nobody came: given back at once.
}

TEST_CASE("mapping: one that is removed outlives the functions it fed") {
  Mapped b;
  Recorder first;
  b.make(options("f"), first.handler());
  b.map({.batch_max = 1});
  REQUIRE(b.q->send({.body = "1"}).has_value());
  b.settle();
  REQUIRE(first.batches.size() == 1);
  REQUIRE(b.functions->remove("f").has_value());
  b.make(options("f"), Recorder().handler());
  b.functions->unmap(b.mapping);
  REQUIRE(b.functions->remove("f").has_value());
  b.settle();
  first.finish();
  b.settle();
  CHECK(b.q->depth().total() == 0);
}

TEST_CASE("mapping: a client's queue may go, and come again") {
  Bench b;
  Recorder recorder;
  b.make(options("f"), recorder.handler());
  b.functions->map({.id = Id{1, 1}, .queue = "later", .function = "f"});
  const auto send = [&](const char* body) {
    REQUIRE(b.queues->find("later")->send({.body = body}).has_value());
    b.world.scheduler.run_for(2s);
  };
  REQUIRE(b.queues->create({.name = "later"}).has_value());
  send("1");
  CHECK(recorder.batches.size() == 1);
  REQUIRE(b.queues->remove("later").has_value());
  recorder.finish();  // The message has gone with its queue.
  b.world.scheduler.run_for(2s);
  REQUIRE(b.queues->create({.name = "later"}).has_value());
  send("2");
  REQUIRE(recorder.batches.size() == 2);
  recorder.finish();
  CHECK(b.queues->find("later")->depth().total() == 0);
}
