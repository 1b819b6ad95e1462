#include "emulator/security_options.hpp"

#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"

namespace porteiro::emulator {

using nlohmann::json;

access::Zone zone_of(std::string_view name) {
  using access::Zone;
  for (const Zone zone : {Zone::public_zone, Zone::private_zone}) {
    if (access::to_string(zone) == name) return zone;
  }
  return Zone::data_zone;
}

namespace {

// What the actions of a kind are done on. The schema has seen that the name is that of something.
Result<void> check_resource(const json& config, std::string_view kind, const std::string& name,
                            const std::string& at) {
  if (name == access::action::of_clients) return ok();
  const bool collection = name.find('/') != std::string::npos;
  const char* const member = kind == "kms" ? "keys" : kind == "queue" ? "queues" : "functions";
  if (kind == "store" ? collection : !collection && config.at(member).contains(name)) return ok();
  return error(Errc::invalid,
               "\"" + name + "\" is no " + (kind == "store" ? "collection" : "name of /") +
                   (kind == "store" ? "" : member) + ", which the action is done on",
               at + "/on");
}

// No rule may say what nobody looks at.
Result<void> check_rule(const json& config, const json& rule, const std::string& at) {
  const auto& action = rule.at("do").get_ref<const std::string&>();
  const std::string kind = action.substr(0, action.find(':'));
  PORTEIRO_TRY(check_resource(config, kind, rule.at("on").get<std::string>(), at));
  for (const auto& [member, of] : {std::pair("fields", "store"), std::pair("context", "kms")}) {
    if (!rule.contains(member) || kind == of) continue;
    return error(Errc::invalid,
                 "means nothing for the action " + action + ": only those of " + of + " have it",
                 at + "/" + member);
  }
  return ok();
}

}  // namespace

Result<std::vector<access::Role>> read_roles(const json& config) {
  std::vector<access::Role> out;
  for (const auto& [name, described] : config.at("roles").items()) {
    access::Role role{name, {}};
    for (const json& rule : described.at("allow")) {
      PORTEIRO_TRY(check_rule(
          config, rule,
          config::below("/roles", name) + "/allow/" + std::to_string(role.rules.size())));
      access::Rule read{rule.at("do").get<std::string>(), rule.at("on").get<std::string>()};
      if (const auto fields = rule.find("fields"); fields != rule.end()) {
        read.fields = fields->get<std::vector<std::string>>();
      }
      if (const auto purposes = rule.find("purpose"); purposes != rule.end()) {
        read.purposes = purposes->get<std::vector<std::string>>();
      }
      if (const auto context = rule.find("context"); context != rule.end()) {
        for (const auto& [key, value] : context->items()) {
          read.context.emplace(key, value.get<std::string>());
        }
      }
      role.rules.push_back(std::move(read));
    }
    out.push_back(std::move(role));
  }
  return out;
}

namespace {

// Without a key of its own the events of routes are signed with one that nobody names.
constexpr const char* own_key = "porteiro-events";

void read_envelopes(const json& described, Options& options) {
  if (!options.layers.envelopes || options.gateway.routes.empty()) return;
  events::EnvelopeOptions& envelopes = options.envelopes;
  envelopes.rotate = config::duration_of(described.at("rotate"));
  envelopes.age_max = config::duration_of(described.at("age_max"));
  if (const auto key = described.find("key"); key != described.end()) {
    envelopes.key = key->get<std::string>();
    return;
  }
  envelopes.key = own_key;
  options.kms.keys.push_back({own_key, kms::KeySpec::hmac_256});
}

}  // namespace

void read_security(const json& config, Options& options) {
  for (const json& off : config.at("security").at("off")) {
    for (const auto& [name, layer] : access::layer_names()) {
      if (name == off.get_ref<const std::string&>()) options.layers.*layer = false;
    }
  }
  read_envelopes(config.at("security").at("envelopes"), options);
  if (const auto audit = config.find("audit"); audit != config.end()) {
    if (const auto key = audit->find("key"); key != audit->end()) {
      options.audit_key = key->get<std::string>();
    }
    const json& checkpoint = audit->at("checkpoint");
    options.audit.checkpoint_entries = checkpoint.at("entries").get<std::uint64_t>();
    options.audit.checkpoint_every = config::duration_of(checkpoint.at("every"));
    options.audit.segment_bytes_max = config::size_of(audit->at("segment"));
  }
  const json& developer = config.at("developer");
  if (const auto role = developer.find("role"); role != developer.end()) {
    options.developer_role = role->get<std::string>();
  }
}

void apply_layers(Options& options) {
  const access::Layers& layers = options.layers;
  options.gateway.sealing = layers.sealing;
  if (!layers.key_cache) {
    options.key_cache.age_max = Duration::zero();
    options.key_cache.uses_max = 1;
  }
  for (stores::StoreOptions& store : options.stores) {
    store.boxes = layers.boxes;
    if (!layers.key_cache) store.subject_keys_max = 0;
  }
}

}  // namespace porteiro::emulator
