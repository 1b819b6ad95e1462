// Goal: what a config says of functions outside becomes their options, and what is wrong with their
// files is told with its pointer.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"
#include "porteiro/emulator/options.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::emulator {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

Result<Options> read(std::string_view text) {
  json document;
  for (const auto& problem : config::validate(text, "test", config::config_schema(), document)) {
    FAIL(config::to_text(problem));
  }
  return options_from_json(document, "/base");
}

std::string refused(std::string_view text) {
  json document;
  const auto problems = config::validate(text, "test", config::config_schema(), document);
  REQUIRE(!problems.empty());
  return problems.front().pointer + ": " + problems.front().text;
}

bool has(const std::string& text, const char* part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("function options: a handler in a folder") {
  auto options = read(R"({
    "tokens": {"mail": {"key": "mac", "format": "email"}}, "keys": {"mac": {"spec": "HMAC_256"}},
    "queues": {"q": {}, "other": {}},
    "functions": {
      "f": {"runtime": "nodejs20.x", "handler": "src/index.handler", "code": "functions/f/",
            "layers": ["layers/a", "/abs/b"], "environment": {"STAGE": "test"}, "memory": "256MiB",
            "concurrency": 3, "timeout": "9s", "retries": 1, "idle": "1m"},
      "g": {"builtin": "echo"}},
    "aws": {"account": "111122223333", "region": "sa-east-1",
            "credentials": [{"access_key": "AKIATEST", "secret": "its-secret"}]},
    "gateway": {
      "clients": {"c": {"api_key": "api-key-1", "scopes": []}},
      "routes": [{"route": "POST /v1/f/{id}", "event": "f.asked", "via": "q", "to": "f"},
                 {"route": "GET /v1/f", "event": "f.read", "via": "other", "to": "f"},
                 {"route": "GET /v1/g", "event": "g.read", "via": "other", "to": "g"}]}})");
  if (!options) FAIL(options.error().at << ": " << options.error().detail);
  const auto& functions = options.value().functions;
  REQUIRE(functions.size() == 2);
  REQUIRE(functions[0].external.has_value());
  CHECK_FALSE(functions[1].external.has_value());
  const lambda::ExternalOptions& f = *functions[0].external;
  CHECK(f.name == "f");
  CHECK(f.runtime == lambda::Runtime::nodejs);
  CHECK(f.handler == "src/index.handler");
  CHECK(f.code == "/base/functions/f");
  CHECK(f.layers == std::vector<std::string>{"/base/layers/a", "/abs/b"});
  CHECK(f.environment == std::vector<std::pair<std::string, std::string>>{{"STAGE", "test"}});
  CHECK(f.memory_mib == 256);
  REQUIRE(f.routes.size() == 2);
  CHECK(f.routes[0].method == "POST");
  CHECK(f.routes[0].path == "/v1/f/{id}");
  CHECK(f.routes[1].event == "f.read");
  CHECK(functions[0].options.concurrency_max == 3);
  CHECK(functions[0].options.timeout == 9s);
  CHECK(functions[0].options.retries_max == 1);
  CHECK(functions[0].options.idle_max == 1min);
  const lambda::Surroundings& surroundings = options.value().surroundings;
  CHECK(surroundings.account == "111122223333");
  CHECK(surroundings.region == "sa-east-1");
  CHECK(surroundings.access_key == "AKIATEST");
  CHECK(surroundings.secret == "its-secret");
  std::string line = "api-key-1 its-secret 11144477735 a@b.example";
  surroundings.mask.apply(line);
  CHECK(line == "*** *** *** ***");
}

TEST_CASE("function options: defaults of functions outside") {
  auto options = read(R"({"functions": {
    "c": {"command": ["./worker", "--fast"]},
    "p": {"runtime": "provided", "code": "."}}})");
  REQUIRE(options.has_value());
  const auto& c = options.value().functions[0];
  REQUIRE(c.external.has_value());
  CHECK(c.external->command == std::vector<std::string>{"./worker", "--fast"});
  CHECK(c.external->code.empty());
  CHECK(c.external->directory == "/base");
  CHECK(c.external->memory_mib == lambda::ExternalOptions().memory_mib);
  CHECK(c.options.concurrency_max == 10);
  CHECK(c.options.retries_max == 0);
  CHECK(c.options.timeout == lambda::FunctionOptions().timeout);
  CHECK(c.options.idle_max == lambda::FunctionOptions().idle_max);
  CHECK(options.value().functions[1].external->code == "/base");
}

TEST_CASE("function options: what no function is") {
  const auto one = [](const std::string& function) {
    return refused("{\"functions\": {\"f\": " + function + "}}");
  };
  const std::string runtime = one(R"({"runtime": "nodjs", "code": "x"})");
  CHECK(has(runtime, "/functions/f/runtime"));
  CHECK(has(runtime, "\"nodejs\""));
  CHECK(has(one(R"({"runtime": "python", "handler": "a.b"})"), "\"code\""));
  CHECK(has(one(R"({"command": []})"), "/functions/f/command"));
  CHECK(has(one(R"({"command": ["x"], "with": {}})"), "/functions/f/with"));
  CHECK(has(one(R"({"builtin": "echo", "memory": "1GiB"})"), "/functions/f/memory"));
  CHECK(has(one(R"({"runtime": "python", "code": "x", "memory": "1KiB"})"), "/functions/f/memory"));
  CHECK(has(one(R"({"builtin": "echo", "command": ["x"]})"), "/functions/f"));
}

TEST_CASE("function options: what is wrong with the files is told with its pointer") {
  virtual_world::MemoryFiles files;
  const auto problem = [&](const std::string& function) {
    auto options = read("{\"functions\": {\"f\": " + function + "}}");
    REQUIRE(options.has_value());
    const Result<void> checked = check_code(options.value(), files);
    return checked ? std::string("fine") : checked.error().at + ": " + checked.error().detail;
  };
  const std::string provided = R"({"runtime": "provided", "code": "p"})";
  CHECK(problem(provided) == "/functions/f/code: there is no folder /base/p");
  files.disk().files["/base/p/other"] = "";
  CHECK(problem(provided) == "/functions/f/code: there is no file /base/p/bootstrap; put it there");
  files.disk().files["/base/p/bootstrap"] = "";
  CHECK(problem(provided) ==
        "/functions/f/code: /base/p/bootstrap is not executable; run chmod +x on it");
  files.disk().modes["/base/p/bootstrap"] = 0755;
  CHECK(problem(provided) == "fine");
  CHECK(problem(R"({"runtime": "python", "code": "p"})").starts_with("/functions/f/handler: "));
  CHECK(problem(R"({"command": ["sh"], "layers": ["no"]})") ==
        "/functions/f/layers/0: there is no folder /base/no");
  CHECK(problem(R"({"command": ["./no"]})").starts_with("/functions/f/command/0: "));
  CHECK(problem(R"({"command": ["sh"], "environment": {"_HANDLER": "x"}})")
            .starts_with("/functions/f/environment/_HANDLER: "));
  CHECK(problem(R"({"builtin": "echo"})") == "fine");
}

TEST_CASE(
    "function options: a rule names what its action is done on, and nothing that is not read") {
  const auto problem = [](const std::string& rule) -> std::string {
    const auto options = read(R"({
      "stores": {"B": {"collections": {"profile": {"key": "id", "fields": {"id": {"type": "uuid"}}}}}},
      "keys": {"vault": {}}, "queues": {"orders": {}}, "functions": {"f": {"command": ["sh"]}},
      "roles": {"r": {"allow": [)" +
                              rule + R"(]}}})");
    return options ? "fine" : options.error().at + " " + options.error().detail;
  };
  for (const char* good :
       {R"({"do": "store:get", "on": "B/profile", "fields": ["id"], "purpose": ["x"]})",
        R"({"do": "store:*", "on": "B/*"})", R"({"do": "queue:send", "on": "*"})",
        R"({"do": "kms:Decrypt", "on": "vault", "context": {"a": "b"}})",
        R"({"do": "queue:receive", "on": "orders", "purpose": ["x"]})",
        R"({"do": "function:invoke", "on": "f"})"}) {
    CHECK(problem(good) == "fine");
  }
  const std::string at = "/roles/r/allow/0";
  CHECK(problem(R"({"do": "queue:send", "on": "B/profile"})") ==
        at + "/on \"B/profile\" is no name of /queues, which the action is done on");
  CHECK(problem(R"({"do": "queue:send", "on": "vault"})").starts_with(at + "/on "));
  CHECK(problem(R"({"do": "kms:Decrypt", "on": "orders"})").starts_with(at + "/on "));
  CHECK(problem(R"({"do": "function:invoke", "on": "orders"})").starts_with(at + "/on "));
  CHECK(problem(R"({"do": "store:get", "on": "orders"})").starts_with(at + "/on "));
  CHECK(problem(R"({"do": "queue:send", "on": "orders", "fields": ["id"]})") ==
        at + "/fields means nothing for the action queue:send: only those of store have it");
  CHECK(problem(R"({"do": "store:get", "on": "B/*", "context": {"a": "b"}})")
            .starts_with(at + "/context "));
}

TEST_CASE("function options: roles, and the one that a function names") {
  auto options = read(R"({
    "stores": {"B": {"collections": {"profile": {"key": "id", "fields": {"id": {"type": "uuid"}}}}}},
    "roles": {"reader": {"allow": [{"do": "store:get", "on": "B/profile"},
                                   {"do": "store:query", "on": "B/*"}]},
              "none": {"allow": []}},
    "functions": {"f": {"command": ["x"], "role": "reader"}, "g": {"command": ["x"]}}})");
  REQUIRE(options.has_value());
  const auto& roles = options.value().roles;
  REQUIRE(roles.size() == 2);
  CHECK(roles[0].name == "none");
  CHECK(roles[0].rules.empty());
  CHECK(roles[1].name == "reader");
  REQUIRE(roles[1].rules.size() == 2);
  CHECK(roles[1].rules[1].action == "store:query");
  CHECK(roles[1].rules[1].resource == "B/*");
  CHECK(options.value().functions[0].role == "reader");
  CHECK(options.value().functions[1].role.empty());
}

}  // namespace porteiro::emulator
