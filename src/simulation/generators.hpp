// Data generators: values for requests from a seeded Random. The same seed gives the same values.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/random.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::simulation {

// A generated value: as JSON text, and as the plain text that stands in paths and headers.
struct Value {
  std::string json;
  std::string text;
};

class Generators {
 public:
  // `data` is the scenario's member, already valid.
  explicit Generators(const nlohmann::json& data);
  bool has(std::string_view name) const { return specs_.contains(name); }
  bool canary(std::string_view name) const;
  Value make(std::string_view name, Random& random, Time now) const;

 private:
  StringMap<nlohmann::json> specs_;
};

std::string random_cpf(Random& random);  // 11 digits with valid check digits, not all equal.

}  // namespace porteiro::simulation
