#include "porteiro/simulation/report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"
#include "simulation/checks.hpp"

namespace porteiro::simulation {
namespace {

using nlohmann::json;

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "FAIL";
    case Verdict::unknown:
      return "unknown";
  }
  return "";
}

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return "pass";
    case Outcome::failed:
      return "failed";
    case Outcome::usage:
      return "usage";
    case Outcome::invalid:
      return "invalid";
    case Outcome::environment:
      return "environment";
    case Outcome::unknown:
      return "unknown";
    case Outcome::not_deterministic:
      return "not deterministic";
    case Outcome::limit:
      return "limit";
    case Outcome::internal:
      return "internal";
    case Outcome::interrupted:
      return "interrupted";
  }
  return "";
}

// The width on a terminal: bytes less UTF-8 continuation bytes.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(std::string text, std::size_t columns) {
  const std::size_t have = width(text);
  if (have < columns) text.append(columns - have, ' ');
  return text;
}

std::string milliseconds(Duration duration) {
  const auto hundredths = duration.count() / 10'000;
  const std::string rest = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + "." + (rest.size() < 2 ? "0" : "") + rest + " ms";
}

std::string colored(const char* text, Verdict verdict, bool color) {
  const std::string cell = padded(text, 8);
  if (!color) return cell;
  const char* code = verdict == Verdict::pass ? "32" : verdict == Verdict::fail ? "31" : "33";
  return std::string("\x1b[") + code + "m" + cell + "\x1b[0m";
}

// A claim's own checks say whether it holds; they are no part of the run's outcome.
std::string verdict_cell(const CheckResult& check, bool color) {
  if (!check.judges) return colored(to_string(check.verdict), check.verdict, color);
  const char* text = check.verdict == Verdict::pass   ? "holds"
                     : check.verdict == Verdict::fail ? "not so"
                                                      : "unknown";
  return padded(text, 8);
}

std::string title_of(const CheckResult& check) {
  return (check.judges ? "claim: " : "") + check.check +
         (check.variant.empty() ? "" : " [" + check.variant + "]");
}

void append_checks(std::string& out, const RunResult& run, bool color) {
  std::size_t columns = 0;
  for (const CheckResult& check : run.checks) columns = std::max(columns, width(title_of(check)));
  columns = std::min<std::size_t>(columns, 60);
  for (const CheckResult& check : run.checks) {
    out += "  " + verdict_cell(check, color) + padded(title_of(check), columns) + "  " +
           check.figures + "\n";
  }
}

std::string right(const std::string& text, std::size_t size) {
  const std::size_t have = width(text);
  return std::string(size > have ? size - have : 0, ' ') + text;
}

void append_latencies(std::string& out, const VariantFigures& variant) {
  std::size_t columns = 8;
  for (const LatencyFigures& figures : variant.latencies)
    columns = std::max(columns, width(figures.name));
  out += "\n  " + padded("latency", columns) + "  samples          p50          p99\n";
  for (const LatencyFigures& figures : variant.latencies) {
    if (figures.samples == 0) continue;
    out += "  " + padded(figures.name, columns) + "  " + right(std::to_string(figures.samples), 7) +
           "  " + right(milliseconds(figures.p50), 11) + "  " +
           right(milliseconds(figures.p99), 11) + "\n";
  }
}

std::string dollars(double usd) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.6f", usd);
  return text.data();
}

std::string quantity(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), value < 100 ? "%.4g" : "%.0f", value);
  return text.data();
}

void append_cost(std::string& out, const telemetry::Cost& cost) {
  if (cost.lines.empty()) return;
  std::size_t columns = 8;
  for (const telemetry::CostLine& line : cost.lines) columns = std::max(columns, width(line.what));
  out += "\n  " + padded("cost", columns) + "      quantity                          USD\n";
  for (const telemetry::CostLine& line : cost.lines) {
    out += "  " + padded(line.what, columns) + "  " + right(quantity(line.quantity), 12) + " " +
           padded(line.unit, 12) + right(dollars(line.usd), 18) + "\n";
  }
  out += "  paid by use " + dollars(cost.by_use()) + " USD";
  if (cost.requests > 0) {
    out += ", " + dollars(cost.by_use() * 1000 / static_cast<double>(cost.requests)) +
           " per thousand requests";
  }
  out += "; by time " + dollars(cost.by_time()) + " USD\n";
}

void append_layers(std::string& out, const VariantFigures& variant) {
  if (variant.layers_off.empty()) return;
  out += "  WARNING: layers of security are OFF, for measuring only:";
  for (const std::string& layer : variant.layers_off) out += " " + layer;
  out += "\n";
}

void append_variant(std::string& out, const VariantFigures& variant) {
  if (!variant.name.empty()) {
    out += "\n  variant \"" + variant.name + "\": " + std::to_string(variant.kms_calls) +
           " KMS calls\n";
  }
  append_layers(out, variant);
  append_latencies(out, variant);
  append_cost(out, variant.cost);
}

void append_claim(std::string& out, const ClaimResult& claim) {
  const char* verdict = claim.verdict == Verdict::pass   ? "TRUE: "
                        : claim.verdict == Verdict::fail ? "FALSE: "
                                                         : "UNKNOWN: ";
  out += std::string("\n  the claim is ") + verdict + claim.text + "\n";
  for (const std::string& input : claim.assumes) out += "    assumed: " + input + "\n";
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string fixed(double value) {
  const auto hundredths = static_cast<std::uint64_t>(value * 100 + 0.5);
  const std::string rest = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + "." + (rest.size() < 2 ? "0" : "") + rest;
}

void append_run(std::string& out, const Scenario& scenario, const RunResult& run, bool color) {
  out += "\nseed " + std::to_string(run.seed) + ": " + std::to_string(run.requests) +
         " requests, " + fixed(seconds(run.virtual_time)) + " s of its own time in " +
         fixed(seconds(run.wall_time)) + " s, " + std::to_string(run.records) + " records\n";
  append_checks(out, run, color);
  for (const VariantFigures& variant : run.variants) append_variant(out, variant);
  if (run.claim) append_claim(out, *run.claim);
  if (!run.message.empty()) out += "\n  " + run.message + "\n";
  out += "\n  history hash " + hash_text(run.history_hash) + "\n";
  if (run.outcome != Outcome::pass) {
    out += "  outcome: " + std::string(to_string(run.outcome)) +
           "\n  to see it again: " + replay_command(scenario, run) + "\n";
  }
}

json as_json(const VariantFigures& variant) {
  json latencies = json::object();
  for (const LatencyFigures& figures : variant.latencies) {
    latencies[figures.name] = {{"samples", figures.samples},
                               {"p50_ms", static_cast<double>(figures.p50.count()) / 1e6},
                               {"p99_ms", static_cast<double>(figures.p99.count()) / 1e6}};
  }
  return {{"latencies", latencies},
          {"cost", json::parse(telemetry::to_json(variant.cost))},
          {"requests", variant.requests},
          {"refused", variant.refused},
          {"kms_calls", variant.kms_calls},
          {"security_off", variant.layers_off},
          {"history_hash", hash_text(variant.history_hash)}};
}

json as_json(const CheckResult& check) {
  json out{{"check", check.check},
           {"verdict", to_string(check.verdict)},
           {"samples", check.samples},
           {"figures", check.figures}};
  if (!check.variant.empty()) out["variant"] = check.variant;
  if (check.judges) out["judges"] = true;
  return out;
}

json as_json(const RunResult& run) {
  json checks = json::array();
  for (const CheckResult& check : run.checks) checks.push_back(as_json(check));
  json out{{"seed", run.seed},
           {"outcome", to_string(run.outcome)},
           {"checks", checks},
           {"history_hash", hash_text(run.history_hash)},
           {"records", run.records},
           {"requests", run.requests},
           {"virtual_seconds", seconds(run.virtual_time)},
           {"wall_seconds", seconds(run.wall_time)},
           {"message", run.message}};
  if (run.claim) {
    out["claim"] = {{"text", run.claim->text},
                    {"holds", to_string(run.claim->verdict)},
                    {"assumes", run.claim->assumes}};
  }
  for (const VariantFigures& variant : run.variants) {
    if (variant.name.empty()) {  // The only one: its figures are the run's.
      out.update(as_json(variant));
    } else {
      out["variants"][variant.name] = as_json(variant);
    }
  }
  return out;
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::string junit_case(const Scenario& scenario, const RunResult& run, const CheckResult& check) {
  std::string out = "    <testcase classname=\"" + xml_escaped(scenario.name) + "\" name=\"" +
                    xml_escaped(title_of(check)) + "\">";
  const std::string text = xml_escaped(check.figures + "\n" + replay_command(scenario, run));
  if (check.judges) return out + "</testcase>\n";
  if (check.verdict == Verdict::fail)
    out += "<failure message=\"check failed\">" + text + "</failure>";
  if (check.verdict == Verdict::unknown)
    out += "<error message=\"no samples\">" + text + "</error>";
  return out + "</testcase>\n";
}

std::string junit_suite(const Scenario& scenario, const RunResult& run) {
  const auto count = [&](Verdict verdict) {
    return std::count_if(run.checks.begin(), run.checks.end(), [&](const CheckResult& check) {
      return check.verdict == verdict && !check.judges;
    });
  };
  const bool ended_early = !run.message.empty();
  std::string out =
      "  <testsuite name=\"" + xml_escaped(scenario.name) + ", seed " + std::to_string(run.seed) +
      "\" tests=\"" + std::to_string(run.checks.size() + (ended_early ? 1 : 0)) + "\" failures=\"" +
      std::to_string(count(Verdict::fail)) + "\" errors=\"" +
      std::to_string(count(Verdict::unknown) + (ended_early ? 1 : 0)) + "\" time=\"" +
      fixed(seconds(run.wall_time)) + "\">\n    <properties><property name=\"seed\" value=\"" +
      std::to_string(run.seed) + "\"/><property name=\"history_hash\" value=\"" +
      hash_text(run.history_hash) + "\"/></properties>\n";
  for (const CheckResult& check : run.checks) out += junit_case(scenario, run, check);
  if (ended_early) {
    out += "    <testcase classname=\"" + xml_escaped(scenario.name) +
           "\" name=\"run\"><error message=\"" + to_string(run.outcome) + "\">" +
           xml_escaped(run.message) + "</error></testcase>\n";
  }
  return out + "  </testsuite>\n";
}

}  // namespace

std::string replay_command(const Scenario& scenario, const RunResult& run) {
  return "porteiro run " + scenario.file + " --seeds " + std::to_string(run.seed);
}

std::string text_report(const Scenario& scenario, const std::vector<RunResult>& runs, bool color) {
  std::string out = scenario.name + "\n";
  if (!scenario.predict.empty()) out += scenario.predict + "\n";
  std::size_t passed = 0;
  for (const RunResult& run : runs) {
    if (run.outcome == Outcome::pass) ++passed;
  }
  // Of many seeds, those that failed and the first; of one, that one.
  for (const RunResult& run : runs) {
    if (&run == &runs.front() || run.outcome != Outcome::pass)
      append_run(out, scenario, run, color);
  }
  const Verdict verdict = passed == runs.size() ? Verdict::pass : Verdict::fail;
  return out + "\n" + colored(to_string(verdict), verdict, color) + std::to_string(passed) +
         " of " + std::to_string(runs.size()) + " seeds passed\n";
}

std::string json_line(const Scenario& scenario, const RunResult& run) {
  json line = as_json(run);
  line["type"] = "run";
  line["scenario"] = scenario.name;
  line["file"] = scenario.file;
  line["replay"] = replay_command(scenario, run);
  return line.dump() + "\n";
}

std::string json_verdict(const std::vector<std::pair<Scenario, std::vector<RunResult>>>& all) {
  Outcome worst = Outcome::pass;
  std::uint64_t runs = 0, passed = 0, mixed = 0;
  for (const auto& [scenario, results] : all) {
    for (const RunResult& run : results) {
      ++runs;
      if (run.outcome == Outcome::pass) ++passed;
      worst = worse(worst, run.outcome);
      mixed = runs == 1 ? run.history_hash : (mixed * 0x9e3779b97f4a7c15U) ^ run.history_hash;
    }
  }
  const json line{{"type", "verdict"},
                  {"outcome", to_string(worst)},
                  {"exit_code", static_cast<int>(worst)},
                  {"runs", runs},
                  {"passed", passed},
                  {"history_hash", hash_text(mixed)}};
  return line.dump() + "\n";
}

std::string junit_report(const std::vector<std::pair<Scenario, std::vector<RunResult>>>& all) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"porteiro\">\n";
  for (const auto& [scenario, runs] : all) {
    for (const RunResult& run : runs) out += junit_suite(scenario, run);
  }
  return out + "</testsuites>\n";
}

}  // namespace porteiro::simulation
