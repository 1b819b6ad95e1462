// The checks of a scenario, over what the driver saw. A check without samples is `unknown`.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "porteiro/base/bytes.hpp"
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
// What a check names: "a" or ["a", "b"]; and as text: "a, b".
std::vector<std::string> list_of(const nlohmann::json& one_or_many);
std::string joined(const std::vector<std::string>& names);

std::vector<LatencyFigures> latencies(const Seen& seen);

inline std::string hash_text(std::uint64_t hash) {  // 16 hexadecimal digits.
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(hash >> shift & 0xff);
  return to_hex(bytes);
}

}  // namespace porteiro::simulation
