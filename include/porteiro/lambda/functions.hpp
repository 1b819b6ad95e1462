// The function service: runs functions in workers (execution environments) with bounded
// concurrency, time-outs, cold and warm starts, and feeds them from queues. Belongs to the loop.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "porteiro/lambda/function.hpp"
#include "porteiro/queue/queue.hpp"

namespace porteiro::lambda {

struct FunctionOptions {
  std::string name{};
  std::string factory{};                     // A built-in or a linked C++ function.
  std::size_t concurrency_max = 1000;        // AWS Lambda: 1,000 an account.
  Duration timeout = std::chrono::seconds(3);          // AWS Lambda default; at most 900 s.
  std::uint32_t retries_max = 2;             // Of a retryable error, within one delivery.
  Duration retry_delay = std::chrono::milliseconds(100);  // Doubles with each retry.
  LatencyModel cold{}, warm{};               // Start and run; apply when Environment::modelled.
  Duration idle_max = std::chrono::minutes(10);  // A worker not used for so long is gone.
};

struct SourceOptions {
  std::string queue{};
  std::string function{};
  std::size_t batch_max = 1;
  Duration window = Duration::zero();  // Waits so long for a fuller batch.
};

class Functions {
 public:
  Functions(Services services, telemetry::Telemetry& telemetry);
  ~Functions();

  Result<void> create(FunctionOptions options, std::unique_ptr<Function> function);

  // Runs one invocation, waiting for a free worker. Retries are applied. Errors: not_found,
  // limit_exceeded (too many wait), timeout, unavailable (the worker crashed), the function's own.
  void invoke(std::string_view function, std::vector<events::Event> events, Completion done);

  // Feeds a function from a queue. `replied` gets the outcome of each route event, before the
  // message is deleted; an ordinary mapping has none. An error to be retried leaves the message
  // for its visibility timeout, every other outcome deletes it.
  using Replied = std::function<void(const events::Event&, Result<Reply>)>;
  Result<void> add_source(queue::Queue& queue, SourceOptions options, Replied replied);

  // For a graceful stop: no more receives; `done` runs when nothing is running.
  void stop(Task done);
  void reset();  // Workers cold, nothing running: what runs is abandoned.
  std::size_t running() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::lambda
