// The functions of a config as options: those in this process, and those that run outside.
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "porteiro/emulator/options.hpp"

namespace porteiro::emulator {

// A member that names a latency model or holds one; absent: zero.
using CallLatency = std::function<LatencyModel(const nlohmann::json& object, const char* name)>;

// `functions` is the config's valid member; relative folders are below `directory`.
std::vector<FunctionDefinition> read_functions(const nlohmann::json& functions,
                                               const std::string& directory,
                                               const CallLatency& call_latency);

// `roles` is the config's valid member.

// The filter patterns of a source, which stands at `pointer`. Errors: invalid.
Result<std::vector<lambda::Pattern>> read_filters(const nlohmann::json& filters,
                                                  const std::string& pointer);

// Once everything else is read: the routes each function outside serves, and what they all share.
void complete_functions(Options& options);

}  // namespace porteiro::emulator
