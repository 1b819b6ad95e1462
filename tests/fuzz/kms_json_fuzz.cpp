// A request to KMS in AWS JSON 1.1: the first line is the action, the rest the body. The reply is
// JSON or empty, whatever comes, and comes exactly once. "@K", "@P", "@M" and "@B" stand for the
// ids of a symmetric key, a pair and a MAC key, and for a ciphertext. A function without a role
// changes nothing, and no reply to it names a key.
#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"
#include "porteiro/protocols/kms.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace {

using namespace porteiro;

constexpr protocols::Asker developer{{.name = "developer", .developer = true}};

struct KmsWorld {
  KmsWorld()
      : telemetry(world.scheduler, {.records_max = 64}), guard({}, world.scheduler, telemetry) {
    kms::Options options;
    options.keys = {{"vault"}};
    keys = kms::Kms::open(options, world.environment, telemetry).value();
    service = std::make_unique<protocols::Kms>(
        protocols::Kms::Parts{world.environment, telemetry, *keys, guard}, protocols::AwsOptions{},
        protocols::KmsOptions{});
    symmetric = made("{}");
    pair = made(R"({"KeySpec":"ECC_NIST_EDWARDS25519","KeyUsage":"SIGN_VERIFY"})");
    mac = made(R"({"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"})");
    blob = nlohmann::json::parse(
        send("Encrypt", R"({"Plaintext":"eA==","KeyId":")" + symmetric + "\"}"))["CiphertextBlob"];
  }

  std::string made(std::string_view body) {
    return nlohmann::json::parse(send("CreateKey", body))["KeyMetadata"]["KeyId"];
  }

  std::string send(std::string_view action, std::string_view body) {
    const std::string target = "TrentService." + std::string(action);
    const http::HeaderView headers[] = {{"Host", "localhost"}, {"X-Amz-Target", target}};
    int replies = 0;
    std::string text;
    service->handle(
        {"POST", "/", headers, body, "fuzz"},
        [&](http::Response response) {
          ++replies;
          PORTEIRO_ASSERT(response.status == 200 || response.status == 400 ||
                          response.status == 412 || response.status == 500);
          text = std::move(response.body);
        },
        who);
    world.scheduler.run_for(std::chrono::seconds(1));
    PORTEIRO_ASSERT(replies == 1);
    PORTEIRO_ASSERT(service->waiting() == 0);
    PORTEIRO_ASSERT(valid_utf8(text));
    return text;
  }

  // All that the developer can read of the keys.
  std::string shown() {
    std::string all = send("ListKeys", "{}") + send("ListAliases", "{}");
    for (const std::string& key : {symmetric, pair, mac}) {
      const std::string body = R"({"KeyId":")" + key + "\"}";
      for (const char* const action :
           {"DescribeKey", "GetKeyPolicy", "ListGrants", "ListKeyRotations", "ListResourceTags",
            "GetKeyRotationStatus"}) {
        all += send(action, body);
      }
    }
    return all;
  }

  std::string filled(std::string text) const {
    for (const auto& [name, value] : {std::pair("@K", symmetric), std::pair("@P", pair),
                                      std::pair("@M", mac), std::pair("@B", blob)}) {
      for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name)) {
        text.replace(at, 2, value);
      }
    }
    return text;
  }

  virtual_world::World world;
  telemetry::Telemetry telemetry;
  access::Guard guard;
  std::unique_ptr<kms::Kms> keys;
  std::unique_ptr<protocols::Kms> service;
  std::string symmetric, pair, mac, blob;
  protocols::Asker who = developer;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  // Making RSA keys takes long, and finds nothing.
  if (raw.find("RSA_") != raw.npos) return 0;
  KmsWorld world;
  const std::string input = world.filled(std::string(raw));
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string action = input.substr(0, line);
  const std::string body = input.substr(std::min(line + 1, input.size()));

  const std::string before = world.shown();
  world.who = {{.name = "stranger"}};
  const std::string refusal = world.send(action, body);
  PORTEIRO_ASSERT(refusal.empty() || nlohmann::json::accept(refusal));
  PORTEIRO_ASSERT(refusal.find("\"KeyId\":") == refusal.npos);
  world.who = developer;
  PORTEIRO_ASSERT(world.shown() == before);

  const std::string reply = world.send(action, body);
  PORTEIRO_ASSERT(reply.empty() || nlohmann::json::accept(reply));
  return 0;
}
