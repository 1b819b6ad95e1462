// Goal: whoever stands in the wrong place, has no role, no purpose or no scope gets nothing of the
// bases, and each attempt is an entry of the audit log.
#include <doctest/doctest.h>

#include "attacks/bench.hpp"

using namespace porteiro;
using namespace porteiro::attacks;

namespace {

const std::string person = "/v1/people/" + std::string(ana);
const Headers desk{{"X-Api-Key", "demo-desk-key"}};

json newest(Bench& bench) {
  const json all = bench.inside("GET", "/_porteiro/audit?newest=1").parsed()["entries"];
  REQUIRE(all.size() == 1);
  return all[0];
}

// Of the example with a change, after Ana is registered: she is asked for, and denied.
void denied(const json& patch, const char* reason) {
  CAPTURE(reason);
  Bench bench(Bench::example(patch));
  const Answer answer = bench.ask("GET", person, lender);
  CHECK(answer.status == 403);
  CHECK_FALSE(answer.holds("role"));
  CHECK_FALSE(answer.holds("A/person"));
  const json entry = newest(bench);
  CHECK(entry["decision"] == "denied");
  CHECK(entry["principal"] == "get-person");
  CHECK(entry["client"] == "lender");
  CHECK(entry["action"] == "store:get");
  CHECK(entry["resource"] == "A/person");
  CHECK(entry["subject"].get<std::string>().starts_with("cpf_"));
  CHECK(entry["reason"].get<std::string>().find(reason) != std::string::npos);
  CHECK_FALSE(bench.leaked(ana));
}

json routes_with(const char* member, const json& value) {
  json routes = json::parse(Bench::example())["gateway"]["routes"];
  for (json& route : routes) {
    if (route.value("event", "") != "person.requested") continue;
    if (value.is_null()) {
      route.erase(member);
    } else {
      route[member] = value;
    }
  }
  return {{"gateway", {{"routes", routes}}}};
}

}  // namespace

TEST_CASE("attack: a function without a role") {
  denied({{"functions", {{"get-person", {{"role", nullptr}}}}}}, "it has no role");
}

TEST_CASE("attack: a function with a role for something else") {
  denied({{"functions", {{"get-person", {{"role", "trail-reader"}}}}}}, "on other resources only");
}

TEST_CASE("attack: a function that may write only") {
  denied({{"functions", {{"get-person", {{"role", "vault-writer"}}}}}},
         "does not allow that action");
}

TEST_CASE("attack: a function of the public zone with the right role") {
  denied({{"functions", {{"get-person", {{"zone", "public"}}}}}}, "zone public");
}

TEST_CASE("attack: a route without a purpose") {
  denied(routes_with("purpose", nullptr), "has no purpose");
}

TEST_CASE("attack: a route for a purpose that the role does not allow") {
  denied(routes_with("purpose", "marketing"), "for the purpose marketing");
}

TEST_CASE("attack: a sealed body under a key that the function may not use") {
  const json roles{
      {"roles", {{"vault-writer", {{"allow", {{{"do", "store:put"}, {"on", "A/*"}}}}}}}}};
  Bench bench(Bench::example(roles));
  const json body{{"cpf", ana}, {"name", secret_name}};
  const Answer answer = bench.ask("POST", "/v1/people", with_json(lender), body.dump());
  REQUIRE(answer.status == 202);
  bench.pass(5s);
  CHECK(bench.ask("GET", answer.header("Location"), lender).holds("failed"));
  CHECK(newest(bench)["action"] == "kms:Decrypt");
  CHECK(newest(bench)["resource"] == "vault");
  CHECK(bench.ask("GET", person, lender).status == 404);
}

TEST_CASE("attack: a client without the scope to see a person whole") {
  Bench bench(Bench::example());
  register_ana(bench);
  const Answer answer = bench.ask("GET", person, desk);
  CHECK(answer.status == 200);
  CHECK(answer.parsed()["name"] == "A. C. L.");
  CHECK(answer.parsed()["cpf"] == "***35");
  CHECK_FALSE(answer.holds(secret_name));
  CHECK_FALSE(answer.holds(ana));
  CHECK_FALSE(answer.holds("Banco Canary"));
  CHECK(bench.ask("GET", person, lender).holds(secret_name));
}

TEST_CASE("attack: an erasure that is made to fail is in the audit log all the same") {
  struct : Faults {
    Fault strike(FaultPoint point, std::string_view target) override {
      if (point != FaultPoint::store_write || target != "A") return {};
      return {.kind = Fault::Kind::error};
    }
  } failing;
  Bench bench(Bench::example());
  register_ana(bench);
  const std::string token = token_of_ana(bench);
  const json order{{"token", "cpf"}, {"value", ana}};
  const auto erase = [&] {
    return bench.inside("POST", "/_porteiro/erase", with_json({}), order.dump()).status;
  };
  const auto newest_two = [&] {
    return bench.inside("GET", "/_porteiro/audit?newest=2").parsed()["entries"];
  };
  bench.world.environment.faults = &failing;
  CHECK(erase() == 503);
  for (const json& entry : newest_two()) {
    CHECK(entry["action"] == "person:erase");
    CHECK(entry["principal"] == "developer");
    CHECK(entry["resource"] == "cpf");
    CHECK(entry["subject"] == token);
  }
  CHECK(newest_two()[0]["decision"] == "allowed");
  CHECK(newest_two()[1]["decision"] == "refused");
  CHECK(newest_two()[1]["reason"] == "unavailable");
  bench.world.environment.faults = nullptr;
  CHECK(erase() == 200);
  CHECK(newest(bench)["decision"] == "allowed");
  CHECK(newest(bench)["action"] == "person:erase");
}

TEST_CASE("attack: each layer is off alone when it is measured") {
  Bench roles(Bench::example(
      {{"security", {{"off", {"roles"}}}}, {"functions", {{"get-person", {{"role", nullptr}}}}}}));
  CHECK(roles.ask("GET", person, lender).status == 404);
  Bench masking(Bench::example({{"security", {{"off", {"masking"}}}}}));
  register_ana(masking);
  CHECK(masking.ask("GET", person, desk).holds(secret_name));
  Bench audit(Bench::example({{"security", {{"off", {"audit"}}}}}));
  register_ana(audit);
  CHECK(audit.ask("GET", person, lender).holds(secret_name));
  CHECK(audit.inside("GET", "/_porteiro/audit").parsed()["entries"].empty());
}
