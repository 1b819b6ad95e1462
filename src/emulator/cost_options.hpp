// The config's price list, and what is paid for by the hour.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "porteiro/emulator/options.hpp"

namespace porteiro::emulator {

// Fills in prices and what is rented. Keys, stores and functions of `options` are complete. Errors:
// invalid (a price for a store that is not there), with its pointer.
Result<void> read_prices(const nlohmann::json& prices, Options& options);

}  // namespace porteiro::emulator
