// The gateway's options in the form that serves requests.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "porteiro/gateway/gateway.hpp"

namespace porteiro::gateway {

// The requests of one route by status: porteiro_gateway_requests_total{route=…,status=…}.
class StatusCounter {
 public:
  StatusCounter(telemetry::Telemetry& telemetry, std::string route);
  void count(int status);

 private:
  telemetry::Telemetry* telemetry_;
  std::string route_;
  std::vector<std::pair<int, std::uint64_t*>> counters_;  // Made as statuses come up: a few.
};

// Where values become tokens before anything is made of them.
struct TokenRules {
  struct Body {
    std::string place;              // "body.person.cpf"
    std::vector<std::string> path;  // person, cpf
    std::string token;
  };
  StringMap<std::string> path, query;  // Parameter → token.
  std::vector<Body> body;
};

// Errors: invalid (a place that is none).
Result<TokenRules> token_rules(const std::vector<TokenPlace>& places);

struct CompiledRoute {
  enum class Kind : std::uint8_t { event, model, status, none };
  struct Param {
    std::string name;
    std::string place;  // "path.cpf"
    std::string token;  // Empty: the value stays as it is.
  };

  explicit CompiledRoute(StatusCounter counter) : requests(std::move(counter)) {}

  Kind kind = Kind::none;  // None stands for the requests that match no route.
  Route options;
  std::string label;   // "POST /v1/people"
  std::string source;  // The `source` of its events.
  std::vector<Param> params;
  std::size_t model_param = 0;    // Of a model's route: which of `params` is the key.
  bool write = false;             // Idempotency keys count.
  bool restricted = false;        // What is asked and answered may hold restricted values.
  queue::Queue* queue = nullptr;  // Of an event's route, else null.
  Duration pending_age{};         // How long a command may stay pending.
  std::size_t lane = 0;           // Of the waiting room.
  telemetry::Name name = 0, event_name = 0;
  StatusCounter requests;
};

}  // namespace porteiro::gateway
