#include "emulator/function_options.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "emulator/members.hpp"
#include "emulator/security_options.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::emulator {
namespace {

using nlohmann::json;

constexpr std::uint64_t mebibyte = 1U << 20;

lambda::ExternalOptions read_external(const std::string& name, const json& described,
                                      const std::string& directory) {
  lambda::ExternalOptions external;
  external.name = name;
  external.directory = directory;
  if (const auto command = described.find("command"); command != described.end()) {
    external.command = command->get<std::vector<std::string>>();
  } else {
    const auto runtime = lambda::runtime_of(described.at("runtime").get<std::string>());
    PORTEIRO_ASSERT(runtime.has_value());  // The schema knows no other.
    external.runtime = *runtime;
  }
  external.handler = text_or_empty(described, "handler");
  if (const std::string code = text_or_empty(described, "code"); !code.empty()) {
    external.code = path_in(directory, code);
  }
  for (const json& layer : described.at("layers")) {
    external.layers.push_back(path_in(directory, layer.get<std::string>()));
  }
  for (const auto& [variable, value] : described.at("environment").items()) {
    external.environment.emplace_back(variable, value.get<std::string>());
  }
  external.memory_mib =
      static_cast<std::uint32_t>(config::size_of(described.at("memory")) / mebibyte);
  if (described.at("isolation").get<std::string>() == "sandbox") {
    external.isolation = lambda::Isolation::sandbox;
  }
  return external;
}

lambda::ExternalOptions* find_external(Options& options, std::string_view name) {
  for (FunctionDefinition& definition : options.functions) {
    if (definition.options.name == name && definition.external) return &*definition.external;
  }
  return nullptr;
}

// Whether a value that looks like an e-mail address may be a protected one.
bool protects_emails(const stores::StoreOptions& store) {
  return std::any_of(store.collections.begin(), store.collections.end(), [](const auto& each) {
    return std::any_of(each.fields.begin(), each.fields.end(), [](const stores::Field& field) {
      return stores::is_protected(field) && (field.format == "email" || field.mask == "email");
    });
  });
}

}  // namespace

std::vector<FunctionDefinition> read_functions(const json& functions, const std::string& directory,
                                               const CallLatency& call_latency) {
  std::vector<FunctionDefinition> out;
  for (const auto& [name, described] : functions.items()) {
    FunctionDefinition definition;
    lambda::FunctionOptions& function = definition.options;
    function.name = name;
    definition.role = text_or_empty(described, "role");
    definition.zone = zone_of(described.at("zone").get<std::string>());
    function.concurrency_max = described.at("concurrency").get<std::size_t>();
    function.timeout = config::duration_of(described.at("timeout"));
    function.retries_max = described.at("retries").get<std::uint32_t>();
    function.retry_delay = config::duration_of(described.at("retry_delay"));
    function.idle_max = config::duration_of(described.at("idle"));
    function.cold = call_latency(described.at("model"), "cold");
    function.warm = call_latency(described.at("model"), "warm");
    if (const auto with = described.find("with"); with != described.end()) {
      const char* kind = described.contains("builtin") ? "builtin" : "native";
      function.factory = described.at(kind).get<std::string>();
      definition.with = with->dump();
    } else {
      definition.external = read_external(name, described, directory);
    }
    out.push_back(std::move(definition));
  }
  return out;
}

Result<std::vector<lambda::Pattern>> read_filters(const json& filters, const std::string& pointer) {
  std::vector<lambda::Pattern> patterns;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    auto pattern = lambda::Pattern::parse_for_queue(filters[i].dump());
    if (!pattern) {
      const std::string where = pointer + "/filters/" + std::to_string(i) + pattern.error().at;
      return error(Errc::invalid, pattern.error().detail, where);
    }
    patterns.push_back(std::move(pattern).value());
  }
  return patterns;
}

void complete_functions(Options& options) {
  for (const gateway::Route& route : options.gateway.routes) {
    for (const lambda::SourceOptions& source : options.sources) {
      if (route.event.empty() || source.queue != route.queue) continue;
      for (const auto& [type, function] : source.by_type) {
        if (type != route.event) continue;
        lambda::ExternalOptions* external = find_external(options, function);
        if (external != nullptr) external->routes.push_back({type, route.method, route.path});
      }
    }
  }
  lambda::Surroundings& surroundings = options.surroundings;
  surroundings.account = options.aws.account;
  surroundings.region = options.aws.region;
  std::vector<std::string> secrets;
  for (const gateway::Client& client : options.gateway.clients) {
    if (!client.api_key.empty()) secrets.push_back(client.api_key);
    if (client.signer) secrets.push_back(client.signer->secret);
  }
  for (const auto& each : options.aws.credentials) secrets.push_back(each.secret);
  if (!options.aws.credentials.empty()) {
    surroundings.access_key = options.aws.credentials.front().access_key;
    surroundings.secret = options.aws.credentials.front().secret;
  }
  const bool emails = std::any_of(options.tokens.begin(), options.tokens.end(),
                                  [](const auto& token) { return token.format == "email"; }) ||
                      std::any_of(options.stores.begin(), options.stores.end(), protects_emails);
  surroundings.mask = lambda::Mask(std::move(secrets), emails);
}

Result<void> check_code(const Options& options, Files& files) {
  for (const FunctionDefinition& definition : options.functions) {
    if (!definition.external) continue;
    Result<void> checked = lambda::check_files(*definition.external, options.surroundings, files);
    if (checked) continue;
    Error problem = checked.error();
    problem.at = config::below("/functions", definition.options.name) + "/" + problem.at;
    return problem;
  }
  return ok();
}

}  // namespace porteiro::emulator
