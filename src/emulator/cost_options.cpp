#include "emulator/cost_options.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"

namespace porteiro::emulator {

Result<void> read_prices(const nlohmann::json& prices, Options& options) {
  const auto usd = [&](const char* name) { return prices.at(name).get<double>(); };
  options.prices = {.million_requests = usd("requests"),
                    .million_queue_requests = usd("queue_requests"),
                    .million_fifo_requests = usd("fifo_queue_requests"),
                    .million_invocations = usd("invocations"),
                    .gigabyte_second = usd("gigabyte_second"),
                    .kms_calls_10000 = usd("kms_calls"),
                    .kms_asymmetric_calls_10000 = usd("kms_asymmetric_calls"),
                    .key_month = usd("key_month")};
  telemetry::Rented& rented = options.rented;
  rented.keys = options.kms.keys.size();
  const nlohmann::json& databases = prices.at("databases");
  for (const stores::StoreOptions& store : options.stores) {
    const auto own = databases.find(store.name);
    rented.databases.push_back({"store " + store.name, own == databases.end()
                                                           ? usd("database_hour")
                                                           : own->get<double>()});
  }
  for (const FunctionDefinition& function : options.functions) {
    if (!function.external) continue;
    rented.function_mib.emplace(function.options.name, function.external->memory_mib);
  }
  for (const auto& [name, price] : databases.items()) {
    const auto named = [&name = name](const stores::StoreOptions& store) {
      return store.name == name;
    };
    if (std::any_of(options.stores.begin(), options.stores.end(), named)) continue;
    return error(Errc::invalid, "there is no such store to have a price",
                 config::below("/prices/databases", name));
  }
  return ok();
}

}  // namespace porteiro::emulator
