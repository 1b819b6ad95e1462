// Runs scenarios, in virtual time or live, with the real world that either needs.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/passing_folder.hpp"
#include "porteiro/lambda/function.hpp"
#include "porteiro/runtime/runtime.hpp"
#include "porteiro/simulation/scenario.hpp"

namespace porteiro::app {

struct Seeds {
  std::uint64_t first, count;
};
std::optional<Seeds> parse_seeds(const std::string& text);  // "7", "1-200".
inline constexpr const char* seeds_wanted =
    "--seeds takes one seed (7) or a range (1-200), at most a million";

class Runner {
 public:
  Runner();
  simulation::RunResult simulated(const simulation::Scenario& scenario, std::uint64_t seed);
  simulation::RunResult twice(const simulation::Scenario& scenario, std::uint64_t seed);
  // An empty directory: in memory.
  simulation::RunResult live(const simulation::Scenario& scenario, std::uint64_t seed,
                             const std::string& data_directory);
  Files& files() { return runtime_->files(); }

 private:
  const lambda::Registry functions_;
  const std::unique_ptr<runtime::Runtime> runtime_;
  const PassingFolder passing_;
  const std::function<void(lambda::Surroundings&)> surround_;
  const simulation::Host host_;
  const simulation::Simulated given_;
};

}  // namespace porteiro::app
