// The developer's own side of a running emulator, under /_porteiro/ on the inside port: health,
// ready, metrics, events, traces, queues, reset, erase. Checks Host and Origin against DNS
// rebinding.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/events/event_log.hpp"
#include "porteiro/queue/queue.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::admin {

struct Hooks {
  std::function<bool()> ready;
  // Returns everything to the state after start, then calls back.
  std::function<void(UniqueFunction<void(Result<void>)>)> reset;
  // Erases a person, named by the value of a token or by the token itself; calls back with what was
  // done, as JSON.
  std::function<void(std::string_view token_name, std::string_view value,
                     UniqueFunction<void(Result<std::string>)>)>
      erase{};
  // The newest entries of the audit log, as JSON objects, the oldest first. May be empty: none.
  std::function<std::vector<std::string>(std::size_t count)> audit{};
  std::function<std::string()> cost{};  // As JSON.
};

class Admin {
 public:
  // Borrows the three; the hooks may be called as long as it lives.
  Admin(telemetry::Telemetry& telemetry, events::EventLog& events, queue::Queues& queues,
        Hooks hooks);
  // Answers everything itself: 403 when Host or Origin are not local, 404 with a hint for what it
  // does not know. `respond` runs at once, but for a reset and an
  // erasure.
  void handle(const http::Request& request, http::Responder respond);

 private:
  http::Response show(std::string_view path, const http::Request& request);  // What is read.
  void erase(const http::Request& request, http::Responder respond);

  telemetry::Telemetry& telemetry_;
  events::EventLog& events_;
  queue::Queues& queues_;
  Hooks hooks_;
};

}  // namespace porteiro::admin
