// Questions to a schema: which types it accepts, which alternative of a oneOf a value means, and
// the words for what is wrong.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/problems.hpp"

namespace porteiro::config {

std::string kind_of(const nlohmann::json& value);  // "a string", "null", …
bool accepts_kind(const nlohmann::json& schema, const char* type);
bool accepts(const nlohmann::json& schema, const nlohmann::json& value);         // By "type" alone.
std::string describe(const nlohmann::json& root, const nlohmann::json& schema);  // "a string"

std::string none_of(const nlohmann::json& value, const nlohmann::json& values);
// Sets `near` to the property that was probably meant, if any.
std::string unknown_name(const std::string& name, const nlohmann::json& properties,
                         std::string& near);
std::string for_example(const nlohmann::json& schema);  // ", for example …", or nothing.

// The alternatives when the schema is nothing but a choice of them; else null.
const nlohmann::json* whole_alternatives(const nlohmann::json& schema);

using Branches = std::vector<const nlohmann::json*>;

// The alternative that a value means.
struct Choice {
  Branches fitting;                        // The alternatives of its JSON type.
  const nlohmann::json* branch = nullptr;  // Null: none could be told.
  std::string chosen_by;                   // "\"event\""
  // Problems of the choice itself: the member's name (empty: the value itself) and the text.
  std::vector<std::pair<std::string, std::string>> problems;

  bool elsewhere(const std::string& name) const;  // A property of another alternative.
  bool known_problem(const std::string& name) const;
};
Choice choose(const nlohmann::json& root, const nlohmann::json& alternatives,
              const nlohmann::json& value);

// A choice of required members beside properties: exactly one of them (`one`), or at least one.
// Empty: it is right. `meant` are members that a misspelt name stands for.
std::string check_choice(const nlohmann::json& value, const nlohmann::json& choices, bool one,
                         const std::set<std::string>& meant);

}  // namespace porteiro::config
