// The config's clients of the gateway: by what they are known, and who vouches for them.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "porteiro/emulator/options.hpp"

namespace porteiro::emulator {

// Fills in clients, issuers and the lock-out from the config's member `gateway`. Errors: invalid
// (two clients share what one should have alone), with the JSON pointer in `at`.
Result<void> read_gateway_clients(const nlohmann::json& described, const std::string& directory,
                                  gateway::Options& gateway);

// Fills in what the gateway's port needs for TLS from the config's member `listen`; after the
// clients. Errors: invalid (a client is known by a certificate that nobody would ask for).
Result<void> read_tls(const nlohmann::json& listen, const std::string& directory, Options& options);

}  // namespace porteiro::emulator
