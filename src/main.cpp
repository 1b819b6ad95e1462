#include "porteiro/app/app.hpp"
#include "porteiro/runtime/nursery.hpp"
#include "porteiro/runtime/relay.hpp"

int main(int argc, char** argv) {
  if (const auto status = porteiro::runtime::run_nursery(argc, argv)) return *status;
  if (const auto status = porteiro::runtime::run_relay(argc, argv)) return *status;
  return porteiro::app::run(argc, argv);
}
