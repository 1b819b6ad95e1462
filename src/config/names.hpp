// Names that must be defined somewhere in the document (x-names, x-templates). They are checked
// after the walk, when every default is in place.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "config/problems.hpp"

namespace porteiro::config {

struct NameUse {
  std::string pointer;
  std::string name;
  const nlohmann::json* places;  // Of the schema: a string or an array of strings.
  bool in_template = false;
};

// `unsure` are the pointers of values that are wrong themselves or missing by a misspelt name: what
// they define is not known, so that uses of it are no problems of their own.
void check_names(const std::vector<NameUse>& uses, const std::set<std::string>& unsure,
                 const nlohmann::json& document, Problems& problems);

// The names between {{ and }} in a text.
std::vector<std::string> template_names(std::string_view text);

}  // namespace porteiro::config
