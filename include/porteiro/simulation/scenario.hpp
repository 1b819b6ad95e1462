// A scenario: traffic, faults and checks over a config, and one verdict. The same file runs in
// virtual time and live.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"
#include "porteiro/config/config.hpp"
#include "porteiro/lambda/function.hpp"
#include "porteiro/simulation/host.hpp"
#include "porteiro/telemetry/cost.hpp"

namespace porteiro::simulation {

// The exit codes; the worst wins, in the order of `severity`.
enum class Outcome : int {
  pass = 0,
  failed = 1,
  usage = 2,
  invalid = 3,
  environment = 4,
  unknown = 5,
  not_deterministic = 6,
  limit = 7,
  internal = 70,
  interrupted = 130
};
Outcome worse(Outcome a, Outcome b);

enum class Verdict : std::uint8_t { pass, fail, unknown };

struct CheckResult {
  std::string check;  // "latency of reads-a"
  Verdict verdict = Verdict::unknown;
  std::uint64_t samples = 0;
  std::string figures;  // "p50 3.1ms, p99 15ms (at most 40ms)"
  std::string variant;  // That it was made in; empty: the scenario has none, or it looks at two.
  bool judges = false;  // A claim. Then its verdict is the claim's and not the run's.
};

struct LatencyFigures {
  std::string name;  // Traffic id or store.
  std::uint64_t samples;
  Duration p50, p99;
};

// What one variant did; of a scenario without variants, what the run did.
struct VariantFigures {
  std::string name;  // Empty: the scenario has none.
  std::vector<LatencyFigures> latencies;
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;  // Answered with 4xx or 5xx, or not at all.
  std::uint64_t kms_calls = 0;
  telemetry::Cost cost;
  std::vector<std::string> layers_off;  // Of security.
  std::uint64_t history_hash = 0;
};

// What a scenario's claim came to. Whether that is what the scenario records is a check.
struct ClaimResult {
  std::string text;
  Verdict verdict = Verdict::unknown;  // Pass: it holds. Fail: it does not.
  std::vector<std::string> assumes;    // The inputs that decide a simulated verdict.
};

struct RunResult {
  std::uint64_t seed = 0;
  Outcome outcome = Outcome::internal;
  std::vector<CheckResult> checks;
  std::vector<VariantFigures> variants;  // One after the other; what follows is of all together.
  std::optional<ClaimResult> claim;
  std::uint64_t history_hash = 0;
  std::uint64_t records = 0;  // Telemetry records made.
  std::uint64_t requests = 0;
  Duration virtual_time{0};
  Duration wall_time{0};  // Measured by the caller's clock; never part of the history.
  std::string message;    // Of a limit or an error.
};

struct Variant {
  std::string name;
  std::string config;  // The validated config as JSON text, defaults filled in.
};

struct Scenario {
  std::string name, file, predict;
  std::string config_file;
  std::uint64_t seed_first = 1, seed_count = 1;
  Duration virtual_max, wall_max, hang_max;
  std::string document;  // The validated scenario as JSON text, defaults filled in.
  // By name; without variants one that is called nothing and has the config as it is.
  std::vector<Variant> variants;
};

// Which variants a scenario has that names none.
enum class Unvaried : std::uint8_t {
  as_it_is,
  by_layers,  // Everything on, each layer of security off by itself, all of them off.
};

// Reads scenario and config. All problems, or the scenario.
std::vector<config::Problem> load_scenario(const std::string& path, Scenario& scenario,
                                           Unvaried unvaried = Unvaried::as_it_is);

// Looks into a run, to find where two runs of one seed part.
struct Probe {
  bool keep_trail = false;
  std::vector<std::uint64_t> trail;   // The history hash after each record, when kept.
  std::uint64_t wanted = UINT64_MAX;  // The number of a record whose text is wanted, from 0.
  std::string text;                   // That record as JSON.
  std::uint64_t before = 0;           // Records of the variants that have run.
};

// What simulated runs are given. `wall` is read for RunResult::wall_time and limits.wall, and for
// limits.hang of workers outside. In `files` are those that the config names: the key sets of its
// issuers; they are only read. Workers outside run in `host`, in step with virtual time; without
// one their starts fail. A config without functions outside does not touch it.
struct Simulated {
  const lambda::Registry& registry;
  const Clock& wall;
  Files& files;
  const Host* host = nullptr;
};
// `probe` may be null.
RunResult run_simulated(const Scenario& scenario, std::uint64_t seed, const Simulated& given,
                        Probe* probe = nullptr);

// Runs a seed twice; on a difference the outcome is not_deterministic and the message names the
// first record that differs, in both forms.
RunResult run_twice(const Scenario& scenario, std::uint64_t seed, const Simulated& given);

// Runs against real sockets: `listen` and `client` are the runtime's. Calls `done` on its loop.
struct Live {
  Environment& environment;
  http::Client& client;
  // Binds a handler to a free loopback port and returns its URL; the handle keeps it.
  std::function<Result<std::pair<std::shared_ptr<void>, std::string>>(http::Handler)> listen;
  std::string
      data_directory;  // Empty: in memory. Afterwards every file in it is searched for canaries.
  std::function<void(lambda::Surroundings&)> surround;  // As Host's.
};
void run_live(const Scenario& scenario, std::uint64_t seed, const lambda::Registry& registry,
              Live live, UniqueFunction<void(RunResult)> done);

}  // namespace porteiro::simulation
