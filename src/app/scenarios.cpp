#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "app/commands.hpp"
#include "app/runner.hpp"
#include "porteiro/simulation/report.hpp"

namespace porteiro::app {
namespace {

using simulation::RunResult;
using simulation::Scenario;

bool color_wanted() { return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr; }

// A data directory must be new: a scenario that starts from leftovers proves nothing.
bool usable(const std::string& directory, Files& files) {
  const Result<std::vector<std::string>> names = files.list(directory);
  if (!names || names.value().empty()) return true;
  std::cerr << "porteiro: " << directory << " is not empty; name a new directory for a live run\n";
  return false;
}

}  // namespace

Outcome run_scenarios(const RunArguments& arguments) {
  std::optional<Seeds> seeds;
  if (!arguments.seeds.empty()) {
    seeds = parse_seeds(arguments.seeds);
    if (!seeds) {
      std::cerr << "porteiro: " << seeds_wanted << "\n";
      return Outcome::usage;
    }
  }
  std::vector<std::pair<Scenario, std::vector<RunResult>>> all;
  bool invalid = false;
  for (const std::string& file : arguments.files) {
    invalid = print_problems(simulation::load_scenario(file, all.emplace_back().first)) || invalid;
  }
  if (invalid) return Outcome::invalid;

  Runner runner;
  if (!arguments.data_directory.empty() && !usable(arguments.data_directory, runner.files())) {
    return Outcome::environment;
  }
  Outcome worst = Outcome::pass;
  for (auto& [scenario, runs] : all) {
    const Seeds range = seeds.value_or(Seeds{scenario.seed_first, scenario.seed_count});
    for (std::uint64_t i = 0; i < range.count; ++i) {
      const std::uint64_t seed = range.first + i;
      if (arguments.live) {
        std::string directory = arguments.data_directory;
        if (!directory.empty())
          directory += "/" + std::to_string(&scenario - &all[0].first) + "-" + std::to_string(seed);
        runs.push_back(runner.live(scenario, seed, directory));
      } else if (arguments.check_determinism) {
        runs.push_back(runner.twice(scenario, seed));
      } else {
        runs.push_back(runner.simulated(scenario, seed));
      }
      worst = worse(worst, runs.back().outcome);
      if (arguments.json) std::cout << json_line(scenario, runs.back()) << std::flush;
    }
    if (!arguments.json) std::cout << text_report(scenario, runs, color_wanted()) << std::flush;
  }
  if (arguments.json) std::cout << json_verdict(all) << std::flush;
  if (!arguments.junit_file.empty()) {
    if (const auto problem = write_file(arguments.junit_file, junit_report(all))) {
      std::cerr << "porteiro: " << *problem << "\n";
      return worse(worst, Outcome::environment);
    }
  }
  return worst;
}

}  // namespace porteiro::app
