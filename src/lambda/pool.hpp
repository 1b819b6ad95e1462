// One function's workers: slots that are made on demand and kept warm, and the invocations that
// hold or wait for one.
//
// The worker of a function that runs in this process is no object: an idle one is the time it was
// last used, a busy one is a Run. One of a function that runs outside is a Worker, which its Run
// owns while it starts and runs, and the Crew otherwise. The life of a Run: (waits) → started →
// [cold start] → the function runs → completed | timed out | crashed → retried as a new Run in the
// same place, or ended. Faults strike before the function runs and when it has completed. Only a
// Run whose `pool` is set counts: what completes afterwards is ignored.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "lambda/crew.hpp"
#include "porteiro/lambda/functions.hpp"

namespace porteiro::lambda {

class Pool;
struct Run;

// Where an invocation came from, when it is a queue.
class Sink {
 public:
  virtual ~Sink() = default;
  // `crashed`: the outcome is lost with the worker.
  virtual void ended(Run& run, Result<Reply> outcome, bool crashed) = 0;
  virtual void pump() = 0;  // A worker is free.
};

struct Run {
  Invocation invocation;
  Completion done;  // Or:
  Sink* sink = nullptr;
  std::unique_ptr<Worker> worker;  // Of a function that runs outside, while it starts or runs.
  bool outside = false;

  Pool* pool = nullptr;      // Null: waits, has ended or is abandoned.
  std::size_t position = 0;  // Among the pool's active ones.
  std::uint32_t attempt = 1;
  std::uint32_t lost = 0;  // Workers that ended before they got it.
  Time started;
  bool timed = false;  // In the list of those whose time-out runs.
  bool hangs = false;  // By a fault: the function is not called.
  Run *before = nullptr, *after = nullptr;
};

// What all pools share.
struct Shared {
  Environment& environment;
  telemetry::Telemetry& telemetry;
  Id next_id;
  bool stopping = false;
  std::function<void()> ended;  // An invocation has ended.
};

class Pool {
 public:
  Pool(Shared& shared, FunctionOptions options, std::unique_ptr<Function> function);
  Pool(Shared& shared, FunctionOptions options, std::unique_ptr<Workers> workers);
  ~Pool();

  void submit(std::shared_ptr<Run> run);
  void add_source(Sink& source) { sources_.push_back(&source); }
  void remove_source(Sink& source) { std::erase(sources_, &source); }

  std::size_t free() const;  // Workers that could start now.
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t running() const { return active_.size() + waiting_.size(); }
  void reserve() { ++reserved_; }  // For a batch that still fills.
  void release() { --reserved_; }  // freed() has to follow, once the batch is submitted.
  void freed();                    // Workers may be free: whoever waits for one is looked after.
  void reset();
  void close() {  // No more invocations come: idle workers end. Shared::ended tells of each.
    if (crew_) crew_->end_idle();
  }
  std::size_t processes() const { return crew_ ? crew_->size() : 0; }  // Beside those that run.
  bool outside() const { return crew_ != nullptr; }
  const FunctionOptions& options() const { return options_; }

 private:
  Pool(Shared& shared, FunctionOptions options);
  bool cannot_start() const;
  void refuse(Run& run);
  void begin(std::shared_ptr<Run> run);
  void attempt(const std::shared_ptr<Run>& run);
  void start_worker(const std::shared_ptr<Run>& run, Duration work);
  void worker_started(const std::shared_ptr<Run>& run, Duration work,
                      std::optional<Failure> failure);
  void enter(const std::shared_ptr<Run>& run, Duration work);
  void call(const std::shared_ptr<Run>& run);
  void completed(const std::shared_ptr<Run>& run, Result<Reply> outcome);
  void begin_again(const std::shared_ptr<Run>& run);
  void answered(const std::shared_ptr<Run>& run, Result<Reply> outcome);
  void settle(const std::shared_ptr<Run>& run, Result<Reply> outcome);
  void retry(const std::shared_ptr<Run>& run);
  void crash(const std::shared_ptr<Run>& run, Duration restart);
  void finish(std::shared_ptr<Run> run, Result<Reply> outcome, bool crashed);
  void deliver(Run& run, Result<Reply> outcome, bool crashed);

  bool take_worker(Run& run, Time now);  // False: there is no warm one.
  void keep_worker(Run& run);            // It has done its work.
  void drop_worker(Run& run);            // A warm one that is not used after all.
  Result<Reply> timed_out(const Run& run) const;
  void keep_time(Run& run);
  void stop_time(Run& run);
  void arm(Time deadline);
  void expire();
  void record_end(const Run& run, std::uint64_t code);

  Shared& shared_;
  const FunctionOptions options_;
  std::unique_ptr<Function> function_;  // Or:
  std::unique_ptr<Crew> crew_;
  const telemetry::Name name_;

  std::vector<Time> idle_;                    // When last used, oldest first: LIFO.
  std::vector<std::shared_ptr<Run>> active_;  // Each holds one of concurrency_max.
  std::deque<std::shared_ptr<Run>> waiting_;
  std::size_t reserved_ = 0, restarting_ = 0;
  std::shared_ptr<int> generation_ = std::make_shared<int>(0);  // Of restarts; new with a reset.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::vector<Sink*> sources_;
  std::size_t next_source_ = 0;
  bool draining_ = false;

  // All time-outs are equally long, so they end in the order they began: a list and one timer,
  // which is left alone when the first of them completes.
  Run *first_timed_ = nullptr, *last_timed_ = nullptr;
  Timer timer_;

  struct Counters {
    std::uint64_t &invocations, &cold, &errors, &timeouts, &crashes, &busy_us;
    std::uint64_t* cold_us = nullptr;  // Of functions that run outside: what their starts took.
  } counters_;
};

}  // namespace porteiro::lambda
