// The real world, for the one part of a simulated run that is real: the workers of functions
// outside. The application gives it; the simulation itself knows no real time, process or socket.
#pragma once
#include <functional>

#include "porteiro/base/activity.hpp"
#include "porteiro/base/files.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/base/processes.hpp"
#include "porteiro/lambda/external.hpp"

namespace porteiro::simulation {

// Borrowed by the runs, which it outlives. What it calls back, it calls from within `pump`.
struct Host {
  Processes& processes;
  http::PrivatePorts& private_ports;
  Files& files;  // The functions' code is there; it is only read.
  std::function<void(lambda::Surroundings&)> surround;  // Says what workers find there.
  // Lets happen what is ready, or else waits for something, at most so long. False: nothing was.
  std::function<bool(Duration wait_max)> pump;
  std::function<Activity(std::int64_t pid)> activity;  // Of one of the processes.
};

}  // namespace porteiro::simulation
