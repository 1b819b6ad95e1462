// A client of KMS over virtual time.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/protocols/kms.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "unit/protocols/client.hpp"

namespace porteiro::protocols::test {

struct KeptDecisions final : access::Recorder {
  std::vector<std::string> denials;  // "developer kms:Decrypt vault".
  void decided(const access::Decision& decision) override {
    if (decision.allowed) return;
    denials.push_back(std::string(decision.principal) + " " + std::string(decision.action) + " " +
                      std::string(decision.resource));
  }
};

class KmsClient {
 public:
  struct Setup {
    std::shared_ptr<virtual_world::MemoryFiles::Disk> disk =
        std::make_shared<virtual_world::MemoryFiles::Disk>();
    std::vector<access::Role> roles{};
    KmsOptions options{};
    AwsOptions aws{};
    LatencyModel latency{};
    std::uint64_t seed = 1;
  };
  KmsClient() : KmsClient(Setup{}) {}
  explicit KmsClient(Setup setup)
      : world(setup.seed),
        files(setup.disk),
        environment{world.scheduler, world.offload, world.entropy, world.random, files},
        telemetry(world.scheduler, {}),
        guard(setup.roles, world.scheduler, telemetry) {
    environment.modelled = !setup.latency.zero();
    guard.record_with(&decisions);
    kms::Options keys;
    keys.directory = "data";
    keys.keys = {{"vault"}, {"books"}};
    keys.latency = setup.latency;
    auto opened = kms::Kms::open(keys, environment, telemetry);
    REQUIRE(opened.has_value());
    ring = std::move(opened).value();
    service = std::make_unique<Kms>(Kms::Parts{environment, telemetry, *ring, guard}, setup.aws,
                                    setup.options);
  }

  // The reply comes as soon as the world has moved on.
  using Coming = std::shared_ptr<std::optional<Reply>>;
  Coming begin(const std::string& action, std::string_view body, std::string_view key = {},
               std::string_view method = "POST") {
    const auto reply = std::make_shared<std::optional<Reply>>();
    const std::string target = "TrentService." + action;
    const std::string credential =
        "AWS4-HMAC-SHA256 Credential=" + std::string(key) + "/20260101/us-east-1/kms/aws4_request";
    Headers headers{{"Host", "localhost:4566"}, {"X-Amz-Target", target}};
    if (!key.empty()) headers.push_back({"Authorization", credential});
    const http::Request request{method, "/", headers, body, "simulation"};
    CHECK(Kms::takes(request));
    service->handle(
        request,
        [reply](http::Response response) {
          REQUIRE_FALSE(reply->has_value());
          *reply = Reply{response.status, response.content_type, response.body, response.headers};
        },
        {who, purpose});
    return reply;
  }
  Reply send(const std::string& action, std::string_view body, std::string_view key = {},
             std::string_view method = "POST") {
    const Coming reply = begin(action, body, key, method);
    while (!*reply && world.scheduler.step()) {
    }
    REQUIRE(reply->has_value());
    CHECK(service->waiting() == 0);
    return **reply;
  }
  // The result of an action that has to succeed.
  json ok(const std::string& action, const json& body, std::string_view key = {}) {
    const Reply reply = send(action, body.dump(), key);
    INFO(action, ": ", reply.body);
    REQUIRE(reply.status == 200);
    return reply.document();
  }
  // The name of the error of an action that has to fail.
  std::string refused(const std::string& action, const json& body, std::string_view key = {}) {
    const Reply reply = send(action, body.dump(), key);
    INFO(action, ": ", reply.body);
    CHECK(reply.status >= 400);
    return reply.document().value("__type", "");
  }
  std::string new_key(const json& more = json::object()) {
    return ok("CreateKey", more)["KeyMetadata"]["KeyId"];
  }
  json encrypted(const std::string& key, const json& context = json::object()) {
    return {{"CiphertextBlob", ok("Encrypt", {{"KeyId", key},
                                              {"Plaintext", to_base64("secret")},
                                              {"EncryptionContext", context}})["CiphertextBlob"]},
            {"EncryptionContext", context}};
  }

  virtual_world::World world;
  virtual_world::MemoryFiles files;
  Environment environment;
  telemetry::Telemetry telemetry;
  KeptDecisions decisions;
  access::Guard guard;
  std::unique_ptr<kms::Kms> ring;
  std::unique_ptr<Kms> service;
  access::Principal who{.name = "developer", .role = "keeper", .developer = true};
  std::string purpose;
};

}  // namespace porteiro::protocols::test
