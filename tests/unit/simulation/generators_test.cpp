// Goal: generated values are valid, repeatable from the seed, and composed as the scenario says.
#include "simulation/generators.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/format.hpp"

using nlohmann::json;
using porteiro::Random;
using porteiro::Time;
using porteiro::simulation::Generators;

TEST_CASE("generators: every CPF has valid check digits") {
  Random random(7);
  for (int i = 0; i < 10'000; ++i) {
    const std::string cpf = porteiro::simulation::random_cpf(random);
    CAPTURE(cpf);
    REQUIRE(porteiro::canonical("cpf", cpf).has_value());
  }
}

TEST_CASE("generators: lists and objects nest, within their bounds") {
  const Generators generators(json::parse(R"({
    "debts": {"gen": "list", "min": 2, "max": 4, "of": {"gen": "object", "fields": {
      "due_on": {"gen": "date", "from": "2025-01-01", "to": "2025-01-31"},
      "status": {"gen": "choice", "of": ["open", "paid"]},
      "contract": {"gen": "digits", "length": 12},
      "amount": {"gen": "int", "min": -5, "max": 5}}}}})"));
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const json list = json::parse(generators.make("debts", random, Time{}).json);
    REQUIRE(list.size() >= 2);
    REQUIRE(list.size() <= 4);
    for (const json& debt : list) {
      CHECK(debt.at("due_on").get<std::string>().starts_with("2025-01-"));
      CHECK(debt.at("contract").get<std::string>().size() == 12);
      CHECK(std::abs(debt.at("amount").get<int>()) <= 5);
    }
  }
}

TEST_CASE("generators: the same seed gives the same values, another seed others") {
  const Generators generators(json::parse(R"({"name": {"gen": "name"}, "id": {"gen": "uuid"}})"));
  const auto all = [&](std::uint64_t seed) {
    Random random(seed);
    std::string out;
    for (int i = 0; i < 20; ++i) {
      out +=
          generators.make("name", random, Time{}).json + generators.make("id", random, Time{}).json;
    }
    return out;
  };
  CHECK(all(1) == all(1));
  CHECK(all(1) != all(2));
  Random random(3);
  CHECK(porteiro::canonical("uuid", generators.make("id", random, Time{}).text).has_value());
}
