// Goal: no restricted or sensitive value of a live run of the whole example is in clear anywhere
// but in the replies meant for the client: not on disk (also after kill -9), not in logs, metrics,
// traces, events, messages, error bodies. The same scan finds a leak that was planted.
//
// A dump of the process's memory is not searched: there is no tool here that makes one, and what is
// being handled has to be in it. What the program itself could write is searched: every file below
// its directories, and all that its ports and streams give.
#include <doctest/doctest.h>
#include <signal.h>

#include "integration/process.hpp"
#include "simulation/canaries.hpp"

namespace porteiro::integration {
namespace {

using simulation::Canaries;

// Unique values in every restricted or sensitive place that the example's routes take.
struct Secrets {
  std::string cpf = cpf_of(846'209'531), other_cpf = cpf_of(846'209'532);
  std::string name = "Zulmira \"Canária\" d'Ávila", street = "Travessa do Canário Escondido",
              creditor = "Banco Canário Trancado", cnpj = "11222333000181",
              contract = "CONTRATO-CANARIO-77120", kind = "consignado-canario",
              asset = "veleiro-canario-azul", income = "canto-de-canario";
  long long amount = 73'310'551'907, value = 88'140'220'613, monthly = 91'477'003'218;

  void add_to(Canaries& canaries) const {
    for (const std::string& each :
         {cpf, other_cpf, name, street, creditor, cnpj, contract, kind, asset, income}) {
      canaries.add(each);
    }
    for (const long long each : {amount, value, monthly}) canaries.add(std::to_string(each));
  }
  json person(const std::string& whose) const {
    return {{"cpf", whose},
            {"name", name},
            {"address", {{"street", street}}},
            {"debts", json::array({{{"creditor", creditor},
                                    {"creditor_cnpj", cnpj},
                                    {"kind", kind},
                                    {"contract", contract},
                                    {"amount_cents", amount},
                                    {"status", "open"}}})}};
  }
  json profile() const {
    return {{"age", 41},
            {"region", "north"},
            {"assets", json::array({{{"kind", asset}, {"value_cents", value}}})},
            {"income_sources", json::array({{{"kind", income}, {"monthly_cents", monthly}}})}};
  }
};

// Every route, well and badly, and what those who watch the emulator can ask it.
class Tour {
 public:
  Tour(Instance& porteiro, const Secrets& secrets, Canaries& canaries)
      : porteiro_(porteiro), secrets_(secrets), canaries_(canaries) {}

  void routes() {
    for (const std::string& cpf : {secrets_.cpf, secrets_.other_cpf}) {
      send("POST", "/v1/people", secrets_.person(cpf));
      send("PUT", "/v1/people/" + cpf + "/profile", secrets_.profile());
      send("POST", "/v1/people/" + cpf + "/movements",
           movement("00000000-0000-4000-8000-0000000000aa", 4'200));
    }
    const std::string person = "/v1/people/" + secrets_.cpf;
    CHECK(porteiro_.call("POST", person + "/score").status == 200);
    for (const char* rest : {"", "/profile", "/trail", "/summary"}) {
      const Reply read = porteiro_.get(person + rest);
      INFO(rest, ": ", read.text);
      CHECK(read.status == 200);
    }
    porteiro_.get(person + "/limit/shell");  // Outside; whatever it says, it may not be written.
    porteiro_.get(person + "/limit/cpp");
  }

  // What is refused; each answer is searched, too.
  void refusals() {
    json bad = secrets_.person(secrets_.cpf);
    bad["debts"][0]["status"] = secrets_.creditor;
    refused("POST", "/v1/people", bad);
    bad["debts"][0].erase("status");
    refused("POST", "/v1/people", bad);
    bad = secrets_.person(secrets_.cpf + "0");
    refused("POST", "/v1/people", bad);
    bad = secrets_.person(secrets_.cpf);
    bad[secrets_.contract] = secrets_.name;
    refused("POST", "/v1/people", bad);
    refused("PUT", "/v1/people/" + secrets_.cpf + "/profile",
            {{"age", secrets_.income}, {"assets", secrets_.asset}});
    refused("POST", "/v1/people/" + secrets_.cpf + "/movements", {{"at", secrets_.name}});
    refused("GET", "/v1/people/" + secrets_.cpf + "9", nullptr);
    refused("GET", "/v1/nothing/" + secrets_.cpf, nullptr);
    refused("DELETE", "/v1/people/" + secrets_.cpf, nullptr);
    refused("GET", "/v1/people/" + secrets_.cpf, nullptr, shop);
    refused("GET", "/v1/people/" + secrets_.cpf, nullptr, secrets_.contract);
  }

  void watchers() {
    for (const char* path :
         {"metrics", "traces?limit=1000", "events?limit=1000", "queues",
          "queues/commands/messages?max=100", "queues/commands-dlq/messages?max=100",
          "queues/vault/messages?max=100", "queues/fast/messages?max=100"}) {
      const Reply shown = porteiro_.ask(std::string("/_porteiro/") + path);
      INFO(path);
      CHECK(shown.status == 200);
      canaries_.wrote(Place::traces, shown.text);
    }
    const json traces = porteiro_.ask("/_porteiro/traces?limit=50").body;
    for (const json& trace : traces["traces"]) {
      const std::string id = trace["id"];
      canaries_.wrote(Place::traces, porteiro_.ask("/_porteiro/traces/" + id).text);
    }
  }

 private:
  void send(const char* method, const std::string& path, const json& body) {
    const Reply accepted = porteiro_.call(method, path, body);
    canaries_.wrote(Place::report, accepted.text);
    for (const http::Header& header : accepted.headers) {
      canaries_.wrote(Place::report, header.value);
    }
    REQUIRE(accepted.status == 202);
    CHECK(porteiro_.outcome(accepted.header("Location"))["status"] == "succeeded");
  }
  void refused(const char* method, const std::string& path, const json& body,
               const std::string& key = lender) {
    const Reply reply = porteiro_.call(method, path, body, {}, key);
    INFO(method, " ", path, ": ", reply.text);
    CHECK(reply.status >= 400);
    CHECK(reply.status < 500);
    canaries_.wrote(Place::report, reply.text);
  }

  Instance& porteiro_;
  const Secrets& secrets_;
  Canaries& canaries_;
};

void search_files(Canaries& canaries, const TemporaryDirectory& directory) {
  for (const std::string& file : files_below(directory.path())) {
    canaries.wrote(Place::disk, file);
    canaries.wrote(Place::disk, read_file(file));
  }
}

std::uint64_t leaks(const Canaries& canaries) {
  std::uint64_t all = 0;
  for (const Place place : {Place::disk, Place::logs, Place::traces, Place::report}) {
    INFO(to_string(place), ": ", canaries.tally(place).first);
    all += canaries.tally(place).leaks;
  }
  return all;
}

}  // namespace

TEST_CASE("secrecy: a live run of the whole example leaves no protected value in clear anywhere") {
  Loop loop;
  const TemporaryDirectory directory;
  const Secrets secrets;
  Canaries canaries;
  secrets.add_to(canaries);
  for (const bool killed : {false, true}) {
    Instance porteiro(loop, {.arguments = {"--data", directory.path("data"), "--log-file",
                                           directory.path("log"), "--log-level", "debug"}});
    Tour tour(porteiro, secrets, canaries);
    tour.routes();
    tour.refusals();
    tour.watchers();
    search_files(canaries, directory);  // While it runs.
    killed ? porteiro.kill() : porteiro.stop();
    search_files(canaries, directory);
    canaries.wrote(Place::logs, porteiro.process().out() + porteiro.process().err());
  }
  for (const Place place : {Place::disk, Place::logs, Place::traces, Place::report}) {
    INFO(to_string(place), ": ", canaries.tally(place).first);
    CHECK(canaries.tally(place).leaks == 0);
    CHECK(canaries.tally(place).bytes > 0);
  }
  CHECK(canaries.tally(Place::disk).bytes > 500'000);
}

#ifdef PORTEIRO_LEAKING_BINARY
TEST_CASE("secrecy: a leak that was planted is found by the same search") {
  Loop loop;
  const TemporaryDirectory directory;
  const Secrets secrets;
  Canaries canaries;
  secrets.add_to(canaries);
  const std::string config = example_variant(directory.path("leak.json"), [](json& variant) {
    json& function = variant["functions"]["register-person"];
    json leaking{{"native", "test.leak"}};
    if (function.contains("role")) leaking["role"] = function["role"];
    function = std::move(leaking);
  });
  Instance porteiro(
      loop, {.config = config,
             .arguments = {"--data", directory.path("data"), "--log-file", directory.path("log")},
             .program = PORTEIRO_LEAKING_BINARY});
  porteiro.done("POST", "/v1/people", secrets.person(secrets.cpf));
  porteiro.stop();
  search_files(canaries, directory);
  CHECK(leaks(canaries) > 0);
}
#endif

}  // namespace porteiro::integration
