// A program that leaks on purpose: porteiro with a function that logs what it was sent. Only the
// test of the scan for secrets starts it, to see that the scan finds it.
#include "porteiro/app/app.hpp"
#include "porteiro/lambda/event_data.hpp"
#include "porteiro/lambda/function.hpp"
#include "porteiro/runtime/nursery.hpp"
#include "porteiro/runtime/relay.hpp"

namespace {

using namespace porteiro;

void leak(std::shared_ptr<const lambda::Invocation> invocation, lambda::Services& services,
          lambda::Completion done) {
  lambda::body(invocation, services,
               [invocation, &services, done = std::move(done)](Result<std::string> body) mutable {
                 if (!body) return done(body.error());
                 services.telemetry.note(telemetry::Level::warning, "took " + body.value());
                 done(lambda::Reply{200, "application/json", "{}"});
               });
}

PORTEIRO_FUNCTION("test.leak", leak);

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = porteiro::runtime::run_nursery(argc, argv)) return *status;
  if (const auto status = porteiro::runtime::run_relay(argc, argv)) return *status;
  return porteiro::app::run(argc, argv);
}
