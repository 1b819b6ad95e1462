// Published versions and the aliases that lead to them.
#include <algorithm>

#include "protocols/lambda/actions.hpp"
#include "protocols/lambda/configuration.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

json alias_json(const Service& service, const std::string& function, const std::string& name,
                const lambda::Alias& alias) {
  json out = {{"AliasArn", function_arn(service.aws, function, name)},
              {"Name", name},
              {"FunctionVersion", alias.version},
              {"Description", alias.description},
              {"RevisionId", uuid_of(alias.revision)}};
  if (!alias.weights.empty()) out["RoutingConfig"]["AdditionalVersionWeights"] = alias.weights;
  return out;
}

Failure no_alias(const Call& call, const std::string& function, const std::string& name) {
  return absent("Cannot find alias arn: " + function_arn(call.service.aws, function, name));
}

// Takes what CreateAlias and UpdateAlias share.
Answer<void> take_alias(Call& call, const lambda::CatalogueFunction& function,
                        lambda::Alias& alias) {
  Reader& in = call.in;
  if (auto version = in.text("FunctionVersion", 1024, 1)) alias.version = std::move(*version);
  if (auto text = in.text("Description", description_max)) alias.description = std::move(*text);
  Reader routing = in.part("RoutingConfig");
  const bool routed = in.has("RoutingConfig");
  const auto weights = routing.reals("AdditionalVersionWeights", 0, 1);
  in.take(routing);
  if (in.failure()) return *in.failure();
  if (routed) alias.weights = weights.value_or(std::map<std::string, double>());
  const auto missing = [&](const std::string& version) {
    return absent("Function not found: " + function_arn(call.service.aws, function.name, version));
  };
  if (function.version(alias.version) == nullptr) return missing(alias.version);
  if (alias.weights.size() > 1) return wrong("An alias has at most one additional version.");
  if (!alias.weights.empty() && alias.version == lambda::latest_version) {
    return wrong("$LATEST is not supported for an alias pointing to more than 1 version");
  }
  for (const auto& [version, weight] : alias.weights) {
    if (version == lambda::latest_version || version == alias.version) {
      return wrong("The additional version of an alias is another published one.");
    }
    if (function.version(version) == nullptr) return missing(version);
  }
  return ok();
}

// Mappings of the alias follow it.
void follow(Service& service, const std::string& function) {
  for (const auto* mapping : service.parts.catalogue.mappings()) {
    if (mapping->function == function) service.begin(*mapping);
  }
}

Answer<lambda::CatalogueFunction> own_function(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  return call.service.copy_of(reference);
}

Answer<Output> keep_alias(Call& call, lambda::CatalogueFunction function, const std::string& name,
                          int status) {
  const std::string owner = function.name;
  lambda::Alias& alias = function.aliases[name];
  alias.revision = call.service.new_id();
  const json body = alias_json(call.service, owner, name, alias);
  PORTEIRO_TRY(Output output, call.service.change(std::move(function)));
  follow(call.service, owner);
  output.status = status;
  output.body = body;
  return output;
}

}  // namespace

Answer<Output> publish_latest(Service& service, const std::string& name, const Text& description) {
  const lambda::CatalogueFunction& function = *service.parts.catalogue.find(name);
  lambda::Version version = function.latest;
  Output output;
  output.status = 201;
  if (!function.published.empty()) {
    lambda::Settings before = function.published.back().settings;
    before.description = version.settings.description;
    if (before == version.settings) {
      const lambda::Version& newest = function.published.back();
      output.body = configuration_of(service, function, newest, newest.number);
      return output;
    }
  }
  if (description) version.settings.description = *description;
  version.revision = service.new_id();
  const auto published = service.parts.catalogue.publish(name, std::move(version));
  if (!published) return failure_of(published.error());
  const lambda::Version& made = *published.value().version;
  service.deploy(function, made);
  output.sequence = published.value().sequence;
  output.body = configuration_of(service, function, made, made.number);
  return output;
}

Answer<Output> publish_version(Call& call) {
  PORTEIRO_TRY(const lambda::CatalogueFunction function, own_function(call));
  const Text description = call.in.text("Description", description_max);
  const Text sha256 = call.in.text("CodeSha256", 64);
  const Text revision = call.in.text("RevisionId", 64);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(check_revision(revision, function.latest.revision));
  const json latest = configuration_of(call.service, function, function.latest);
  if (sha256 && !sha256->empty() && *sha256 != latest["CodeSha256"]) {
    return wrong("CodeSHA256 (" + *sha256 + ") is different from current CodeSHA256 in $LATEST (" +
                 latest["CodeSha256"].get<std::string>() +
                 "). Please try again with the CodeSHA256 in $LATEST.");
  }
  return publish_latest(call.service, function.name, description);
}

Answer<Output> create_alias(Call& call) {
  PORTEIRO_TRY(lambda::CatalogueFunction function, own_function(call));
  call.in.require("Name");
  call.in.require("FunctionVersion");
  const Text name = call.in.text("Name", qualifier_max, 1);
  if (call.in.failure()) return *call.in.failure();
  if (!is_alias_name(*name)) {
    return constraint(*name, "name",
                      "satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)");
  }
  if (function.aliases.contains(*name)) {
    return Failure{&conflict,
                   "Alias already exists: " + function_arn(call.service.aws, function.name, *name)};
  }
  lambda::Alias alias;
  PORTEIRO_TRY(take_alias(call, function, alias));
  function.aliases[*name] = std::move(alias);
  return keep_alias(call, std::move(function), *name, 201);
}

Answer<Output> update_alias(Call& call) {
  PORTEIRO_TRY(lambda::CatalogueFunction function, own_function(call));
  const std::string& name = call.names.at(1);
  const auto found = function.aliases.find(name);
  if (found == function.aliases.end()) return no_alias(call, function.name, name);
  PORTEIRO_TRY(check_revision(call.in.text("RevisionId", 64), found->second.revision));
  PORTEIRO_TRY(take_alias(call, function, found->second));
  return keep_alias(call, std::move(function), name, 200);
}

Answer<Output> delete_alias(Call& call) {
  PORTEIRO_TRY(lambda::CatalogueFunction function, own_function(call));
  const std::string& name = call.names.at(1);
  const std::string owner = function.name;
  function.aliases.erase(name);  // AWS Lambda: no error if there is none.
  function.invoke_configs.erase(name);
  function.policies.erase(name);
  PORTEIRO_TRY(Output output, call.service.change(std::move(function)));
  follow(call.service, owner);
  output.status = 204;
  return output;
}

Answer<Output> get_alias(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  const auto found = function->aliases.find(call.names.at(1));
  if (found == function->aliases.end()) return no_alias(call, function->name, call.names.at(1));
  Output output;
  output.body = alias_json(call.service, function->name, found->first, found->second);
  return output;
}

Answer<Output> list_aliases(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  const std::string version = call.query("FunctionVersion");
  std::vector<std::string> names;
  for (const auto& [name, alias] : function->aliases) {
    const bool leads =
        version.empty() || alias.version == version || alias.weights.contains(version);
    if (leads) names.push_back(name);
  }
  PORTEIRO_TRY(const Page page, page_of(call, names, page_max));
  Output output;
  output.body["Aliases"] = json::array();
  for (std::size_t i = page.from; i < page.to; ++i) {
    output.body["Aliases"].push_back(
        alias_json(call.service, function->name, names[i], function->aliases.at(names[i])));
  }
  add_marker(output.body, page);
  return output;
}

}  // namespace porteiro::protocols::lambda_api
