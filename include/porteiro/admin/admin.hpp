// The developer's own side of a running emulator, under /_porteiro/ on the inside port: health,
// ready, metrics, events, traces, queues, reset. Checks Host and Origin against DNS rebinding.
#pragma once
#include <functional>
#include <memory>

#include "porteiro/base/http.hpp"
#include "porteiro/events/event_log.hpp"
#include "porteiro/queue/queue.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::admin {

struct Hooks {
  std::function<bool()> ready;
  // Returns everything to the state after start, then calls back.
  std::function<void(UniqueFunction<void(Result<void>)>)> reset;
};

class Admin {
 public:
  Admin(telemetry::Telemetry& telemetry, events::EventLog& events, queue::Queues& queues,
        Hooks hooks);
  void handle(const http::Request& request, http::Responder respond);

 private:
  telemetry::Telemetry& telemetry_;
  events::EventLog& events_;
  queue::Queues& queues_;
  Hooks hooks_;
};

}  // namespace porteiro::admin
