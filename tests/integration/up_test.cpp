// Goal: what the README shows in five minutes of curl works against the real program, and what is
// wrong is refused in the way that HTTP has for it.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <set>

#include "integration/process.hpp"
#include "integration/wire.hpp"

namespace porteiro::integration {
namespace {

constexpr const char* maria = "11144477735";
constexpr const char* nobody = "52998224725";

json profile() {
  return {{"age", 41},
          {"region", "northeast"},
          {"assets", json::array({{{"kind", "car"}, {"value_cents", 4500000}, {"owed_cents", 0}}})},
          {"income_sources", json::array({{{"kind", "salary"}, {"monthly_cents", 850000}}})}};
}

std::string path_of(std::string_view rest = {}) {
  return std::string("/v1/people/") + maria + std::string(rest);
}

void check_problem(const Reply& reply, int status) {
  INFO("reply: ", reply.text);
  CHECK(reply.status == status);
  CHECK(reply.content_type.starts_with("application/problem+json"));
  REQUIRE(reply.body.is_object());
  CHECK(reply.body["status"] == status);
  CHECK(!reply.body.value("title", "").empty());
  CHECK(!reply.header("X-Correlation-Id").empty());
}

std::set<std::string> kinds_of(const json& trace) {
  std::set<std::string> kinds;
  for (const json& record : trace["records"]) kinds.insert(record["kind"].get<std::string>());
  return kinds;
}

}  // namespace

TEST_CASE("up: a person is registered, followed to the end, and read back in clear") {
  Loop loop;
  Instance porteiro(loop);
  const Reply accepted = porteiro.call("POST", "/v1/people", person(maria, "Maria das Dores"));
  INFO("reply: ", accepted.text);
  REQUIRE(accepted.status == 202);
  const std::string location = accepted.header("Location");
  REQUIRE(location.starts_with("/status/"));
  const json outcome = porteiro.outcome(location);
  CHECK(outcome["status"] == "succeeded");
  CHECK(porteiro.get(location, shop).status == 404);  // Another client's command does not exist.

  const Reply read = porteiro.get(path_of());
  INFO("reply: ", read.text);
  REQUIRE(read.status == 200);
  CHECK(read.content_type == "application/json");
  CHECK(read.body["cpf"] == maria);
  CHECK(read.body["name"] == "Maria das Dores");
  CHECK(read.body["address"]["street"] == "Rua das Laranjeiras");
  REQUIRE(read.body["debts"].size() == 2);
  std::set<std::string> creditors;
  for (const json& debt : read.body["debts"]) creditors.insert(debt["creditor"]);
  CHECK(creditors == std::set<std::string>{"Banco Marabaixo", "Loja Sete Estrelas"});
  CHECK(porteiro.get("/v1/people/111.444.777-35").status == 200);  // As people write a CPF.
}

TEST_CASE("up: profile, score, movements and the summary that follows them") {
  Loop loop;
  Instance porteiro(loop);
  porteiro.done("PUT", path_of("/profile"), profile());
  const Reply read = porteiro.get(path_of("/profile"));
  REQUIRE(read.status == 200);
  CHECK(read.body["age"] == 41);
  CHECK(read.body["assets"][0]["kind"] == "car");

  const Reply score = porteiro.call("POST", path_of("/score"));
  INFO("score: ", score.text);
  REQUIRE(score.status == 200);
  CHECK(score.body["score"] == 520);  // 300 + 170 (income) + 4 (assets) + 46 (age).
  CHECK(score.body["band"] == "good");
  CHECK(porteiro.get(path_of("/profile")).body["score"] == 520);

  porteiro.done("POST", path_of("/movements"), movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1),
                shop);
  porteiro.done("POST", path_of("/movements"), movement("8d444840-9dc0-11d1-b245-5ffdce74fad2", 2),
                shop);
  const Reply trail = porteiro.get(path_of("/trail"), shop);
  INFO("trail: ", trail.text);
  REQUIRE(trail.status == 200);
  REQUIRE(trail.body["movements"].size() == 2);
  CHECK(trail.body["movements"][0]["amount_cents"] == 1);
  CHECK(trail.body["movements"][1]["transaction_id"] == "8d444840-9dc0-11d1-b245-5ffdce74fad2");

  Reply summary;
  const bool level = [&] {
    for (int i = 0; i < 1000; ++i) {
      summary = porteiro.get(path_of("/summary"));
      if (summary.status == 200 && summary.body["movements"] == 2 && summary.body["score"] == 520) {
        return true;
      }
    }
    return false;
  }();
  INFO("summary: ", summary.text);
  CHECK(level);
  CHECK(summary.body["age"] == 41);
  CHECK(summary.body["last_movement"]["amount_cents"] == 2);
  CHECK(summary.header("Age") == "0");
  CHECK(!summary.header("X-Model-Age-Ms").empty());
}

TEST_CASE("up: keys and scopes are checked") {
  Loop loop;
  Instance porteiro(loop);
  const Reply wrong = porteiro.get(path_of(), "demo-lender-kez");
  check_problem(wrong, 401);
  CHECK(!wrong.header("WWW-Authenticate").empty());
  check_problem(porteiro.get(path_of(), ""), 401);
  const Reply scope = porteiro.get(path_of(), shop);
  check_problem(scope, 403);
  CHECK(scope.text.find("people") != std::string::npos);
  CHECK(porteiro.call("GET", path_of(), nullptr, {{"Authorization", "Bearer demo-lender-key"}}, "")
            .status == 404);
}

TEST_CASE("up: what is not there, not allowed or not acceptable") {
  Loop loop;
  Instance porteiro(loop);
  check_problem(porteiro.get(std::string("/v1/people/") + nobody), 404);
  check_problem(porteiro.get(std::string("/v1/people/") + nobody + "/trail"), 404);
  check_problem(porteiro.get(std::string("/v1/people/") + nobody + "/summary"), 404);
  check_problem(porteiro.get("/v1/nothing"), 404);
  check_problem(porteiro.get("/status/0123456789abcdef0123456789abcdef"), 404);
  const Reply method = porteiro.call("DELETE", "/v1/people");
  check_problem(method, 405);
  CHECK(method.header("Allow") == "POST");

  const Reply digits = porteiro.get("/v1/people/11144477734");
  check_problem(digits, 400);
  CHECK(digits.body["field"] == "path.cpf");
  CHECK(digits.text.find("11144477734") == std::string::npos);  // No value of a client.
  check_problem(porteiro.get("/v1/people/11111111111"), 400);
  json wrong = person("11144477734", "Maria");
  const Reply body = porteiro.call("POST", "/v1/people", wrong);
  check_problem(body, 400);
  CHECK(body.body["field"] == "body.cpf");
  wrong = person(maria, "Maria");
  wrong["debts"][1]["status"] = "forgiven";
  CHECK(porteiro.call("POST", "/v1/people", wrong).body["field"] == "body.debts[1].status");
  wrong = person(maria, "Maria");
  wrong["nickname"] = "Duda";
  check_problem(porteiro.call("POST", "/v1/people", wrong), 400);
  wrong.erase("nickname");
  wrong.erase("name");
  CHECK(porteiro.call("POST", "/v1/people", wrong).body["field"] == "body.name");
}

TEST_CASE("up: bodies that are too large, not JSON or malformed") {
  Loop loop;
  Instance porteiro(loop);
  http::ClientRequest request;
  request.method = "POST";
  request.url = porteiro.gateway("/v1/people");
  request.headers = {{"X-Api-Key", lender}, {"Content-Type", "application/json"}};
  request.body = std::string((1u << 20) + 1, ' ');
  CHECK(porteiro.send(request).status == 413);
  for (const char* text :
       {"{", "", "[]", "{\"cpf\":}", "{\"cpf\":\"11144477735\",}", "nul", "\"\xff\""}) {
    INFO("body: ", text);
    request.body = text;
    check_problem(porteiro.send(request), 400);
  }
  request.body = person(maria, "Maria").dump();
  request.headers.back() = {"Content-Type", "text/plain"};
  check_problem(porteiro.send(request), 415);
  request.headers.back() = {"Content-Type", "application/json; charset=utf-8"};
  CHECK(porteiro.send(request).status == 202);
}

TEST_CASE("up: an idempotency key makes one command of the same request, and none of another") {
  Loop loop;
  Instance porteiro(loop);
  const auto post = [&](const json& body, const std::string& key, const char* client = shop) {
    return porteiro.call("POST", path_of("/movements"), body, {{"Idempotency-Key", key}}, client);
  };
  const json first = movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 100);
  const Reply accepted = post(first, "order-7");
  REQUIRE(accepted.status == 202);
  const Reply again = post(first, "order-7");
  CHECK(again.status == 202);
  CHECK(again.header("Location") == accepted.header("Location"));
  const Reply other = post(movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 101), "order-7");
  check_problem(other, 422);
  CHECK(other.body["field"] == "Idempotency-Key");
  CHECK(porteiro.outcome(accepted.header("Location"), shop)["status"] == "succeeded");
  CHECK(post(first, "order-7").header("Location") == accepted.header("Location"));
  CHECK(post(first, "order-7", lender).header("Location") != accepted.header("Location"));
  check_problem(post(first, std::string(300, 'x')), 400);
  const Reply lenders = post(first, "order-7", lender);
  CHECK(porteiro.outcome(lenders.header("Location"))["status"] == "succeeded");
  CHECK(porteiro.get(path_of("/trail"), shop).body["movements"].size() == 2);
}

TEST_CASE("up: an idempotency key on a synchronous command gives the same answer again") {
  Loop loop;
  Instance porteiro(loop);
  porteiro.done("PUT", path_of("/profile"), profile());
  const auto score = [&] {
    return porteiro.call("POST", path_of("/score"), nullptr, {{"Idempotency-Key", "score-1"}});
  };
  const Reply first = score();
  REQUIRE(first.status == 200);
  CHECK(first.header("Idempotent-Replayed").empty());
  const Reply again = score();
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  CHECK(again.header("Idempotent-Replayed") == "true");
}

TEST_CASE("up: a synchronous route can be asked to answer later") {
  Loop loop;
  Instance porteiro(loop);
  porteiro.done("POST", "/v1/people", person(maria, "Maria das Dores"));
  const Reply accepted =
      porteiro.call("GET", path_of(), nullptr, {{"Prefer", "wait=5, respond-async"}});
  REQUIRE(accepted.status == 202);
  CHECK(accepted.header("Preference-Applied") == "respond-async");
  const json outcome = porteiro.outcome(accepted.header("Location"));
  INFO("outcome: ", outcome.dump());
  CHECK(outcome["status"] == "succeeded");
  CHECK(outcome["reply_status"] == 200);
  CHECK(outcome["reply"]["name"] == "Maria das Dores");

  const Reply unknown = porteiro.call("GET", std::string("/v1/people/") + nobody, nullptr,
                                      {{"Prefer", "respond-async"}});
  REQUIRE(unknown.status == 202);
  const json failed = porteiro.outcome(unknown.header("Location"));
  CHECK(failed["status"] == "failed");
  CHECK(failed["reply_status"] == 404);
}

TEST_CASE("up: the gateway serves a unix-domain socket, too") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string socket = directory.path("gateway.sock");
  const std::string config = example_variant(
      directory.path("config.json"), [&](json& it) { it["listen"]["public_socket"] = socket; });
  for (const bool graceful : {false, true}) {
    Instance porteiro(loop,
                      {.config = config, .arguments = {}, .environment = {}, .directory = {}});
    CHECK(porteiro.process().out().find("unix:" + socket) != std::string::npos);
    http::ClientRequest request;
    request.url = "unix:" + socket + "|" + path_of("/trail");
    request.headers = {{"X-Api-Key", shop}};
    CHECK(porteiro.send(request).status == 404);
    porteiro.done("POST", path_of("/movements"),
                  movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1), shop);
    CHECK(porteiro.send(request).status == 200);
    if (graceful) {
      porteiro.stop();
    } else {
      porteiro.kill();  // What is left of the socket does not hinder the next start.
    }
  }
}

TEST_CASE("up: health, readiness, metrics and queues are on the inside port only") {
  Loop loop;
  Instance porteiro(loop);
  CHECK(porteiro.ask("/_porteiro/health").body == json{{"status", "ok"}});
  CHECK(porteiro.ask("/_porteiro/ready").status == 200);
  porteiro.done("POST", path_of("/movements"), movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1),
                shop);
  const Reply metrics = porteiro.ask("/_porteiro/metrics");
  CHECK(metrics.content_type.starts_with("text/plain"));
  CHECK(
      metrics.text.find("porteiro_gateway_requests_total{route=\"POST /v1/people/{cpf}/movements\","
                        "status=\"202\"} 1") != std::string::npos);
  const Reply queues = porteiro.ask("/_porteiro/queues");
  REQUIRE(queues.status == 200);
  CHECK(queues.body["queues"].size() == 5);
  CHECK(porteiro.ask("/_porteiro/nothing").status == 404);
  CHECK(porteiro.ask("/_porteiro/health", "DELETE").status == 405);
  CHECK(porteiro.ask("/v1/people").status == 404);
  check_problem(porteiro.get("/_porteiro/health"), 404);
  check_problem(porteiro.call("POST", "/_porteiro/reset"), 404);
}

TEST_CASE("up: one correlation id, the client's, follows a request through every hop") {
  Loop loop;
  Instance porteiro(loop);
  porteiro.done("POST", path_of("/movements"), movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1),
                shop);
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const Reply read = porteiro.call("GET", path_of("/trail"), nullptr,
                                   {{"traceparent", "00-" + id + "-00f067aa0ba902b7-01"}}, shop);
  REQUIRE(read.status == 200);
  CHECK(read.header("X-Correlation-Id") == id);
  const Reply trace = porteiro.ask("/_porteiro/traces/" + id);
  INFO("trace: ", trace.text);
  REQUIRE(trace.status == 200);
  const std::set<std::string> kinds = kinds_of(trace.body);
  for (const char* kind :
       {"request.received", "event.created", "message.sent", "message.received",
        "invocation.started", "store.read", "invocation.ended", "message.deleted", "reply.sent"}) {
    CHECK_MESSAGE(kinds.contains(kind), kind);
  }
  for (const json& record : trace.body["records"]) CHECK(record["trace"] == id);
  REQUIRE(trace.body["events"].size() >= 1);
  CHECK(trace.body["events"][0]["event"]["type"] == "trail.requested");
  CHECK(trace.text.find(maria) == std::string::npos);
  CHECK(porteiro.ask("/_porteiro/traces/4bf92f3577b34da6a3ce929d0e0e4737").status == 404);
  CHECK(porteiro.ask("/_porteiro/traces/xyz").status == 400);

  const Reply command =
      porteiro.call("POST", "/v1/people", person(maria, "Maria"),
                    {{"traceparent", "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  REQUIRE(command.status == 202);
  const json outcome = porteiro.outcome(command.header("Location"));
  CHECK(outcome["correlation"] == "5bf92f3577b34da6a3ce929d0e0e4736");
  const json written = porteiro.ask("/_porteiro/traces/5bf92f3577b34da6a3ce929d0e0e4736").body;
  CHECK(kinds_of(written).contains("store.written"));
  CHECK(kinds_of(written).contains("reply.stored"));
  const json events =
      porteiro.ask("/_porteiro/events?correlation=5bf92f3577b34da6a3ce929d0e0e4736").body;
  REQUIRE(events["events"].size() == 2);
  CHECK(events["events"][0]["event"]["type"] == "person.registered");
  CHECK(events["events"][0]["event"]["correlationid"] == "5bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(events["events"][1]["event"]["type"] == "porteiro.command.completed");
}

TEST_CASE("up: events hold no restricted value") {
  Loop loop;
  Instance porteiro(loop);
  porteiro.done("POST", "/v1/people", person(maria, "Maria das Dores"));
  CHECK(porteiro.get(path_of()).status == 200);
  CHECK(porteiro.get(path_of(), shop).status == 403);
  const Reply events = porteiro.ask("/_porteiro/events?limit=1000");
  REQUIRE(events.body["events"].size() == 4);  // Registered, completed, requested, refused.
  CHECK(events.body["events"][3]["event"]["type"] == "porteiro.request.refused");
  for (const char* secret : {maria, "Maria", "Laranjeiras", "Marabaixo", lender}) {
    CHECK_MESSAGE(events.text.find(secret) == std::string::npos, secret);
  }
  CHECK(porteiro.ask("/_porteiro/events?from=3&limit=1").body["events"][0]["number"] == 3);
  CHECK(porteiro.ask("/_porteiro/events?newest=1").body["events"][0]["number"] == 4);
}

TEST_CASE("up: a page from elsewhere cannot reach the inside port") {
  Loop loop;
  Instance porteiro(loop);
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"}) {
    Wire wire(loop, porteiro.inside_port());
    REQUIRE(wire.send(std::string("GET /_porteiro/health HTTP/1.1\r\nHost: ") + host + "\r\n\r\n"));
    CHECK(wire.until_received("HTTP/1.1 403"));
  }
  http::ClientRequest request;
  request.method = "POST";
  request.url = porteiro.inside("/_porteiro/reset");
  request.headers = {{"Origin", "https://evil.example"}};
  CHECK(porteiro.send(request).status == 403);
  request.headers = {{"Origin", "http://localhost:3000"}};
  CHECK(porteiro.send(request).status == 200);
}

TEST_CASE("up: a reset empties everything, and the instance goes on") {
  for (const bool kept : {false, true}) {
    CAPTURE(kept);
    Loop loop;
    TemporaryDirectory data;
    Instance::Setup setup;
    if (kept) setup.arguments = {"--data", data.path("data")};
    Instance porteiro(loop, setup);
    const auto fill = [&] {
      porteiro.done("POST", "/v1/people", person(maria, "Maria das Dores"));
      porteiro.done("PUT", path_of("/profile"), profile());
      porteiro.done("POST", path_of("/movements"),
                    movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1), shop);
    };
    fill();
    const Reply keyed = porteiro.call("POST", path_of("/movements"),
                                      movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 2),
                                      {{"Idempotency-Key", "k"}}, shop);
    const std::string location = keyed.header("Location");
    CHECK(porteiro.outcome(location, shop)["status"] == "succeeded");

    const Reply reset = porteiro.ask("/_porteiro/reset", "POST");
    INFO("reset: ", reset.text);
    REQUIRE(reset.status == 200);
    for (const char* rest : {"", "/profile", "/trail", "/summary"}) {
      CHECK_MESSAGE(porteiro.get(path_of(rest)).status == 404, rest);
    }
    CHECK(porteiro.get(location, shop).status == 404);
    CHECK(porteiro.ask("/_porteiro/ready").status == 200);

    fill();
    CHECK(porteiro.get(path_of("/trail"), shop).body["movements"].size() == 1);
    if (!kept) continue;
    porteiro.stop();
    Instance again(loop, setup);
    CHECK(again.get(path_of("/trail"), shop).body["movements"].size() == 1);
    CHECK(again.get(path_of()).body["name"] == "Maria das Dores");
    again.stop();
  }
}

TEST_CASE("up: a graceful stop answers every request that it accepted") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string config =
      example_variant(directory.path("config.json"), [](json& it) {  // Each request takes so long.
        it["queues"]["fast"]["delay"] = "500ms";
      });
  Instance porteiro(loop, {.config = config, .arguments = {}, .environment = {}, .directory = {}});
  constexpr int requests = 100;
  int answered = 0, right = 0;
  for (int i = 0; i < requests; ++i) {
    http::ClientRequest request;
    request.url = porteiro.gateway(path_of("/trail"));
    request.headers = {{"X-Api-Key", shop}};
    loop.runtime().client().send(std::move(request), [&](Result<http::Response> response) {
      ++answered;
      if (response && response.value().status == 404) ++right;
    });
  }
  std::string metrics;
  const std::string waiting = "\nporteiro_gateway_waiting " + std::to_string(requests) + "\n";
  const auto all_wait = [&] {
    metrics = "\n" + porteiro.ask("/_porteiro/metrics").text;
    return metrics.find(waiting) != std::string::npos || answered > 0;
  };
  while (!all_wait()) {
  }
  REQUIRE_MESSAGE(answered == 0, "too slow to see them wait; metrics: ", metrics);
  porteiro.process().signal(SIGTERM);
  CHECK(porteiro.process().wait() == 0);
  CHECK(loop.until([&] { return answered == requests; }));
  CHECK(right == requests);
}

TEST_CASE("up: without a config the services start alone") {
  Loop loop;
  Instance porteiro(loop, {.config = "", .arguments = {}, .environment = {}, .directory = {}});
  CHECK(porteiro.ask("/_porteiro/ready").status == 200);
  check_problem(porteiro.get("/v1/people"), 404);
  porteiro.process().signal(SIGINT);
  CHECK(porteiro.process().wait() == 0);
}

}  // namespace porteiro::integration
