#include "porteiro/admin/admin.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::admin {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using telemetry::Kind;

struct Desk {
  Desk()
      : telemetry(world.scheduler, {}),
        journal(journal::open({}, world.environment, telemetry).value()),
        events(world.environment, *journal, 1000),
        queues(world.environment, *journal, telemetry),
        admin(telemetry, events, queues,
              {[this] { return ready; },
               [this](UniqueFunction<void(Result<void>)> done) {
                 ++resets;
                 world.scheduler.post([this, done = std::move(done)]() mutable {
                   if (broken) return done(error(Errc::unavailable, "the disk is full"));
                   done(ok());
                 });
               },
               [this](std::string_view name, std::string_view value,
                      UniqueFunction<void(Result<std::string>)> done) {
                 erased = std::string(name) + "=" + std::string(value);
                 if (broken) return done(error(Errc::conflict, "a record holds it"));
                 done(std::string("{\"events\":1}"));
               }}) {
    REQUIRE(journal->start().has_value());
    for (const char* name : {"vault", "a/b"}) {
      queue::Options options;
      options.name = name;
      REQUIRE(queues.declare(options).has_value());
    }
  }
  http::Response ask(std::string_view method, std::string_view target,
                     std::string_view host = "localhost:4566", std::string_view body = {}) {
    const http::HeaderView headers[] = {{"Host", host}};
    http::Response out;
    int answers = 0;
    admin.handle({.method = method, .target = target, .headers = headers, .body = body, .peer = {}},
                 [&](http::Response response) {
                   ++answers;
                   out = std::move(response);
                 });
    world.scheduler.run_for(1ms);
    REQUIRE(answers == 1);
    return out;
  }
  json get(std::string_view target) {
    const http::Response response = ask("GET", target);
    REQUIRE(response.status == 200);
    return json::parse(response.body);
  }
  void event(Id correlation, const char* type) {
    events::Event event;
    event.id = make_id(world.entropy);
    event.source = "/test";
    event.type = type;
    event.time = world.scheduler.now();
    event.correlation = correlation;
    event.data = "{}";
    events.append(std::make_shared<const std::string>(events::to_json(event)));
  }

  virtual_world::World world;
  telemetry::Telemetry telemetry;
  std::unique_ptr<journal::Journal> journal;
  events::EventLog events;
  queue::Queues queues;
  bool ready = false, broken = false;
  int resets = 0;
  std::string erased;
  Admin admin;
};

const Id one{1, 1}, two{2, 2};

}  // namespace

TEST_CASE("admin: health and readiness") {
  Desk desk;
  CHECK(desk.get("/_porteiro/health") == json{{"status", "ok"}});
  CHECK(desk.ask("GET", "/_porteiro/ready").status == 503);
  desk.ready = true;
  CHECK(desk.ask("GET", "/_porteiro/ready").status == 200);
}

TEST_CASE("admin: metrics as Prometheus reads them") {
  Desk desk;
  ++desk.telemetry.counter("porteiro_test_total", "route=\"x\"");
  const http::Response response = desk.ask("GET", "/_porteiro/metrics");
  CHECK(response.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(response.body.find("porteiro_test_total{route=\"x\"} 1") != std::string::npos);
}

TEST_CASE("admin: only this machine's own side is answered") {
  Desk desk;
  for (const char* target : {"/_porteiro/health", "/_porteiro/events", "/nothing"}) {
    const http::Response response = desk.ask("GET", target, "attacker.example");
    CHECK(response.status == 403);
    CHECK(response.content_type == "application/problem+json");
  }
  CHECK(desk.ask("POST", "/_porteiro/reset", "attacker.example").status == 403);
  CHECK(desk.resets == 0);
}

TEST_CASE("admin: an erasure takes a token's name and a value, in the body, of this machine only") {
  Desk desk;
  constexpr std::string_view path = "/_porteiro/erase", local = "localhost:4566";
  constexpr std::string_view ana = R"({"token":"cpf","value":"111.444.777-35"})";
  CHECK(desk.ask("POST", path, local, ana).status == 503);  // Not ready.
  desk.ready = true;
  CHECK(desk.ask("POST", path, "attacker.example", ana).status == 403);
  CHECK(desk.ask("GET", path).status == 405);
  for (const std::string_view body :
       {"", "{", "[]", "7", R"({"token":"cpf"})", R"({"token":"cpf","value":""})",
        R"({"token":["cpf"],"value":"1"})", R"({"token":"cpf","value":11144477735})"}) {
    CAPTURE(body);
    const http::Response refused = desk.ask("POST", path, local, body);
    CHECK(refused.status == 400);
    CHECK(refused.body.find("11144477735") == std::string::npos);
  }
  CHECK(desk.erased.empty());
  const http::Response done = desk.ask("POST", path, local, ana);
  CHECK(done.status == 200);
  CHECK(done.body == R"({"events":1})");
  CHECK(desk.erased == "cpf=111.444.777-35");
  desk.broken = true;
  CHECK(desk.ask("POST", path, local, ana).status == 409);
}

TEST_CASE("admin: unknown paths get a hint, wrong methods an Allow") {
  Desk desk;
  for (const char* target : {"/", "/_porteiro", "/_porteiro/", "/_porteiro/x", "/_porteiro/queues/",
                             "/_porteiro/queues/none/messages", "/_porteiro/queues/vault"}) {
    CAPTURE(target);
    const http::Response response = desk.ask("GET", target);
    CHECK(response.status == 404);
    CHECK(response.body.find("/_porteiro/") != std::string::npos);
  }
  for (const char* target : {"/_porteiro/health", "/_porteiro/events", "/_porteiro/queues"}) {
    CHECK(desk.ask("POST", target).status == 405);
    CHECK(desk.ask("HEAD", target).status == 200);
  }
  const http::Response reset = desk.ask("GET", "/_porteiro/reset");
  CHECK(reset.status == 405);
  CHECK(reset.headers[0].value == "POST");
  CHECK(desk.resets == 0);
}

TEST_CASE("admin: events page by number and are found by correlation") {
  Desk desk;
  for (int i = 0; i < 5; ++i) desk.event(i % 2 == 0 ? one : two, "asked");
  json page = desk.get("/_porteiro/events?limit=2");
  CHECK(page["events"].size() == 2);
  CHECK(page["events"][0]["number"] == 1);
  CHECK(page["events"][0]["event"]["type"] == "asked");
  CHECK(page["next"] == 3);
  page = desk.get("/_porteiro/events?limit=100&from=3");
  CHECK(page["events"].size() == 3);
  CHECK(page["next"] == 6);
  page = desk.get("/_porteiro/events?from=6");
  CHECK(page["events"].empty());
  CHECK(page["next"] == 6);
  page = desk.get("/_porteiro/events?newest=2");
  CHECK(page["events"][0]["number"] == 4);
  CHECK(page["events"].size() == 2);
  CHECK(desk.get("/_porteiro/events?newest=100")["events"].size() == 5);
  page = desk.get("/_porteiro/events?correlation=" + to_text(two));
  CHECK(page["events"].size() == 2);
  CHECK(page["events"][1]["number"] == 4);
  for (const char* query : {"limit=0", "limit=1001", "limit=x", "from=-1", "newest=1e3",
                            "correlation=xyz", "limit=99999999999999999999"}) {
    CAPTURE(query);
    CHECK(desk.ask("GET", std::string("/_porteiro/events?") + query).status == 400);
  }
}

TEST_CASE("admin: one trace has its records and its events") {
  Desk desk;
  const auto route = desk.telemetry.intern("GET /v1/x");
  desk.telemetry.record(Kind::request_received, one, route);
  desk.telemetry.record(Kind::request_received, two, route);
  desk.event(one, "asked");
  desk.telemetry.record(Kind::reply_sent, one, route, 200, 5);
  const json trace = desk.get("/_porteiro/traces/" + to_text(one));
  CHECK(trace["id"] == to_text(one));
  REQUIRE(trace["records"].size() == 2);
  CHECK(trace["records"][1]["kind"] == "reply.sent");
  REQUIRE(trace["events"].size() == 1);
  CHECK(trace["events"][0]["event"]["correlationid"] == to_text(one));
  CHECK(desk.ask("GET", "/_porteiro/traces/" + to_text(Id{9, 9})).status == 404);
  CHECK(desk.ask("GET", "/_porteiro/traces/nonsense").status == 400);
}

TEST_CASE("admin: the newest traces come first, with route, status and duration") {
  Desk desk;
  const auto route = desk.telemetry.intern("GET /v1/x");
  desk.telemetry.record(Kind::request_received, one, route);
  desk.telemetry.record(Kind::request_received, two, route);
  desk.world.scheduler.run_for(2ms);
  desk.telemetry.record(Kind::reply_sent, one, route, 200);
  desk.telemetry.record(Kind::kms_called, Id{3, 3}, route);  // Without a request: none of them.
  json traces = desk.get("/_porteiro/traces")["traces"];
  REQUIRE(traces.size() == 2);
  CHECK(traces[0]["id"] == to_text(one));
  CHECK(traces[0]["route"] == "GET /v1/x");
  CHECK(traces[0]["status"] == 200);
  CHECK(traces[0]["duration"] == "2ms");
  CHECK_FALSE(traces[1].contains("status"));
  CHECK(desk.get("/_porteiro/traces?limit=1")["traces"].size() == 1);
  CHECK(desk.ask("GET", "/_porteiro/traces?limit=x").status == 400);
}

TEST_CASE("admin: queues and what is in them") {
  Desk desk;
  queue::Queue& vault = *desk.queues.find("vault");
  REQUIRE(vault.send({.body = "{\"a\":\"b\"}", .trace = one}).has_value());
  REQUIRE(vault.send({.body = "\xff"}).has_value());
  REQUIRE(desk.queues.find("a/b")->send({.body = "x"}).has_value());
  vault.receive(1);
  const json queues = desk.get("/_porteiro/queues")["queues"];
  REQUIRE(queues.size() == 2);
  const json& found = queues[0]["name"] == "vault" ? queues[0] : queues[1];
  CHECK(found["depth"] == json{{"ready", 1}, {"delayed", 0}, {"in_flight", 1}, {"total", 2}});
  CHECK(found["options"]["visibility"] == "30s");
  const json messages = desk.get("/_porteiro/queues/vault/messages")["messages"];
  REQUIRE(messages.size() == 2);
  CHECK(messages[0]["body"] == "{\"a\":\"b\"}");
  CHECK(messages[0]["trace"] == to_text(one));
  CHECK(messages[0]["receives"] == 1);
  CHECK(messages[1]["body_base64"] == "/w==");
  CHECK(desk.get("/_porteiro/queues/vault/messages?max=1")["messages"].size() == 1);
  CHECK(desk.get("/_porteiro/queues/a%2Fb/messages")["messages"].size() == 1);
  CHECK(desk.ask("GET", "/_porteiro/queues/vault/messages?max=101").status == 400);
}

TEST_CASE("admin: reset answers when it is done") {
  Desk desk;
  CHECK(desk.ask("POST", "/_porteiro/reset").status == 200);
  CHECK(desk.resets == 1);
  desk.broken = true;
  CHECK(desk.ask("POST", "/_porteiro/reset").status == 503);
}

}  // namespace porteiro::admin
