#include <algorithm>
#include <nlohmann/json.hpp>

#include "porteiro/simulation/scenario.hpp"
#include "porteiro/telemetry/log_writer.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "simulation/checks.hpp"
#include "simulation/driver.hpp"
#include "simulation/judge.hpp"
#include "simulation/lock_step.hpp"

namespace porteiro::simulation {
namespace {

using nlohmann::json;

// What a run consists of, in virtual time or live: built once the environment stands.
struct Stage {
  Stage(const Scenario& from, std::uint64_t seed_in, Environment& environment_in)
      : environment(environment_in),
        scenario(json::parse(from.document)),
        seed(seed_in),
        faults(environment_in.scheduler, scenario.value("faults", json::array()),
               Random(seed_in).fork(1)) {
    environment.faults = &faults;
    environment.witness = &canaries;
  }
  ~Stage() { leave(); }

  // Gives the environment back, for another stage.
  void leave() {
    if (std::exchange(left, true)) return;
    environment.faults = nullptr;
    environment.witness = nullptr;
  }

  Result<void> open(emulator::Options options, const lambda::Registry& registry) {
    options.telemetry.log_level = telemetry::Level::debug;  // For a live run's log.
    PORTEIRO_TRY(emulator, emulator::Emulator::open(std::move(options), environment, registry));
    faults.attach(emulator->telemetry());
    return ok();
  }

  void judge(const Variant& variant, Judge& judge) {
    const Evidence evidence{driver->seen(), driver->ledger(), faults,
                            canaries,       *emulator,        emulator->telemetry().hash()};
    judge.variant_ended(variant.name, evidence, canaries);
  }

  Environment& environment;
  json scenario;
  std::uint64_t seed;
  FaultEngine faults;
  Canaries canaries;
  std::unique_ptr<emulator::Emulator> emulator;
  std::unique_ptr<Driver> driver;
  bool left = false;
};

using Surround = std::function<void(lambda::Surroundings&)>;
Result<emulator::Options> options_of(const Scenario& scenario, const Variant& variant, Files& files,
                                     const Surround& surround) {
  PORTEIRO_TRY(auto options, emulator::options_from_json(json::parse(variant.config),
                                                         config::folder_of(scenario.config_file)));
  PORTEIRO_TRY(emulator::load_key_sets(options, files));
  if (surround) surround(options.surroundings);
  return options;
}

// The virtual world of a simulated run, and the real one of its workers outside, if it has some.
struct Worlds {
  Worlds(std::uint64_t seed, Duration hang_max, const Simulated& given, bool outside)
      : world(seed),
        environment{world.scheduler, world.offload, world.entropy, world.random,
                    outside ? given.host->files : world.files} {
    environment.modelled = true;
    if (!outside) return;
    lock_step.emplace(*given.host, given.wall, world.scheduler, hang_max);
    environment.processes = &*lock_step;
    environment.private_ports = &*lock_step;
  }

  // One task. Before time moves every worker waits. False: nothing is left, or it is after `until`.
  bool step(Time until) {
    const auto due = world.scheduler.next_due();
    const bool moves = !world.scheduler.posted() && (!due || *due > world.scheduler.now());
    if (moves && lock_step && !lock_step->settle(until)) return false;
    return world.scheduler.step();
  }

  virtual_world::World world;
  Environment environment;
  std::optional<LockStep> lock_step;
};

// Hands requests straight to a handler of the emulator: no sockets in virtual time.
using Handle = void (emulator::Emulator::*)(const http::Request&, http::Responder);
Driver::Send sender(emulator::Emulator& emulator, Handle handle) {
  return [&emulator, handle](const http::ClientRequest& request, Driver::Answered done) {
    std::vector<http::HeaderView> headers;
    for (const http::Header& header : request.headers) {
      headers.push_back({header.name, header.value});
    }
    const http::Request view{request.method, request.url, headers, request.body, "simulation"};
    (emulator.*handle)(view, [done = std::move(done)](http::Response response) mutable {
      done(std::move(response));
    });
  };
}

// Keeps the trail of hashes and the text of one record.
void attach(Probe& probe, telemetry::Telemetry& telemetry, const telemetry::Record& record) {
  if (probe.keep_trail) probe.trail.push_back(telemetry.hash());
  if (probe.before + telemetry.next() - 1 == probe.wanted)
    probe.text = telemetry::to_json(telemetry, record);
}

constexpr std::uint64_t steps_between_wall_checks = 4096;

// One variant in virtual time. False: the others are not worth running.
bool run_variant(const Scenario& scenario, const Variant& variant, const Simulated& given,
                 Judge& judge, Probe* probe) {
  const Clock& wall = given.wall;
  const Time wall_start = wall.now();
  const std::uint64_t seed = judge.result().seed;
  auto options = options_of(scenario, variant, given.files,
                            given.host == nullptr ? Surround() : given.host->surround);
  if (!options) {
    judge.failed(variant.name, Outcome::environment, options.error().detail);
    return false;
  }
  const auto& functions = options.value().functions;
  const bool outside = given.host != nullptr &&
                       std::any_of(functions.begin(), functions.end(),
                                   [](const auto& each) { return each.external.has_value(); });
  Worlds worlds(seed, scenario.hang_max, given, outside);
  virtual_world::World& world = worlds.world;
  Stage stage(scenario, seed, worlds.environment);
  if (Result<void> opened = stage.open(std::move(options).value(), given.registry); !opened) {
    judge.failed(variant.name, Outcome::environment, opened.error().detail);
    return false;
  }
  const Time start = world.scheduler.now();
  emulator::Emulator& emulator = *stage.emulator;
  stage.driver = std::make_unique<Driver>(
      stage.scenario,
      Driver::Parts{worlds.environment, emulator, stage.faults, stage.canaries,
                    sender(emulator, &emulator::Emulator::handle_public),
                    sender(emulator, &emulator::Emulator::handle_inside)},
      Random(seed).fork(2));
  if (probe != nullptr) {
    stage.driver->on_record(
        [&](const telemetry::Record& record) { attach(*probe, emulator.telemetry(), record); });
  }

  std::optional<Result<void>> ended;
  emulator.start([&](Result<void> started) {
    if (!started) return ended.emplace(std::move(started)), void();
    stage.driver->run([&](Result<void> ran) { ended.emplace(std::move(ran)); });
  });

  const Time until = wall_start + scenario.wall_max;
  const auto wall_is_over = [&] {
    if (wall.now() <= until) return;
    ended.emplace(error(Errc::timeout, "the wall-clock time of " + to_text(scenario.wall_max) +
                                           " (limits.wall) is over"));
  };
  for (std::uint64_t steps = 1; !ended && worlds.step(until); ++steps) {
    if (world.scheduler.now() - start > scenario.virtual_max) {
      ended.emplace(error(Errc::timeout, "the virtual time of " + to_text(scenario.virtual_max) +
                                             " (limits.virtual) is over"));
    }
    if (steps % steps_between_wall_checks == 0) wall_is_over();
  }
  if (!ended) wall_is_over();
  if (!ended)
    ended.emplace(error(Errc::internal, "nothing is left to run, and the steps are not done"));
  if (!*ended) judge.failed(variant.name, Outcome::limit, ended->error().detail);
  stage.judge(variant, judge);
  judge.result().virtual_time += world.scheduler.now() - start;
  return ended->has_value();
}

}  // namespace

RunResult run_simulated(const Scenario& scenario, std::uint64_t seed, const Simulated& given,
                        Probe* probe) {
  const Time start = given.wall.now();
  Judge judge(scenario, seed);
  for (const Variant& variant : scenario.variants) {
    if (!run_variant(scenario, variant, given, judge, probe)) break;
    if (probe != nullptr) probe->before = judge.result().records;
  }
  RunResult result = judge.take();
  result.wall_time = given.wall.now() - start;
  return result;
}

RunResult run_twice(const Scenario& scenario, std::uint64_t seed, const Simulated& given) {
  Probe first, second;
  first.keep_trail = second.keep_trail = true;
  RunResult result = run_simulated(scenario, seed, given, &first);
  run_simulated(scenario, seed, given, &second);
  if (first.trail == second.trail) return result;

  const auto [a, b] = std::mismatch(first.trail.begin(), first.trail.end(), second.trail.begin(),
                                    second.trail.end());
  const auto number = static_cast<std::uint64_t>(a - first.trail.begin());
  Probe left, right;
  left.wanted = right.wanted = number;
  run_simulated(scenario, seed, given, &left);
  run_simulated(scenario, seed, given, &right);
  result.outcome = worse(result.outcome, Outcome::not_deterministic);
  result.message = "two runs differ from record " + std::to_string(number) +
                   " on:\n  first:  " + left.text + "\n  second: " + right.text;
  return result;
}

namespace {

// A live run of one variant: owns itself until it is done. Borrows all but `live`. `done` is told
// whether the others are worth running.
class LiveRun : public std::enable_shared_from_this<LiveRun> {
 public:
  LiveRun(const Scenario& scenario, const Variant& variant, Live live, Judge& judge,
          UniqueFunction<void(bool)> done)
      : scenario_(scenario),
        variant_(variant),
        live_(std::move(live)),
        judge_(judge),
        stage_(scenario, judge.result().seed, live_.environment),
        done_(std::move(done)),
        limit_(live_.environment.scheduler) {}

  void start(const lambda::Registry& registry) {
    started_ = live_.environment.scheduler.now();
    auto options = options_of(scenario_, variant_, live_.environment.files, live_.surround);
    if (!options) return fail(Outcome::environment, options.error().detail);
    options.value().data_directory = live_.data_directory;
    if (Result<void> opened = stage_.open(std::move(options).value(), registry); !opened) {
      return fail(Outcome::environment, opened.error().detail);
    }
    auto outside = listen(&emulator::Emulator::handle_public);
    if (!outside) return fail(Outcome::environment, outside.error().detail);
    auto inside = listen(&emulator::Emulator::handle_inside);
    if (!inside) return fail(Outcome::environment, inside.error().detail);
    stage_.driver = std::make_unique<Driver>(
        stage_.scenario,
        Driver::Parts{live_.environment, *stage_.emulator, stage_.faults, stage_.canaries,
                      std::move(outside).value(), std::move(inside).value()},
        Random(stage_.seed).fork(2));
    log_.emplace(stage_.emulator->telemetry(),
                 [this](std::string_view lines) { stage_.canaries.wrote(Place::logs, lines); });
    stage_.driver->on_record([this](const telemetry::Record&) { wake_log(); });
    limit_.start(scenario_.virtual_max, [self = shared_from_this()] {
      self->end(error(Errc::timeout, "the time of " + to_text(self->scenario_.virtual_max) +
                                         " (limits.virtual) is over"));
    });
    stage_.emulator->start([self = shared_from_this()](Result<void> ready) {
      if (!ready) return self->fail(Outcome::environment, ready.error().detail);
      self->stage_.driver->run([self](Result<void> ran) { self->end(std::move(ran)); });
    });
  }

 private:
  // The log as `up` would write it, every record of it, is searched instead of written.
  void wake_log() {
    if (std::exchange(log_awake_, true)) return;
    live_.environment.scheduler.post([self = shared_from_this()] {
      self->log_awake_ = false;
      self->log_->drain();
    });
  }

  // Binds a handler to a port of its own, and gives what sends there.
  Result<Driver::Send> listen(Handle handle) {
    PORTEIRO_TRY(auto listening, live_.listen([this, handle](const http::Request& request,
                                                             http::Responder respond) {
      ((*stage_.emulator).*handle)(request, std::move(respond));
    }));
    listeners_.push_back(std::move(listening.first));
    return Driver::Send([this, url = std::move(listening.second)](http::ClientRequest request,
                                                                  Driver::Answered done) {
      request.url = url + request.url;
      live_.client.send(std::move(request), std::move(done));
    });
  }

  void end(Result<void> ran) {
    if (ended_) return;
    ended_ = true;
    limit_.stop();
    if (!ran) judge_.failed(variant_.name, Outcome::limit, ran.error().detail);
    good_ = ran.has_value();
    stage_.emulator->stop([self = shared_from_this()] { self->ended(); });
  }

  // After the graceful stop all that will ever be written is on disk.
  void ended() {
    if (!live_.data_directory.empty()) search(live_.data_directory);
    log_->drain();
    stage_.judge(variant_, judge_);
    const Duration took = live_.environment.scheduler.now() - started_;
    judge_.result().virtual_time += took;
    judge_.result().wall_time += took;
    finish();
  }

  void search(const std::string& directory) {
    const Result<std::vector<std::string>> names = live_.environment.files.list(directory);
    if (!names) return;
    for (const std::string& name : names.value()) {
      const std::string path = directory + "/" + name;
      const Result<std::string> content = live_.environment.files.read(path);
      if (content) {
        stage_.canaries.wrote(Place::disk, content.value());
      } else {
        search(path);  // A directory.
      }
    }
  }

  void fail(Outcome outcome, std::string message) {
    ended_ = true;
    judge_.failed(variant_.name, outcome, std::move(message));
    finish();
  }

  void finish() {
    listeners_.clear();
    live_.environment.scheduler.post([self = shared_from_this()] {
      // The variant that comes next has the world for itself.
      UniqueFunction<void(bool)> done = std::move(self->done_);
      const bool good = self->good_;
      self->stage_.leave();
      done(good);
    });
  }

  const Scenario& scenario_;
  const Variant& variant_;
  Live live_;
  Judge& judge_;
  Stage stage_;
  UniqueFunction<void(bool)> done_;
  std::optional<telemetry::LogWriter> log_;
  bool log_awake_ = false;
  Timer limit_;
  std::vector<std::shared_ptr<void>> listeners_;
  Time started_;
  bool ended_ = false, good_ = false;
};

// The variants, one after the other: owns itself until they are done.
class LiveSeries : public std::enable_shared_from_this<LiveSeries> {
 public:
  LiveSeries(const Scenario& scenario, std::uint64_t seed, const lambda::Registry& registry,
             Live live, UniqueFunction<void(RunResult)> done)
      : scenario_(scenario),
        registry_(registry),
        live_(std::move(live)),
        judge_(scenario, seed),
        done_(std::move(done)) {}

  void next() {
    if (at_ == scenario_.variants.size()) return done_(judge_.take());
    const Variant& variant = scenario_.variants[at_++];
    Live live = live_;
    if (!live.data_directory.empty() && scenario_.variants.size() > 1) {
      live.data_directory += "/" + std::to_string(at_);
    }
    const auto run = std::make_shared<LiveRun>(scenario_, variant, std::move(live), judge_,
                                               [self = shared_from_this()](bool good) {
                                                 if (!good)
                                                   self->at_ = self->scenario_.variants.size();
                                                 self->next();
                                               });
    run->start(registry_);
  }

 private:
  const Scenario& scenario_;
  const lambda::Registry& registry_;
  const Live live_;
  Judge judge_;
  UniqueFunction<void(RunResult)> done_;
  std::size_t at_ = 0;
};

}  // namespace

void run_live(const Scenario& scenario, std::uint64_t seed, const lambda::Registry& registry,
              Live live, UniqueFunction<void(RunResult)> done) {
  std::make_shared<LiveSeries>(scenario, seed, registry, std::move(live), std::move(done))->next();
}

}  // namespace porteiro::simulation
