// JSON with // and /* */ comments into a document.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "config/problems.hpp"

namespace porteiro::config {

// False: there is no document (a syntax error, or nested too deep), and `problems` says why.
// Names given twice are problems, too, but parsing goes on.
bool parse(std::string_view text, nlohmann::json& document, Problems& problems);

}  // namespace porteiro::config
