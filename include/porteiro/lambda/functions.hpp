// The function service: runs functions in workers (execution environments) with bounded
// concurrency, time-outs, cold and warm starts, and feeds them from queues. Belongs to the loop.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "porteiro/events/envelopes.hpp"
#include "porteiro/lambda/function.hpp"
#include "porteiro/lambda/mappings.hpp"
#include "porteiro/lambda/worker.hpp"
#include "porteiro/queue/queue.hpp"

namespace porteiro::lambda {

struct FunctionOptions {
  std::string name{};
  std::string factory{};                       // A built-in or a linked C++ function.
  std::size_t concurrency_max = 1000;          // AWS Lambda: 1,000 an account.
  Duration timeout = std::chrono::seconds(3);  // AWS Lambda default; at most 900 s.
  // Of a retryable error, within one delivery; the invocation keeps its place among
  // concurrency_max while it waits. A crash is not retried.
  std::uint32_t retries_max = 2;
  Duration retry_delay = std::chrono::milliseconds(100);  // Doubles with each retry.
  // The start of a worker, and one run beside the calls it makes; apply when Environment::modelled.
  // The time-out counts from the end of the start.
  LatencyModel cold{}, warm{};
  Duration idle_max = std::chrono::minutes(10);  // A worker not used for so long is gone.
};

// Of a queue whose events routes made.
struct SourceOptions {
  std::string queue{};
  std::string function{};  // Takes the events of all types that are not in by_type; empty: none.
  std::vector<std::pair<std::string, std::string>> by_type{};  // Event type → function.
};

inline constexpr std::size_t waiting_max = 10'000;  // Invocations of one function without a worker.

class Functions final : public Mappings {
 public:
  // Borrows all.
  Functions(Environment& environment, telemetry::Telemetry& telemetry, queue::Queues& queues);
  ~Functions() override;  // What runs is abandoned. Not to be called from a completion.

  // Errors: conflict (the name exists), invalid (an option out of bounds).
  Result<void> create(FunctionOptions options, std::unique_ptr<Function> function);
  // One that runs outside, in workers of its own.
  Result<void> create(FunctionOptions options, std::unique_ptr<Workers> workers);

  // A function that no route needs goes; its name is free at once, and mappings wait for another
  // one of that name. What it runs, and what waits for it, ends undisturbed, then its workers are
  // asked to end; `gone` runs, posted, when the last one has, unless this object goes before.
  // Errors: not_found, conflict (a route needs it).
  Result<void> remove(std::string_view name, Task gone = nullptr);

  // Runs one invocation, waiting for a free worker. Retries are applied. Errors: not_found,
  // limit_exceeded (too many wait), timeout, unavailable (the worker crashed), the function's own.
  // `done` may run at once.
  void invoke(std::string_view function, std::vector<events::Event> events, Completion done);

  // One invocation as the Lambda service makes it: no retries. A function in this process gets the
  // payload as an event, or as the data of one of type "function.invoked". Errors: as above; what
  // `direct->error` then says is for whoever invoked it.
  void invoke(std::string_view function, std::shared_ptr<Direct> direct, Completion done);

  // Feeds functions from the queue of routes, one event an invocation. `replied` gets the outcome
  // of each event before its message is deleted. An error to be retried leaves the message for its
  // visibility timeout, every other outcome deletes it; so does every outcome of a function outside
  // if the message is ephemeral: a client waits for it. A body that is no event is deleted, counted
  // and noted; an event for which there is no function has failed for good (not_found). Messages
  // are received only when a worker is free. Borrows the queue. Errors: not_found (a function).
  // With `envelopes`, which is borrowed, each event is verified first; one that is refused is told
  // of and deleted, and `replied` does not hear of it. A key service that does not answer leaves
  // the message for its visibility timeout.
  using Replied = std::function<void(const events::Event&, Result<Reply>)>;
  Result<void> add_source(queue::Queue& queue, SourceOptions options, Replied replied,
                          events::Envelopes* envelopes = nullptr);

  std::size_t free(std::string_view function) const;  // Of it could begin now; 0: there is none.

  void map(MappingOptions options) override;
  void unmap(Id id) override;

  // For a graceful stop: no more receives; `done` runs, posted, when nothing is running and the
  // workers outside, which are asked to end then, have ended (within 2 s: then they are killed).
  void stop(Task done);
  // Workers cold, nothing running: what runs or waits is abandoned, its `done` never runs. Workers
  // outside are asked to end.
  void reset();
  std::size_t running() const;  // And waiting for a worker.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::lambda
