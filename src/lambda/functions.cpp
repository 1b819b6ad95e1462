#include "porteiro/lambda/functions.hpp"

#include <algorithm>

#include "lambda/mapping.hpp"
#include "lambda/pool.hpp"
#include "lambda/source.hpp"

namespace porteiro::lambda {
namespace {

constexpr Duration timeout_max = std::chrono::seconds(900);  // AWS Lambda.

Result<void> check(const FunctionOptions& options) {
  if (options.name.empty()) return error(Errc::invalid, "a function needs a name", "name");
  if (options.concurrency_max == 0) {
    return error(Errc::invalid, "a function needs at least one worker", "concurrency_max");
  }
  if (options.timeout <= Duration::zero() || options.timeout > timeout_max) {
    return error(Errc::invalid, "a time-out is more than 0 s and at most 900 s", "timeout");
  }
  if (options.retry_delay < Duration::zero()) {
    return error(Errc::invalid, "a retry delay cannot be negative", "retry_delay");
  }
  return ok();
}

Error no_function(std::string_view name) {
  return error(Errc::not_found, "there is no function named " + std::string(name), "function");
}

}  // namespace

struct Functions::State {
  State(Environment& environment, telemetry::Telemetry& telemetry, queue::Queues& all)
      : queues(all), shared{environment, telemetry, make_id(environment.entropy), false, [this] {
                              ended();
                            }} {}
  ~State() {
    sources.clear();  // They refer to pools.
    mappings.clear();
    retired.clear();
  }

  template <class Code>
  Result<void> create(FunctionOptions options, std::unique_ptr<Code> code);
  Pool* find(std::string_view name) {
    const auto found = pools.find(name);
    return found == pools.end() ? nullptr : found->second.get();
  }
  // A function outside gets the payload itself.
  events::Event event_of(const Direct& direct, bool outside) {
    auto given = outside ? std::nullopt : unverified(direct.payload);
    events::Event event = given ? std::move(*given) : invoked(direct, outside);
    event.purpose = direct.behalf.purpose;
    event.principal = direct.behalf.client;
    event.masked = event.masked || direct.behalf.masked;
    return event;
  }
  events::Event invoked(const Direct& direct, bool outside) {
    events::Event event;
    event.id = make_id(shared.environment.entropy);
    event.source = "/porteiro/lambda";
    event.type = "function.invoked";
    event.time = shared.environment.scheduler.now();
    event.correlation = event.id;
    if (!outside) event.data = direct.payload;
    return event;
  }
  std::size_t running() const {
    std::size_t count = 0;
    for (const auto& [name, pool] : pools) count += pool->running();
    for (const Removed& each : removed) count += each.pool->running();
    return count;
  }
  void ended() {
    if (sweepable()) sweep_soon();
    if (!stopped || running() > 0) return;
    for (const auto& [name, pool] : pools) pool->close();
    for (const auto& [name, pool] : pools) {
      if (pool->processes() > 0) return;
    }
    if (!removed.empty()) return;  // Once they have been swept away, this comes again.
    if (stopped) shared.environment.scheduler.post(std::exchange(stopped, nullptr));
  }

  bool sweepable() const {
    const auto done = [](const auto& mapping) { return !mapping->busy(); };
    const auto idle = [](const Removed& each) { return each.pool->running() == 0; };
    return std::any_of(retired.begin(), retired.end(), done) ||
           std::any_of(removed.begin(), removed.end(), idle);
  }

  // Not from within a pool's own call.
  void sweep_soon() {
    if (std::exchange(sweeping, true)) return;
    shared.environment.scheduler.post([this, weak = std::weak_ptr(alive)] {
      if (weak.expired()) return;
      sweeping = false;
      std::erase_if(retired, [](const auto& mapping) { return !mapping->busy(); });
      for (const Removed& each : removed) {
        if (each.pool->running() == 0) each.pool->close();
      }
      std::vector<Task> gone;
      std::erase_if(removed, [&gone](Removed& each) {
        if (each.pool->running() > 0 || each.pool->processes() > 0) return false;
        if (each.gone) gone.push_back(std::move(each.gone));
        return true;
      });
      for (Task& tell : gone) tell();
      if (removed.empty()) ended();
    });
  }

  // The mappings that name this function feed the pool from now on; null: there is none.
  void attach(std::string_view function, Pool* pool) {
    for (const auto& [id, mapping] : mappings) {
      if (mapping->options().function == function) mapping->feed(pool);
    }
  }
  void retire(std::unique_ptr<Mapping> mapping) {
    mapping->retire();
    retired.push_back(std::move(mapping));
    sweep_soon();
  }

  queue::Queues& queues;
  Shared shared;
  StringMap<std::unique_ptr<Pool>> pools;
  struct Removed {
    std::unique_ptr<Pool> pool;
    Task gone;
  };
  std::vector<Removed> removed;  // Something of them runs still.
  bool sweeping = false;
  std::vector<std::unique_ptr<Source>> sources;
  std::unordered_map<Id, std::unique_ptr<Mapping>> mappings;
  std::vector<std::unique_ptr<Mapping>> retired;  // Whose last batches run still.
  Task stopped;
  std::shared_ptr<int> alive = std::make_shared<int>(0);
};

Functions::Functions(Environment& environment, telemetry::Telemetry& telemetry,
                     queue::Queues& queues)
    : state_(std::make_unique<State>(environment, telemetry, queues)) {}
Functions::~Functions() = default;

template <class Code>
Result<void> Functions::State::create(FunctionOptions options, std::unique_ptr<Code> code) {
  PORTEIRO_TRY(check(options));
  if (find(options.name) != nullptr) {
    return error(Errc::conflict, "a function named " + options.name + " exists", "name");
  }
  const std::string name = options.name;
  auto pool = std::make_unique<Pool>(shared, std::move(options), std::move(code));
  attach(name, pools.emplace(name, std::move(pool)).first->second.get());
  return ok();
}

Result<void> Functions::create(FunctionOptions options, std::unique_ptr<Function> function) {
  return state_->create(std::move(options), std::move(function));
}

Result<void> Functions::create(FunctionOptions options, std::unique_ptr<Workers> workers) {
  return state_->create(std::move(options), std::move(workers));
}

Result<void> Functions::remove(std::string_view name, Task gone) {
  const auto found = state_->pools.find(name);
  if (found == state_->pools.end()) return no_function(name);
  const auto needs = [&](const auto& source) { return source->feeds(found->second.get()); };
  if (std::any_of(state_->sources.begin(), state_->sources.end(), needs)) {
    return error(Errc::conflict, "a route needs the function " + std::string(name), "function");
  }
  state_->attach(name, nullptr);
  state_->removed.push_back({std::move(found->second), std::move(gone)});
  state_->pools.erase(found);
  state_->sweep_soon();
  return ok();
}

void Functions::invoke(std::string_view function, std::vector<events::Event> events,
                       Completion done) {
  Pool* pool = state_->find(function);
  if (pool == nullptr) return done(no_function(function));
  if (events.empty()) return done(error(Errc::invalid, "an invocation needs an event", "events"));
  auto run = std::make_shared<Run>();
  run->invocation.events = std::move(events);
  run->done = std::move(done);
  pool->submit(std::move(run));
}

void Functions::invoke(std::string_view function, std::shared_ptr<Direct> direct, Completion done) {
  Pool* pool = state_->find(function);
  if (pool == nullptr) return done(no_function(function));
  auto run = std::make_shared<Run>();
  run->invocation.events.push_back(state_->event_of(*direct, pool->outside()));
  run->invocation.direct = std::move(direct);
  run->done = std::move(done);
  pool->submit(std::move(run));
}

std::size_t Functions::free(std::string_view function) const {
  const Pool* pool = state_->find(function);
  return pool == nullptr || pool->waiting() > 0 ? 0 : pool->free();
}

Result<void> Functions::add_source(queue::Queue& queue, SourceOptions options, Replied replied,
                                   events::Envelopes* envelopes) {
  Pool* fallback = nullptr;
  if (!options.function.empty() || options.by_type.empty()) {
    fallback = state_->find(options.function);
    if (fallback == nullptr) return no_function(options.function);
  }
  StringMap<Pool*> by_type;
  for (const auto& [type, function] : options.by_type) {
    Pool* pool = state_->find(function);
    if (pool == nullptr) return no_function(function);
    by_type.insert_or_assign(type, pool);
  }
  state_->sources.push_back(std::make_unique<Source>(state_->shared, queue, std::move(options),
                                                     Source::Ways{std::move(replied), envelopes},
                                                     fallback, std::move(by_type)));
  return ok();
}

void Functions::map(MappingOptions options) {
  unmap(options.id);
  const Id id = options.id;
  Pool* pool = state_->find(options.function);
  const auto [place, added] = state_->mappings.emplace(
      id, std::make_unique<Mapping>(state_->shared, state_->queues, std::move(options)));
  PORTEIRO_ASSERT(added);
  place->second->feed(pool);
}

void Functions::unmap(Id id) {
  auto found = state_->mappings.extract(id);
  if (!found.empty()) state_->retire(std::move(found.mapped()));
}

void Functions::stop(Task done) {
  state_->shared.stopping = true;
  state_->stopped = std::move(done);
  for (const auto& [id, mapping] : state_->mappings) mapping->stop();
  state_->ended();
}

void Functions::reset() {
  for (const auto& source : state_->sources) source->reset();
  for (const auto& [id, mapping] : state_->mappings) mapping->reset();
  state_->retired.clear();
  for (const auto& [name, pool] : state_->pools) pool->reset();
  for (const auto& each : state_->removed) each.pool->reset();
  state_->ended();
}

std::size_t Functions::running() const { return state_->running(); }

}  // namespace porteiro::lambda
