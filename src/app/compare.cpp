#include <iostream>

#include "app/commands.hpp"
#include "app/runner.hpp"
#include "porteiro/simulation/report.hpp"

namespace porteiro::app {

// Checks are shown and not judged: with a layer off, some of them have to fail.
Outcome compare(const CompareArguments& arguments) {
  std::optional<Seeds> seeds = Seeds{1, 1};
  if (!arguments.seeds.empty() && !(seeds = parse_seeds(arguments.seeds))) {
    std::cerr << "porteiro: " << seeds_wanted << "\n";
    return Outcome::usage;
  }
  simulation::Scenario scenario;
  if (print_problems(
          simulation::load_scenario(arguments.file, scenario, simulation::Unvaried::by_layers))) {
    return Outcome::invalid;
  }
  if (arguments.seeds.empty()) seeds->first = scenario.seed_first;
  Runner runner;
  Outcome worst = Outcome::pass;
  for (std::uint64_t i = 0; i < seeds->count; ++i) {
    const std::uint64_t seed = seeds->first + i;
    const simulation::RunResult run =
        arguments.live ? runner.live(scenario, seed, "") : runner.simulated(scenario, seed);
    if (!run.message.empty()) worst = simulation::worse(worst, run.outcome);
    std::cout << (arguments.json ? simulation::json_line(scenario, run)
                                 : simulation::comparison_text(scenario, run, arguments.live))
              << std::flush;
  }
  return worst;
}

}  // namespace porteiro::app
