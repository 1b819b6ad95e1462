// A JSON file (comments allowed) checked against a draft-07 schema: unknown names, wrong types,
// bounds and dangling names are found here, once, with the file, the JSON pointer and the nearest
// valid name; defaults are filled in from the schema, which is the one place they are written.
//
// The subset of draft-07: type, properties, required, additionalProperties, propertyNames.pattern,
// minProperties, dependencies (names), items, minItems, maxItems, enum, const, pattern (anchored,
// matched greedily), minLength, maxLength, minimum, maximum, $ref into definitions (beside it:
// annotations only), oneOf and anyOf, format (duration, size, rate, date), default, examples.
// A oneOf is either a choice of whole alternatives, told apart by the JSON type, by a "const"
// member or by a required member; or, beside "properties" and like every anyOf, a choice of
// required members. Unknown keywords are refused by a test of the schemas, not here.
//
// Our own keywords, which other tools ignore:
//   x-names          the string must be a name that the document defines, at one of these places:
//                    "/queues" (members of an object, "id"s of an array), "2/fields" (a relative
//                    JSON pointer), "/stores/{}/collections/{}" (the string's parts between '/'
//                    fill the slots), "/stores/{}/*" (the last part is this one itself),
//                    "fault:/faults" (behind a prefix), "n" (this very name).
//   x-templates      each {{name}} in the strings below must be such a name.
//   x-unique         the items' members of this name differ.
//   x-ordered        of the two members, the first is not more than the second.
//   x-minimum, x-maximum   bounds of a duration, size or rate, written as one.
//   x-unit, x-source       of a number and of a default, for the reference.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::config {

inline constexpr std::size_t file_bytes_max = 16u << 20;
inline constexpr std::size_t depth_max = 64;      // Of nested objects and arrays.
inline constexpr std::size_t problems_max = 100;  // Of one file; one more says that there are more.

struct Problem {
  std::string file;
  std::string pointer;  // "/queues/vault/visibilty"; empty: the whole file.
  std::string text;     // "unknown name; did you mean \"visibility\"?"
};
std::string to_text(const Problem& problem);  // file: pointer: text

// Goes one step down a JSON pointer: '/' and the escaped name.
void append_token(std::string& pointer, std::string_view token);
std::string below(std::string pointer, std::string_view token);

std::string_view config_schema();    // The text of config/schema/config-1.json.
std::string_view scenario_schema();  // The text of config/schema/scenario-1.json.

// Parses and validates; on success `document` has every default filled in. Otherwise all problems,
// sorted by pointer (a syntax error is the only one, with line and column), and `document` is of
// no use. The schema itself is trusted: a malformed one ends the process.
std::vector<Problem> validate(std::string_view text, std::string_view file, std::string_view schema,
                              nlohmann::json& document);

// Reads the file itself, not through base::Files: it runs before there is an environment. A file
// that cannot be read is a problem like the others.
std::vector<Problem> load(const std::string& path, std::string_view schema,
                          nlohmann::json& document);

// The folder a file is in, absolute: relative paths in the file are below it. Empty: where we work.
std::string folder_of(const std::string& file);

// The fields of a schema as Markdown tables: what docs/config.md and docs/scenarios.md hold.
std::string reference(std::string_view schema);

// Values the schema has already checked. A broken one ends the process.
Duration duration_of(const nlohmann::json& value);   // "800ms"
std::uint64_t size_of(const nlohmann::json& value);  // "1MiB", "64KiB", or a number of bytes.
std::uint64_t rate_of(const nlohmann::json& value);  // "2000/s", a second.

// The candidate that was probably meant: at most a third of the letters differ (swapped neighbours
// count once). Empty: none.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace porteiro::config
