#include "simulation/judge.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace porteiro::simulation {
namespace {

using nlohmann::json;

Outcome outcome_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return Outcome::pass;
    case Verdict::fail:
      return Outcome::failed;
    case Verdict::unknown:
      return Outcome::unknown;
  }
  return Outcome::internal;
}

bool compares(const json& check) { return check.at("check") == "compare"; }

// Whether a check is made in a variant: where it names none, in all of them.
bool is_for(const json& check, const std::string& variant) {
  if (compares(check)) return false;
  const auto named = check.find("variant");
  if (named == check.end()) return true;
  const std::vector<std::string> names = list_of(*named);
  return std::find(names.begin(), names.end(), variant) != names.end();
}

// Four digits that matter: "12.34", "0.001234".
std::string short_number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::uint64_t refused_of(const TrafficSeen& traffic) {
  std::uint64_t count = traffic.unanswered;
  for (const auto& [status, times] : traffic.statuses) {
    if (status >= 400) count += times;
  }
  return count;
}

struct Measure {
  double value = 0;
  std::uint64_t samples = 0;
};

std::vector<const TrafficSeen*> traffic_of(const json& check, const Measured& measured) {
  const std::vector<std::string> ids = list_of(check.at("of"));
  std::vector<const TrafficSeen*> out;
  for (const TrafficSeen& each : measured.traffic) {
    if (std::find(ids.begin(), ids.end(), each.id) != ids.end()) out.push_back(&each);
  }
  return out;
}

Measure latency_of(const json& check, const Measured& measured, std::uint64_t percent) {
  std::vector<std::uint64_t> all;
  for (const TrafficSeen* traffic : traffic_of(check, measured)) {
    all.insert(all.end(), traffic->latencies_ns.begin(), traffic->latencies_ns.end());
  }
  std::sort(all.begin(), all.end());
  if (all.empty()) return {};
  const std::size_t rank = std::max<std::size_t>((all.size() * percent + 99) / 100, 1);
  return {static_cast<double>(all[rank - 1]) / 1e6, all.size()};
}

Measure refused(const json& check, const Measured& measured) {
  Measure out;
  for (const TrafficSeen* traffic : traffic_of(check, measured)) {
    out.value += static_cast<double>(refused_of(*traffic));
    out.samples += traffic->sent;
  }
  return out;
}

Measure kms_calls(const json& check, const Measured& measured) {
  Measure out{0, measured.requests};
  for (const Measured::Calls& calls : measured.kms) {
    if (check.contains("key") && check.at("key") != calls.key) continue;
    if (check.contains("call") && check.at("call") != calls.call) continue;
    out.value += static_cast<double>(calls.count);
  }
  return out;
}

Measure measure_of(const json& check, const Measured& measured) {
  const std::string name = check.at("measure").get<std::string>();
  if (name == "p50") return latency_of(check, measured, 50);
  if (name == "p99") return latency_of(check, measured, 99);
  if (name == "refused") return refused(check, measured);
  if (name == "kms_calls") return kms_calls(check, measured);
  PORTEIRO_ASSERT(name == "cost");  // The schema knows no other.
  return {measured.cost.by_use(), measured.requests};
}

std::string unit_of(const std::string& measure) {
  if (measure == "p50" || measure == "p99") return " ms";
  return measure == "cost" ? " USD" : "";
}

std::string comparison_title(const json& check) {
  std::string title = "compare " + check.at("measure").get<std::string>();
  if (check.contains("call")) title += " " + check.at("call").get<std::string>();
  if (check.contains("key")) title += " of " + check.at("key").get<std::string>();
  if (check.contains("of")) {
    title += " of " + joined(list_of(check.at("of")));
  }
  return title;
}

VariantFigures figures_of(const std::string& name, const Evidence& evidence) {
  VariantFigures figures;
  figures.name = name;
  figures.latencies = latencies(evidence.seen);
  for (const TrafficSeen& traffic : evidence.seen.traffic) {
    figures.requests += traffic.sent;
    figures.refused += refused_of(traffic);
  }
  figures.kms_calls = evidence.emulator.kms().calls();
  figures.cost = evidence.emulator.cost();
  for (const std::string_view off : access::switched_off(evidence.emulator.layers())) {
    figures.layers_off.emplace_back(off);
  }
  figures.history_hash = evidence.history_hash;
  return figures;
}

Measured measured_of(const std::string& name, const Evidence& evidence) {
  Measured measured{name, {}, {}, evidence.emulator.cost(), 0};
  for (const TrafficSeen& seen : evidence.seen.traffic) {  // Without what is known of each request.
    measured.requests += seen.sent;
    TrafficSeen& traffic = measured.traffic.emplace_back();
    traffic.id = seen.id;
    traffic.sent = seen.sent;
    traffic.unanswered = seen.unanswered;
    traffic.statuses = seen.statuses;
    traffic.latencies_ns = seen.latencies_ns;
  }
  evidence.emulator.telemetry().counters(
      "porteiro_kms_calls_total", [&](std::string_view labels, std::uint64_t count) {
        measured.kms.push_back({std::string(telemetry::label_of(labels, "key")),
                                std::string(telemetry::label_of(labels, "op")), count});
      });
  return measured;
}

// One of two: the order counts, so that a history that begins with another is not the same.
std::uint64_t mixed(std::uint64_t all, std::uint64_t next) {
  return (all * 0x9e3779b97f4a7c15U) ^ next;
}

}  // namespace

CheckResult compare(const json& check, const Measured& one, const Measured& other) {
  const Measure left = measure_of(check, one), right = measure_of(check, other);
  const std::string unit = unit_of(check.at("measure").get<std::string>());
  CheckResult result;
  result.check = comparison_title(check);
  result.samples = std::min(left.samples, right.samples);
  result.figures = one.variant + " " + short_number(left.value) + unit + ", " + other.variant +
                   " " + short_number(right.value) + unit;
  if (right.value > 0) result.figures += ", ratio " + short_number(left.value / right.value);
  constexpr double slack = 1e-9;  // Of binary fractions: 0.01 of 1,000 is 10.
  bool good = true;
  if (check.contains("min_ratio")) {
    const double least = check.at("min_ratio").get<double>();
    good = left.value >= least * right.value * (1 - slack);
    result.figures += " (at least " + short_number(least) + ")";
  }
  if (check.contains("max_ratio")) {
    const double most = check.at("max_ratio").get<double>();
    good = good && left.value <= most * right.value * (1 + slack);
    result.figures += " (at most " + short_number(most) + ")";
  }
  result.verdict = good ? Verdict::pass : Verdict::fail;
  if (result.samples == 0) result.verdict = Verdict::unknown;
  return result;
}

Judge::Judge(const Scenario& scenario, std::uint64_t seed)
    : scenario_(json::parse(scenario.document)) {
  result_.seed = seed;
  result_.outcome = Outcome::pass;
}

void Judge::add(CheckResult made, bool judges) {
  made.judges = judges;
  if (!judges) result_.outcome = worse(result_.outcome, outcome_of(made.verdict));
  result_.checks.push_back(std::move(made));
}

void Judge::variant_ended(const std::string& name, const Evidence& evidence, Canaries& canaries) {
  result_.variants.push_back(figures_of(name, evidence));
  measured_.push_back(measured_of(name, evidence));
  result_.requests += result_.variants.back().requests;
  result_.records += evidence.emulator.telemetry().next();
  result_.history_hash = result_.variants.size() == 1
                             ? evidence.history_hash
                             : mixed(result_.history_hash, evidence.history_hash);
  const auto judge_all = [&](const json& checks, bool judges) {
    for (const json& check : checks) {
      if (!is_for(check, name)) continue;
      // What the report says so far is searched, too, before the last checks look at the tally.
      for (const CheckResult& said : result_.checks) canaries.wrote(Place::report, said.figures);
      CheckResult made = evaluate(check, evidence);
      made.variant = name;
      add(std::move(made), judges);
    }
  };
  judge_all(scenario_.at("expect"), false);
  if (const auto claim = scenario_.find("claim"); claim != scenario_.end()) {
    judge_all(claim->at("holds_if"), true);
  }
}

void Judge::failed(const std::string& variant, Outcome outcome, std::string message) {
  result_.outcome = worse(result_.outcome, outcome);
  result_.message = (variant.empty() ? "" : "variant \"" + variant + "\": ") + std::move(message);
}

RunResult Judge::take() {
  const auto find = [&](const json& name) -> const Measured* {
    const auto found = std::find_if(measured_.begin(), measured_.end(),
                                    [&](const Measured& each) { return each.variant == name; });
    return found == measured_.end() ? nullptr : &*found;
  };
  const auto compare_all = [&](const json& checks, bool judges) {
    for (const json& check : checks) {
      if (!compares(check)) continue;
      const Measured* one = find(check.at("variant"));
      const Measured* other = find(check.at("to"));
      CheckResult made;
      if (one != nullptr && other != nullptr) {
        made = compare(check, *one, *other);
      } else {
        made.check = comparison_title(check);
        made.figures = "not both variants have run";
      }
      add(std::move(made), judges);
    }
  };
  compare_all(scenario_.at("expect"), false);
  if (const auto claim = scenario_.find("claim"); claim != scenario_.end()) {
    compare_all(claim->at("holds_if"), true);
    judge_claim();
  }
  return std::move(result_);
}

// It holds if all that it holds by does. The check is whether that is what the scenario records.
void Judge::judge_claim() {
  const json& claim = scenario_.at("claim");
  Verdict holds = Verdict::pass;
  std::uint64_t samples = 0;
  for (const CheckResult& check : result_.checks) {
    if (!check.judges) continue;
    ++samples;
    if (check.verdict == Verdict::fail) holds = Verdict::fail;
    if (check.verdict == Verdict::unknown && holds == Verdict::pass) holds = Verdict::unknown;
  }
  if (samples == 0) holds = Verdict::unknown;
  result_.claim = ClaimResult{claim.at("text").get<std::string>(), holds,
                              claim.at("assumes").get<std::vector<std::string>>()};
  const bool recorded = claim.at("verdict") == "true";
  CheckResult made;
  made.check = "claim";
  made.samples = samples;
  made.figures = holds == Verdict::pass   ? "it holds"
                 : holds == Verdict::fail ? "it does not hold"
                                          : "there is nothing to judge it by";
  made.figures += recorded ? " (recorded: it holds)" : " (recorded: it does not hold)";
  const bool same = holds == (recorded ? Verdict::pass : Verdict::fail);
  made.verdict = holds == Verdict::unknown ? Verdict::unknown
                 : same                    ? Verdict::pass
                                           : Verdict::fail;
  add(std::move(made), false);
}

}  // namespace porteiro::simulation
