#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/commands.hpp"
#include "app/tls_files.hpp"
#include "porteiro/emulator/emulator.hpp"
#include "porteiro/runtime/runtime.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::app {
namespace {

using config::Problem;
using nlohmann::json;

// Builds the emulator once, in memory: what only the modules can judge is judged by them. The code
// of functions outside is looked for on the disk.
std::vector<Problem> assemble(const std::string& file, const json& document) {
  Result<emulator::Options> options =
      emulator::options_from_json(document, config::folder_of(file));
  if (!options) return {{file, options.error().at, options.error().detail}};
  const auto runtime = runtime::Runtime::create(0);
  if (const auto code = emulator::check_code(options.value(), runtime->files()); !code) {
    return {{file, code.error().at, code.error().detail}};
  }
  if (const auto keys = emulator::load_key_sets(options.value(), runtime->files()); !keys) {
    return {{file, keys.error().at, keys.error().detail}};
  }
  if (const auto& tls = options.value().ports.tls) {
    if (const auto files = read_tls_files(*tls, runtime->files()); !files) {
      return {{file, files.error().at, files.error().detail}};
    }
  }
  virtual_world::World world;
  const auto opened =
      emulator::Emulator::open(std::move(options).value(), world.environment, registry());
  if (!opened) return {{file, opened.error().at, opened.error().detail}};
  return {};
}

bool is_scenario(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();  // What cannot be read is told by config::load.
  const json document = json::parse(text.str(), nullptr, false, true);
  return document.is_object() && (document.contains("traffic") || document.contains("steps"));
}

std::vector<Problem> check_file(const std::string& file) {
  json document;
  if (!is_scenario(file)) {
    if (auto problems = config::load(file, config::config_schema(), document); !problems.empty()) {
      return problems;
    }
    return assemble(file, document);
  }
  simulation::Scenario scenario;
  if (auto problems = simulation::load_scenario(file, scenario); !problems.empty()) return problems;
  for (const simulation::Variant& variant : scenario.variants) {
    if (auto problems = assemble(scenario.config_file, json::parse(variant.config));
        !problems.empty()) {
      return problems;
    }
  }
  return {};
}

}  // namespace

bool print_problems(const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) std::cerr << config::to_text(problem) << "\n";
  return !problems.empty();
}

std::optional<std::string> write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.flush();
  if (out) return std::nullopt;
  return "cannot write " + path + ": check that its folder exists and has space";
}

Outcome check(const std::vector<std::string>& files) {
  Outcome outcome = Outcome::pass;
  for (const std::string& file : files) {
    if (print_problems(check_file(file))) {
      outcome = Outcome::invalid;
    } else {
      std::cout << file << ": valid\n";
    }
  }
  return outcome;
}

}  // namespace porteiro::app
