#include "lambda/catalogue_format.hpp"

namespace porteiro::lambda {
namespace {

using nlohmann::json;
using Texts = std::map<std::string, std::string>;

std::int64_t to_json(Time time) { return time.time_since_epoch().count(); }
Time time_from(const json& value) { return Time(Duration(value.get<std::int64_t>())); }

json to_json(const Settings& s) {
  return {{"description", s.description},
          {"runtime", s.runtime},
          {"handler", s.handler},
          {"role", s.role},
          {"architecture", s.architecture},
          {"tracing", s.tracing},
          {"dead_letter_arn", s.dead_letter_arn},
          {"memory_mb", s.memory_mb},
          {"timeout_s", s.timeout_s},
          {"storage_mb", s.storage_mb},
          {"environment", s.environment},
          {"code", {{"sha256", s.code.sha256}, {"bytes", s.code.bytes}}}};
}

Settings settings_from(const json& from) {
  Settings s;
  from.at("description").get_to(s.description);
  from.at("runtime").get_to(s.runtime);
  from.at("handler").get_to(s.handler);
  from.at("role").get_to(s.role);
  from.at("architecture").get_to(s.architecture);
  from.at("tracing").get_to(s.tracing);
  from.at("dead_letter_arn").get_to(s.dead_letter_arn);
  from.at("memory_mb").get_to(s.memory_mb);
  from.at("timeout_s").get_to(s.timeout_s);
  from.at("storage_mb").get_to(s.storage_mb);
  s.environment = from.at("environment").get<Texts>();
  from.at("code").at("sha256").get_to(s.code.sha256);
  from.at("code").at("bytes").get_to(s.code.bytes);
  return s;
}

json to_json(const Alias& alias) {
  return {{"version", alias.version},
          {"description", alias.description},
          {"weights", alias.weights},
          {"revision", to_text(alias.revision)}};
}

Alias alias_from(const json& from) {
  return {from.at("version").get<std::string>(), from.at("description").get<std::string>(),
          from.at("weights").get<std::map<std::string, double>>(), id_from(from.at("revision"))};
}

json to_json(const InvokeConfig& config) {
  json out = {{"modified", to_json(config.modified)},
              {"on_success", config.on_success},
              {"on_failure", config.on_failure}};
  if (config.retries_max) out["retries_max"] = *config.retries_max;
  if (config.age_max_s) out["age_max_s"] = *config.age_max_s;
  return out;
}

InvokeConfig invoke_config_from(const json& from) {
  InvokeConfig config;
  config.modified = time_from(from.at("modified"));
  from.at("on_success").get_to(config.on_success);
  from.at("on_failure").get_to(config.on_failure);
  if (from.contains("retries_max")) config.retries_max = from["retries_max"].get<std::uint32_t>();
  if (from.contains("age_max_s")) config.age_max_s = from["age_max_s"].get<std::uint32_t>();
  return config;
}

}  // namespace

Id id_from(const json& from) {
  const auto id = parse_id(from.get_ref<const std::string&>());
  return id ? *id : throw json::other_error::create(501, "not an id", &from);
}

json to_json(const Version& version) {
  return {{"number", version.number},
          {"modified", to_json(version.modified)},
          {"revision", to_text(version.revision)},
          {"settings", to_json(version.settings)}};
}

Version version_from(const json& from) {
  return {from.at("number").get<std::string>(), settings_from(from.at("settings")),
          time_from(from.at("modified")), id_from(from.at("revision"))};
}

json to_json(const CatalogueFunction& function) {
  json out = {{"name", function.name},
              {"latest", to_json(function.latest)},
              {"last_number", function.last_number}};
  for (const auto& [name, alias] : function.aliases) out["aliases"][name] = to_json(alias);
  if (!function.tags.empty()) out["tags"] = function.tags;
  if (function.reserved) out["reserved"] = *function.reserved;
  for (const auto& [qualifier, config] : function.invoke_configs) {
    out["invoke_configs"][qualifier] = to_json(config);
  }
  for (const auto& [qualifier, policy] : function.policies) {
    out["policies"][qualifier] = {{"revision", to_text(policy.revision)},
                                  {"statements", policy.statements}};
  }
  return out;
}

CatalogueFunction function_from(const json& from) {
  CatalogueFunction function;
  from.at("name").get_to(function.name);
  function.latest = version_from(from.at("latest"));
  from.at("last_number").get_to(function.last_number);
  const json none = json::object();
  const auto member = [&](const char* name) -> const json& {
    return from.contains(name) ? from[name] : none;
  };
  for (const auto& [name, alias] : member("aliases").items()) {
    function.aliases[name] = alias_from(alias);
  }
  function.tags = member("tags").get<Texts>();
  if (from.contains("reserved")) function.reserved = from["reserved"].get<std::uint32_t>();
  for (const auto& [qualifier, config] : member("invoke_configs").items()) {
    function.invoke_configs[qualifier] = invoke_config_from(config);
  }
  for (const auto& [qualifier, policy] : member("policies").items()) {
    function.policies[qualifier] = {id_from(policy.at("revision")),
                                    policy.at("statements").get<Texts>()};
  }
  if (from.contains("published")) {
    for (const json& version : from["published"]) {
      function.published.push_back(version_from(version));
    }
  }
  return function;
}

json to_json(const CatalogueMapping& m) {
  return {{"id", to_text(m.id)},
          {"queue_arn", m.queue_arn},
          {"function", m.function},
          {"qualifier", m.qualifier},
          {"batch_max", m.batch_max},
          {"window_s", m.window_s},
          {"filters", m.filters},
          {"concurrency_max", m.concurrency_max},
          {"reports_failures", m.reports_failures},
          {"enabled", m.enabled},
          {"modified", to_json(m.modified)},
          {"tags", m.tags}};
}

CatalogueMapping mapping_from(const json& from) {
  CatalogueMapping m;
  m.id = id_from(from.at("id"));
  from.at("queue_arn").get_to(m.queue_arn);
  from.at("function").get_to(m.function);
  from.at("qualifier").get_to(m.qualifier);
  from.at("batch_max").get_to(m.batch_max);
  from.at("window_s").get_to(m.window_s);
  m.filters = from.at("filters").get<std::vector<std::string>>();
  from.at("concurrency_max").get_to(m.concurrency_max);
  from.at("reports_failures").get_to(m.reports_failures);
  from.at("enabled").get_to(m.enabled);
  m.modified = time_from(from.at("modified"));
  m.tags = from.at("tags").get<Texts>();
  return m;
}

}  // namespace porteiro::lambda
