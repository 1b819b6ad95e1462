#include "emulator/client_functions.hpp"

#include <algorithm>

#include "porteiro/lambda/external.hpp"

namespace porteiro::emulator {
namespace {

std::string_view runtime_name(lambda::Runtime runtime) {
  switch (runtime) {
    case lambda::Runtime::nodejs:
      return "nodejs22.x";
    case lambda::Runtime::python:
      return "python3.12";
    case lambda::Runtime::provided:
    case lambda::Runtime::command:
      return "provided.al2023";
  }
  return "provided.al2023";
}

// Who waits for the reply of a route must not lose the request to somebody else's function.
std::set<std::string, std::less<>> route_queues(const Options& options) {
  std::set<std::string, std::less<>> queues;
  for (const lambda::SourceOptions& source : options.sources) queues.insert(source.queue);
  return queues;
}

}  // namespace

ClientFunctions::ClientFunctions(const Parts& parts, const Options& options)
    : parts_(parts),
      options_(options),
      catalogue_(parts.journal, {}),
      code_(parts.environment,
            {.directory = options.code_directory,
             .power = options.journal.durability == journal::Durability::power},
            [this](std::string_view sha256) {
              return catalogue_.refers(sha256) || in_use_.contains(sha256);
            }),
      service_({parts.environment, parts.journal, parts.telemetry, catalogue_, code_, parts.queues,
                parts.functions, parts.guard, host()},
               options.aws, {.route_queues = route_queues(options)}) {
  for (const FunctionDefinition& definition : options.functions) declare(definition);
}

// As clients see what the config declares; what it runs with is the config's affair.
void ClientFunctions::declare(const FunctionDefinition& definition) {
  lambda::CatalogueFunction function;
  function.name = definition.options.name;
  lambda::Settings& settings = function.latest.settings;
  settings.description = "declared in the configuration";
  settings.role = "arn:aws:iam::" + options_.aws.account + ":role/" +
                  (definition.role.empty() ? "porteiro" : definition.role);
  settings.timeout_s = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(definition.options.timeout).count());
  if (definition.external) {
    settings.runtime = runtime_name(definition.external->runtime);
    settings.handler = definition.external->handler;
    settings.memory_mb = definition.external->memory_mib;
  } else {
    settings.runtime = runtime_name(lambda::Runtime::provided);
    settings.handler = definition.options.factory;
  }
  function.latest.modified = parts_.environment.scheduler.now();
  const Result<void> declared = catalogue_.declare(std::move(function));
  PORTEIRO_ASSERT(declared.has_value());  // The config's names are unique.
}

protocols::LambdaHost ClientFunctions::host() {
  protocols::LambdaHost host;
  host.deploy = [this](const protocols::LambdaUnit& unit) { return deploy(unit); };
  host.retire = [this](std::string_view key) { retire(key); };
  host.invoke = [this](std::string_view key, std::shared_ptr<lambda::Direct> direct,
                       lambda::Completion done) {
    parts_.functions.invoke(key, std::move(direct), std::move(done));
  };
  host.permit = [this](const protocols::Asker* who, std::string_view action,
                       std::string_view name) { return permit(who, action, name); };
  host.free = [this](std::string_view key) { return parts_.functions.free(key); };
  return host;
}

// A function with a role is a door to what the role reaches: it takes a role to have it invoked.
// All else the developer may do: what the config declares is not changed here anyway.
Result<void> ClientFunctions::permit(const protocols::Asker* who, std::string_view action,
                                     std::string_view name) {
  const protocols::Asker developer{
      {.name = "developer", .role = options_.developer_role, .developer = true}};
  const protocols::Asker& asker = who == nullptr ? developer : *who;
  const bool manages = action != access::action::function_invoke;
  if (asker.principal.developer && manages) return ok();
  const auto found =
      std::find_if(options_.functions.begin(), options_.functions.end(),
                   [&](const FunctionDefinition& each) { return each.options.name == name; });
  const bool declared = found != options_.functions.end();
  if (asker.principal.developer && (!declared || found->role.empty())) return ok();
  if (!declared) {
    return parts_.guard.check(asked_by(asker, action, access::action::of_clients),
                              access::Zone::private_zone);
  }
  return parts_.guard.check(asked_by(asker, action, found->options.name), found->zone);
}

Result<void> ClientFunctions::deploy(const protocols::LambdaUnit& unit) {
  if (parts_.environment.processes == nullptr) {
    return error(Errc::unavailable, "functions of clients do not run in simulation");
  }
  const auto runtime = lambda::runtime_of(unit.settings.runtime);
  PORTEIRO_ASSERT(runtime.has_value());  // The service has looked at it.
  lambda::ExternalOptions external;
  external.name = unit.name;
  external.version = unit.version;
  external.runtime = *runtime;
  external.handler = unit.settings.handler;
  external.code = unit.folder;
  external.watched = false;  // New code comes as another folder.
  external.memory_mib = unit.settings.memory_mb;
  for (const auto& variable : unit.settings.environment) external.environment.push_back(variable);
  lambda::FunctionOptions options;
  options.name = unit.key;
  options.concurrency_max = unit.concurrency_max;
  options.timeout = std::chrono::seconds(unit.settings.timeout_s);
  auto workers =
      lambda::external_workers(std::move(external), options_.surroundings, parts_.services);
  retire(unit.key);
  PORTEIRO_TRY(parts_.functions.create(std::move(options), std::move(workers)));
  deployed_.emplace(unit.key, unit.settings.code.sha256);
  in_use_.insert(unit.settings.code.sha256);
  return ok();
}

void ClientFunctions::retire(std::string_view key) {
  const auto found = deployed_.find(key);
  if (found == deployed_.end()) return;
  // Its workers keep their code until the last one has ended.
  const Result<void> removed = parts_.functions.remove(key, [this, code = found->second] {
    in_use_.erase(in_use_.find(code));
    code_.collect({code});
  });
  PORTEIRO_ASSERT(removed.has_value());  // No route knows a client's function.
  deployed_.erase(found);
}

}  // namespace porteiro::emulator
