// The journal's format of the catalogue, stream "lambda.catalogue". An entry is a version byte, a
// kind and JSON text:
//
//   F  a function without its published versions: {"name", "latest", "last_number", "aliases",
//      "tags", "reserved", "invoke_configs", "policies"}; it is made, or changed
//   V  {"name", "version"}: published
//   v  {"name", "number"}: a published version is gone
//   f  {"name"}: the function is gone, with its versions
//   M  an event source mapping; made, or changed
//   m  {"id"}: it is gone
//
// A version is {"number", "modified" (ns since 1970), "revision", "settings"}. A snapshot is the
// version byte and {"functions": […], "mappings": […]}, the functions with "published". Members
// with their default may be left out.
#pragma once
#include <nlohmann/json.hpp>

#include "porteiro/lambda/catalogue.hpp"

namespace porteiro::lambda {

inline constexpr char catalogue_format = 1;

nlohmann::json to_json(const Version& version);
nlohmann::json to_json(const CatalogueFunction& function);  // Without published versions.
nlohmann::json to_json(const CatalogueMapping& mapping);

// They throw nlohmann's exceptions where the text is not what was written.
Version version_from(const nlohmann::json& json);
CatalogueFunction function_from(const nlohmann::json& json);  // With published versions, if any.
CatalogueMapping mapping_from(const nlohmann::json& json);
Id id_from(const nlohmann::json& json);

}  // namespace porteiro::lambda
