// What a module is given by its surroundings: one bundle of borrowed interfaces, all of which
// outlive the modules. The runtime fills it with the real ones, the simulation with virtual ones.
#pragma once
#include "porteiro/base/faults.hpp"
#include "porteiro/base/files.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/base/processes.hpp"
#include "porteiro/base/random.hpp"
#include "porteiro/base/scheduler.hpp"
#include "porteiro/base/witness.hpp"

namespace porteiro {

struct Environment {
  Scheduler& scheduler;
  Offload& offload;
  Entropy& entropy;
  Random& random;  // For modelled latencies and jitter, never for keys.
  Files& files;
  Faults* faults = nullptr;        // May be null: nothing strikes.
  Witness* witness = nullptr;      // May be null: nobody watches.
  bool modelled = false;           // Modelled latencies apply (simulation); live they are off.
  Processes* processes = nullptr;  // May be null, with the next one: no external workers here.
  http::PrivatePorts* private_ports = nullptr;

  Fault strike(FaultPoint point, std::string_view target) const {
    return faults == nullptr ? Fault{} : faults->strike(point, target);
  }
  void wrote(Place place, std::string_view bytes) const {
    if (witness != nullptr) witness->wrote(place, bytes);
  }
};

}  // namespace porteiro
