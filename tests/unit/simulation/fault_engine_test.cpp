// Goal: a fault strikes where, when and how often the scenario says, and no longer once healed.
#include "simulation/fault_engine.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::simulation;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct Bench {
  explicit Bench(const char* faults) : engine(world.scheduler, json::parse(faults), Random(1)) {
    engine.begin(world.scheduler.now());
  }
  int strikes(FaultPoint point, std::string_view target, int times) {
    int struck = 0;
    for (int i = 0; i < times; ++i) struck += engine.strike(point, target) ? 1 : 0;
    return struck;
  }
  virtual_world::World world;
  FaultEngine engine;
};

}  // namespace

TEST_CASE("faults: `nth` counts the passes of its own target and point") {
  Bench bench(R"([{"id": "c", "fault": "worker.crash", "target": "f", "restart": "800ms",
                   "when": {"point": "worker.effect_done_ack_pending", "nth": [2, 4]}}])");
  const FaultPoint point = FaultPoint::worker_effect_done_ack_pending;
  CHECK(bench.strikes(point, "other", 10) == 0);
  CHECK_FALSE(bench.engine.strike(point, "f"));
  const Fault second = bench.engine.strike(point, "f");
  CHECK(second.kind == Fault::Kind::crash);
  CHECK(second.delay == 800ms);
  CHECK(bench.strikes(point, "f", 10) == 1);
  CHECK(bench.engine.reached("fault:c") == 2U);
  CHECK(bench.engine.reached("worker.effect_done_ack_pending") == 22U);
  CHECK_FALSE(bench.engine.reached("fault:unknown").has_value());
}

TEST_CASE("faults: `at` and `for` bound the time, and healing ends it") {
  Bench bench(R"([{"id": "slow", "fault": "store.latency", "target": "A", "at": "2s", "for": "1s",
                   "add": {"p50": "5ms", "p99": "50ms"}}])");
  CHECK(bench.strikes(FaultPoint::store_read, "A", 5) == 0);
  bench.world.scheduler.run_for(2s);
  CHECK(bench.engine.strike(FaultPoint::store_read, "A").delay >= 2500us);
  CHECK(bench.strikes(FaultPoint::store_write, "A", 5) == 5);
  CHECK(bench.strikes(FaultPoint::store_write, "B", 5) == 0);
  bench.engine.heal("slow");
  CHECK(bench.strikes(FaultPoint::store_read, "A", 5) == 0);
}

TEST_CASE("faults: each fault of queues strikes where it belongs, as what it is") {
  Bench bench(R"([{"id": "r", "fault": "queue.reorder", "target": "a", "probability": 1},
                  {"id": "d", "fault": "queue.drop_ack", "probability": 1},
                  {"id": "p", "fault": "queue.poison", "target": "b", "probability": 1},
                  {"id": "t", "fault": "queue.throttle", "target": "c", "probability": 1},
                  {"id": "u", "fault": "queue.throttle", "target": "d",
                   "when": {"point": "queue.receive", "nth": [2]}}])");
  const auto kind = [&](FaultPoint point, std::string_view target) {
    return bench.engine.strike(point, target).kind;
  };
  using Kind = Fault::Kind;
  CHECK(kind(FaultPoint::queue_receive, "a") == Kind::reorder);
  CHECK(kind(FaultPoint::queue_send, "a") == Kind::none);
  CHECK(kind(FaultPoint::queue_delete, "a") == Kind::drop_ack);
  CHECK(kind(FaultPoint::queue_send, "b") == Kind::poison);
  CHECK(kind(FaultPoint::queue_receive, "b") == Kind::none);
  CHECK(kind(FaultPoint::queue_send, "c") == Kind::throttle);
  CHECK(kind(FaultPoint::queue_receive, "c") == Kind::throttle);
  CHECK(kind(FaultPoint::queue_send, "d") == Kind::none);
  CHECK(kind(FaultPoint::queue_receive, "d") == Kind::none);
  CHECK(kind(FaultPoint::queue_receive, "d") == Kind::throttle);
  CHECK(bench.engine.reached("queue.delete") == 1U);
}

TEST_CASE("faults: each fault of workers strikes where it belongs, as what it is") {
  using Kind = Fault::Kind;
  const auto struck = [](const char* fault, FaultPoint at) {
    const std::string extra =
        std::string_view(fault) == "worker.pause" ? R"(, "add": {"p50": "1s", "p99": "1s"})" : "";
    Bench bench((R"([{"id": "it", "fault": ")" + std::string(fault) + R"(", "target": "f",
                      "probability": 1)" +
                 extra + "}]")
                    .c_str());
    for (const FaultPoint point : {FaultPoint::worker_start, FaultPoint::worker_batch_answered,
                                   FaultPoint::worker_effect_done_ack_pending}) {
      CHECK(bench.strikes(point, "other", 1) == 0);
      if (point != at) CHECK(bench.strikes(point, "f", 1) == 0);
    }
    return bench.engine.strike(at, "f");
  };
  const Fault pause = struck("worker.pause", FaultPoint::worker_effect_done_ack_pending);
  CHECK(pause.kind == Kind::pause);
  CHECK(pause.delay >= 500ms);
  CHECK(struck("worker.timeout", FaultPoint::worker_start).kind == Kind::timeout);
  CHECK(struck("worker.cold_start", FaultPoint::worker_start).kind == Kind::cold_start);
  CHECK(struck("worker.garbage", FaultPoint::worker_effect_done_ack_pending).kind == Kind::garbage);
  CHECK(struck("worker.partial_batch", FaultPoint::worker_batch_answered).kind ==
        Kind::partial_batch);
}

TEST_CASE("faults: a probability is kept to") {
  Bench bench(R"([{"id": "t", "fault": "kms.throttle", "probability": 0.02}])");
  const int struck = bench.strikes(FaultPoint::kms_call, "vault", 50'000);
  CHECK(struck > 850);
  CHECK(struck < 1150);
}
