// Goal: the checks of queues and deliveries pass, fail and stay unknown when they should.
#include "simulation/checks.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"
#include "porteiro/emulator/options.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::simulation;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* two_queues = R"({"queues": {"q.fifo": {"fifo": true}, "q": {}}})";

// Two idle queues, and books and traffic in which a test writes what it likes.
struct Bench {
  Bench() : faults(world.scheduler, json::array(), Random(1)) {
    json config;
    REQUIRE(config::validate(two_queues, "f", config::config_schema(), config).empty());
    auto options = emulator::options_from_json(config);
    REQUIRE(options.has_value());
    auto opened = emulator::Emulator::open(std::move(options).value(), world.environment, registry);
    REQUIRE(opened.has_value());
    emulator = std::move(opened).value();
    seen.traffic.emplace_back().id = "t";
    seen.effects["A.person"];
  }

  static queue::Message message(const std::string& queue, std::uint64_t number) {
    queue::Message out{};
    out.id = {1, number};
    out.trace = {2, number};
    out.group = "g";
    out.number = queue == "q.fifo" ? number : 0;
    return out;
  }
  void accept(std::uint64_t number, const std::string& key = "k") {
    seen.traffic.front().messages.emplace(Id{1, number}, key);
  }
  void arrive(const std::string& queue, std::uint64_t number) {
    ledger.arrived(queue, number, message(queue, number));
  }
  void lease(const std::string& queue, std::uint64_t number) {
    const Time now = world.scheduler.now();
    ledger.leased(queue, number, message(queue, number), 0, now, now + 30s);
  }
  void handle(const std::string& queue, std::uint64_t number) {
    ledger.ended(queue, number, queue::Observer::End::removed);
  }
  CheckResult result(const char* check) const {
    return evaluate(json::parse(check), {seen, ledger, faults, canaries, *emulator, 0});
  }
  Verdict verdict(const char* check) const { return result(check).verdict; }

  virtual_world::World world{1};
  lambda::Registry registry;
  std::unique_ptr<emulator::Emulator> emulator;
  FaultEngine faults;
  Canaries canaries;
  Seen seen;
  QueueLedger ledger;
};

}  // namespace

TEST_CASE_FIXTURE(Bench, "checks: queue.fifo_per_group fails when a message overtakes its group") {
  const char* all = R"({"check": "queue.fifo_per_group"})";
  const char* one = R"({"check": "queue.fifo_per_group", "queue": "q.fifo"})";
  CHECK(verdict(all) == Verdict::unknown);
  for (const std::uint64_t number : {1u, 2u, 3u}) arrive("q.fifo", number);
  CHECK(verdict(one) == Verdict::unknown);
  lease("q.fifo", 1);
  CHECK(verdict(all) == Verdict::pass);
  CHECK(verdict(one) == Verdict::pass);
  lease("q.fifo", 3);
  CHECK(verdict(all) == Verdict::fail);
  CHECK(verdict(one) == Verdict::fail);
}

TEST_CASE_FIXTURE(Bench, "checks: http.same fails when a reply differs, or one is missing") {
  seen.traffic.emplace_back().id = "u";
  const char* same = R"({"check": "http.same", "of": ["t", "u"]})";
  CHECK(verdict(same) == Verdict::unknown);
  seen.traffic[0].replies = {{1, "200 a"}, {2, "200 b"}};
  seen.traffic[1].replies = {{2, "200 b"}, {1, "200 a"}};
  CHECK(verdict(same) == Verdict::pass);
  CHECK(result(same).samples == 2);
  seen.traffic[1].replies[2] = "404 b";
  CHECK(verdict(same) == Verdict::fail);
  CHECK(result(same).figures.ends_with("first: request 2"));
  seen.traffic[1].replies.erase(2);
  CHECK(verdict(same) == Verdict::fail);
}

TEST_CASE_FIXTURE(Bench, "checks: queue.one_lease fails when a message comes too soon") {
  const char* all = R"({"check": "queue.one_lease"})";
  const char* other = R"({"check": "queue.one_lease", "queue": "q.fifo"})";
  CHECK(verdict(all) == Verdict::unknown);
  arrive("q", 1);
  lease("q", 1);
  world.scheduler.run_for(30s);
  lease("q", 1);
  CHECK(verdict(all) == Verdict::pass);
  world.scheduler.run_for(29s);
  lease("q", 1);
  CHECK(verdict(all) == Verdict::fail);
  CHECK(verdict(other) == Verdict::unknown);
}

TEST_CASE_FIXTURE(Bench, "checks: queue.depth looks at the end and at the most") {
  const char* empty = R"({"check": "queue.depth", "queue": "q", "state": "total", "eq": 0})";
  const char* two =
      R"({"check": "queue.depth", "queue": "q", "state": "total", "eq": 2, "max": 2})";
  const char* one_ready = R"({"check": "queue.depth", "queue": "q", "state": "ready", "max": 1})";
  CHECK(verdict(empty) == Verdict::unknown);
  emulator->queues().observe(&ledger);
  queue::Queue& queue = *emulator->queues().find("q");
  REQUIRE(queue.send({.body = "a"}).has_value());
  REQUIRE(queue.send({.body = "b", .delay = 5s}).has_value());
  CHECK(verdict(empty) == Verdict::fail);
  CHECK(verdict(two) == Verdict::pass);
  CHECK(verdict(one_ready) == Verdict::pass);
  world.scheduler.run_for(5s);
  REQUIRE(queue.receive(1).size() == 1);  // Time passes in a queue as it is used.
  CHECK(verdict(one_ready) == Verdict::fail);
  queue.purge();
  CHECK(verdict(empty) == Verdict::pass);
  CHECK(verdict(two) == Verdict::fail);
}

TEST_CASE_FIXTURE(Bench, "checks: delivery.attempts of a queue, of messages and of commands") {
  const char* of_queue = R"({"check": "delivery.attempts", "queue": "q", "max": 2})";
  const char* of_traffic = R"({"check": "delivery.attempts", "of": "t", "max": 2})";
  arrive("q", 1);
  CHECK(verdict(of_queue) == Verdict::unknown);
  CHECK(verdict(of_traffic) == Verdict::unknown);
  lease("q", 1);
  lease("q", 1);
  CHECK(verdict(of_queue) == Verdict::pass);
  CHECK(verdict(of_traffic) == Verdict::unknown);
  SUBCASE("a message") { accept(1); }
  SUBCASE("a command") { seen.traffic.front().commands["/status/1"].correlation = {2, 1}; }
  CHECK(verdict(of_traffic) == Verdict::pass);
  lease("q", 1);
  CHECK(verdict(of_queue) == Verdict::fail);
  CHECK(verdict(of_traffic) == Verdict::fail);
}

TEST_CASE_FIXTURE(Bench, "checks: delivery.no_loss of messages") {
  const char* any = R"({"check": "delivery.no_loss", "of": "t", "terminal": ["replied", "dlq"]})";
  const char* handled = R"({"check": "delivery.no_loss", "of": "t", "terminal": ["replied"]})";
  CHECK(verdict(any) == Verdict::unknown);
  for (const std::uint64_t number : {1u, 2u}) {
    accept(number);
    arrive("q", number);
  }
  handle("q", 1);
  CHECK(verdict(handled) == Verdict::pass);  // One handled, one still there.
  SUBCASE("dead-lettered") {
    ledger.ended("q", 2, queue::Observer::End::dead_lettered);
    arrive("dlq", 2);
    CHECK(verdict(any) == Verdict::pass);
    CHECK(verdict(handled) == Verdict::fail);
  }
  SUBCASE("expired") {
    ledger.ended("q", 2, queue::Observer::End::dropped);
    CHECK(verdict(any) == Verdict::fail);
  }
  SUBCASE("accepted, and never seen in a queue") {
    accept(3);
    CHECK(verdict(any) == Verdict::fail);
  }
}

TEST_CASE_FIXTURE(Bench, "checks: effect.once of messages") {
  const char* once = R"({"check": "effect.once", "of": "t", "effect": "A.person"})";
  accept(1, "one");
  accept(2, "two");
  for (const std::uint64_t number : {1u, 2u}) arrive("q", number);
  CHECK(verdict(once) == Verdict::unknown);
  handle("q", 1);
  CHECK(verdict(once) == Verdict::fail);
  auto& effects = seen.effects["A.person"];
  effects["one"] = 1;
  CHECK(verdict(once) == Verdict::pass);
  effects["two"] = 1;  // Its delete may not have come yet.
  CHECK(verdict(once) == Verdict::pass);
  SUBCASE("twice") { effects["two"] = 2; }
  SUBCASE("of nobody") { effects["three"] = 1; }
  CHECK(verdict(once) == Verdict::fail);
}

TEST_CASE_FIXTURE(Bench, "checks: secrets.decrypt_only_by fails when another had a key's text") {
  const char* check =
      R"({"check": "secrets.decrypt_only_by", "key": "vault", "by": ["get", "put"]})";
  CHECK(verdict(check) == Verdict::unknown);
  seen.decrypts["vault"] = {{"get", 3}};
  seen.decrypts["other"] = {{"thief", 1}};
  CHECK(verdict(check) == Verdict::pass);
  CHECK(result(check).samples == 3);
  seen.decrypts["vault"]["thief"] = 2;
  CHECK(verdict(check) == Verdict::fail);
  CHECK(result(check).figures == "2 of 5 decrypts by others than get, put: thief 2");
}

TEST_CASE_FIXTURE(Bench, "checks: cost is of the run, of a million requests, or of one line") {
  CHECK(verdict(R"({"check": "cost", "max": 1, "per": "run", "paid": "use"})") == Verdict::unknown);
  telemetry::Telemetry& telemetry = emulator->telemetry();
  telemetry.counter("porteiro_gateway_requests_total", R"(route="r",status="200")") += 1000;
  telemetry.counter("porteiro_kms_calls_total", R"(key="k",op="decrypt")") += 1000;
  // 0.001 dollars of requests, 0.003 of calls.
  CHECK(verdict(R"({"check": "cost", "min": 0.00399, "max": 0.00401, "per": "run",
                    "paid": "use"})") == Verdict::pass);
  CHECK(verdict(R"({"check": "cost", "max": 0.0039, "per": "run", "paid": "use"})") ==
        Verdict::fail);
  CHECK(verdict(R"({"check": "cost", "min": 3.99, "max": 4.01, "per": "million requests",
                    "paid": "use"})") == Verdict::pass);
  CHECK(verdict(R"({"check": "cost", "max": 0.0031, "per": "run", "paid": "use",
                    "line": "KMS calls"})") == Verdict::pass);
}

TEST_CASE_FIXTURE(Bench, "checks: access.denied counts who was denied what") {
  CHECK(verdict(R"({"check": "access.denied", "eq": 0})") == Verdict::pass);
  seen.denials[{"spy", "store:get", "A/person"}] = 3;
  seen.denials[{"anonymous", "event:deliver", "fast"}] = 2;
  CHECK(verdict(R"({"check": "access.denied", "eq": 5})") == Verdict::pass);
  CHECK(verdict(R"({"check": "access.denied", "who": "spy", "min": 3})") == Verdict::pass);
  CHECK(verdict(R"({"check": "access.denied", "who": "spy", "min": 4})") == Verdict::fail);
  CHECK(
      verdict(R"({"check": "access.denied", "action": "event:deliver", "on": "fast", "eq": 2})") ==
      Verdict::pass);
  CHECK(verdict(R"({"check": "access.denied", "action": "event:deliver", "on": "A/person",
                    "eq": 0})") == Verdict::pass);
}
