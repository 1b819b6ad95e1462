// How reads and writes pass through a store: grouping, order, bounds, latency, faults and reset.
#include <doctest/doctest.h>

#include "unit/stores/store_support.hpp"

namespace porteiro::stores::test {
namespace {

write::Append movement(int number) { return {"trail", cpf_a, "movements", number}; }

TEST_CASE("store flow: the writes of a turn share one commit, those during a commit the next") {
  StoreFixture f;
  f.open(Fixture::options(), false);
  std::vector<int> order;
  const auto write = [&](int number) {
    Batch batch;
    batch.writes.push_back(movement(number));
    f.store->batch(std::move(batch), Id{}, [&order, number](Result<Committed> result) {
      CHECK(result.has_value());
      order.push_back(number);
    });
  };
  write(1);
  write(2);
  f.world.scheduler.run_until_idle();
  REQUIRE(f.lane.held.size() == 1);
  write(3);
  write(4);
  write(5);
  f.world.scheduler.run_until_idle();
  CHECK(f.lane.held.size() == 1);  // One commit at a time.
  CHECK(order.empty());
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  CHECK(order == std::vector<int>{1, 2});
  REQUIRE(f.lane.held.size() == 1);
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  CHECK(order == std::vector<int>{1, 2, 3, 4, 5});
  CHECK(f.engine->commits == std::vector<std::size_t>{2, 3});
  CHECK(f.read("trail", cpf_a)["movements"] == json({3, 4, 5}));
}

// Goal: a write that waits for KMS keeps its place before those that do not.
TEST_CASE("store flow: writes are committed in the order of their calls") {
  StoreFixture f;
  f.open();
  std::vector<std::string> told;
  const auto follower =
      f.store->follow([&](const Change& change) { told.push_back(change.collection); });
  f.faults.calls = {{Fault::Kind::slow, 1s}};
  const auto slow = f.begin(write::Put{"person", ana()});
  const auto quick = f.begin(movement(1));
  f.world.scheduler.run_for(999ms);
  CHECK_FALSE(quick->has_value());
  f.world.scheduler.run_for(1ms);
  CHECK((*slow)->has_value());
  CHECK((*quick)->has_value());
  CHECK(told == std::vector<std::string>{"person", "trail"});
}

TEST_CASE("store flow: one transaction that fails leaves its neighbours alone") {
  StoreFixture f;
  f.open();
  const auto good = f.begin(movement(1));
  const auto bad = f.begin(write::Put{"debt", debt_of(cpf_a)});  // No such person.
  const auto late = f.begin(movement(2));
  f.world.scheduler.run_until_idle();
  CHECK((*good)->has_value());
  CHECK(errc_of(**bad) == Errc::conflict);
  CHECK((*late)->has_value());
}

TEST_CASE("store flow: writes beyond the bound are refused, reads go on") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.writes_max = 3;
  f.open(std::move(options), false);
  std::vector<std::shared_ptr<std::optional<Result<Committed>>>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(f.begin(movement(i)));
  f.world.scheduler.run_until_idle();
  CHECK_FALSE(answers[2]->has_value());
  REQUIRE(answers[3]->has_value());
  CHECK(errc_of(**answers[3]) == Errc::limit_exceeded);
  CHECK(f.get("trail", cpf_a).has_value());
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  CHECK((*answers[2])->has_value());
  CHECK(f.batch({{movement(9)}, {}}).has_value());
}

TEST_CASE("store flow: modelled latencies apply in virtual time only") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.read = {1ms, 8ms};
  options.write = {3ms, 15ms};
  f.open(options);
  const auto timed = [&](auto call) {
    const Time start = f.world.scheduler.now();
    REQUIRE(call().has_value());
    return f.world.scheduler.now() - start;
  };
  const auto write = [&] { return f.batch({{movement(1)}, {}}); };
  const auto read = [&] { return f.get("trail", cpf_a); };
  CHECK(timed(write) == 0ns);  // Live.
  CHECK(timed(read) == 0ns);
  f.environment.modelled = true;
  for (int i = 0; i < 50; ++i) {
    const Duration writing = timed(write), reading = timed(read);
    CHECK(writing >= 1500us);
    CHECK(writing <= 22500us);
    CHECK(reading >= 500us);
    CHECK(reading <= 12ms);
    CHECK(timed([&] { return f.query("trail"); }) >= 500us);
  }
}

TEST_CASE("store flow: faults refuse or slow reads and writes; a refused write does nothing") {
  StoreFixture f;
  f.open();
  REQUIRE(f.batch({{movement(1)}, {}}).has_value());
  f.faults.writes = {{Fault::Kind::error, 5ms}, {Fault::Kind::slow, 7ms}};
  f.faults.reads = {{Fault::Kind::error, {}}, {Fault::Kind::error, {}}, {Fault::Kind::delay, 3ms}};
  Time start = f.world.scheduler.now();
  CHECK(errc_of(f.batch({{movement(2)}, {}})) == Errc::unavailable);
  CHECK(f.world.scheduler.now() - start == 5ms);
  CHECK(f.engine->commits.size() == 1);
  start = f.world.scheduler.now();
  CHECK(f.batch({{movement(3)}, {}}).has_value());
  CHECK(f.world.scheduler.now() - start == 7ms);
  CHECK(errc_of(f.get("trail", cpf_a)) == Errc::unavailable);
  CHECK(errc_of(f.query("trail")) == Errc::unavailable);
  start = f.world.scheduler.now();
  CHECK(f.read("trail", cpf_a)["movements"] == json({1, 3}));
  CHECK(f.world.scheduler.now() - start == 3ms);
}

TEST_CASE("store flow: every read and write leaves a record and counts") {
  StoreFixture f;
  f.open();
  const Id trace{1, 2};
  std::vector<telemetry::Record> records;
  f.telemetry.listen([&](const telemetry::Record& record) { records.push_back(record); });
  f.faults.writes = {{Fault::Kind::slow, 7ms}};
  bool done = false;
  f.store->batch({{movement(1)}, {}}, trace, [&](auto) { done = true; });
  f.world.scheduler.run_until_idle();
  f.store->get("nothing", "x", trace, [&](auto) {});
  f.store->query("trail", {}, trace, [&](auto) {});
  f.world.scheduler.run_until_idle();
  REQUIRE(done);
  REQUIRE(records.size() == 3);
  CHECK(records[0].kind == telemetry::Kind::store_written);
  CHECK(records[0].trace == trace);
  CHECK(f.telemetry.name(records[0].name) == "A");
  CHECK(records[0].value == 0);
  CHECK(records[0].extra == 7'000'000);
  std::vector<std::uint64_t> outcomes{records[1].value, records[2].value};
  std::sort(outcomes.begin(), outcomes.end());
  CHECK(outcomes == std::vector<std::uint64_t>{0, 1 + static_cast<std::uint64_t>(Errc::invalid)});
  CHECK(f.telemetry.counter("porteiro_store_reads_total", "store=\"A\"") == 2);
  CHECK(f.telemetry.counter("porteiro_store_writes_total", "store=\"A\"") == 1);
}

TEST_CASE("store flow: completions that call the store, drop followers or end it are safe") {
  StoreFixture f;
  f.open();
  std::shared_ptr<Store::Follower> second;
  int told = 0;
  const auto first = f.store->follow([&](const Change&) { second.reset(); });
  second = f.store->follow([&](const Change&) { ++told; });
  int writes = 0;
  f.store->batch({{movement(1)}, {}}, Id{}, [&](auto) {
    f.store->batch({{movement(2)}, {}}, Id{}, [&](auto) { ++writes; });
    f.store->get("trail", cpf_a, Id{}, [&](auto) { ++writes; });
  });
  f.world.scheduler.run_until_idle();
  CHECK(writes == 2);
  CHECK(told == 0);
  for (int i = 0; i < 3; ++i) {
    f.store->get("trail", cpf_a, Id{}, [&](auto) { f.store.reset(); });
  }
  f.world.scheduler.run_until_idle();
  CHECK(f.store == nullptr);
}

TEST_CASE("store flow: a store that dies answers no one and leaves its lane in peace") {
  StoreFixture f;
  f.open(Fixture::options(), false);
  int answers = 0;
  f.store->batch({{movement(1)}, {}}, Id{}, [&](auto) { ++answers; });
  f.world.scheduler.run_until_idle();
  f.faults.reads = {{Fault::Kind::slow, 1s}};
  f.store->get("trail", cpf_a, Id{}, [&](auto) { ++answers; });
  f.store->get("trail", cpf_a, Id{}, [&](auto) { ++answers; });
  f.store.reset();
  f.engine.reset();
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  CHECK(answers == 0);
}

TEST_CASE("store flow: reset empties the store and ends what is under way") {
  StoreFixture f;
  f.open();
  REQUIRE(f.put("person", ana()).has_value());
  const auto waiting = f.begin(movement(1));
  f.faults.writes = {{Fault::Kind::slow, 1s}};
  const auto slow = f.begin(movement(2));
  REQUIRE(f.store->reset().has_value());
  f.world.scheduler.run_until_idle();
  CHECK(errc_of(**waiting) == Errc::unavailable);
  CHECK(errc_of(**slow) == Errc::unavailable);
  CHECK(f.store->last_sequence() == 0);
  CHECK_FALSE(f.get("person", cpf_a).value().has_value());
  REQUIRE(f.put("person", ana()).has_value());  // With a new key that is in the store.
  f.world.scheduler.run_for(6min);
  CHECK(f.read("person", cpf_a)["segment"] == "retail");
}

TEST_CASE(
    "store flow: a reset during a commit waits for the lane, and all after it for the reset") {
  StoreFixture f;
  f.open(Fixture::options(), false);
  REQUIRE(f.put("person", ana()).has_value());
  std::vector<Change> told;
  const auto follower = f.store->follow([&](const Change& change) { told.push_back(change); });
  const auto under_way = f.begin(movement(1));
  f.world.scheduler.run_until_idle();
  REQUIRE(f.lane.held.size() == 1);
  REQUIRE(f.store->reset().has_value());
  CHECK(f.store->last_sequence() == 0);
  CHECK(errc_of(f.store->changes(1, 10)) == Errc::stale);
  const auto after = f.begin(write::Put{"person", ana()});  // Its key must not be the old one.
  std::optional<Result<std::optional<Record>>> got;
  f.store->get("trail", cpf_a, Id{}, [&](auto result) { got.emplace(std::move(result)); });
  f.world.scheduler.run_until_idle();
  CHECK(errc_of(**under_way) == Errc::unavailable);
  CHECK_FALSE(after->has_value());
  CHECK_FALSE(got.has_value());
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  REQUIRE(got.has_value());
  CHECK_FALSE(got->value().has_value());  // Emptied before it was read.
  REQUIRE(f.lane.held.size() == 1);
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  REQUIRE(after->has_value());
  CHECK((*after)->has_value());
  CHECK(told.size() == 1);
  f.world.scheduler.run_for(6min);
  CHECK(f.read("person", cpf_a)["segment"] == "retail");
}

TEST_CASE("store flow: a store that cannot be emptied answers no one until it can") {
  StoreFixture f;
  f.open();
  REQUIRE(f.batch({{movement(1)}, {}}).has_value());
  f.engine->clear_error = error(Errc::unavailable, "the disk is full");
  CHECK(errc_of(f.store->reset()) == Errc::unavailable);
  CHECK(errc_of(f.get("trail", cpf_a)) == Errc::unavailable);
  CHECK(errc_of(f.query("trail")) == Errc::unavailable);
  CHECK(errc_of(f.batch({{movement(1)}, {}})) == Errc::unavailable);
  f.engine->clear_error.reset();
  CHECK(f.store->reset().has_value());
  CHECK_FALSE(f.get("trail", cpf_a).value().has_value());
}

}  // namespace
}  // namespace porteiro::stores::test
