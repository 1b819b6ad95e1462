// Goal: who read whose data is in the log of the real program, by token, survives its death, and
// `porteiro audit` finds what was done to the files; a client without the scope sees masked values.
#include <doctest/doctest.h>

#include <filesystem>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

constexpr const char* maria = "11144477735";
constexpr const char* desk = "demo-desk-key";

std::string person_path(const std::string& cpf) { return "/v1/people/" + cpf; }

struct House {
  void start() {
    Instance::Setup setup;
    if (!config.empty()) setup.config = config;
    setup.arguments = {"--data", directory.path("data")};
    porteiro = std::make_unique<Instance>(loop, setup);
  }
  Finished audit(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "audit");
    arguments.insert(arguments.begin() + 2, directory.path("data"));
    return run(loop, {std::move(arguments), {}, {}});
  }
  std::vector<json> entries(std::vector<std::string> filters = {}) {
    filters.insert(filters.begin(), {"show", "--json"});
    const Finished shown = audit(filters);
    REQUIRE(shown.code == 0);
    std::vector<json> out;
    std::string rest = shown.out;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      out.push_back(json::parse(rest.substr(0, end)));
      rest.erase(0, end + 1);
    }
    return out;
  }
  std::string log() const { return directory.path("data/audit/log-000000000001.jsonl"); }

  Loop loop;
  TemporaryDirectory directory;
  std::string config;  // Empty: the example's.
  std::unique_ptr<Instance> porteiro;
};

// The public half of the config's key, as the key service gives it, in PEM form.
std::string public_key(Instance& porteiro, const std::string& key) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = porteiro.inside("/");
  request.headers = {{"X-Amz-Target", "TrentService.GetPublicKey"}};
  request.body = json{{"KeyId", "alias/" + key}}.dump();
  const Reply reply = porteiro.send(std::move(request));
  REQUIRE(reply.status == 200);
  return "-----BEGIN PUBLIC KEY-----\n" + reply.body["PublicKey"].get<std::string>() +
         "\n-----END PUBLIC KEY-----\n";
}

}  // namespace

TEST_CASE("audit: each access to base A is an entry by token, and tampering is found") {
  House house;
  house.start();
  house.porteiro->done("POST", "/v1/people", person(maria, "Maria das Dores"));
  CHECK(house.porteiro->get(person_path(maria)).body["name"] == "Maria das Dores");
  const json newest = house.porteiro->ask("/_porteiro/audit?newest=2").body["entries"];
  REQUIRE(newest.size() == 2);
  CHECK(newest[0]["action"] == "store:get");
  CHECK(newest[1]["action"] == "store:query");
  house.porteiro->kill();  // No orderly end: what was answered is in the log all the same.

  const auto all = house.entries();
  REQUIRE(all.size() >= 3);
  CHECK(all[0]["action"] == "store:put");
  CHECK(all[0]["principal"] == "register-person");
  const json read = all.at(all.size() - 2);
  CHECK(read["principal"] == "get-person");
  CHECK(read["client"] == "lender");
  CHECK(read["purpose"] == "credit-protection");
  CHECK(read["role"] == "vault-reader");
  const std::string token = read["subject"];
  CHECK(token.starts_with("cpf_"));
  CHECK(house.entries({"--subject", token}).size() == all.size());
  CHECK(house.entries({"--principal", "nobody"}).empty());
  CHECK(read_file(house.log()).find(maria) == std::string::npos);
  CHECK(read_file(house.log()).find("Maria") == std::string::npos);

  house.start();  // A checkpoint comes with the orderly end.
  house.porteiro->get(person_path(maria));
  house.porteiro->stop();
  const Finished whole = house.audit({"verify"});
  CHECK(whole.code == 0);
  CHECK(whole.out.find("1 with a right signature") != std::string::npos);

  const std::string bytes = read_file(house.log());
  std::string changed = bytes;
  changed.replace(changed.find("lender"), 6, "lander");
  write_file(house.log(), changed);
  const Finished found = house.audit({"verify"});
  CHECK(found.code == 1);
  CHECK(found.out.find("was changed") != std::string::npos);
  write_file(house.log(), bytes.substr(0, bytes.rfind('\n', bytes.size() - 2) + 1));
  CHECK(house.audit({"verify"}).out.find("was removed") != std::string::npos);
  write_file(house.log(), bytes);
  const std::string checkpoints = house.directory.path("data/audit/checkpoints.jsonl");
  std::string forged = read_file(checkpoints);
  const std::size_t at = forged.find("\"at\":\"2");
  REQUIRE(at != std::string::npos);
  forged[at + 6] = '3';
  write_file(checkpoints, forged);
  CHECK(house.audit({"verify"}).out.find("wrong signature") != std::string::npos);
  CHECK(house.audit({"verify"}).code == 1);
}

// Goal: whoever has the log and a public key, and no secret, can tell whether the log is ours.
TEST_CASE("audit: a public key alone checks the checkpoints of a copy of the log") {
  for (const char* spec : {"ECC_NIST_P256", "ECC_NIST_EDWARDS25519"}) {
    CAPTURE(spec);
    House house;
    house.config = example_variant(house.directory.path("config.json"), [&](json& config) {
      config["keys"]["audit"]["spec"] = spec;
      config["keys"]["other"]["spec"] = spec;
      config["roles"]["keeper"]["allow"] = {{{"do", "kms:GetPublicKey"}, {"on", "*"}}};
      config["developer"]["role"] = "keeper";
    });
    house.start();
    house.porteiro->done("POST", "/v1/people", person(maria, "Maria das Dores"));
    const std::string key = house.directory.path("audit.pem");
    const std::string other = house.directory.path("other.pem");
    write_file(key, public_key(*house.porteiro, "audit"));
    write_file(other, public_key(*house.porteiro, "other"));
    house.porteiro->stop();
    CHECK(house.audit({"verify"}).out.find("1 with a right signature") != std::string::npos);

    const std::string copy = house.directory.path("copy");  // No keys are in it.
    std::filesystem::copy(house.directory.path("data/audit"), copy);
    const auto verify = [&](const std::string& with) {
      return run(house.loop, {{"audit", "verify", "--public-key", with, copy}, {}, {}});
    };
    const Finished whole = verify(key);
    CHECK(whole.code == 0);
    CHECK(whole.out.find("1 with a right signature") != std::string::npos);
    CHECK(verify(other).code == 1);
    CHECK(verify(other).out.find("wrong signature") != std::string::npos);
    CHECK(verify(copy + "/checkpoints.jsonl").code == 4);  // No key at all.

    const std::string checkpoints = copy + "/checkpoints.jsonl";
    const std::string right = read_file(checkpoints);
    std::string changed = right;
    changed.replace(changed.find("\"at\":\"2") + 6, 1, "3");
    write_file(checkpoints, changed);
    CHECK(verify(key).out.find("wrong signature") != std::string::npos);
    std::string unsigned_ = right.substr(0, right.find(",\"key\""));
    unsigned_ += R"(,"key":"","algorithm":"","signature":""})"
                 "\n";
    write_file(checkpoints, unsigned_);
    CHECK(verify(key).code == 1);
    CHECK(verify(key).out.find("not signed with the key given") != std::string::npos);
    std::filesystem::remove(checkpoints);
    CHECK(verify(key).code == 1);
    CHECK(verify(key).out.find("no checkpoint") != std::string::npos);
  }
}

// Goal: with the keys at hand, a chain made anew does not pass because its checkpoint says that
// another key, or another algorithm, signed it, or none.
TEST_CASE(
    "audit: a checkpoint of another key or algorithm is a wrong one, and the newest is signed") {
  House house;
  house.start();
  house.porteiro->done("POST", "/v1/people", person(maria, "Maria das Dores"));
  house.porteiro->stop();
  const std::string checkpoints = house.directory.path("data/audit/checkpoints.jsonl");
  const std::string right = read_file(checkpoints);
  const auto forged = [&](const std::string& key, const std::string& algorithm) {
    write_file(checkpoints, right.substr(0, right.find(",\"key\"")) + ",\"key\":\"" + key +
                                "\",\"algorithm\":\"" + algorithm + "\",\"signature\":\"AAAA\"}\n");
    return house.audit({"verify"});
  };
  for (const char* key : {"audit", "vault", "nobody"}) {
    for (const char* algorithm : {"HMAC_SHA_256", "ECDSA_SHA_256", "HMAC_SHA_999", "X"}) {
      CAPTURE(key);
      CAPTURE(algorithm);
      const Finished found = forged(key, algorithm);
      CHECK(found.code == 1);
      CHECK(found.out.find("wrong signature") != std::string::npos);
    }
  }
  const std::string unsigned_ = right.substr(0, right.find(",\"key\"")) +
                                R"(,"key":"","algorithm":"","signature":""})" + "\n";
  write_file(checkpoints, unsigned_);
  CHECK(house.audit({"verify"}).code == 1);
  CHECK(house.audit({"verify"}).out.find("not signed") != std::string::npos);
  CHECK(house.audit({"verify", "--unsigned"}).code == 0);
  CHECK(house.audit({"verify", "--unsigned"}).out.find("no key vouches") != std::string::npos);

  write_file(checkpoints, right);
  const std::string keys = house.directory.path("data/keys");
  std::filesystem::rename(keys, house.directory.path("elsewhere"));
  const Finished without = house.audit({"verify"});
  CHECK(without.code == 0);
  CHECK(without.out.find("no key vouches") != std::string::npos);
}

// Goal: who takes the checkpoints from the end can be told by how far the key vouches.
TEST_CASE("audit: verify says up to which entry the key vouches") {
  House house;
  house.config = example_variant(house.directory.path("config.json"), [](json& config) {
    config["audit"]["checkpoint"]["entries"] = 1;
  });
  house.start();
  house.porteiro->done("POST", "/v1/people", person(maria, "Maria das Dores"));
  house.porteiro->get(person_path(maria));
  house.porteiro->stop();
  const std::size_t entries = house.entries().size();
  REQUIRE(entries > 1);
  const json whole = json::parse(house.audit({"verify", "--json"}).out);
  CHECK(whole["entries"] == entries);
  CHECK(whole.at("vouched") == entries);
  const std::string checkpoints = house.directory.path("data/audit/checkpoints.jsonl");
  const std::string all = read_file(checkpoints);
  const std::string cut = all.substr(0, all.rfind('\n', all.size() - 2) + 1);
  const std::uint64_t newest =
      json::parse(cut.substr(cut.rfind('\n', cut.size() - 2) + 1))["number"];
  write_file(checkpoints, cut);
  CHECK(json::parse(house.audit({"verify", "--json"}).out).at("vouched") == newest);
  CHECK(house.audit({"verify"})
            .out.find("vouches for those up to " + std::to_string(newest) +
                      ", and not for the last " + std::to_string(entries - newest)) !=
        std::string::npos);
  write_file(checkpoints, "");
  CHECK(json::parse(house.audit({"verify", "--json"}).out).at("vouched") == 0);
}

TEST_CASE("audit: a client without the scope gets masked values, and the log says so") {
  House house;
  house.start();
  house.porteiro->done("POST", "/v1/people", person(maria, "Maria das Dores"));
  const Reply masked = house.porteiro->get(person_path(maria), desk);
  CHECK(masked.status == 200);
  CHECK(masked.body["cpf"] == "***35");
  CHECK(masked.body["name"] == "M. d. D.");
  CHECK_FALSE(masked.body.contains("address"));
  CHECK(masked.text.find(maria) == std::string::npos);
  house.porteiro->stop();
  bool told = false;
  for (const json& entry : house.entries()) {
    if (entry.value("client", "") != "desk" || entry["action"] != "store:get") continue;
    told = entry["fields"] == json({"cpf:masked", "name:masked"});
  }
  CHECK(told);
}

}  // namespace porteiro::integration
