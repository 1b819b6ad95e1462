// The read models of a config as options.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "porteiro/readmodels/read_models.hpp"

namespace porteiro::emulator {

// `models` is the config's valid member. Errors: invalid, with the JSON pointer in `at`.
Result<std::vector<readmodels::Options>> read_models(const nlohmann::json& models);

}  // namespace porteiro::emulator
