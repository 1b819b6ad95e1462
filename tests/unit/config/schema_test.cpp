// Goal: the schemas are well-formed draft-07 in the subset that the validator knows, every field is
// described, and every default passes its own bounds.
#include <doctest/doctest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "config/alternatives.hpp"
#include "config/pattern.hpp"
#include "config/validator.hpp"
#include "config/values.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::config {
namespace {

using nlohmann::json;

const std::set<std::string> keywords{
    "$schema",       "$id",          "$ref",          "title",       "description",
    "type",          "properties",   "required",      "definitions", "additionalProperties",
    "propertyNames", "dependencies", "items",         "enum",        "const",
    "pattern",       "minimum",      "maximum",       "minLength",   "maxLength",
    "minItems",      "maxItems",     "minProperties", "oneOf",       "anyOf",
    "format",        "default",      "examples",      "x-names",     "x-templates",
    "x-unique",      "x-ordered",    "x-minimum",     "x-maximum",   "x-unit",
    "x-source"};
const std::set<std::string> root_keywords{"$schema", "$id", "title", "definitions"};
const std::set<std::string> beside_reference{"$ref", "description", "default", "x-source"};
const std::set<std::string> formats{"duration", "size", "rate", "date"};
const std::set<std::string> types{"object", "array", "string", "integer", "number", "boolean"};

class SchemaCheck {
 public:
  explicit SchemaCheck(const json& root) : root_(root) {}

  void run() {
    CHECK(root_.at("$schema") == "http://json-schema.org/draft-07/schema#");
    check(root_, "#", true);
    for (const auto& [name, schema] : root_.at("definitions").items()) {
      check(schema, "#/definitions/" + name, false);
    }
    for (const auto& [name, schema] : root_.at("definitions").items()) {
      INFO("a definition that nothing uses: " << name);
      CHECK(used_.contains(name));
    }
  }

 private:
  void check(const json& schema, const std::string& at, bool root) {
    CAPTURE(at);
    REQUIRE(schema.is_object());
    const bool reference = schema.contains("$ref");
    for (const auto& [keyword, value] : schema.items()) {
      CAPTURE(keyword);
      CHECK(keywords.contains(keyword));
      if (!root) CHECK_FALSE(root_keywords.contains(keyword));
      if (reference) CHECK(beside_reference.contains(keyword));
    }
    if (reference) note_use(schema.at("$ref").get<std::string>());
    check_type(schema);
    check_object(schema, at);
    check_lists(schema, at);
    check_text(schema);
    if (schema.contains("default")) check_default(schema);
  }

  void note_use(const std::string& reference) {
    REQUIRE(reference.starts_with("#/definitions/"));
    const std::string name = reference.substr(14);
    REQUIRE(root_.at("definitions").contains(name));
    used_.insert(name);
  }

  void check_type(const json& schema) {
    if (!schema.contains("type")) return;
    const json list = schema.at("type").is_array() ? schema.at("type") : json{schema.at("type")};
    for (const json& type : list) CHECK(types.contains(type.get<std::string>()));
    if (schema.contains("minimum") || schema.contains("maximum")) {
      CHECK((list[0] == "integer" || list[0] == "number"));
    }
    if (list[0] == "integer") CHECK(schema.contains("minimum"));
  }

  void check_object(const json& schema, const std::string& at) {
    if (const json* properties = member(schema, "properties")) {
      CHECK(schema.at("type") == "object");
      CHECK(schema.at("additionalProperties") == false);
      for (const auto& [name, each] : properties->items()) {
        check(each, at + "/" + name, false);
        INFO("a field without description: " << at << "/" << name);
        CHECK((each.contains("description") || resolved(root_, each).contains("description")));
      }
    }
    const auto known = [&](const json& name) {
      return schema.at("properties").contains(name.get<std::string>());
    };
    for (const char* keyword : {"required", "x-ordered"}) {
      if (!schema.contains(keyword)) continue;
      for (const json& name : schema.at(keyword)) CHECK(known(name));
    }
    if (schema.contains("required") && schema.contains("properties")) {
      for (const json& name : schema.at("required")) {
        INFO("required and with a default: " << name);
        const json& field = schema.at("properties").at(name.get<std::string>());
        CHECK_FALSE(field.contains("default"));
      }
    }
    if (const json* needs = member(schema, "dependencies")) {
      for (const auto& [name, others] : needs->items()) {
        CHECK(known(name));
        for (const json& other : others) CHECK(known(other));
      }
    }
    if (const json* others = member(schema, "additionalProperties"); others && others->is_object())
      check(*others, at + "/*", false);
    if (const json* names = member(schema, "propertyNames")) {
      if (names->contains("$ref")) note_use(names->at("$ref").get<std::string>());
      const json& pattern = resolved(root_, *names);
      CHECK(is_pattern(pattern.at("pattern").get<std::string>()));
      check_text(pattern);
    }
  }

  void check_lists(const json& schema, const std::string& at) {
    if (schema.contains("type") && schema.at("type") == "array") CHECK(schema.contains("maxItems"));
    if (schema.contains("items")) check(schema.at("items"), at + "/items", false);
    for (const char* keyword : {"oneOf", "anyOf"}) {
      if (!schema.contains(keyword)) continue;
      const json& choices = schema.at(keyword);
      CHECK(choices.size() > 1);
      for (std::size_t i = 0; i < choices.size(); ++i) {
        if (whole_alternatives(schema) != nullptr) {
          check(choices[i], at + "/" + keyword + "/" + std::to_string(i), false);
        } else {
          CHECK(choices[i].size() == 1);  // A choice of required members.
          for (const json& name : choices[i].at("required")) {
            CHECK(schema.at("properties").contains(name.get<std::string>()));
          }
        }
      }
    }
  }

  void check_text(const json& schema) {
    if (const json* pattern = member(schema, "pattern")) {
      CAPTURE(*pattern);
      CHECK(is_pattern(pattern->get<std::string>()));
      REQUIRE(schema.contains("examples"));
      for (const json& example : schema.at("examples")) {
        CHECK(matches(pattern->get<std::string>(), example.get<std::string>()));
      }
    }
    if (const json* format = member(schema, "format")) {
      CHECK(formats.contains(format->get<std::string>()));
      for (const char* keyword : {"x-minimum", "x-maximum"}) {
        if (!schema.contains(keyword)) continue;
        CHECK(quantity(format->get<std::string>(), schema.at(keyword)).has_value());
      }
    } else {
      CHECK_FALSE((schema.contains("x-minimum") || schema.contains("x-maximum")));
    }
  }

  // The default alone, against its own schema.
  void check_default(const json& schema) {
    json root = resolved(root_, schema);
    root["definitions"] = root_.at("definitions");
    json value = schema.at("default");
    Problems problems("default");
    validate_document(root, value, problems);
    for (const Problem& problem : std::move(problems).sorted()) FAIL_CHECK(to_text(problem));
  }

  const json& root_;
  std::set<std::string> used_;
};

}  // namespace

TEST_CASE("config: the schemas are draft-07 of the subset that is validated") {
  for (const std::string_view text : {config_schema(), scenario_schema()}) {
    const json schema = json::parse(text);
    SchemaCheck(schema).run();
  }
}

TEST_CASE("config: the embedded schemas are the files") {
  for (const char* name : {"config", "scenario"}) {
    json document;
    const std::string path = "config/schema/" + std::string(name) + "-1.json";
    CHECK(load(path, R"({"type": "object"})", document).empty());
    const std::string_view embedded =
        std::string_view(name) == "config" ? config_schema() : scenario_schema();
    CHECK(document == json::parse(embedded));
  }
}

}  // namespace porteiro::config
