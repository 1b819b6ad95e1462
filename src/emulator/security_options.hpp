// The config's protection of the private side: roles, and which checks are on.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "porteiro/emulator/options.hpp"

namespace porteiro::emulator {

access::Zone zone_of(std::string_view name);  // "public", "private", "data".
Result<std::vector<access::Role>> read_roles(const nlohmann::json& config);

// Fills in the layers and the developer's role. `config` is valid.
void read_security(const nlohmann::json& config, Options& options);

// Switches off in the modules' options what `options.layers` has off. Last, when they are complete.
void apply_layers(Options& options);

}  // namespace porteiro::emulator
