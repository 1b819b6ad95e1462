// Goal: who read whose data is in the log of the real program, by token, survives its death, and
// `porteiro audit` finds what was done to the files; a client without the scope sees masked values.
#include <doctest/doctest.h>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

constexpr const char* maria = "11144477735";
constexpr const char* desk = "demo-desk-key";

std::string person_path(const std::string& cpf) { return "/v1/people/" + cpf; }

struct House {
  void start() {
    Instance::Setup setup;
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
  std::unique_ptr<Instance> porteiro;
};

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
