// The table of `porteiro compare`: what each variant's latencies, calls and prices are beside those
// of the one with everything on.
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "porteiro/simulation/report.hpp"

namespace porteiro::simulation {
namespace {

constexpr const char* baseline_name = "all on";

const VariantFigures* baseline_of(const RunResult& run) {
  if (run.variants.empty()) return nullptr;
  const auto named = std::find_if(run.variants.begin(), run.variants.end(),
                                  [](const auto& each) { return each.name == baseline_name; });
  return named == run.variants.end() ? &run.variants.front() : &*named;
}

// The baseline first, then the others by name, and the one with nothing on last.
std::vector<const VariantFigures*> in_order(const RunResult& run) {
  std::vector<const VariantFigures*> out;
  const VariantFigures* const baseline = baseline_of(run);
  if (baseline != nullptr) out.push_back(baseline);
  for (const VariantFigures& each : run.variants) {
    if (&each != baseline) out.push_back(&each);
  }
  const auto last = std::find_if(out.begin(), out.end(),
                                 [](const auto* each) { return each->name == "all off"; });
  if (last != out.end()) std::rotate(last, last + 1, out.end());
  return out;
}

std::string cell(const std::string& text, std::size_t columns) {
  return std::string(columns > text.size() ? columns - text.size() : 0, ' ') + text;
}

std::string name_cell(std::string name, std::size_t columns) {
  if (name.size() < columns) name.append(columns - name.size(), ' ');
  return name;
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

double in_milliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

std::string difference(double value, double base) {
  if (base <= 0) return "";
  return format("%+.1f%%", (value / base - 1) * 100);
}

const LatencyFigures* find(const VariantFigures& variant, const std::string& name) {
  const auto found = std::find_if(variant.latencies.begin(), variant.latencies.end(),
                                  [&](const auto& each) { return each.name == name; });
  return found == variant.latencies.end() || found->samples == 0 ? nullptr : &*found;
}

std::size_t name_columns(const RunResult& run) {
  std::size_t columns = 8;
  for (const VariantFigures& each : run.variants) columns = std::max(columns, each.name.size());
  return columns;
}

void append_latency(std::string& out, const RunResult& run, const LatencyFigures& base) {
  const std::size_t columns = name_columns(run);
  out += "\n" + base.name + "\n  " + name_cell("variant", columns) +
         "   samples     p50 ms             p99 ms\n";
  for (const VariantFigures* variant : in_order(run)) {
    const LatencyFigures* figures = find(*variant, base.name);
    if (figures == nullptr) continue;
    const double p50 = in_milliseconds(figures->p50), p99 = in_milliseconds(figures->p99);
    out += "  " + name_cell(variant->name, columns) + cell(std::to_string(figures->samples), 10) +
           cell(format("%.2f", p50), 11) + cell(difference(p50, in_milliseconds(base.p50)), 8) +
           cell(format("%.2f", p99), 11) + cell(difference(p99, in_milliseconds(base.p99)), 8) +
           "\n";
  }
}

struct Tally {
  std::size_t passed = 0, all = 0;
};

Tally checks_of(const RunResult& run, const std::string& variant) {
  Tally tally;
  for (const CheckResult& check : run.checks) {
    if (check.variant != variant || check.judges) continue;
    ++tally.all;
    if (check.verdict == Verdict::pass) ++tally.passed;
  }
  return tally;
}

double price_of_million(const VariantFigures& variant) {
  const auto requests = static_cast<double>(variant.cost.requests);
  return requests > 0 ? variant.cost.by_use() * 1e6 / requests : 0;
}

void append_prices(std::string& out, const RunResult& run) {
  const std::size_t columns = name_columns(run);
  const VariantFigures* const base = baseline_of(run);
  out += "\n  " + name_cell("variant", columns) +
         "   KMS calls   USD per million          refused   checks passed\n";
  for (const VariantFigures* variant : in_order(run)) {
    const double price = price_of_million(*variant);
    const Tally checks = checks_of(run, variant->name);
    out += "  " + name_cell(variant->name, columns) + cell(std::to_string(variant->kms_calls), 12) +
           cell(format("%.4f", price), 14) + cell(difference(price, price_of_million(*base)), 9) +
           cell(std::to_string(variant->refused), 11) + "   " + std::to_string(checks.passed) +
           " of " + std::to_string(checks.all) + "\n";
  }
}

}  // namespace

std::string comparison_text(const Scenario& scenario, const RunResult& run, bool live) {
  std::string out = scenario.name + ", seed " + std::to_string(run.seed) + "\n";
  out += live ? "live: real sockets and time, on this machine and whatever else it does now\n"
              : "simulated: modelled calls and latencies under one seed; what a check costs the "
                "processor\nis not modelled (see --live)\n";
  const VariantFigures* const base = baseline_of(run);
  if (base != nullptr) {
    for (const LatencyFigures& figures : base->latencies) {
      if (figures.samples > 0) append_latency(out, run, figures);
    }
    append_prices(out, run);
  }
  if (!run.message.empty()) out += "\n  " + run.message + "\n";
  return out;
}

}  // namespace porteiro::simulation
