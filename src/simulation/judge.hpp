// Judges the variants of one seed: the checks of each as it ends, then those that compare two of
// them, and the claim. What comparisons need of a run is kept when the run itself is gone.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "porteiro/simulation/scenario.hpp"
#include "simulation/checks.hpp"

namespace porteiro::simulation {

// Of one variant's run, for comparisons.
struct Measured {
  struct Calls {
    std::string key, call;  // "vault", "decrypt"
    std::uint64_t count = 0;
  };
  std::string variant;
  std::vector<TrafficSeen> traffic;
  std::vector<Calls> kms;
  telemetry::Cost cost;
  std::uint64_t requests = 0;
};

class Judge {
 public:
  explicit Judge(const Scenario& scenario, std::uint64_t seed);

  // A variant's run has ended: its checks and figures go into the result. `canaries` sees what the
  // report says of it.
  void variant_ended(const std::string& name, const Evidence& evidence, Canaries& canaries);
  // A variant's run could not begin or had to end.
  void failed(const std::string& variant, Outcome outcome, std::string message);
  // All variants have ended: what is left is judged.
  RunResult take();

  RunResult& result() { return result_; }

 private:
  void add(CheckResult made, bool judges);
  void judge_claim();

  nlohmann::json scenario_;
  std::vector<Measured> measured_;
  RunResult result_;
};

// How one measure of two variants stands to each other. Both are there.
CheckResult compare(const nlohmann::json& check, const Measured& one, const Measured& other);

}  // namespace porteiro::simulation
