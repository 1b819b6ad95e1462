// Goal: the documentation of the fields is what the schemas say. To update it after a change of a
// schema, run this test with PORTEIRO_UPDATE_DOCS=1.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "porteiro/config/config.hpp"

namespace porteiro::config {
namespace {

void check_document(const std::string& path, std::string_view schema) {
  const std::string wanted = reference(schema);
  const char* update = std::getenv("PORTEIRO_UPDATE_DOCS");
  if (update != nullptr && std::string_view(update) == "1") {
    std::ofstream(path, std::ios::binary) << wanted;
    MESSAGE("written: " << path);
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream held;
  held << in.rdbuf();
  const bool same = held.str() == wanted;
  INFO(path << " differs from its schema. To write it anew: PORTEIRO_UPDATE_DOCS=1 ctest -R "
            << "config_tests");
  CHECK(same);
}

}  // namespace

TEST_CASE("config: docs/config.md is the reference of the config's schema") {
  check_document("docs/config.md", config_schema());
}

TEST_CASE("config: docs/scenarios.md is the reference of the scenarios' schema") {
  check_document("docs/scenarios.md", scenario_schema());
}

TEST_CASE("config: a reference lists pointer, type, bounds, default and description") {
  const std::string text = reference(R"({
    "$id": "x/s-1.json", "title": "T", "description": "D.", "type": "object",
    "required": ["a"],
    "properties": {
      "a": {"type": "integer", "minimum": 1, "maximum": 9, "x-unit": "tries", "description": "A."},
      "b": {"type": "object", "description": "B.", "properties": {
        "c": {"type": "string", "format": "duration", "x-minimum": "1s", "default": "2s",
              "x-source": "AWS SQS", "description": "C | D."}}},
      "e": {"$ref": "#/definitions/e"}},
    "definitions": {"e": {"description": "E.", "oneOf": [
      {"type": "object", "required": ["f"], "properties": {
         "f": {"const": "x", "description": "F."}}},
      {"type": "object", "required": ["g"], "properties": {
         "g": {"type": "array", "items": {"$ref": "#/definitions/e"}, "description": "G."}}}]}}})");
  const auto has = [&](std::string_view line) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  };
  has("| `/a` | int | 1 to 9 tries | required | A. |\n");
  has("| `/b/c` | duration | at least 1s | `\"2s\"` (AWS SQS) | C \\| D. |\n");
  has("| `/e` | [e](#definition-e) |  |  | E. |\n");
  has("## Definition: e\n");
  has("**`\"f\": \"x\"`** F.\n");
  has("**With `g`**\n");
  has("| `g/*` | [e](#definition-e) |  |  | E. |\n");
}

}  // namespace porteiro::config
