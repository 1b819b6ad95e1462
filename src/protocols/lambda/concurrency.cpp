// Reserved concurrency, and how asynchronous invocations end.
#include <algorithm>

#include "protocols/lambda/actions.hpp"
#include "protocols/lambda/configuration.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::int64_t age_min_s = 60, age_max_s = 21'600, retries_max = 2;  // AWS Lambda.

Failure only_unqualified() {
  return wrong("Reserved concurrency is a function's, not a version's or an alias's.");
}

// Units are deployed again: how many run at a time is theirs.
Answer<Output> keep(Call& call, lambda::CatalogueFunction function) {
  Service& service = call.service;
  const std::string name = function.name;
  PORTEIRO_TRY(Output output, service.change(std::move(function)));
  service.deploy_all(*service.parts.catalogue.find(name));
  for (const auto* mapping : service.parts.catalogue.mappings()) {
    if (mapping->function == name) service.begin(*mapping);
  }
  service.async.look(name);
  return output;
}

json config_json(const Service& service, const std::string& function, const std::string& qualifier,
                 const lambda::InvokeConfig& config) {
  const std::string named = qualifier.empty() ? std::string(lambda::latest_version) : qualifier;
  json out = {
      {"FunctionArn", function_arn(service.aws, function, named)},
      {"LastModified", seconds_of(config.modified)},
      {"DestinationConfig", {{"OnSuccess", json::object()}, {"OnFailure", json::object()}}}};
  if (config.retries_max) out["MaximumRetryAttempts"] = *config.retries_max;
  if (config.age_max_s) out["MaximumEventAgeInSeconds"] = *config.age_max_s;
  if (!config.on_success.empty()) {
    out["DestinationConfig"]["OnSuccess"]["Destination"] = config.on_success;
  }
  if (!config.on_failure.empty()) {
    out["DestinationConfig"]["OnFailure"]["Destination"] = config.on_failure;
  }
  return out;
}

// $LATEST and no qualifier are the same.
std::string slot_of(const Reference& reference) {
  return reference.qualifier == lambda::latest_version ? "" : reference.qualifier;
}

Failure no_config(const Call& call, const Reference& reference) {
  const std::string named =
      reference.qualifier.empty() ? std::string(lambda::latest_version) : reference.qualifier;
  return absent("The function " + function_arn(call.service.aws, reference.name, named) +
                " doesn't have an EventInvokeConfig");
}

Answer<void> take_config(Call& call, lambda::InvokeConfig& config) {
  Reader& in = call.in;
  if (const auto n = in.number("MaximumRetryAttempts", 0, retries_max)) {
    config.retries_max = static_cast<std::uint32_t>(*n);
  }
  if (const auto n = in.number("MaximumEventAgeInSeconds", age_min_s, age_max_s)) {
    config.age_max_s = static_cast<std::uint32_t>(*n);
  }
  Reader destinations = in.part("DestinationConfig");
  std::vector<std::pair<const char*, std::string>> given;
  const auto target = [&](const char* member, std::string& out) {
    if (!destinations.has(member)) return;
    Reader one = destinations.part(member);
    out = one.text("Destination", 350).value_or("");
    destinations.take(one);
    if (!out.empty()) given.emplace_back(member, out);
  };
  target("OnSuccess", config.on_success);
  target("OnFailure", config.on_failure);
  in.take(destinations);
  if (in.failure()) return *in.failure();
  for (const auto& [member, arn] : given) {
    PORTEIRO_TRY(check_target(call, arn, member));
  }
  config.modified = call.service.now();
  return ok();
}

Answer<Output> keep_config(Call& call, lambda::CatalogueFunction function,
                           const Reference& reference, lambda::InvokeConfig config) {
  const json body = config_json(call.service, function.name, slot_of(reference), config);
  function.invoke_configs[slot_of(reference)] = std::move(config);
  PORTEIRO_TRY(Output output, call.service.change(std::move(function)));
  output.body = body;
  return output;
}

}  // namespace

Answer<Output> put_concurrency(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  if (!reference.qualifier.empty()) return only_unqualified();
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  call.in.require("ReservedConcurrentExecutions");
  const auto wanted = call.in.number("ReservedConcurrentExecutions", 0, 1'000'000);
  if (call.in.failure()) return *call.in.failure();
  const LambdaOptions& options = call.service.options;
  const std::uint32_t others = call.service.reserved_in_sum() - function.reserved.value_or(0);
  if (*wanted + others + options.unreserved_min > options.concurrency_max) {
    return wrong(
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [" +
        std::to_string(options.unreserved_min) + "].");
  }
  function.reserved = static_cast<std::uint32_t>(*wanted);
  PORTEIRO_TRY(Output output, keep(call, std::move(function)));
  output.body["ReservedConcurrentExecutions"] = *wanted;
  return output;
}

Answer<Output> get_concurrency(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  Output output;
  output.body = json::object();
  if (function->reserved) output.body["ReservedConcurrentExecutions"] = *function->reserved;
  return output;
}

Answer<Output> delete_concurrency(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  if (!reference.qualifier.empty()) return only_unqualified();
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  function.reserved.reset();
  PORTEIRO_TRY(Output output, keep(call, std::move(function)));
  output.status = 204;
  return output;
}

Answer<Output> put_invoke_config(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  PORTEIRO_TRY(call.service.version_of(function, reference));
  lambda::InvokeConfig config;
  PORTEIRO_TRY(take_config(call, config));
  return keep_config(call, std::move(function), reference, std::move(config));
}

Answer<Output> update_invoke_config(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  const auto found = function.invoke_configs.find(slot_of(reference));
  if (found == function.invoke_configs.end()) return no_config(call, reference);
  lambda::InvokeConfig config = found->second;
  PORTEIRO_TRY(take_config(call, config));
  return keep_config(call, std::move(function), reference, std::move(config));
}

Answer<Output> get_invoke_config(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  const auto found = function->invoke_configs.find(slot_of(reference));
  if (found == function->invoke_configs.end()) return no_config(call, reference);
  Output output;
  output.body = config_json(call.service, function->name, found->first, found->second);
  return output;
}

Answer<Output> delete_invoke_config(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  if (function.invoke_configs.erase(slot_of(reference)) == 0) return no_config(call, reference);
  PORTEIRO_TRY(Output output, call.service.change(std::move(function)));
  output.status = 204;
  return output;
}

Answer<Output> list_invoke_configs(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  std::vector<std::string> names;
  for (const auto& [qualifier, config] : function->invoke_configs) {
    names.push_back(qualifier.empty() ? std::string(lambda::latest_version) : qualifier);
  }
  std::sort(names.begin(), names.end());
  PORTEIRO_TRY(const Page page, page_of(call, names, page_max));
  Output output;
  output.body["FunctionEventInvokeConfigs"] = json::array();
  for (std::size_t i = page.from; i < page.to; ++i) {
    const std::string slot = names[i] == lambda::latest_version ? std::string() : names[i];
    output.body["FunctionEventInvokeConfigs"].push_back(
        config_json(call.service, function->name, slot, function->invoke_configs.at(slot)));
  }
  add_marker(output.body, page);
  return output;
}

}  // namespace porteiro::protocols::lambda_api
