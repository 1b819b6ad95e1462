// Goal: the command line keeps its word: data on stdout, messages on stderr, the outcome in the
// exit code, and texts that say which file, where in it, and what was probably meant.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>

#include "integration/process.hpp"
#include "integration/wire.hpp"

namespace porteiro::integration {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Finished program(Loop& loop, std::vector<std::string> arguments, Duration limit = patience) {
  return run(loop, {std::move(arguments), {}, {}}, limit);
}

std::vector<std::string> up(std::vector<std::string> more) {
  std::vector<std::string> out{"up", example_path(), "--public-port", "0", "--inside-port", "0"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace

TEST_CASE("cli: help and version are data; a usage error is exit code 2") {
  Loop loop;
  const Finished version = program(loop, {"version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("porteiro "));
  CHECK(program(loop, {"--version"}).out == version.out);
  const Finished bogus = program(loop, {"bogus"});
  CHECK(bogus.code == 2);
  for (const char* text : {"bogus", "up", "run", "check", "events", "trace", "version"}) {
    CHECK_MESSAGE(has(bogus.err, text), text);
  }
  const Finished help = program(loop, {"--help"});
  CHECK(help.code == 0);
  for (const char* command : {"up", "run", "check", "events", "trace"}) {
    CHECK_MESSAGE(has(help.out, command), command);
  }
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"open"},
      {"up", "--colour"},
      {"up", "--public-port", "many"},
      {"up", "--public-port", "65536"},
      {"up", "--log-level", "loud"},
      {"up", "--data", ""},
      {"check"},
      {"run"},
      {"run", "scenarios/smoke.json", "--seeds", "3-1"},
      {"run", "scenarios/smoke.json", "--live", "--check-determinism"},
      {"run", "scenarios/smoke.json", "--data", "somewhere"},
      {"run", "scenarios/smoke.json", "--live", "--data", ""},
      {"trace"}};
  for (const auto& arguments : wrong) {
    const Finished finished = program(loop, arguments);
    CAPTURE(arguments.size());
    CAPTURE(arguments.empty() ? "" : arguments.back());
    CHECK(finished.code == 2);
    CHECK(finished.out.empty());
    CHECK(!finished.err.empty());
  }
}

TEST_CASE("cli: an empty passphrase is a usage error, not a root key of no strength") {
  Loop loop;
  const Finished finished = run(loop, {up({}), {"PORTEIRO_PASSPHRASE="}, {}}, patience);
  CHECK(finished.code == 2);
  CHECK(finished.out.empty());
  CHECK(has(finished.err, "PORTEIRO_PASSPHRASE"));
}

TEST_CASE("cli: check says what is wrong, where, and what was probably meant") {
  Loop loop;
  TemporaryDirectory directory;
  const Finished good = program(loop, {"check", example, "scenarios/smoke.json"});
  INFO("stderr: ", good.err);
  CHECK(good.code == 0);
  CHECK(has(good.out, std::string(example) + ": valid"));
  CHECK(has(good.out, "scenarios/smoke.json: valid"));

  struct Bad {
    std::function<void(json&)> change;
    std::string pointer, text;
  };
  const std::vector<Bad> table{
      {[](json& it) { it["queues"]["vault"]["visibilty"] = "3s"; }, "/queues/vault/visibilty",
       "\"visibility\""},
      {[](json& it) { it["queues"]["vault"]["visibility"] = 3; }, "/queues/vault/visibility", ""},
      {[](json& it) { it["queues"]["vault"]["visibility"] = "13h"; }, "/queues/vault/visibility",
       "12h"},
      {[](json& it) { it["gateway"]["routes"][1]["to"] = "get-persn"; }, "/gateway/routes/1/to",
       "\"get-person\""},
      {[](json& it) { it["stores"]["A"]["key"] = "vaults"; }, "/stores/A/key", "\"vault\""},
      {[](json& it) { it["stores"]["A"]["collections"]["debt"].erase("key"); },
       "/stores/A/collections/debt", "key"},
      {[](json& it) {
         json& routes = it["gateway"]["routes"];
         json twice = routes[1];
         twice["route"] = "GET /v1/people/{who}";
         routes.insert(routes.begin(), twice);
       },
       "/gateway/routes/2", "two routes match the same requests"},
      {[](json& it) { it["listen"]["public"] = 70000; }, "/listen/public", "65535"},
      {[](json& it) { it["functions"]["get-person"]["with"]["colection"] = "person"; },
       "/functions/get-person/with", "collection"},
  };
  for (const Bad& bad : table) {
    const std::string file = example_variant(directory.path("bad.json"), bad.change);
    const Finished finished = program(loop, {"check", file, "scenarios/smoke.json"});
    INFO("stderr: ", finished.err);
    CAPTURE(bad.pointer);
    CHECK(finished.code == 3);
    CHECK(has(finished.err, file));
    CHECK(has(finished.err, bad.pointer));
    CHECK(has(finished.err, bad.text));
    CHECK(
        has(finished.out, "scenarios/smoke.json: valid"));  // The others are checked all the same.
  }
}

TEST_CASE("cli: files that are no JSON, and files that are not there") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string file = directory.path("bad.json");
  write_file(file, "{\n  \"queues\": {,}\n}\n");
  const Finished syntax = program(loop, {"check", file});
  INFO("stderr: ", syntax.err);
  CHECK(syntax.code == 3);
  CHECK(has(syntax.err, file));
  CHECK(has(syntax.err, "line 2"));
  const Finished absent = program(loop, {"check", directory.path("absent.json")});
  CHECK(absent.code == 3);
  CHECK(has(absent.err, "absent.json"));
  CHECK(program(loop, {"up", file}).code == 3);
  CHECK(program(loop, {"run", file}).code == 3);
}

TEST_CASE("cli: an invalid scenario names file, pointer and the nearest name") {
  Loop loop;
  TemporaryDirectory directory;
  json scenario = json::parse(read_file("scenarios/smoke.json"), nullptr, true, true);
  scenario["config"] = example_path();
  scenario["expect"][0]["of"][0] = "regster";
  const std::string file = directory.path("scenario.json");
  write_file(file, scenario.dump());
  for (const char* command : {"check", "run"}) {
    const Finished finished = program(loop, {command, file});
    INFO("stderr: ", finished.err);
    CHECK(finished.code == 3);
    CHECK(has(finished.err, file));
    CHECK(has(finished.err, "/expect/0/of/0"));
    CHECK(has(finished.err, "\"register\""));
  }
}

TEST_CASE("cli: up refuses an invalid config and a port that is in use") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string file = example_variant(
      directory.path("bad.json"), [](json& it) { it["queues"]["vault"]["visibilty"] = "3s"; });
  const Finished invalid = program(loop, {"up", file});
  CHECK(invalid.code == 3);
  CHECK(has(invalid.err, "/queues/vault/visibilty"));
  CHECK(invalid.out.empty());

  Instance porteiro(loop);
  for (const std::uint16_t taken : {porteiro.gateway_port(), porteiro.inside_port()}) {
    const std::string port = std::to_string(taken);
    for (const char* option : {"--public-port", "--inside-port"}) {
      std::vector<std::string> arguments = up({});
      *(std::find(arguments.begin(), arguments.end(), option) + 1) = port;
      const Finished finished = program(loop, arguments);
      INFO("stderr: ", finished.err);
      CHECK(finished.code == 4);
      CHECK(has(finished.err, port));
      CHECK(finished.out.empty());
    }
  }
  CHECK(program(loop, up({"--log-file", directory.path("no/such/folder")})).code == 4);
}

TEST_CASE("cli: the environment gives what the arguments do not") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string log = directory.path("log");
  const std::string data = directory.path("data");
  Process process(loop, {{"up", example_path()},
                         {"PORTEIRO_PUBLIC_PORT=0", "PORTEIRO_INSIDE_PORT=0",
                          "PORTEIRO_DATA=" + data, "PORTEIRO_LOG_FILE=" + log},
                         {}});
  CHECK(loop.until([&] { return process.out().ends_with("Ready.\n") || process.poll(); }));
  CHECK(!files_below(data).empty());
  process.signal(SIGTERM);
  CHECK(process.wait() == 0);
  CHECK(!files_below(directory.path()).empty());
}

TEST_CASE("cli: events and trace ask a running emulator") {
  Loop loop;
  Instance porteiro(loop);
  const std::string port = std::to_string(porteiro.inside_port());
  CHECK(program(loop, {"events", "--inside-port", port}).out.empty());
  porteiro.done("POST", "/v1/people", person("11144477735", "Maria das Dores"));
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  CHECK(porteiro
            .call("GET", "/v1/people/11144477735", nullptr,
                  {{"traceparent", "00-" + id + "-00f067aa0ba902b7-01"}})
            .status == 200);

  const Finished events = program(loop, {"events", "--inside-port", port});
  INFO("events: ", events.out, events.err);
  CHECK(events.code == 0);
  REQUIRE(lines_of(events.out).size() == 3);
  CHECK(has(lines_of(events.out)[0], "person.registered"));
  CHECK(has(lines_of(events.out)[2], "person.requested"));
  CHECK(has(lines_of(events.out)[2], id));
  const Finished newest =
      program(loop, {"events", "--inside-port", port, "--limit", "1", "--json"});
  REQUIRE(lines_of(newest.out).size() == 1);
  CHECK(json::parse(newest.out)["event"]["type"] == "person.requested");

  const Finished trace = program(loop, {"trace", id, "--inside-port", port});
  INFO("trace: ", trace.out, trace.err);
  CHECK(trace.code == 0);
  for (const char* hop :
       {"request.received", "message.sent", "get-person", "store.read", "A", "reply.sent"}) {
    CHECK_MESSAGE(has(trace.out, hop), hop);
  }
  CHECK(has(lines_of(trace.out)[0], "+0"));
  const Finished as_json = program(loop, {"trace", id, "--inside-port", port, "--json"});
  CHECK(json::parse(as_json.out)["id"] == id);
  for (const Finished* output : {&events, &newest, &trace, &as_json}) {
    CHECK(!has(output->out, "11144477735"));
    CHECK(!has(output->out, "Maria"));
  }

  const Finished unknown =
      program(loop, {"trace", "00000000000000000000000000000001", "--inside-port", port});
  CHECK(unknown.code == 4);
  CHECK(!unknown.err.empty());
  porteiro.stop();
  const Finished nobody = program(loop, {"events", "--inside-port", port});
  CHECK(nobody.code == 4);
  CHECK(has(nobody.err, port));
}

TEST_CASE("cli: run prints JSON lines whose last is the verdict, and a JUnit report") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string junit = directory.path("report.xml");
  const Finished finished = program(
      loop, {"run", "scenarios/smoke.json", "--seeds", "5-6", "--json", "--junit", junit}, 60s);
  INFO("stdout: ", finished.out, "\nstderr: ", finished.err);
  CHECK(finished.code == 0);
  const std::vector<std::string> lines = lines_of(finished.out);
  REQUIRE(lines.size() == 3);
  for (const std::string& line : lines) CHECK(json::accept(line));
  CHECK(json::parse(lines[0])["seed"] == 5);
  CHECK(json::parse(lines[1])["seed"] == 6);
  const json verdict = json::parse(lines.back());
  CHECK(verdict["outcome"] == "pass");
  CHECK(verdict["passed"] == 2);
  CHECK(has(lines.back(), "history_hash"));
  const std::string xml = read_file(junit);
  CHECK(xml.starts_with("<?xml"));
  CHECK(count_of(xml, "<testsuite ") == 2);
  CHECK(!has(xml, "<failure"));

  const Finished again =
      program(loop, {"run", "scenarios/smoke.json", "--seeds", "5-6", "--json"}, 60s);
  CHECK(json::parse(lines_of(again.out).back())["history_hash"] == verdict["history_hash"]);
}

TEST_CASE("cli: a scenario whose check fails ends with 1 and says how to see it again") {
  Loop loop;
  TemporaryDirectory directory;
  json scenario = json::parse(read_file("scenarios/smoke.json"), nullptr, true, true);
  scenario["config"] = example_path();
  scenario["expect"] =
      json::parse(R"([{"check": "http.ratio", "of": "strangers", "status": "2xx", "min": 1.0}])");
  const std::string file = directory.path("scenario.json");
  write_file(file, scenario.dump());
  const Finished finished = program(loop, {"run", file, "--seeds", "7"}, 60s);
  INFO("stdout: ", finished.out, "\nstderr: ", finished.err);
  CHECK(finished.code == 1);
  CHECK(has(finished.out, "porteiro run " + file + " --seeds 7"));
}

}  // namespace porteiro::integration
