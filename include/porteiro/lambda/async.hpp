// Asynchronous invocations (InvocationType Event): events wait, durably, in a queue for each
// function that no client of the queue service sees. A failed one is tried again, then told of
// (AWS Lambda, "How Lambda handles errors and retries with asynchronous invocation"). At least
// once: what ran when the emulator was killed runs again. Belongs to the loop.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/base/environment.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/lambda/function.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::lambda {

// How invocations of a function by one qualifier go, at the moment.
struct AsyncPlan {
  std::string key;      // As Functions knows what runs.
  std::string arn;      // Of the version that was asked for, with its qualifier.
  std::string version;  // The one that runs.
  std::uint32_t retries_max = 2;
  Duration age_max = std::chrono::hours(6);
  bool never = false;  // No invocation has a place: a failure at once.
  std::string on_success{}, on_failure{}, dead_letter{};  // ARNs; empty: none.
};

struct AsyncHost {
  // nullopt: there is no such function or qualifier any more, and its events are dropped.
  std::function<std::optional<AsyncPlan>(std::string_view function, std::string_view qualifier)>
      plan;
  // Takes a place among the concurrent invocations of the function; false: there is none now.
  std::function<bool(std::string_view function)> admit;
  std::function<void(std::string_view function)> release;
  std::function<void(std::string_view key, std::shared_ptr<Direct>, Completion)> invoke;
  // To the queue or the function of that ARN. Errors: that it could not be sent.
  std::function<Result<void>(std::string_view arn, std::string body,
                             std::vector<queue::Attribute> attributes)>
      send;
};

class AsyncInvocations {
 public:
  static constexpr Duration first_retry = std::chrono::minutes(1);  // AWS Lambda; then doubled.
  static constexpr std::size_t events_max = 100'000;                // Of one function; ours.

  // Joins the journal as "lambda.invocations", before it starts. Borrows all but the host.
  AsyncInvocations(Environment& environment, journal::Journal& journal,
                   telemetry::Telemetry& telemetry, AsyncHost host);
  ~AsyncInvocations();

  // Acknowledge once the journal is durable up to the sequence. Errors: limit_exceeded.
  Result<journal::Sequence> submit(std::string_view function, std::string_view qualifier,
                                   Id request, std::string payload, std::string client_context,
                                   Behalf behalf);

  void start();                          // What a restart gave back runs from now on.
  void drop(std::string_view function);  // It is gone, with its events.
  void look(std::string_view function);  // There may be a place for it again.
  void stop();                           // No more begin; what runs is told as usual.
  void reset();                          // All events are forgotten; what runs counts no more.
  std::size_t running() const;
  std::size_t waiting() const;  // Events not yet done with, those that run included.

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace porteiro::lambda
