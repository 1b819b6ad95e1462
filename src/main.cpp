#include "porteiro/app/app.hpp"
#include "porteiro/runtime/nursery.hpp"

int main(int argc, char** argv) {
  if (const auto status = porteiro::runtime::run_nursery(argc, argv)) return *status;
  return porteiro::app::run(argc, argv);
}
