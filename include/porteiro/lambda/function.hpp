// What a function is: code behind a name that gets events and gives a reply. Functions written in
// C++ and the declarative built-ins are the same thing; a config says which one stands behind a
// name. A function runs on the loop and must not block; what it waits for comes as a completion.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/environment.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/events/event.hpp"
#include "porteiro/kms/tokens.hpp"
#include "porteiro/lambda/sealing.hpp"
#include "porteiro/queue/message.hpp"
#include "porteiro/stores/access.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::lambda {

// What a function may use, under its own role. Borrowed; outlives every invocation.
struct Services {
  Environment& environment;
  telemetry::Telemetry& telemetry;
  stores::Accesses& stores;
  Sealing& sealer;
  kms::Tokens& tokens;
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<http::Header> headers{};  // Others, for whoever asked over HTTP.
};

// For whom a function invokes another one, as its own events say.
struct Behalf {
  std::string purpose{}, client{};
  bool masked = false;
};

// What only an invocation by the Lambda service has: what it brings, and what it wants to know
// beside the reply, which is set when it ends.
struct Direct {
  Id request{};                    // What the invocation is called; zero: that is left open.
  std::string qualifier{};         // The version or alias that was asked for; empty: none was.
  std::string payload{};           // JSON.
  std::string client_context{};    // JSON; empty: none.
  std::string cognito_identity{};  // Likewise.
  Behalf behalf{};                 // Becomes the event's.
  std::string error{};     // A failure as AWS's object {"errorType":…}; empty: there is none.
  std::string log_tail{};  // The last 4 KiB of what a function outside wrote, masked.
};

// One run of a function. Shared with the function until it completes; the worker may abandon it
// (time-out, crash), then the completion does nothing.
struct Invocation {
  Id id;
  std::string_view function;
  Time deadline;
  std::vector<events::Event> events;  // One for a route; a batch for an event source mapping.
  bool cold = false;
  bool route = false;                         // Of the gateway: the reply goes to its client.
  std::string_view queue{};                   // Where the events came from; empty: from no queue.
  std::vector<queue::Delivery> deliveries{};  // Then one for each event, in order.
  std::shared_ptr<Direct> direct{};           // By the Lambda service, or null.

  const events::Event& event() const { return events.front(); }
};
using Completion = UniqueFunction<void(Result<Reply>)>;

class Function {
 public:
  virtual ~Function() = default;
  // Exactly one completion an invocation. Errors to be retried: unavailable, timeout, internal,
  // conflict, limit_exceeded; others are the final answer.
  virtual void invoke(std::shared_ptr<const Invocation> invocation, Completion done) = 0;
};
bool retryable(Errc code);

// What a function is made from: its name in the config, and the member `with` (an object).
struct Definition {
  std::string name;
  const nlohmann::json& with;
  Services& services;
};
using Factory = std::function<Result<std::unique_ptr<Function>>(const Definition&)>;

// The factories by name. Built-ins have dotted names (record.get); C++ functions any other.
class Registry {
 public:
  void add(std::string name, Factory factory);
  // A plain C++ function as a factory.
  using Handler = std::function<void(std::shared_ptr<const Invocation>, Services&, Completion)>;
  void add_handler(std::string name, Handler handler);
  Result<std::unique_ptr<Function>> make(std::string_view factory,
                                         const Definition& definition) const;
  bool has(std::string_view name) const;
  std::vector<std::string> names() const;

 private:
  StringMap<Factory> factories_;
};

// record.get, record.put, record.append, record.query, record.delete, respond, echo.
void add_builtins(Registry& registry);

// The functions that the executable was linked with (PORTEIRO_FUNCTION below).
void add_linked(Registry& registry);

// At namespace scope of a .cpp: PORTEIRO_FUNCTION("credit.score", handler);
struct Linked {
  Linked(const char* name, Registry::Handler handler);
};
#define PORTEIRO_FUNCTION(name, handler) \
  static const ::porteiro::lambda::Linked porteiro_linked_##handler { name, handler }

}  // namespace porteiro::lambda
