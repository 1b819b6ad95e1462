// Goal: a simulated run meets the config's clients as a live one does.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "porteiro/simulation/scenario.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "temporary_directory.hpp"
#include "unit/identity/test_keys.hpp"

namespace porteiro::simulation {
namespace {

using identity::TestKey;
using nlohmann::json;

const json config = json::parse(R"({
  "queues": {"q": {}}, "functions": {"f": {"builtin": "echo"}},
  "gateway": {
    "clients": {"partner": {"jwt": {"issuer": "idp", "subject": "p"}, "scopes": ["s"]}},
    "issuers": {"idp": {"issuer": "https://idp.example", "audience": "us", "jwks": "keys.json"}},
    "lockout": {"failures": 0},
    "routes": [{"route": "POST /e", "event": "e", "via": "q", "to": "f", "scope": "s"}]}})");

json traffic(const char* id, const std::string& token) {
  return {{"id", id},
          {"count", 20},
          {"arrival", {{"constant", "100/s"}}},
          {"request",
           {{"method", "POST"},
            {"path", "/e"},
            {"headers", {{"Authorization", "Bearer " + token}}},
            {"body", {{"a", 1}}}}}};
}

json expected(const char* id, const char* status) {
  return {{"check", "http.ratio"}, {"of", id}, {"status", status}, {"min", 1}};
}

std::string token_of(const TestKey& key, const char* expires, const char* more = "") {
  return key.token(R"({"alg":"ES256","kid":"k"})",
                   std::string(R"({"iss":"https://idp.example","aud":"us","sub":"p","exp":)") +
                       expires + more + "}");
}

struct Folder {
  explicit Folder(const json& scenario) {
    std::ofstream(directory + "/config.json") << config;
    std::ofstream(directory + "/scenario.json") << scenario;
    lambda::add_builtins(registry);
  }

  RunResult run() {
    Scenario loaded;
    for (const auto& each : load_scenario(directory + "/scenario.json", loaded)) {
      FAIL(config::to_text(each));
    }
    return run_twice(loaded, 1, {registry, world.scheduler, world.files});
  }
  TemporaryDirectory temporary;
  const std::string directory = temporary.path();
  lambda::Registry registry;
  virtual_world::World world{1};
};

}  // namespace

TEST_CASE("run: simulated clients show tokens, which the issuer's key set verifies") {
  const TestKey key = TestKey::ec();
  json scenario = {{"name", "n"}, {"config", "config.json"}};
  scenario["traffic"] = {traffic("right", token_of(key, "4102444800")),
                         traffic("forged", token_of(TestKey::ec(), "4102444800")),
                         traffic("over", token_of(key, "1767225600")),  // When time begins.
                         traffic("early", token_of(key, "4102444800", R"(,"iat":1767312000)"))};
  scenario["steps"] = {{{"run", {"right", "forged", "over", "early"}}}};
  scenario["expect"] = {expected("right", "2xx"), expected("forged", "401"),
                        expected("over", "401"), expected("early", "401")};
  Folder folder(scenario);
  REQUIRE(folder.world.files.replace(folder.directory + "/keys.json", key.set("k")).has_value());
  const RunResult run = folder.run();
  for (const CheckResult& each : run.checks) {
    INFO(each.check, ": ", each.figures);
    CHECK(each.verdict == Verdict::pass);
  }
  CHECK(run.outcome == Outcome::pass);
  CHECK(run.requests == 80);
}

TEST_CASE("run: a key set that is not there ends a run before it begins, and is named") {
  json scenario = {{"name", "n"}, {"config", "config.json"}};
  scenario["traffic"] = {traffic("any", "a.b.c")};
  scenario["steps"] = {{{"run", "any"}}};
  scenario["expect"] = {expected("any", "401")};
  Folder folder(scenario);
  const RunResult run = folder.run();
  CHECK(run.outcome == Outcome::environment);
  CHECK(run.message.find("keys.json") != std::string::npos);
}

}  // namespace porteiro::simulation
