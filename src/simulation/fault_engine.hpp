// Strikes at fault points as a scenario's `faults` say. One seeded Random a fault, so that adding
// a fault does not change what the others do.
#pragma once
#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/faults.hpp"
#include "porteiro/base/latency.hpp"
#include "porteiro/base/random.hpp"
#include "porteiro/base/time.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::simulation {

class FaultEngine final : public Faults {
 public:
  FaultEngine(const Clock& clock, const nlohmann::json& faults, Random random);

  void attach(telemetry::Telemetry& telemetry);  // Strikes are recorded there from now on.
  void begin(Time start) { start_ = start; }     // The faults' `at` counts from here.
  void heal(std::string_view id);                // "*": all of them, for good.

  Fault strike(FaultPoint point, std::string_view target) override;

  // "fault:ID": how often it struck; "worker.start" …: how often the point was passed. nullopt:
  // no such fault or point.
  std::optional<std::uint64_t> reached(std::string_view point) const;

 private:
  struct Spec {
    std::string id, target;
    std::vector<FaultPoint> points;
    Fault::Kind kind = Fault::Kind::none;
    std::optional<std::uint32_t> parts_per_million;
    std::vector<std::uint64_t> nth;
    Duration at{0}, for_{-1};
    LatencyModel add;
    Duration restart{0};
    Random random{0};
    std::uint64_t passes = 0, strikes = 0;
    bool healed = false;
    telemetry::Name name = 0;
  };
  bool due(Spec& spec) const;

  const Clock& clock_;
  std::vector<Spec> specs_;
  std::optional<Time> start_;
  telemetry::Telemetry* telemetry_ = nullptr;
  std::array<std::uint64_t, static_cast<std::size_t>(FaultPoint::count_)> passes_{};
};

}  // namespace porteiro::simulation
