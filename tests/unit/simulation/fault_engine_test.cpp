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

TEST_CASE("faults: a probability is kept to") {
  Bench bench(R"([{"id": "t", "fault": "kms.throttle", "probability": 0.02}])");
  const int struck = bench.strikes(FaultPoint::kms_call, "vault", 50'000);
  CHECK(struck > 850);
  CHECK(struck < 1150);
}
