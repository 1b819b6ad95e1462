#include "emulator/security_options.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace porteiro::emulator {

using nlohmann::json;

std::vector<access::Role> read_roles(const json& roles) {
  std::vector<access::Role> out;
  for (const auto& [name, described] : roles.items()) {
    access::Role role{name, {}};
    for (const json& rule : described.at("allow")) {
      role.rules.push_back({rule.at("do").get<std::string>(), rule.at("on").get<std::string>()});
    }
    out.push_back(std::move(role));
  }
  return out;
}

void read_security(const json& config, Options& options) {
  using access::Layers;
  constexpr std::array<std::pair<std::string_view, bool Layers::*>, 8> names{
      {{"client-auth", &Layers::client_auth},
       {"envelopes", &Layers::envelopes},
       {"sealing", &Layers::sealing},
       {"roles", &Layers::roles},
       {"boxes", &Layers::boxes},
       {"audit", &Layers::audit},
       {"masking", &Layers::masking},
       {"key-cache", &Layers::key_cache}}};
  for (const json& off : config.at("security").at("off")) {
    for (const auto& [name, layer] : names) {
      if (name == off.get_ref<const std::string&>()) options.layers.*layer = false;
    }
  }
  const json& developer = config.at("developer");
  if (const auto role = developer.find("role"); role != developer.end()) {
    options.developer_role = role->get<std::string>();
  }
}

}  // namespace porteiro::emulator
