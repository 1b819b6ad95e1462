// How often each action of a service was asked for, by how it ended. A counter is looked up once.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "porteiro/telemetry/telemetry.hpp"
#include "protocols/aws/failure.hpp"

namespace porteiro::protocols::aws {

class Counts {
 public:
  // `metric` has the labels action and error. Borrows `telemetry`.
  Counts(telemetry::Telemetry& telemetry, std::string metric, std::size_t actions)
      : telemetry_(telemetry), metric_(std::move(metric)), actions_(actions) {}

  // `action` counts from 0 and is less than `actions`; `error` null: it was done. `code` is the
  // error as the metric has it.
  void add(std::size_t action, std::string_view name, const ErrorKind* error,
           std::string_view code);

 private:
  struct Action {
    std::uint64_t* good = nullptr;
    std::vector<std::pair<const ErrorKind*, std::uint64_t*>> bad;
  };
  telemetry::Telemetry& telemetry_;
  const std::string metric_;
  std::vector<Action> actions_;
};

// "QueueDoesNotExist" of "com.amazonaws.sqs#QueueDoesNotExist".
inline std::string_view bare_type(const ErrorKind& kind) {
  return kind.type.substr(kind.type.find('#') + 1);
}

}  // namespace porteiro::protocols::aws
