// The checks of a scenario, over what the driver saw. A check without samples is `unknown`.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "porteiro/simulation/scenario.hpp"
#include "simulation/driver.hpp"

namespace porteiro::simulation {

struct Evidence {
  const Seen& seen;
  const QueueLedger& ledger;
  const FaultEngine& faults;
  const Canaries& canaries;
  emulator::Emulator& emulator;
  std::uint64_t history_hash;
};

CheckResult evaluate(const nlohmann::json& check, const Evidence& evidence);
std::vector<LatencyFigures> latencies(const Seen& seen);

std::string hash_text(std::uint64_t hash);  // 16 hexadecimal digits.

}  // namespace porteiro::simulation
