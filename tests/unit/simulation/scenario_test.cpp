// Goal: what a scenario takes from its config is there, and is what it has to be.
#include "porteiro/simulation/scenario.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temporary_directory.hpp"

using namespace porteiro;
using namespace porteiro::simulation;
using nlohmann::json;

namespace {

struct Folder {
  // The problems, "pointer: text" a line.
  std::string problems_of(const json& config, const json& scenario) const {
    std::ofstream(directory + "/config.json") << config;
    std::ofstream(directory + "/scenario.json") << scenario;
    Scenario loaded;
    std::string out;
    for (const config::Problem& each : load_scenario(directory + "/scenario.json", loaded)) {
      out += each.pointer + ": " + each.text + "\n";
    }
    return out;
  }
  TemporaryDirectory temporary;
  const std::string directory = temporary.path();
};

const json two_queues = json::parse(R"({"queues": {"jobs": {}, "orders.fifo": {"fifo": true}}})");
const json right = json::parse(R"({
  "name": "n", "config": "config.json", "steps": [{"run": "t"}],
  "traffic": [{"id": "t", "count": 1, "arrival": {"constant": "1/s"},
               "send": {"queue": "jobs", "body": "b"}}],
  "faults": [{"id": "f", "fault": "queue.poison", "target": "jobs", "probability": 1}],
  "expect": [{"check": "queue.fifo_per_group", "queue": "orders.fifo"},
             {"check": "queue.depth", "queue": "jobs", "eq": 0},
             {"check": "reached", "point": "queue.delete"}]})");

}  // namespace

TEST_CASE("scenario: queues of sends, faults and checks are queues of the config") {
  const Folder folder;
  CHECK(folder.problems_of(two_queues, right).empty());
  json bad = right;
  bad["traffic"][0]["send"]["queue"] = "job";
  bad["faults"][0]["target"] = "order.fifo";
  bad["expect"][0]["queue"] = "jobs";
  bad["expect"][1]["queue"] = "jubs";
  CHECK(folder.problems_of(two_queues, bad) ==
        "/faults/0/target: unknown name \"order.fifo\"; did you mean \"orders.fifo\"?\n"
        "/expect/0/queue: this is no FIFO queue; it promises no order\n"
        "/expect/1/queue: unknown name \"jubs\"; did you mean \"jobs\"?\n"
        "/traffic/0/send/queue: unknown name \"job\"; did you mean \"jobs\"?\n");
}

TEST_CASE(
    "scenario: a send has a delay in whole seconds, a key if effects are counted, no signature") {
  const Folder folder;
  json bad = right;
  bad["traffic"][0]["send"]["delay"] = "1500ms";
  CHECK(folder.problems_of(two_queues, bad) ==
        "/traffic/0/send/delay: a message's delay is in whole seconds\n");

  json stores = two_queues;
  stores["stores"] = json::parse(R"({"A": {"collections": {"job": {"key": "id", "fields": {
    "id": {"type": "string", "required": true}}}}}})");
  json once = right;
  once["expect"][0] = json::parse(R"({"check": "effect.once", "effect": "A.job", "of": ["t"]})");
  CHECK(folder.problems_of(stores, once) ==
        "/expect/0/of: the \"send\" of \"t\" names no \"key\" of the record it is to write\n");
  once["traffic"][0]["send"]["key"] = "k";
  CHECK(folder.problems_of(stores, once).empty());

  json locked = two_queues;
  locked["aws"] =
      json::parse(R"({"auth": "sigv4", "credentials": [{"access_key": "a", "secret": "s"}]})");
  CHECK(folder.problems_of(locked, right) ==
        "/traffic/0/send: a scenario's messages are not signed, and the config takes signed ones "
        "only\n");
}

TEST_CASE("scenario: a partial batch needs a source whose answers are read") {
  const Folder folder;
  json config = two_queues;
  config["functions"] = json::parse(R"({"f": {"builtin": "echo"}, "g": {"builtin": "echo"}})");
  config["sources"] = json::parse(R"([{"queue": "jobs", "function": "f"}])");
  json scenario = right;
  scenario["faults"][0] =
      json::parse(R"({"id": "f", "fault": "worker.partial_batch", "probability": 1})");
  CHECK(folder.problems_of(config, scenario).empty());
  scenario["faults"][0]["target"] = "f";
  CHECK(folder.problems_of(config, scenario).empty());
  const std::string none =
      "/faults/0/target: no source of the config with \"report_failures\" feeds a function that is "
      "meant here\n";
  scenario["faults"][0]["target"] = "g";
  CHECK(folder.problems_of(config, scenario) == none);
  scenario["faults"][0].erase("target");
  config["sources"][0]["report_failures"] = false;
  CHECK(folder.problems_of(config, scenario) == none);
}
