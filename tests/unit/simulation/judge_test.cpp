// Goal: variants run under one seed, are compared with each other, and a claim is reported as it
// turns out; only a verdict that is not the recorded one fails.
#include "simulation/judge.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "porteiro/simulation/report.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "temporary_directory.hpp"

using namespace porteiro;
using namespace porteiro::simulation;
using nlohmann::json;

namespace {

// A route whose bodies are sealed, so that what the key cache spares can be seen.
const json config = json::parse(R"({
  "keys": {"k": {}}, "queues": {"q": {}}, "functions": {"f": {"builtin": "echo"}},
  "gateway": {"routes": [{"route": "POST /e", "event": "e", "via": "q", "to": "f", "seal": "k"}]}})");
const json scenario = json::parse(R"({
  "name": "n", "config": "config.json", "steps": [{"run": "t"}],
  "variants": {"kept": {}, "not kept": {"security": {"off": ["key-cache"]}}},
  "traffic": [{"id": "t", "count": 50, "arrival": {"constant": "100/s"},
               "request": {"method": "POST", "path": "/e", "body": {"a": 1}}}],
  "expect": [{"check": "http.ratio", "of": "t", "status": "2xx", "min": 1}]})");
const json fewer_calls = json::parse(R"({"check": "compare", "measure": "kms_calls", "key": "k",
  "call": "generate_data_key", "variant": "kept", "to": "not kept", "max_ratio": 0.02})");

struct Folder {
  Folder() {
    std::ofstream(directory + "/config.json") << config;
    lambda::add_builtins(registry);
  }

  Scenario load(const json& document, Unvaried unvaried = Unvaried::as_it_is) const {
    std::ofstream(directory + "/scenario.json") << document;
    Scenario loaded;
    const auto problems = load_scenario(directory + "/scenario.json", loaded, unvaried);
    for (const config::Problem& each : problems) FAIL(config::to_text(each));
    return loaded;
  }
  std::string problems(const json& document) const {
    std::ofstream(directory + "/scenario.json") << document;
    Scenario loaded;
    std::string out;
    for (const auto& each : load_scenario(directory + "/scenario.json", loaded)) {
      out += each.pointer + ": " + each.text + "\n";
    }
    return out;
  }
  RunResult run(const json& document, Unvaried unvaried = Unvaried::as_it_is) const {
    return run_simulated(load(document, unvaried), 1, {registry, world.scheduler, files});
  }
  TemporaryDirectory temporary;
  const std::string directory = temporary.path();
  lambda::Registry registry;
  virtual_world::World world{1};
  Files& files = world.files;
};

const CheckResult* find(const RunResult& run, const std::string& check,
                        const std::string& variant = "") {
  for (const CheckResult& each : run.checks) {
    if (each.check == check && each.variant == variant) return &each;
  }
  return nullptr;
}

json with_claim(const char* verdict, double max_ratio) {
  json document = scenario;
  json check = fewer_calls;
  check["max_ratio"] = max_ratio;
  document["claim"] = {{"text", "Keeping keys saves calls."},
                       {"verdict", verdict},
                       {"holds_if", {check}},
                       {"assumes", {"nothing"}}};
  return document;
}

}  // namespace

TEST_CASE("judge: each variant runs with its own config, and every check is made in each") {
  const Folder folder;
  const RunResult run = folder.run(scenario);
  CHECK(run.outcome == Outcome::pass);
  REQUIRE(run.variants.size() == 2);
  CHECK(run.variants[0].name == "kept");
  CHECK(run.variants[0].kms_calls < 5);  // One data key, and what the start needs.
  CHECK(run.variants[0].layers_off.empty());
  CHECK(run.variants[1].kms_calls >= 50);
  CHECK(run.variants[1].layers_off == std::vector<std::string>{"key-cache"});
  CHECK(run.variants[1].cost.by_use() > run.variants[0].cost.by_use());
  CHECK(run.requests == 100);
  CHECK(find(run, "http.ratio of t", "kept") != nullptr);
  CHECK(find(run, "http.ratio of t", "not kept") != nullptr);
  CHECK(text_report(folder.load(scenario), {run}, false).find("WARNING: layers") !=
        std::string::npos);
}

TEST_CASE("judge: a check that names variants is made in those only") {
  const Folder folder;
  json document = scenario;
  document["expect"][0]["variant"] = "kept";
  const RunResult run = folder.run(document);
  CHECK(run.checks.size() == 1);
  CHECK(find(run, "http.ratio of t", "kept") != nullptr);
}

TEST_CASE("judge: the history covers all variants, and is the same every time") {
  const Folder folder;
  const RunResult both = folder.run(scenario);
  json first_only = scenario;
  first_only["variants"].erase("not kept");
  const RunResult one = folder.run(first_only);
  CHECK(one.history_hash == both.variants[0].history_hash);
  CHECK(both.history_hash != one.history_hash);
  const Scenario loaded = folder.load(scenario);
  const RunResult twice =
      run_twice(loaded, 1, {folder.registry, folder.world.scheduler, folder.files});
  CHECK(twice.outcome == Outcome::pass);
  CHECK(twice.history_hash == both.history_hash);
}

TEST_CASE("judge: a comparison passes and fails by its ratio") {
  const Folder folder;
  json document = scenario;
  document["expect"].push_back(fewer_calls);
  const std::string title = "compare kms_calls generate_data_key of k";
  RunResult run = folder.run(document);
  REQUIRE(find(run, title) != nullptr);
  CHECK(find(run, title)->verdict == Verdict::pass);
  CHECK(find(run, title)->figures == "kept 1, not kept 50, ratio 0.02 (at most 0.02)");
  document["expect"][1]["max_ratio"] = 0.019;
  run = folder.run(document);
  CHECK(find(run, title)->verdict == Verdict::fail);
  CHECK(run.outcome == Outcome::failed);
  document["expect"][1] = json::parse(
      R"({"check": "compare", "measure": "p50", "of": "t", "variant": "not kept", "to": "kept",
          "min_ratio": 0.5, "max_ratio": 2})");
  CHECK(find(folder.run(document), "compare p50 of t")->samples == 50);
}

TEST_CASE("judge: a claim is told as it turns out, and fails only when its verdict is another") {
  const Folder folder;
  RunResult run = folder.run(with_claim("true", 0.02));
  REQUIRE(run.claim.has_value());
  CHECK(run.claim->verdict == Verdict::pass);
  CHECK(run.outcome == Outcome::pass);
  CHECK(text_report(folder.load(scenario), {run}, false)
            .find("the claim is TRUE: Keeping keys saves calls.") != std::string::npos);

  run = folder.run(with_claim("false", 0.001));  // Found false, recorded as false.
  CHECK(run.claim->verdict == Verdict::fail);
  CHECK(run.outcome == Outcome::pass);
  CHECK(find(run, "claim")->figures == "it does not hold (recorded: it does not hold)");

  run = folder.run(with_claim("true", 0.001));
  CHECK(run.outcome == Outcome::failed);
  CHECK(find(run, "claim")->verdict == Verdict::fail);
}

TEST_CASE("judge: without variants of its own a scenario is varied by the layers of security") {
  const Folder folder;
  json document = scenario;
  document.erase("variants");
  const RunResult run = folder.run(document, Unvaried::by_layers);
  CHECK(run.variants.size() == 10);
  const std::string table = comparison_text(folder.load(document, Unvaried::by_layers), run, false);
  for (const char* name : {"all on", "no key-cache", "no boxes", "all off"}) {
    CHECK_MESSAGE(table.find("\n  " + std::string(name)) != std::string::npos, name);
  }
  CHECK(table.find("not modelled") != std::string::npos);
}

TEST_CASE("judge: variants and comparisons are checked as the scenario is read") {
  const Folder folder;
  json bad = scenario;
  bad["variants"]["kept"] = {{"queues", {{"q", {{"visibilty", "1s"}}}}}};
  CHECK(folder.problems(bad).starts_with("/queues/q/visibilty: unknown name"));
  bad = scenario;
  bad["variants"]["kept"] = {{"keys", nullptr}};  // The route seals with it.
  CHECK_FALSE(folder.problems(bad).empty());
  bad = scenario;
  bad["expect"][0]["variant"] = "keept";
  CHECK(folder.problems(bad) ==
        "/expect/0/variant: \"keept\" is not defined in /variants; did you mean \"kept\"?\n");
  bad = scenario;
  bad["expect"].push_back(fewer_calls);
  bad["expect"][1]["key"] = "kk";
  CHECK_FALSE(folder.problems(bad).empty());
  bad["expect"][1] = json::parse(R"({"check": "compare", "measure": "p50", "variant": "kept",
                                     "to": "kept", "min_ratio": 1})");
  CHECK(folder.problems(bad) ==
        "/expect/1: \"p50\" is measured of traffic; name it by \"of\"\n"
        "/expect/1/to: a variant cannot be compared with itself\n");
}
