#include "app/runner.hpp"

#include <malloc.h>

#include <charconv>

#include "app/commands.hpp"

namespace porteiro::app {
namespace {

using simulation::RunResult;
using simulation::Scenario;

constexpr std::uint64_t seeds_max = 1'000'000;

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

}  // namespace

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

Runner::Runner()
    : functions_(registry()),
      runtime_(runtime::Runtime::create(0)),
      passing_(runtime_->files(), runtime_->entropy()),
      surround_([this](lambda::Surroundings& it) { surround(it, passing_); }),
      host_(host_of(*runtime_, surround_)),
      given_{functions_, runtime_->stopwatch(), runtime_->files(), &host_} {
  keep_memory();
}

RunResult Runner::simulated(const Scenario& scenario, std::uint64_t seed) {
  return run_simulated(scenario, seed, given_);
}

RunResult Runner::twice(const Scenario& scenario, std::uint64_t seed) {
  return run_twice(scenario, seed, given_);
}

RunResult Runner::live(const Scenario& scenario, std::uint64_t seed,
                       const std::string& data_directory) {
  return run_one_live(*runtime_, scenario, seed, functions_, data_directory, surround_);
}

}  // namespace porteiro::app
