// Goal: what the KMS service acknowledged survives kill -9: keys, aliases, grants, rotations, and
// with them every ciphertext that somebody was given; what was deleted stays deleted.
#include <doctest/doctest.h>
#include <signal.h>

#include <deque>
#include <iostream>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

constexpr std::size_t clients = 12;

http::ClientRequest kms(const Instance& porteiro, const std::string& action, const json& body) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = porteiro.inside("/");
  request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                     {"X-Amz-Target", "TrentService." + action}};
  request.body = body.dump();
  return request;
}

// What a client was told.
struct Known {
  std::string id;
  std::vector<std::string> blobs, aliases, grants;  // Grants by id.
  std::uint64_t rotations = 0;
};

// Clients that make keys and change them, one request at a time each, until the process is killed.
class Load {
 public:
  Load(Instance& porteiro, std::deque<Known>& keys, Random& random)
      : porteiro_(porteiro), keys_(keys), random_(random) {}

  void run(Duration life) {
    porteiro_.loop().scheduler().after(life, [this] {
      porteiro_.process().signal(SIGKILL);
      killed_ = true;
    });
    for (std::size_t client = 0; client < clients; ++client) next(client);
    REQUIRE(porteiro_.loop().until([&] { return killed_ && under_way_ == 0; }));
    REQUIRE(porteiro_.process().wait() == -SIGKILL);
  }
  std::size_t acknowledged() const { return acknowledged_; }

 private:
  void ask(std::size_t client, const std::string& action, const json& body,
           std::function<void(const Reply&)> done) {
    ++under_way_;
    porteiro_.loop().runtime().client().send(
        kms(porteiro_, action, body),
        [this, client, done = std::move(done)](Result<http::Response> answer) {
          --under_way_;
          if (answer && answer.value().status == 200) {
            ++acknowledged_;
            done(to_reply(answer.value()));
          }
          next(client);
        });
  }

  void next(std::size_t client) {
    if (killed_) return;
    Known*& mine = mine_[client];
    if (mine == nullptr || random_.chance(100'000)) {
      return ask(client, "CreateKey", json::object(), [this, &mine](const Reply& reply) {
        mine = &keys_.emplace_back();
        mine->id = reply.body["KeyMetadata"]["KeyId"];
      });
    }
    Known* const key = mine;
    const json name = {{"KeyId", key->id}};
    switch (random_.below(5)) {
      case 0: {
        const std::string alias = "alias/a" + std::to_string(random_.next());
        return ask(client, "CreateAlias", {{"AliasName", alias}, {"TargetKeyId", key->id}},
                   [key, alias](const Reply&) { key->aliases.push_back(alias); });
      }
      case 1:
        return ask(client, "CreateGrant",
                   {{"KeyId", key->id},
                    {"GranteePrincipal", "arn:aws:iam::000000000000:user/a"},
                    {"Operations", {"Decrypt"}}},
                   [key](const Reply& reply) { key->grants.push_back(reply.body["GrantId"]); });
      case 2:
        return ask(client, "RotateKeyOnDemand", name, [key](const Reply&) { ++key->rotations; });
      default:
        return ask(
            client, "Encrypt", {{"KeyId", key->id}, {"Plaintext", "eA=="}},
            [key](const Reply& reply) { key->blobs.push_back(reply.body["CiphertextBlob"]); });
    }
  }

  Instance& porteiro_;
  std::deque<Known>& keys_;
  Random& random_;
  std::map<std::size_t, Known*> mine_;
  std::size_t under_way_ = 0, acknowledged_ = 0;
  bool killed_ = false;
};

json asked(Instance& porteiro, const std::string& action, const json& body) {
  const Reply reply = porteiro.send(kms(porteiro, action, body));
  REQUIRE_MESSAGE(reply.status == 200, action, ": ", reply.text);
  return reply.body;
}

void check(Instance& porteiro, const Known& key) {
  CAPTURE(key.id);
  for (const std::string& alias : key.aliases) {
    CHECK(asked(porteiro, "DescribeKey", {{"KeyId", alias}})["KeyMetadata"]["KeyId"] == key.id);
  }
  for (const std::string& blob : key.blobs) {
    CHECK(asked(porteiro, "Decrypt", {{"CiphertextBlob", blob}})["Plaintext"] == "eA==");
  }
  for (const std::string& grant : key.grants) {
    CHECK(asked(porteiro, "ListGrants", {{"KeyId", key.id}, {"GrantId", grant}})["Grants"].size() ==
          1);
  }
  const json rotations = asked(porteiro, "ListKeyRotations", {{"KeyId", key.id}})["Rotations"];
  CHECK(rotations.size() >= key.rotations);
}

}  // namespace

TEST_CASE("kms crash: after kill -9 all that was acknowledged is there") {
  Loop loop;
  const CrashRounds rounds = crash_rounds(loop, "kms_crash_test", 8);
  INFO(rounds.replay());
  TemporaryDirectory directory;
  std::size_t acknowledged = 0;
  for (std::uint64_t round = 0; round < rounds.count; ++round) {
    CAPTURE(round);
    Random random = Random(rounds.seed).fork(round);
    Instance::Setup setup;
    setup.arguments = {"--data", directory.path("data")};
    setup.config = directory.path("config.json");
    write_file(setup.config, "{}");
    std::deque<Known> keys;
    {
      Instance porteiro(loop, setup);
      Load load(porteiro, keys, random);
      load.run(std::chrono::milliseconds(random.between(20, 200)));
      acknowledged += load.acknowledged();
    }
    Instance porteiro(loop, setup);
    for (const Known& key : keys) check(porteiro, key);
    if (round % 4 == 3) {
      REQUIRE(porteiro.ask("/_porteiro/reset", "POST").status == 200);
      CHECK(asked(porteiro, "ListKeys", json::object())["Keys"].empty());
    }
    porteiro.kill();
  }
  std::cout << "kms crash: " << acknowledged << " requests were acknowledged\n";
  CHECK(acknowledged >= rounds.count);
}

}  // namespace porteiro::integration
