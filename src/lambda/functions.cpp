#include "porteiro/lambda/functions.hpp"

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
  State(Services services, telemetry::Telemetry& telemetry)
      : shared{services, telemetry, make_id(services.environment.entropy), false,
               [this] { ended(); }} {}
  ~State() {
    sources.clear();  // They refer to pools.
  }

  template <class Code>
  Result<void> create(FunctionOptions options, std::unique_ptr<Code> code);
  Pool* find(std::string_view name) {
    const auto found = pools.find(name);
    return found == pools.end() ? nullptr : found->second.get();
  }
  events::Event wrapped(const Direct& direct) {
    events::Event event;
    event.id = make_id(shared.services.environment.entropy);
    event.source = "/porteiro/lambda";
    event.type = "function.invoked";
    event.time = shared.services.environment.scheduler.now();
    event.correlation = event.id;
    event.data = direct.payload;
    return event;
  }
  std::size_t running() const {
    std::size_t count = 0;
    for (const auto& [name, pool] : pools) count += pool->running();
    for (const auto& pool : removed) count += pool->running();
    return count;
  }
  void ended() {
    if (!removed.empty()) sweep_soon();
    if (!stopped || running() > 0) return;
    for (const auto& [name, pool] : pools) pool->close();
    for (const auto& [name, pool] : pools) {
      if (pool->processes() > 0) return;
    }
    if (!removed.empty()) return;  // Once they have been swept away, this comes again.
    if (stopped) shared.services.environment.scheduler.post(std::exchange(stopped, nullptr));
  }

  // Not from within a pool's own call.
  void sweep_soon() {
    if (std::exchange(sweeping, true)) return;
    shared.services.environment.scheduler.post([this, weak = std::weak_ptr(alive)] {
      if (weak.expired()) return;
      sweeping = false;
      for (const auto& pool : removed) {
        if (pool->running() == 0) pool->close();
      }
      std::erase_if(removed, [](const std::unique_ptr<Pool>& pool) {
        return pool->running() == 0 && pool->processes() == 0;
      });
      if (removed.empty()) ended();
    });
  }

  Shared shared;
  StringMap<std::unique_ptr<Pool>> pools;
  std::vector<std::unique_ptr<Pool>> removed;  // Something of them runs still.
  bool sweeping = false;
  std::vector<std::unique_ptr<Source>> sources;
  Task stopped;
  std::shared_ptr<int> alive = std::make_shared<int>(0);
};

Functions::Functions(Services services, telemetry::Telemetry& telemetry)
    : state_(std::make_unique<State>(services, telemetry)) {}
Functions::~Functions() = default;

template <class Code>
Result<void> Functions::State::create(FunctionOptions options, std::unique_ptr<Code> code) {
  PORTEIRO_TRY(check(options));
  if (find(options.name) != nullptr) {
    return error(Errc::conflict, "a function named " + options.name + " exists", "name");
  }
  const std::string name = options.name;
  pools.emplace(name, std::make_unique<Pool>(shared, std::move(options), std::move(code)));
  return ok();
}

Result<void> Functions::create(FunctionOptions options, std::unique_ptr<Function> function) {
  return state_->create(std::move(options), std::move(function));
}

Result<void> Functions::create(FunctionOptions options, std::unique_ptr<Workers> workers) {
  return state_->create(std::move(options), std::move(workers));
}

Result<void> Functions::remove(std::string_view name) {
  const auto found = state_->pools.find(name);
  if (found == state_->pools.end()) return no_function(name);
  if (found->second->fed()) {
    return error(Errc::conflict, "a source feeds the function " + std::string(name), "function");
  }
  state_->removed.push_back(std::move(found->second));
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
  auto event = events::parse_event(direct->payload);
  run->invocation.events.push_back(event ? std::move(event).value() : state_->wrapped(*direct));
  run->invocation.direct = std::move(direct);
  run->done = std::move(done);
  pool->submit(std::move(run));
}

Result<void> Functions::add_source(queue::Queue& queue, SourceOptions options, Replied replied) {
  if (options.batch_max == 0 || options.window < Duration::zero()) {
    return error(Errc::invalid, "a batch has at least one message, a window is not negative",
                 "batch_max");
  }
  if (options.batch_max > 1 && (replied || !options.by_type.empty())) {
    return error(Errc::invalid, "events that are replied to or sorted by type come one by one",
                 "batch_max");
  }
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
  state_->sources.push_back(std::make_unique<Source>(
      state_->shared, queue, std::move(options), std::move(replied), fallback, std::move(by_type)));
  return ok();
}

void Functions::stop(Task done) {
  state_->shared.stopping = true;
  state_->stopped = std::move(done);
  for (const auto& source : state_->sources) source->stop();
  state_->ended();
}

void Functions::reset() {
  for (const auto& source : state_->sources) source->reset();
  for (const auto& [name, pool] : state_->pools) pool->reset();
  for (const auto& pool : state_->removed) pool->reset();
  state_->ended();
}

std::size_t Functions::running() const { return state_->running(); }

}  // namespace porteiro::lambda
