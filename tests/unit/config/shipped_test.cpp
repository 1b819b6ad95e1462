// Goal: what is shipped is valid; and whatever is broken in it gives a problem or a valid document,
// never a crash.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "porteiro/base/random.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::config {
namespace {

using nlohmann::json;

constexpr const char* config_file = "config/credit-bureau.json";
constexpr const char* scenario_file = "scenarios/credit-bureau.json";

json with_comments(const char* path) {
  std::ifstream in(path);
  return json::parse(in, nullptr, true, true);
}

std::string text_of(const char* path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void collect(json& node, std::vector<json*>& nodes) {
  nodes.push_back(&node);
  if (!node.is_structured()) return;
  for (json& each : node) collect(each, nodes);
}

json strange_value(Random& random) {
  switch (random.below(10)) {
    case 0:
      return nullptr;
    case 1:
      return random.below(2) == 0;
    case 2:
      return -1;
    case 3:
      return 1e300;
    case 4:
      return std::uint64_t{18446744073709551615U};
    case 5:
      return "";
    case 6:
      return "{{x";
    case 7:
      return json::array({json::object(), 1, "a"});
    case 8:
      return json::object({{"type", "enum"}, {"route", 5}, {"", json::array()}});
    default:
      return "12h";
  }
}

// Deletes, renames, retypes or doubles a member somewhere.
void mutate(json& document, Random& random) {
  std::vector<json*> nodes;
  collect(document, nodes);
  json& node = *nodes[random.below(nodes.size())];
  if (!node.is_structured() || node.empty()) {
    node = strange_value(random);
    return;
  }
  auto chosen = node.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random.below(node.size())));
  switch (random.below(4)) {
    case 0:
      node.erase(chosen);
      break;
    case 1: {
      if (node.is_array()) {
        node.push_back(json(*chosen));
        break;
      }
      std::string name = chosen.key();
      json value = *chosen;
      node.erase(chosen);
      if (!name.empty() && random.below(2) == 0) name.pop_back();
      node[name + (random.below(2) == 0 ? "x" : "")] = std::move(value);
      break;
    }
    case 2:
      *chosen = strange_value(random);
      break;
    default:
      if (node.is_object()) node["strange/~ name"] = strange_value(random);
  }
}

}  // namespace

TEST_CASE("config: the shipped config and scenarios are valid") {
  json document;
  const auto none = [](const std::vector<Problem>& problems) {
    for (const Problem& problem : problems) FAIL_CHECK(to_text(problem));
  };
  none(load(config_file, config_schema(), document));
  none(load(scenario_file, scenario_schema(), document));
  none(load("scenarios/smoke.json", scenario_schema(), document));
}

TEST_CASE("config: a validated document is valid and stays as it is") {
  for (const auto& [path, schema] :
       {std::pair(config_file, config_schema()), std::pair(scenario_file, scenario_schema())}) {
    json first, second;
    REQUIRE(load(path, schema, first).empty());
    REQUIRE(validate(first.dump(), path, schema, second).empty());
    CHECK(first == second);
  }
}

TEST_CASE("config: a mutated file is valid or has problems") {
  constexpr int rounds = 200;
  for (const auto& [path, schema] :
       {std::pair(config_file, config_schema()), std::pair(scenario_file, scenario_schema())}) {
    const json original = with_comments(path);
    int with_problems = 0;
    for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      json mutated = original;
      for (std::uint64_t i = 0; i <= random.below(3); ++i) mutate(mutated, random);
      json document;
      const auto problems = validate(mutated.dump(), path, schema, document);
      if (!problems.empty()) ++with_problems;
      for (const Problem& problem : problems) {
        CHECK_FALSE(problem.text.empty());
        const bool found = problem.pointer.empty() || problem.pointer.starts_with('/');
        CHECK(found);
      }
    }
    CHECK(with_problems > rounds / 2);
    CHECK(with_problems < rounds);
  }
}

TEST_CASE("config: a file cut or changed anywhere is valid or has problems") {
  const std::string original = text_of(config_file);
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::string text = original;
    const std::size_t at = random.below(text.size());
    if (round % 2 == 0) {
      text.resize(at);
    } else {
      text[at] = static_cast<char>(random.below(256));
    }
    json document;
    const auto problems = validate(text, config_file, config_schema(), document);
    if (round % 2 == 0 && at < original.rfind('}')) CHECK(problems.size() == 1);
  }
}

}  // namespace porteiro::config
