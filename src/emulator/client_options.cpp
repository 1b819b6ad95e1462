#include "emulator/client_options.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "emulator/members.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::emulator {
namespace {

using config::below;
using nlohmann::json;

gateway::Client read_client(const std::string& name, const json& described) {
  gateway::Client client{name, text_or_empty(described, "api_key"),
                         described.at("scopes").get<std::vector<std::string>>()};
  if (const auto signer = described.find("sigv4"); signer != described.end()) {
    client.signer = identity::Credential{text_or_empty(*signer, "access_key"),
                                         text_or_empty(*signer, "secret")};
  }
  if (const auto token = described.find("jwt"); token != described.end()) {
    client.token =
        gateway::TokenOwner{text_or_empty(*token, "issuer"), text_or_empty(*token, "subject")};
  }
  if (const auto owner = described.find("certificate"); owner != described.end()) {
    client.certificate = gateway::CertificateOwner{text_or_empty(*owner, "subject"),
                                                   text_or_empty(*owner, "fingerprint")};
  }
  return client;
}

// Where both are known by the same thing; empty: nowhere.
std::string shared(const gateway::Client& a, const gateway::Client& b) {
  if (!a.api_key.empty() && a.api_key == b.api_key) return "/api_key";
  if (a.signer && b.signer && a.signer->access_key == b.signer->access_key) {
    return "/sigv4/access_key";
  }
  if (a.token && b.token && a.token->issuer == b.token->issuer &&
      a.token->subject == b.token->subject) {
    return "/jwt/subject";
  }
  if (a.certificate && b.certificate && a.certificate->subject == b.certificate->subject &&
      a.certificate->fingerprint == b.certificate->fingerprint) {
    return "/certificate";
  }
  return {};
}

}  // namespace

Result<void> read_gateway_clients(const json& described, const std::string& directory,
                                  gateway::Options& gateway) {
  for (const auto& [name, each] : described.at("clients").items()) {
    gateway::Client client = read_client(name, each);
    for (const gateway::Client& other : gateway.clients) {
      const std::string place = shared(client, other);
      if (place.empty()) continue;
      const std::string what = place == "/api_key" ? "key" : place.substr(place.rfind('/') + 1);
      return error(Errc::invalid,
                   "the client \"" + other.name + "\" has the same " + what + "; give each its own",
                   below("/gateway/clients", name) + place);
    }
    gateway.clients.push_back(std::move(client));
  }
  for (const auto& [name, each] : described.at("issuers").items()) {
    gateway.issuers.push_back({name, text_or_empty(each, "issuer"), text_or_empty(each, "audience"),
                               path_in(directory, text_or_empty(each, "jwks"))});
  }
  const json& lockout = described.at("lockout");
  gateway.lockout = {lockout.at("failures").get<std::uint64_t>(),
                     config::duration_of(lockout.at("within")),
                     config::duration_of(lockout.at("for"))};
  return ok();
}

Result<void> read_tls(const json& listen, const std::string& directory, Options& options) {
  TlsFiles files;
  if (const auto tls = listen.find("tls"); tls != listen.end()) {
    files.certificate = path_in(directory, text_or_empty(*tls, "certificate"));
    files.key = path_in(directory, text_or_empty(*tls, "key"));
    const std::string authority = text_or_empty(*tls, "client_ca");
    if (!authority.empty()) files.client_ca = path_in(directory, authority);
    files.only_1_3 = text_or_empty(*tls, "min_version") == "1.3";
    options.ports.tls = files;
  }
  for (const gateway::Client& client : options.gateway.clients) {
    if (!client.certificate || !files.client_ca.empty()) continue;
    return error(Errc::invalid,
                 "nobody would ask for a certificate; name the authority of the clients as "
                 "listen.tls.client_ca",
                 below("/gateway/clients", client.name) + "/certificate");
  }
  return ok();
}

Result<void> load_key_sets(Options& options, Files& files) {
  for (gateway::IssuerOptions& issuer : options.gateway.issuers) {
    const std::string pointer = below("/gateway/issuers", issuer.name) + "/jwks";
    auto keys = files.read(issuer.key_file);
    if (!keys) {
      return error(Errc::invalid,
                   "cannot read " + issuer.key_file + " (" + keys.error().detail +
                       "); put the public keys of the issuer there, as a JWK set",
                   pointer);
    }
    issuer.keys = std::move(keys).value();
    if (issuer.keys.empty()) {
      return error(Errc::invalid,
                   issuer.key_file + " is empty; put the public keys of the issuer there", pointer);
    }
  }
  return ok();
}

}  // namespace porteiro::emulator
