// A document against a schema: problems are collected, defaults filled in.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "config/problems.hpp"

namespace porteiro::config {

void validate_document(const nlohmann::json& schema, nlohmann::json& document, Problems& problems);

// The schema that a "$ref" stands for, or the schema itself.
const nlohmann::json& resolved(const nlohmann::json& root, const nlohmann::json& schema);

// The member of an object, or null.
const nlohmann::json* member(const nlohmann::json& object, std::string_view name);

}  // namespace porteiro::config
