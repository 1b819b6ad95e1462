// A JSON file (comments allowed) checked against a draft-07 schema: unknown names, wrong types,
// bounds and dangling names are found here, once, with the file, the JSON pointer and the nearest
// valid name; defaults are filled in from the schema, which is the one place they are written.
//
// The subset of draft-07: type, properties, required, additionalProperties, patternProperties,
// propertyNames.pattern, items, enum, const, pattern, minimum, maximum, minLength, minItems,
// maxItems, oneOf with a discriminating "const" or "type", $ref into definitions, default, format
// (duration, size, rate). Our own keyword "x-names": "/queues" says that the string must be a
// member's name of that object of the document (several: an array; "x-names-path": prefix/suffix
// forms such as "A/person" use "/stores/{}/collections/{}").
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::config {

struct Problem {
  std::string file;
  std::string pointer;  // "/queues/vault/visibilty"
  std::string text;     // "unknown name; did you mean \"visibility\"?"
};
std::string to_text(const Problem& problem);  // file: pointer: text

std::string_view config_schema();    // The text of config/schema/config-1.json.
std::string_view scenario_schema();  // The text of config/schema/scenario-1.json.

// Parses and validates; on success `document` has every default filled in. Otherwise all problems
// (a syntax error is one, with line and column).
std::vector<Problem> validate(std::string_view text, std::string_view file, std::string_view schema,
                              nlohmann::json& document);

// Reads the file itself, not through base::Files: it runs before there is an environment.
std::vector<Problem> load(const std::string& path, std::string_view schema,
                          nlohmann::json& document);

// Values the schema has already checked. A broken one ends the process.
Duration duration_of(const nlohmann::json& value);    // "800ms"
std::uint64_t size_of(const nlohmann::json& value);   // "1MiB", "64KiB", or a number of bytes.
std::uint64_t rate_of(const nlohmann::json& value);   // "2000/s", a second.

std::string nearest(std::string_view name, const std::vector<std::string>& candidates);  // Or empty.

}  // namespace porteiro::config
