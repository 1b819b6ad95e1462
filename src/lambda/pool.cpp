#include "lambda/pool.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace porteiro::lambda {
namespace {

// For one invocation. A program that ends as soon as it has asked for work gets no more of it.
constexpr std::uint32_t lost_workers_max = 3;

Id trace_of(const Run& run) {
  return run.invocation.events.empty() ? Id{} : run.invocation.events.front().correlation;
}

// What stands for an answer that is no JSON: a route turns that into a 500, as API Gateway does,
// and whoever invoked the function gets the bytes.
Reply garbage(const Run& run) {
  if (run.invocation.route) {
    return {500, "application/json", "{\"message\":\"Internal Server Error\"}"};
  }
  return {200, "application/octet-stream", "\xff\xfe garbage"};
}

std::string label(const FunctionOptions& options) { return "function=\"" + options.name + "\""; }

// Why no worker could be started, to whoever invoked the function by the Lambda service.
void tell(Direct& direct, const Failure& failure) {
  direct.error = failure.object;
  direct.log_tail = failure.log_tail;
}

}  // namespace

Pool::Pool(Shared& shared, FunctionOptions options)
    : shared_(shared),
      options_(std::move(options)),
      name_(shared.telemetry.intern(options_.name)),
      timer_(shared.environment.scheduler),
      counters_{
          shared.telemetry.counter("porteiro_function_invocations_total", label(options_)),
          shared.telemetry.counter("porteiro_function_cold_starts_total", label(options_)),
          shared.telemetry.counter("porteiro_function_errors_total", label(options_)),
          shared.telemetry.counter("porteiro_function_timeouts_total", label(options_)),
          shared.telemetry.counter("porteiro_function_crashes_total", label(options_)),
          shared.telemetry.counter("porteiro_function_busy_microseconds_total", label(options_)),
      } {
  shared.telemetry.gauge("porteiro_function_running", label(options_),
                         [this, weak = std::weak_ptr(alive_)] {
                           return weak.expired() ? 0.0 : static_cast<double>(active_.size());
                         });
}

Pool::Pool(Shared& shared, FunctionOptions options, std::unique_ptr<Function> function)
    : Pool(shared, std::move(options)) {
  function_ = std::move(function);
}

Pool::Pool(Shared& shared, FunctionOptions options, std::unique_ptr<Workers> workers)
    : Pool(shared, std::move(options)) {
  crew_ = std::make_unique<Crew>(
      shared.environment.scheduler, options_.idle_max, std::move(workers), [this] { freed(); },
      [this] { shared_.ended(); });
  counters_.cold_us =
      &shared.telemetry.counter("porteiro_function_cold_start_microseconds_total", label(options_));
  shared.telemetry.gauge("porteiro_function_idle_workers", label(options_),
                         [this, weak = std::weak_ptr(alive_)] {
                           return weak.expired() ? 0.0 : static_cast<double>(crew_->idle());
                         });
}

Pool::~Pool() { reset(); }

std::size_t Pool::free() const {
  const std::size_t taken = active_.size() + reserved_ + restarting_;
  const std::size_t rest = taken >= options_.concurrency_max ? 0 : options_.concurrency_max - taken;
  return crew_ && crew_->paused() ? std::min(rest, crew_->idle()) : rest;
}

void Pool::submit(std::shared_ptr<Run> run) {
  if (crew_) static_cast<void>(crew_->pause());  // New code ends one.
  if (free() > 0 && waiting_.empty()) return begin(std::move(run));
  if (cannot_start()) return refuse(*run);
  if (waiting_.size() < waiting_max) {
    waiting_.push_back(std::move(run));
    if (crew_ && free() > 0) freed();  // New code has ended a pause.
    return;
  }
  deliver(*run,
          error(Errc::limit_exceeded,
                "too many invocations of " + options_.name + " wait for a worker; try again later"),
          false);
}

// Starts fail, and no worker is there that could become free.
bool Pool::cannot_start() const {
  return crew_ && crew_->paused() && crew_->idle() == 0 && active_.empty();
}

// Nobody waits for a start that will fail: others may use the same queue.
void Pool::refuse(Run& run) {
  run.outside = true;
  if (run.invocation.direct) tell(*run.invocation.direct, crew_->last_failure());
  deliver(run, crew_->last_failure().error, false);
}

void Pool::begin(std::shared_ptr<Run> run) {
  run->pool = this;
  run->position = active_.size();
  run->invocation.function = options_.name;
  run->outside = outside();
  active_.push_back(run);
  attempt(run);
}

void Pool::attempt(const std::shared_ptr<Run>& run) {
  Environment& env = shared_.environment;
  const Time now = env.scheduler.now();
  Invocation& invocation = run->invocation;
  invocation.cold = !take_worker(*run, now);
  if (crew_ && invocation.cold) {
    if (const Duration pause = crew_->pause(); pause > Duration::zero()) {  // Of a retry.
      env.scheduler.after(pause, [run] {
        if (run->pool != nullptr) run->pool->attempt(run);
      });
      return;
    }
  }
  shared_.next_id.low += 0x9e3779b97f4a7c15U;
  const bool named = invocation.direct && invocation.direct->request;
  invocation.id = named ? invocation.direct->request : shared_.next_id;
  run->started = now;
  const Fault fault = env.strike(FaultPoint::worker_start, options_.name);
  if (fault.kind == Fault::Kind::cold_start && !invocation.cold) {
    drop_worker(*run);
    invocation.cold = true;
  }
  ++counters_.invocations;
  counters_.cold += invocation.cold;
  shared_.telemetry.record(telemetry::Kind::invocation_started, trace_of(*run), name_,
                           invocation.cold ? 1 : 0);
  if (fault.kind == Fault::Kind::crash) return crash(run, fault.delay);
  if (fault.kind == Fault::Kind::error) {
    keep_worker(*run);
    return settle(run, error(Errc::internal,
                             "the worker of " + options_.name + " could not start; try again"));
  }
  Duration start{0}, work{0};
  if (env.modelled) {
    if (invocation.cold) start = options_.cold.sample(env.random);
    work = options_.warm.sample(env.random);
  }
  if (fault.kind == Fault::Kind::slow) work += fault.delay;
  run->hangs = fault.kind == Fault::Kind::timeout;
  if (start <= Duration::zero()) return start_worker(run, work);
  env.scheduler.after(start, [run, work] {
    if (run->pool != nullptr) run->pool->start_worker(run, work);
  });
}

void Pool::start_worker(const std::shared_ptr<Run>& run, Duration work) {
  if (!crew_ || run->worker) return enter(run, work);
  run->worker = crew_->start([run, work](std::optional<Failure> failure) {
    if (run->pool != nullptr) run->pool->worker_started(run, work, std::move(failure));
  });
}

void Pool::worker_started(const std::shared_ptr<Run>& run, Duration work,
                          std::optional<Failure> failure) {
  const Duration took = shared_.environment.scheduler.now() - run->started;
  *counters_.cold_us += static_cast<std::uint64_t>(took / std::chrono::microseconds(1));
  if (!failure) return enter(run, work);
  if (run->invocation.direct) tell(*run->invocation.direct, *failure);
  Error why = failure->error;
  crew_->start_failed(std::move(*failure));
  settle(run, std::move(why));
}

void Pool::enter(const std::shared_ptr<Run>& run, Duration work) {
  Scheduler& scheduler = shared_.environment.scheduler;
  run->invocation.deadline = scheduler.now() + options_.timeout;
  keep_time(*run);
  if (work <= Duration::zero()) return call(run);
  scheduler.after(work, [run] {
    if (run->pool != nullptr) run->pool->call(run);
  });
}

void Pool::call(const std::shared_ptr<Run>& run) {
  if (run->hangs) return;
  std::shared_ptr<const Invocation> invocation(run, &run->invocation);
  Completion done = [run](Result<Reply> outcome) {
    if (run->pool != nullptr) run->pool->completed(run, std::move(outcome));
  };
  if (crew_) return run->worker->invoke(std::move(invocation), std::move(done));
  function_->invoke(std::move(invocation), std::move(done));
}

void Pool::completed(const std::shared_ptr<Run>& run, Result<Reply> outcome) {
  const bool lost = run->worker && run->worker->never_began();
  if (lost && ++run->lost <= lost_workers_max) return begin_again(run);
  Environment& env = shared_.environment;
  const Fault fault = env.strike(FaultPoint::worker_effect_done_ack_pending, options_.name);
  switch (fault.kind) {
    case Fault::Kind::crash:
      return crash(run, fault.delay);
    case Fault::Kind::timeout:
      return;
    case Fault::Kind::slow:
    case Fault::Kind::pause:
      env.scheduler.after(fault.delay, [run, outcome = std::move(outcome)]() mutable {
        if (run->pool != nullptr) run->pool->answered(run, std::move(outcome));
      });
      return;
    case Fault::Kind::error:
      outcome = error(Errc::internal, options_.name + " failed after its work; try again");
      break;
    case Fault::Kind::garbage:
      outcome = garbage(*run);
      break;
    default:
      return answered(run, std::move(outcome));
  }
  if (run->invocation.direct) run->invocation.direct->error.clear();
  answered(run, std::move(outcome));
}

void Pool::answered(const std::shared_ptr<Run>& run, Result<Reply> outcome) {
  keep_worker(*run);
  settle(run, std::move(outcome));
}

// It was given to a worker whose end was already near: another one gets it.
void Pool::begin_again(const std::shared_ptr<Run>& run) {
  stop_time(*run);
  run->worker.reset();
  record_end(*run, 1 + static_cast<std::uint64_t>(Errc::unavailable));
  if (run->invocation.direct) run->invocation.direct->error.clear();
  attempt(run);
}

// A worker that is still the Run's did not do its work: it is killed.
void Pool::settle(const std::shared_ptr<Run>& run, Result<Reply> outcome) {
  stop_time(*run);
  run->worker.reset();
  if (outcome) {
    record_end(*run, 0);
    return finish(run, std::move(outcome), false);
  }
  const Errc code = outcome.error().code;
  record_end(*run, 1 + static_cast<std::uint64_t>(code));
  ++counters_.errors;
  const bool again = retryable(code) && run->invocation.direct == nullptr;
  if (again && run->attempt <= options_.retries_max) return retry(run);
  finish(run, std::move(outcome), false);
}

// As a new Run: the function may still hold the old one, whose completion counts no more.
void Pool::retry(const std::shared_ptr<Run>& run) {
  auto next = std::make_shared<Run>();
  std::vector<queue::Delivery> deliveries = std::move(run->invocation.deliveries);
  next->invocation = run->invocation;
  next->invocation.deliveries = std::move(deliveries);
  next->done = std::move(run->done);
  next->sink = run->sink;
  next->outside = run->outside;
  next->pool = this;
  next->position = run->position;
  next->attempt = run->attempt + 1;
  const Duration delay =
      options_.retry_delay * (std::int64_t{1} << std::min(run->attempt - 1, 20u));
  run->pool = nullptr;
  active_[next->position] = next;
  shared_.environment.scheduler.after(delay, [next] {
    if (next->pool != nullptr) next->pool->attempt(next);
  });
}

void Pool::crash(const std::shared_ptr<Run>& run, Duration restart) {
  stop_time(*run);
  run->worker.reset();
  ++counters_.crashes;
  shared_.telemetry.record(telemetry::Kind::invocation_crashed, trace_of(*run), name_);
  if (restart > Duration::zero()) {
    ++restarting_;
    shared_.environment.scheduler.after(restart, [this, weak = std::weak_ptr(generation_)] {
      if (weak.expired()) return;
      --restarting_;
      freed();
    });
  }
  finish(run, error(Errc::unavailable, "the worker of " + options_.name + " crashed; try again"),
         true);
}

// `run` is kept: the caller's may be the place in active_ itself.
void Pool::finish(std::shared_ptr<Run> run, Result<Reply> outcome, bool crashed) {
  run->pool = nullptr;
  if (run->position + 1 != active_.size()) {
    active_[run->position] = std::move(active_.back());
    active_[run->position]->position = run->position;
  }
  active_.pop_back();
  deliver(*run, std::move(outcome), crashed);
  freed();
}

void Pool::deliver(Run& run, Result<Reply> outcome, bool crashed) {
  if (run.sink != nullptr) {
    run.sink->ended(run, std::move(outcome), crashed);
  } else {
    run.done(std::move(outcome));
  }
  shared_.ended();
}

// Those who wait first, then the queues, each in turn; whether there is room for a message is a
// source's own to say, who may have several pools.
void Pool::freed() {
  if (draining_) return;  // The loop below goes on.
  draining_ = true;
  while (free() > 0 && !waiting_.empty()) {
    std::shared_ptr<Run> next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(std::move(next));
  }
  while (cannot_start() && !waiting_.empty()) {
    const std::shared_ptr<Run> next = std::move(waiting_.front());
    waiting_.pop_front();
    refuse(*next);
  }
  draining_ = false;
  if (sources_.empty()) return;
  ++next_source_;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    sources_[(next_source_ + i) % sources_.size()]->pump();
  }
}

void Pool::reset() {
  for (const auto& run : active_) {
    run->pool = nullptr;
    run->timed = false;
    if (run->worker) crew_->end(std::move(run->worker));
  }
  first_timed_ = last_timed_ = nullptr;
  timer_.stop();
  active_.clear();
  waiting_.clear();
  idle_.clear();
  reserved_ = restarting_ = 0;
  generation_ = std::make_shared<int>(0);
  if (crew_) crew_->reset();
}

bool Pool::take_worker(Run& run, Time now) {
  if (crew_) {
    run.worker = crew_->take();
    return run.worker != nullptr;
  }
  if (idle_.empty()) return false;
  if (now - idle_.back() > options_.idle_max) {  // The others are older.
    idle_.clear();
    return false;
  }
  idle_.pop_back();
  return true;
}

void Pool::keep_worker(Run& run) {
  if (!crew_) return idle_.push_back(shared_.environment.scheduler.now());
  if (run.worker) crew_->keep(std::move(run.worker));
}

// One of this process is no more than the time that was taken.
void Pool::drop_worker(Run& run) {
  if (run.worker) crew_->end(std::move(run.worker));
}

void Pool::keep_time(Run& run) {
  run.timed = true;
  run.before = last_timed_;
  run.after = nullptr;
  (last_timed_ == nullptr ? first_timed_ : last_timed_->after) = &run;
  last_timed_ = &run;
  if (!timer_.running()) arm(run.invocation.deadline);
}

void Pool::stop_time(Run& run) {
  if (!run.timed) return;
  run.timed = false;
  (run.before == nullptr ? first_timed_ : run.before->after) = run.after;
  (run.after == nullptr ? last_timed_ : run.after->before) = run.before;
}

void Pool::arm(Time deadline) {
  timer_.start(deadline - shared_.environment.scheduler.now(), [this] { expire(); });
}

void Pool::expire() {
  const Time now = shared_.environment.scheduler.now();
  while (first_timed_ != nullptr && first_timed_->invocation.deadline <= now) {
    const std::shared_ptr<Run> run = active_[first_timed_->position];
    ++counters_.timeouts;
    settle(run, timed_out(*run));
  }
  if (first_timed_ != nullptr && !timer_.running()) arm(first_timed_->invocation.deadline);
}

// A function outside hears it in AWS Lambda's own words.
Result<Reply> Pool::timed_out(const Run& run) const {
  if (run.worker) {
    std::array<char, 64> words;
    const double seconds = std::chrono::duration<double>(options_.timeout).count();
    std::snprintf(words.data(), words.size(), "Task timed out after %.2f seconds", seconds);
    std::string tail = run.worker->give_up(words.data());
    if (run.invocation.direct) {
      run.invocation.direct->log_tail = std::move(tail);
      run.invocation.direct->error =
          error_object("Sandbox.Timedout", words.data(), run.invocation.id);
    }
  }
  return error(Errc::timeout,
               options_.name + " took longer than its time-out of " + to_text(options_.timeout));
}

void Pool::record_end(const Run& run, std::uint64_t code) {
  const Duration took = shared_.environment.scheduler.now() - run.started;
  counters_.busy_us += static_cast<std::uint64_t>(took.count()) / 1000;
  shared_.telemetry.record(telemetry::Kind::invocation_ended, trace_of(run), name_, code,
                           static_cast<std::uint64_t>(took.count()));
}

}  // namespace porteiro::lambda
