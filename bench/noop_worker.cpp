// The smallest function outside: it answers what it got, after as many milliseconds as it is told.
#include <chrono>
#include <cstdlib>
#include <porteiro/worker.hpp>
#include <thread>

int main(int argc, char** argv) {
  const auto pause = std::chrono::milliseconds(argc > 1 ? std::atoi(argv[1]) : 0);
  return porteiro::worker::run([pause](const porteiro::worker::Invocation& invocation) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    return invocation.payload;
  });
}
