// Goal: what a config says of clients and of who vouches for them is what the gateway gets.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"
#include "porteiro/emulator/options.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::emulator {
namespace {

using namespace std::chrono_literals;

Result<Options> read(const std::string& members) {
  nlohmann::json document;
  const auto problems =
      config::validate("{" + members + "}", "test", config::config_schema(), document);
  for (const auto& problem : problems) CAPTURE(config::to_text(problem));
  if (!problems.empty()) {
    return error(Errc::invalid, problems[0].text, problems[0].pointer);
  }
  return options_from_json(document, "/conf");
}

std::string problem_of(const std::string& members) {
  const auto options = read(members);
  return options ? "" : options.error().at + ": " + options.error().detail;
}

}  // namespace

TEST_CASE("client options: each means of a client, its issuers and the lock-out") {
  const auto options = read(R"(
    "aws": {"region": "sa-east-1"},
    "listen": {"tls": {"certificate": "s.pem", "key": "s-key.pem", "client_ca": "ca.pem"}},
    "gateway": {
      "clients": {
        "a": {"api_key": "a-long-key"},
        "b": {"sigv4": {"access_key": "AKIDB", "secret": "secret-of-b"}, "scopes": ["x"]},
        "c": {"jwt": {"issuer": "idp", "subject": "c"}},
        "d": {"jwt": {"issuer": "idp"}, "api_key": "d-long-key"},
        "e": {"certificate": {"subject": "CN=e"}}},
      "issuers": {"idp": {"issuer": "https://idp", "audience": "us", "jwks": "keys/idp.json"}},
      "lockout": {"failures": 7, "within": "2m", "for": "3m"}})");
  REQUIRE(options.has_value());
  const gateway::Options& gateway = options.value().gateway;
  REQUIRE(gateway.clients.size() == 5);
  CHECK(gateway.region == "sa-east-1");
  CHECK(gateway.clients[0].api_key == "a-long-key");
  CHECK_FALSE(gateway.clients[0].signer.has_value());
  CHECK(gateway.clients[1].signer->access_key == "AKIDB");
  CHECK(gateway.clients[1].signer->secret == "secret-of-b");
  CHECK(gateway.clients[1].api_key.empty());
  CHECK(gateway.clients[1].scopes == std::vector<std::string>{"x"});
  CHECK(gateway.clients[2].token->subject == "c");
  CHECK(gateway.clients[3].token->issuer == "idp");
  CHECK(gateway.clients[3].token->subject.empty());
  CHECK(gateway.clients[4].certificate->subject == "CN=e");
  REQUIRE(gateway.issuers.size() == 1);
  CHECK(gateway.issuers[0].key_file == "/conf/keys/idp.json");
  CHECK(gateway.issuers[0].audience == "us");
  CHECK(gateway.lockout.failures == 7);
  CHECK(gateway.lockout.within == 2min);
  CHECK(gateway.lockout.time == 3min);
  // What a client signs with is masked where functions write.
  std::string line = "x secret-of-b y";
  options.value().surroundings.mask.apply(line);
  CHECK(line == "x *** y");
  const gateway::LockoutOptions standard;
  const Options empty = read("").value();
  CHECK(empty.gateway.lockout.failures == standard.failures);
  CHECK(empty.gateway.lockout.within == standard.within);
  CHECK(empty.gateway.lockout.time == standard.time);
  CHECK(empty.gateway.authenticate);
  CHECK_FALSE(empty.ports.tls.has_value());
}

TEST_CASE("client options: what two clients cannot share, and what is missing, is told") {
  const std::string idp =
      R"("issuers": {"idp": {"issuer": "i", "audience": "a", "jwks": "k.json"}},)";
  const std::string tls = R"("listen": {"tls": {"certificate": "s.pem", "key": "k.pem"}},)";
  CHECK(problem_of(R"("gateway": {"clients": {"a": {"scopes": []}}})")
            .starts_with("/gateway/clients/a"));
  CHECK(problem_of(
            R"("gateway": {"clients": {"a": {"sigv4": {"access_key": "K", "secret": "12345678"}},
                      "b": {"sigv4": {"access_key": "K", "secret": "87654321"}}}})") ==
        "/gateway/clients/b/sigv4/access_key: the client \"a\" has the same access_key; give each "
        "its "
        "own");
  CHECK(problem_of("\"gateway\": {" + idp + R"("clients": {"a": {"jwt": {"issuer": "idp"}},
                   "b": {"jwt": {"issuer": "idp"}}}})")
            .starts_with("/gateway/clients/b/jwt/subject"));
  CHECK(problem_of(R"("gateway": {"clients": {"a": {"jwt": {"issuer": "none"}}}})")
            .starts_with("/gateway/clients/a/jwt/issuer"));
  CHECK(problem_of(R"("gateway": {"clients": {"a": {"certificate": {}}}})")
            .starts_with("/gateway/clients/a/certificate"));
  CHECK(
      problem_of(tls + R"("gateway": {"clients": {"a": {"certificate": {"subject": "CN=a"}}}})") ==
      "/gateway/clients/a/certificate: nobody would ask for a certificate; name the authority of "
      "the "
      "clients as listen.tls.client_ca");
}

TEST_CASE("client options: key sets are read, or else it is told which file is missing") {
  virtual_world::World world;
  Options options = read(R"("gateway": {"issuers": {"idp": {"issuer": "i", "audience": "a",
                            "jwks": "/keys.json"}}})")
                        .value();
  const auto missing = load_key_sets(options, world.files);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().at == "/gateway/issuers/idp/jwks");
  CHECK(missing.error().detail.find("/keys.json") != std::string::npos);
  REQUIRE(world.files.replace("/keys.json", "{}").has_value());
  REQUIRE(load_key_sets(options, world.files).has_value());
  CHECK(options.gateway.issuers[0].keys == "{}");
}

}  // namespace porteiro::emulator
