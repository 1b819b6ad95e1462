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
    return count;
  }
  void ended() {
    if (!stopped || running() > 0) return;
    for (const auto& [name, pool] : pools) pool->close();
    for (const auto& [name, pool] : pools) {
      if (pool->processes() > 0) return;
    }
    if (stopped) shared.services.environment.scheduler.post(std::exchange(stopped, nullptr));
  }

  Shared shared;
  StringMap<std::unique_ptr<Pool>> pools;
  std::vector<std::unique_ptr<Source>> sources;
  Task stopped;
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
  state_->ended();
}

std::size_t Functions::running() const { return state_->running(); }

}  // namespace porteiro::lambda
