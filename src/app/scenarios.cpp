#include <malloc.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <iostream>

#include "app/commands.hpp"
#include "app/passing_folder.hpp"
#include "porteiro/runtime/runtime.hpp"
#include "porteiro/simulation/report.hpp"

namespace porteiro::app {
namespace {

using simulation::RunResult;
using simulation::Scenario;

constexpr std::uint64_t seeds_max = 1'000'000;

struct Seeds {
  std::uint64_t first, count;
};

std::optional<Seeds> parse_seeds(const std::string& text) {
  std::uint64_t first = 0, last = 0;
  const char* end = text.data() + text.size();
  auto [at, problem] = std::from_chars(text.data(), end, first);
  if (problem != std::errc()) return std::nullopt;
  last = first;
  if (at != end) {
    if (*at != '-') return std::nullopt;
    const auto rest = std::from_chars(at + 1, end, last);
    if (rest.ec != std::errc() || rest.ptr != end) return std::nullopt;
  }
  if (last < first || last - first >= seeds_max) return std::nullopt;
  return Seeds{first, last - first + 1};
}

using Surround = std::function<void(lambda::Surroundings&)>;

RunResult run_one_live(runtime::Runtime& runtime, const Scenario& scenario, std::uint64_t seed,
                       const lambda::Registry& registry, const std::string& data_directory,
                       const Surround& surround) {
  Environment environment = runtime.environment();
  const auto listen =
      [&](http::Handler handler) -> Result<std::pair<std::shared_ptr<void>, std::string>> {
    PORTEIRO_TRY(auto server, runtime.listen("127.0.0.1", 0, {}, std::move(handler)));
    const std::string url = "http://127.0.0.1:" + std::to_string(server->port());
    return std::pair<std::shared_ptr<void>, std::string>(std::move(server), url);
  };
  RunResult result;
  simulation::run_live(scenario, seed, registry,
                       {environment, runtime.client(), listen, data_directory, surround},
                       [&](RunResult done) {
                         result = std::move(done);
                         runtime.quit();
                       });
  runtime.run();
  return result;
}

// Where simulated runs have their workers.
simulation::Host host_of(runtime::Runtime& runtime, const Surround& surround) {
  return {.processes = runtime.processes(),
          .private_ports = runtime.private_ports(),
          .files = runtime.files(),
          .surround = surround,
          .pump = [&runtime](Duration wait_max) { return runtime.pump(wait_max); },
          .activity = [&runtime](std::int64_t pid) { return runtime.activity(pid); }};
}

// A run takes and gives back memory in waves: handing it to the system in between costs some 5 % of
// its time.
void keep_memory() {
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::mallopt(M_TOP_PAD, 16 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

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
      std::cerr << "porteiro: --seeds takes one seed (7) or a range (1-200), at most a million\n";
      return Outcome::usage;
    }
  }
  std::vector<std::pair<Scenario, std::vector<RunResult>>> all;
  bool invalid = false;
  for (const std::string& file : arguments.files) {
    invalid = print_problems(simulation::load_scenario(file, all.emplace_back().first)) || invalid;
  }
  if (invalid) return Outcome::invalid;

  keep_memory();
  const lambda::Registry functions = registry();
  const std::unique_ptr<runtime::Runtime> runtime = runtime::Runtime::create(0);
  if (!arguments.data_directory.empty() && !usable(arguments.data_directory, runtime->files())) {
    return Outcome::environment;
  }
  const PassingFolder passing(runtime->files(), runtime->entropy());
  const Surround workers = [&](lambda::Surroundings& it) { surround(it, passing); };
  const simulation::Host host = host_of(*runtime, workers);
  const simulation::Simulated given{functions, runtime->stopwatch(), &host};
  Outcome worst = Outcome::pass;
  for (auto& [scenario, runs] : all) {
    const Seeds range = seeds.value_or(Seeds{scenario.seed_first, scenario.seed_count});
    for (std::uint64_t i = 0; i < range.count; ++i) {
      const std::uint64_t seed = range.first + i;
      if (arguments.live) {
        std::string directory = arguments.data_directory;
        if (!directory.empty())
          directory += "/" + std::to_string(&scenario - &all[0].first) + "-" + std::to_string(seed);
        runs.push_back(run_one_live(*runtime, scenario, seed, functions, directory, workers));
      } else if (arguments.check_determinism) {
        runs.push_back(run_twice(scenario, seed, given));
      } else {
        runs.push_back(run_simulated(scenario, seed, given));
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
