#include "simulation/fault_engine.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"

namespace porteiro::simulation {
namespace {

using nlohmann::json;

struct Strike {
  std::string_view fault;
  Fault::Kind kind;
  std::vector<FaultPoint> points;
};

const Strike& strike_of(std::string_view fault) {
  using Kind = Fault::Kind;
  static const std::vector<Strike> strikes{
      {"worker.crash", Kind::crash, {FaultPoint::worker_effect_done_ack_pending}},
      {"worker.error", Kind::error, {FaultPoint::worker_start}},
      {"worker.slow", Kind::slow, {FaultPoint::worker_start}},
      {"worker.pause", Kind::pause, {FaultPoint::worker_effect_done_ack_pending}},
      {"worker.timeout", Kind::timeout, {FaultPoint::worker_start}},
      {"worker.garbage", Kind::garbage, {FaultPoint::worker_effect_done_ack_pending}},
      {"worker.partial_batch", Kind::partial_batch, {FaultPoint::worker_batch_answered}},
      {"worker.cold_start", Kind::cold_start, {FaultPoint::worker_start}},
      {"queue.duplicate", Kind::duplicate, {FaultPoint::queue_send}},
      {"queue.delay", Kind::delay, {FaultPoint::queue_send}},
      {"queue.reorder", Kind::reorder, {FaultPoint::queue_receive}},
      {"queue.drop_ack", Kind::drop_ack, {FaultPoint::queue_delete}},
      {"queue.throttle", Kind::throttle, {FaultPoint::queue_send, FaultPoint::queue_receive}},
      {"queue.poison", Kind::poison, {FaultPoint::queue_send}},
      {"store.latency", Kind::slow, {FaultPoint::store_read, FaultPoint::store_write}},
      {"store.error", Kind::error, {FaultPoint::store_read, FaultPoint::store_write}},
      {"kms.throttle", Kind::throttle, {FaultPoint::kms_call}},
      {"kms.disable_key", Kind::disable_key, {FaultPoint::kms_call}},
      {"kms.rotate", Kind::rotate_key, {FaultPoint::kms_call}},
  };
  const auto it = std::find_if(strikes.begin(), strikes.end(),
                               [&](const Strike& strike) { return strike.fault == fault; });
  PORTEIRO_ASSERT(it != strikes.end());  // The schema knows no other.
  return *it;
}

std::optional<FaultPoint> point_of(std::string_view name) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(FaultPoint::count_); ++i) {
    if (to_string(static_cast<FaultPoint>(i)) == name) return static_cast<FaultPoint>(i);
  }
  return std::nullopt;
}

LatencyModel model_of(const json& add) {
  return {config::duration_of(add.at("p50")), config::duration_of(add.at("p99"))};
}

}  // namespace

FaultEngine::FaultEngine(const Clock& clock, const json& faults, Random random) : clock_(clock) {
  for (const json& fault : faults) {
    const Strike& strike = strike_of(fault.at("fault").get<std::string>());
    Spec spec;
    spec.id = fault.at("id").get<std::string>();
    spec.target = fault.value("target", "");
    spec.kind = strike.kind;
    spec.points = strike.points;
    if (fault.contains("probability")) {
      spec.parts_per_million =
          static_cast<std::uint32_t>(std::lround(fault.at("probability").get<double>() * 1e6));
    }
    if (fault.contains("when")) {
      const json& when = fault.at("when");
      if (when.contains("point"))
        spec.points = {point_of(when.at("point").get<std::string>()).value()};
      spec.nth = when.at("nth").get<std::vector<std::uint64_t>>();
    }
    if (fault.contains("at")) spec.at = config::duration_of(fault.at("at"));
    if (fault.contains("for")) spec.for_ = config::duration_of(fault.at("for"));
    if (fault.contains("add")) spec.add = model_of(fault.at("add"));
    if (fault.contains("restart")) spec.restart = config::duration_of(fault.at("restart"));
    spec.random = random.fork(std::hash<std::string_view>{}(spec.id));
    specs_.push_back(std::move(spec));
  }
}

void FaultEngine::attach(telemetry::Telemetry& telemetry) {
  telemetry_ = &telemetry;
  for (Spec& spec : specs_) spec.name = telemetry.intern(spec.id);
}

void FaultEngine::heal(std::string_view id) {
  for (Spec& spec : specs_) {
    if (id == "*" || id == spec.id) spec.healed = true;
  }
}

bool FaultEngine::due(Spec& spec) const {
  if (spec.healed || !start_) return false;
  const Duration since = clock_.now() - *start_;
  if (since < spec.at || (spec.for_ >= Duration::zero() && since >= spec.at + spec.for_))
    return false;
  ++spec.passes;
  if (!spec.nth.empty()) {
    return std::find(spec.nth.begin(), spec.nth.end(), spec.passes) != spec.nth.end();
  }
  return !spec.parts_per_million || spec.random.chance(*spec.parts_per_million);
}

Fault FaultEngine::strike(FaultPoint point, std::string_view target) {
  ++passes_[static_cast<std::size_t>(point)];
  for (Spec& spec : specs_) {
    if (std::find(spec.points.begin(), spec.points.end(), point) == spec.points.end()) continue;
    if (!spec.target.empty() && spec.target != target) continue;
    if (!due(spec)) continue;
    ++spec.strikes;
    if (telemetry_ != nullptr) {
      telemetry_->record(telemetry::Kind::fault_struck, {}, spec.name,
                         static_cast<std::uint64_t>(point), static_cast<std::uint64_t>(spec.kind));
    }
    const Duration delay =
        spec.kind == Fault::Kind::crash ? spec.restart : spec.add.sample(spec.random);
    return {spec.kind, delay};
  }
  return {};
}

std::optional<std::uint64_t> FaultEngine::reached(std::string_view point) const {
  constexpr std::string_view prefix = "fault:";
  if (point.starts_with(prefix)) {
    for (const Spec& spec : specs_) {
      if (spec.id == point.substr(prefix.size())) return spec.strikes;
    }
    return std::nullopt;
  }
  const std::optional<FaultPoint> named = point_of(point);
  if (!named) return std::nullopt;
  return passes_[static_cast<std::size_t>(*named)];
}

}  // namespace porteiro::simulation
