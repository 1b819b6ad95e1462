// The assembly: options and an environment in, a running emulator out. Knows no sockets: the two
// handlers are bound to listeners by the application, or called directly by the simulation.
#pragma once
#include <memory>
#include <string_view>

#include "porteiro/base/environment.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/emulator/options.hpp"
#include "porteiro/events/event_log.hpp"

namespace porteiro::emulator {

// Of a request to the inside that may be large: a zip file of 50 MB in base64, and some room.
inline constexpr std::size_t large_body_bytes_max = 70u << 20;

class Emulator {
 public:
  // Opens stores, keys and journal. In an environment with processes the files of functions outside
  // have to be there. Errors: invalid, corrupt, denied, conflict (the data directory
  // is in use), unavailable.
  static Result<std::unique_ptr<Emulator>> open(Options options, Environment& environment,
                                                const lambda::Registry& registry);
  virtual ~Emulator() = default;

  // Derives tokens, rebuilds read models, starts the sources; then requests are served.
  virtual void start(UniqueFunction<void(Result<void>)> done) = 0;
  virtual void stop(Task done) = 0;  // Graceful: what was accepted is answered and durable.

  virtual void handle_public(const http::Request& request, http::Responder respond) = 0;
  virtual void handle_inside(const http::Request& request, http::Responder respond) = 0;
  static bool may_be_large(std::string_view target);  // Of a request to the inside.

  // For the simulation's checks and the application's logs.
  virtual telemetry::Telemetry& telemetry() = 0;
  virtual queue::Queues& queues() = 0;
  virtual stores::Stores& stores() = 0;
  virtual readmodels::ReadModels& read_models() = 0;
  virtual kms::Kms& kms() = 0;
  virtual events::EventLog& events() = 0;
  virtual const access::Layers& layers() const = 0;
  virtual telemetry::Cost cost() const = 0;  // Since start or reset.
  // Nothing runs, waits or is in flight.
  virtual bool idle() = 0;
};

}  // namespace porteiro::emulator
