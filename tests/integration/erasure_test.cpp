// Goal: who is erased is gone from every file, reply, event, message and read model of the real
// program, and from copies that were made before, while nobody else loses anything.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "integration/process.hpp"
#include "simulation/canaries.hpp"

namespace porteiro::integration {
namespace {

namespace fs = std::filesystem;

constexpr const char* gone_name = "Canaria Desaparecida Silva";
constexpr const char* gone_creditor = "Banco Canario Amarelo";
constexpr const char* gone_movement = "0c0ffee0-0000-4000-8000-00000000cafe";

std::string path_of(const std::string& cpf, const std::string& rest = {}) {
  return "/v1/people/" + cpf + rest;
}

json registration(const std::string& cpf, const std::string& name, const std::string& creditor) {
  json body = person(cpf, name);
  body["debts"][0]["creditor"] = creditor;
  return body;
}

// A person in all three bases. The command that registered them.
std::string settle_in(Instance& porteiro, const std::string& cpf, const std::string& name,
                      const std::string& creditor, const std::string& movement_id) {
  const Reply accepted = porteiro.call("POST", "/v1/people", registration(cpf, name, creditor));
  REQUIRE(accepted.status == 202);
  const std::string location = accepted.header("Location");
  REQUIRE(porteiro.outcome(location)["status"] == "succeeded");
  porteiro.done("PUT", path_of(cpf, "/profile"),
                {{"age", 41}, {"region", "north"}, {"assets", json::array({{{"kind", name}}})}});
  porteiro.done("POST", path_of(cpf, "/movements"), movement(movement_id, 4'200));
  CHECK(porteiro.call("POST", path_of(cpf, "/score")).status == 200);
  return location;
}

void check_is_there(Instance& porteiro, const std::string& cpf, const std::string& name) {
  const Reply read = porteiro.get(path_of(cpf));
  INFO("reply: ", read.text);
  REQUIRE(read.status == 200);
  CHECK(read.body["name"] == name);
  CHECK(read.body["debts"].size() == 2);
  CHECK(porteiro.get(path_of(cpf, "/profile")).body["age"] == 41);
  CHECK(porteiro.get(path_of(cpf, "/trail")).body["movements"].size() == 1);
}

void check_is_gone(Instance& porteiro, const std::string& cpf) {
  for (const char* rest : {"", "/profile", "/trail", "/summary"}) {
    INFO(rest);
    CHECK(porteiro.get(path_of(cpf, rest)).status == 404);
  }
}

Finished erase(Loop& loop, const Instance& porteiro, const std::string& value) {
  return run(loop, {.arguments = {"erase", "cpf", value, "--json", "--inside-port",
                                  std::to_string(porteiro.inside_port())}});
}

Instance::Setup on(const TemporaryDirectory& directory) {
  return {.arguments = {"--data", directory.path("data")}};
}

// What was in the slots of these files of halves that are all zeros now.
std::vector<std::string> destroyed_halves(const std::string& before, const std::string& after) {
  constexpr std::size_t head = 16, slot = 40, number = 8;
  std::vector<std::string> out;
  for (std::size_t at = head; at + slot <= before.size(); at += slot) {
    if (after.substr(at, slot) != std::string(slot, '\0')) continue;
    out.push_back(before.substr(at + number, slot - number));
  }
  return out;
}

std::size_t files_with(const std::string& directory, const std::string& bytes) {
  const auto files = files_below(directory);
  return static_cast<std::size_t>(std::count_if(files.begin(), files.end(), [&](const auto& file) {
    return read_file(file).find(bytes) != std::string::npos;
  }));
}

}  // namespace

TEST_CASE("erasure: one person goes from everything, also from copies that were made before") {
  Loop loop;
  const TemporaryDirectory directory;
  const std::string data = directory.path("data"), copy = directory.path("copy");
  const std::string gone = cpf_of(471'100'815), other = cpf_of(308'150'471);
  std::string location;
  {
    Instance porteiro(loop, on(directory));
    location = settle_in(porteiro, gone, gone_name, gone_creditor, gone_movement);
    settle_in(porteiro, other, "Bianca Outra", "Banco do Povo",
              "0c0ffee0-0000-4000-8000-00000000bebe");
    CHECK(porteiro.outcome(location).contains("reply"));
    porteiro.stop();
  }
  fs::copy(data, copy, fs::copy_options::recursive);

  Instance porteiro(loop, on(directory));
  const Finished first = erase(loop, porteiro, gone);
  INFO("erase: ", first.out, first.err);
  REQUIRE(first.code == 0);
  const json answer = json::parse(first.out);
  const std::string token = answer["subject"];
  CHECK(token.starts_with("cpf_"));
  CHECK(first.out.find(gone) == std::string::npos);
  json outcomes = json::object();
  for (const json& store : answer["stores"]) {
    for (const json& one : store["collections"]) {
      CHECK(one["outcome"] == "erased");
      outcomes[store["store"].get<std::string>() + "/" + one["collection"].get<std::string>()] =
          one["records"];
    }
  }
  CHECK(outcomes == json{{"A/person", 1}, {"A/debt", 2}, {"B/profile", 1}, {"C/trail", 1}});
  CHECK(answer["events"] > 0);
  CHECK(answer["read_models_level"] == true);
  CHECK(erase(loop, porteiro, token).code == 0);  // Again, and by the token.
  const std::string events = porteiro.ask("/_porteiro/events?limit=1000").text;

  check_is_gone(porteiro, gone);
  check_is_there(porteiro, other, "Bianca Outra");
  const json status = porteiro.get(location).body;
  CHECK(status["status"] == "succeeded");
  CHECK_FALSE(status.contains("reply"));
  CHECK(events.find(token) == std::string::npos);
  CHECK(events.find(gone_movement) == std::string::npos);
  CHECK(events.find("\"erased\":true") != std::string::npos);
  porteiro.stop();

  simulation::Canaries canaries;
  for (const std::string_view value :
       {std::string_view(gone), std::string_view(gone_name), std::string_view(gone_creditor)}) {
    canaries.add(value);
  }
  for (const std::string& file : files_below(directory.path())) {
    canaries.wrote(Place::disk, read_file(file));
  }
  canaries.wrote(Place::logs, porteiro.process().out() + porteiro.process().err());
  CHECK(canaries.tally(Place::disk).leaks == 0);
  CHECK(canaries.tally(Place::disk).bytes > 100'000);
  CHECK(canaries.tally(Place::logs).leaks == 0);
  CHECK(files_with(data + "/journal", gone_movement) ==
        0);  // In clear once: no field of it is protected.

  for (const char* file : {"subjects/A.keys", "subjects/B.keys", "subjects/events/secrets"}) {
    const auto halves =
        destroyed_halves(read_file(copy + "/" + file), read_file(data + "/" + file));
    INFO(file);
    CHECK(halves.size() == 1);
    for (const std::string& half : halves) {
      CHECK(files_with(data, half) == 0);
      CHECK(files_with(copy, half) == 1);  // Where the copy took the keys along, which it must not.
    }
  }

  // The copy without the directory that must not be in it: all of the records, messages and events
  // of before, beside the keys of today.
  for (const char* part : {"stores", "journal"}) {
    fs::remove_all(data + "/" + part);
    fs::copy(copy + "/" + part, data + "/" + part, fs::copy_options::recursive);
  }
  Instance restored(loop, on(directory));
  CHECK(restored.get(path_of(gone)).status == 404);
  CHECK(restored.get(path_of(gone, "/profile")).status == 404);
  const Reply summary = restored.get(path_of(gone, "/summary"));
  INFO("summary: ", summary.text);
  CHECK(summary.body["age"].is_null());   // Of base B, sealed.
  CHECK(summary.body["movements"] == 1);  // Of base C, where the config protects nothing.
  CHECK_FALSE(restored.get(location).body.contains("reply"));
  check_is_there(restored, other, "Bianca Outra");
  REQUIRE(erase(loop, restored, gone).code == 0);  // What came back with the copy goes, too.
  check_is_gone(restored, gone);
  settle_in(restored, gone, "De Volta Nova", "Banco Novo", gone_movement);  // A new beginning.
  check_is_there(restored, gone, "De Volta Nova");
  restored.stop();
}

TEST_CASE("erasure: killed amid it, it is done or can be done again, and never half undone") {
  Loop loop;
  const TemporaryDirectory directory;
  const std::string other = cpf_of(308'150'471);
  {
    Instance porteiro(loop, on(directory));
    settle_in(porteiro, other, "Bianca Outra", "Banco do Povo",
              "0c0ffee0-0000-4000-8000-00000000bebe");
    porteiro.stop();
  }
  for (int round = 0; round < 6; ++round) {
    const std::string gone = cpf_of(471'100'900 + static_cast<std::uint64_t>(round));
    Instance porteiro(loop, on(directory));
    settle_in(porteiro, gone, gone_name, gone_creditor, gone_movement);
    http::ClientRequest request;
    request.method = "POST";
    request.url = porteiro.inside("/_porteiro/erase");
    request.body = json{{"token", "cpf"}, {"value", gone}}.dump();
    bool ended = false;
    loop.runtime().client().send(std::move(request), [&](auto) { ended = true; });
    bool now = false;
    loop.scheduler().after(std::chrono::microseconds(400 * round), [&] { now = true; });
    REQUIRE(loop.until([&] { return now; }));
    porteiro.kill();
    REQUIRE(loop.until([&] { return ended; }));

    Instance again(loop, on(directory));
    check_is_there(again, other, "Bianca Outra");
    const Reply read = again.get(path_of(gone));
    INFO("round ", round, ", reply: ", read.text);
    CHECK((read.status == 404 || (read.status == 200 && read.body["name"] == gone_name)));
    REQUIRE(erase(loop, again, gone).code == 0);
    check_is_gone(again, gone);
    again.stop();
  }
}

TEST_CASE("erasure: what is retained by law answers with its basis and stays readable") {
  Loop loop;
  const TemporaryDirectory directory;
  const std::string config = example_variant(directory.path("retain.json"), [](json& variant) {
    variant["stores"]["B"]["collections"]["profile"]["retain"] = {{"basis", "LGPD art. 7 X"}};
  });
  Instance porteiro(loop, {.config = config, .arguments = {"--data", directory.path("data")}});
  const std::string gone = cpf_of(471'100'815);
  settle_in(porteiro, gone, gone_name, gone_creditor, gone_movement);
  const Finished erased = run(loop, {.arguments = {"erase", "cpf", gone, "--inside-port",
                                                   std::to_string(porteiro.inside_port())}});
  CHECK(erased.code == 0);
  CHECK(erased.out.find("A/person  1 erased\n") != std::string::npos);
  CHECK(erased.out.find("B/profile  1 retained: LGPD art. 7 X\n") != std::string::npos);
  CHECK(porteiro.get(path_of(gone)).status == 404);
  CHECK(porteiro.get(path_of(gone, "/profile")).body["age"] == 41);
  porteiro.stop();
}

TEST_CASE("erasure: what is asked wrongly is refused, and no answer repeats the value") {
  Loop loop;
  Instance porteiro(loop);
  const auto ask = [&](const std::string& body) {
    http::ClientRequest request;
    request.method = "POST";
    request.url = porteiro.inside("/_porteiro/erase");
    request.body = body;
    return porteiro.send(std::move(request));
  };
  CHECK(ask("").status == 400);
  CHECK(ask("[]").status == 400);
  CHECK(ask(R"({"token":"cpf"})").status == 400);
  CHECK(ask(R"({"token":"cpf","value":7})").status == 400);
  const Reply bad = ask(R"({"token":"cpf","value":"11144477736"})");
  CHECK(bad.status == 400);
  CHECK(bad.text.find("11144477736") == std::string::npos);
  CHECK(ask(R"({"token":"rg","value":"11144477735"})").status == 404);
  CHECK(porteiro.ask("/_porteiro/erase").status == 405);
  const Finished none =
      run(loop, {.arguments = {"erase", "cpf", "11144477735", "--inside-port", "1"}});
  CHECK(none.code == 4);
  CHECK(none.err.find("11144477735") == std::string::npos);
}

}  // namespace porteiro::integration
