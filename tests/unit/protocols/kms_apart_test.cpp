// Goal: what is worked out off the loop stays within its bounds, holds up nothing that is quick,
// and leaves nothing behind a reset.
#include "protocols/kms/actions.hpp"
#include "unit/protocols/kms_client.hpp"

namespace porteiro::protocols::test {
namespace {

// Off the loop as with one busy thread: work waits until it is let go.
struct WaitingOffload final : Offload {
  explicit WaitingOffload(Scheduler& scheduler_) : scheduler(scheduler_) {}
  Lane lane(std::string_view) override { return 0; }
  void run(Lane, Task work, Task done) override {
    waiting.emplace_back(std::move(work), std::move(done));
  }
  void go() {
    for (auto& [work, done] : std::exchange(waiting, {})) {
      work();
      if (done) scheduler.post(std::move(done));
    }
  }
  Scheduler& scheduler;
  std::vector<std::pair<Task, Task>> waiting;
};

const std::string rsa = R"({"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"})";
const std::string ecc = R"({"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"})";

KmsClient::Setup with_options(KmsOptions options) {
  KmsClient::Setup setup;
  setup.options = options;
  return setup;
}

// The error's name of a reply that has to be there; empty: it is none.
std::string error_of(const KmsClient::Coming& reply) {
  REQUIRE(reply->has_value());
  return (*reply)->document().value("__type", "");
}

std::string external_key(KmsClient& client) { return client.new_key({{"Origin", "EXTERNAL"}}); }

json parameters(const std::string& key) {
  return {
      {"KeyId", key}, {"WrappingAlgorithm", "RSAES_OAEP_SHA_256"}, {"WrappingKeySpec", "RSA_2048"}};
}

std::string token_of(KmsClient& client, const std::string& key) {
  return client.ok("GetParametersForImport", parameters(key))["ImportToken"];
}

// The error of an import with that token of what it did not wrap.
std::string import(KmsClient& client, const std::string& key, const std::string& token) {
  return client.refused("ImportKeyMaterial", {{"KeyId", key},
                                              {"ImportToken", token},
                                              {"EncryptedKeyMaterial", "AAAA"},
                                              {"ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"}});
}
const char* const taken = "InvalidCiphertextException";
const char* const not_valid = "InvalidImportTokenException";

}  // namespace

TEST_CASE("kms apart: pairs that take long to make lock out neither signatures nor short pairs") {
  KmsClient client(with_options({.jobs_max = 1, .making_max = 1}));
  const std::string key = client.new_key(json::parse(ecc));
  const std::string sign =
      json{{"KeyId", key}, {"Message", "eA=="}, {"SigningAlgorithm", "ECDSA_SHA_256"}}.dump();
  const auto making = client.begin("CreateKey", rsa);
  CHECK(error_of(client.begin("CreateKey", rsa)) == "ThrottlingException");
  const auto signing = client.begin("Sign", sign);
  CHECK_FALSE(signing->has_value());
  CHECK(error_of(client.begin("Sign", sign)) == "ThrottlingException");
  CHECK(error_of(client.begin("CreateKey", ecc)) == "ThrottlingException");
  client.world.scheduler.run_for(0s);
  CHECK((*making)->status == 200);
  CHECK((*signing)->status == 200);
  // And the other way round.
  const auto again = client.begin("Sign", sign);
  const auto making_again = client.begin("CreateKey", rsa);
  client.world.scheduler.run_for(0s);
  CHECK((*again)->status == 200);
  CHECK((*making_again)->status == 200);
}

TEST_CASE("kms apart: the oldest import token gives way, the others stay for their time") {
  KmsClient client(with_options({.imports_max = 2}));
  const std::string key = external_key(client);
  const std::string first = token_of(client, key);
  client.world.scheduler.run_for(1s);
  const std::string second = token_of(client, key);
  for (int i = 0; i < 3; ++i) CHECK(import(client, key, first) == taken);
  client.world.scheduler.run_for(1s);
  const std::string third = token_of(client, key);
  CHECK(import(client, key, first) == not_valid);
  CHECK(import(client, key, second) == taken);
  CHECK(import(client, external_key(client), second) == not_valid);  // It is another key's.
  client.world.scheduler.run_for(24h - 1s);
  CHECK(import(client, key, second) == "ExpiredImportTokenException");
  CHECK(import(client, key, third) == taken);
  client.world.scheduler.run_for(1s);
  for (int i = 0; i < 2; ++i) CHECK(import(client, key, third) == "ExpiredImportTokenException");
}

TEST_CASE("kms apart: import tokens asked for at a time stay within the bound as well") {
  KmsClient client(with_options({.imports_max = 1}));
  const std::string key = external_key(client);
  const auto first = client.begin("GetParametersForImport", parameters(key).dump());
  const auto second = client.begin("GetParametersForImport", parameters(key).dump());
  client.world.scheduler.run_for(0s);
  REQUIRE(first->has_value());
  REQUIRE(second->has_value());
  CHECK(import(client, key, (*first)->document()["ImportToken"]) == not_valid);
  CHECK(import(client, key, (*second)->document()["ImportToken"]) == taken);
}

TEST_CASE("kms apart: a key whose material is made while the service is reset never appears") {
  KmsClient client;
  for (const std::string& spec : {ecc, rsa}) {
    const auto making = client.begin("CreateKey", spec);
    CHECK_FALSE(making->has_value());
    bool reset = false;
    client.service->reset([&](const Result<void>& done) { reset = done.has_value(); });
    client.world.scheduler.run_for(0s);
    CHECK(reset);
    CHECK(error_of(making) == "KMSInternalException");
    CHECK((*making)->status == 500);
    CHECK(client.ok("ListKeys", json::object())["Keys"].empty());
    CHECK(client.service->waiting() == 0);
  }
  client.new_key(json::parse(ecc));  // What comes after it is served.
}

// Goal: what a reset has made needless costs no more time, and soon no more room.
TEST_CASE("kms apart: work that has not begun when the service is reset is not done") {
  KmsClient client;
  WaitingOffload offload(client.world.scheduler);
  Environment environment{client.world.scheduler, offload, client.world.entropy,
                          client.world.random, client.files};
  const auto service = std::make_shared<kms_api::Service>(
      Kms::Parts{environment, client.telemetry, *client.ring, client.guard}, AwsOptions{},
      KmsOptions{.jobs_max = 1});
  int worked = 0;
  std::vector<int> statuses;
  const auto begin = [&] {
    std::string body;
    aws::Writer out(body, false);
    http::Responder respond = [&](const http::Response& reply) {
      statuses.push_back(reply.status);
    };
    kms_api::Call call{*service, *kms_api::find_action("Sign"),
                       {},       aws::Reader::parse("{}").value(),
                       out,      respond};
    const auto begun = service->apart(
        call, [&worked] { return ++worked; },
        [](aws::Writer&, int) -> kms_api::Answer<kms_api::Done> { return kms_api::answered; });
    return begun.has_value();
  };
  CHECK(begin());
  CHECK_FALSE(begin());  // There is room for one.
  service->reset([](const Result<void>&) {});
  offload.go();
  client.world.scheduler.run_for(0s);
  CHECK(worked == 0);
  CHECK(statuses == std::vector<int>{500});
  CHECK(begin());
  offload.go();
  client.world.scheduler.run_for(0s);
  CHECK(worked == 1);
  CHECK(statuses == std::vector<int>{500, 200});
}

}  // namespace porteiro::protocols::test
