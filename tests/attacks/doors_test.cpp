// Goal: the public port leads to the gateway's routes and nowhere else, and a route to what its
// client may have and nothing more, however the request is dressed up.
#include <doctest/doctest.h>

#include "attacks/bench.hpp"

using namespace porteiro;
using namespace porteiro::attacks;

namespace {

// No route: the answer says so, and holds nothing of what was asked.
void check_no_way(Bench& bench, std::string_view method, std::string_view target,
                  const Headers& headers = lender, std::string_view body = {}) {
  CAPTURE(target);
  const Answer answer = bench.ask(method, target, headers, body);
  CHECK((answer.status == 404 || answer.status == 400 || answer.status == 405));
  CHECK_FALSE(answer.holds(secret_name));
  CHECK_FALSE(answer.holds(ana));
}

void check_status(Bench& bench, int status, std::string_view method, std::string_view target,
                  const Headers& headers, std::string_view body = {}) {
  CAPTURE(target);
  CAPTURE(std::string(body));
  const Answer answer = bench.ask(method, target, headers, body);
  CHECK(answer.status == status);
  CHECK_FALSE(answer.holds(secret_name));
}

struct Registered {
  Registered() { register_ana(bench); }
  Bench bench{Bench::example()};
};

}  // namespace

TEST_CASE("attack: the admin API is asked for at the public port") {
  Registered r;
  for (const char* path :
       {"/_porteiro/", "/_porteiro/metrics", "/_porteiro/events", "/_porteiro/traces",
        "/_porteiro/queues/commands/messages", "/_porteiro/audit"}) {
    check_no_way(r.bench, "GET", path);
  }
}

TEST_CASE("attack: the emulator is to be reset from the public port") {
  Registered r;
  check_no_way(r.bench, "POST", "/_porteiro/reset");
  CHECK(r.bench.ask("GET", "/v1/people/11144477735", lender).status == 200);
}

TEST_CASE("attack: a queue is asked for at the public port, in JSON and as a form") {
  Registered r;
  Headers headers = lender;
  headers.emplace_back("X-Amz-Target", "AmazonSQS.ReceiveMessage");
  check_no_way(r.bench, "POST", "/", headers, R"({"QueueUrl":"commands"})");
  check_no_way(r.bench, "POST", "/?Action=ListQueues", lender);
  check_no_way(r.bench, "POST", "/000000000000/commands", lender, "Action=ReceiveMessage");
}

TEST_CASE("attack: a function is invoked at the public port") {
  Registered r;
  check_no_way(r.bench, "POST", "/2015-03-31/functions/get-person/invocations", lender,
               R"({"path":{"cpf":"11144477735"}})");
}

TEST_CASE("attack: the key service is asked for at the public port") {
  Registered r;
  Headers headers = lender;
  headers.emplace_back("X-Amz-Target", "TrentService.ListKeys");
  check_no_way(r.bench, "POST", "/", headers, "{}");
}

TEST_CASE("attack: the stores' data API is asked for at the public and at the inside port") {
  Registered r;
  check_no_way(r.bench, "GET", "/data/A/person/11144477735");
  const Answer inside =
      r.bench.inside("GET", "/data/A/person/11144477735", {{"Authorization", "Bearer x"}});
  CHECK(inside.status == 404);
}

TEST_CASE("attack: the Runtime API is asked for at the public and at the inside port") {
  Registered r;
  check_no_way(r.bench, "GET", "/2018-06-01/runtime/invocation/next");
  CHECK(r.bench.inside("GET", "/2018-06-01/runtime/invocation/next").status >= 400);
}

TEST_CASE("attack: a path climbs out of its route") {
  Registered r;
  for (const char* path :
       {"/v1/people/../../_porteiro/events", "/v1/../_porteiro/metrics", "/v1/people/..", "/../",
        "/v1/people/%2e%2e/%2e%2e/_porteiro/events", "/v1/people/.%2e/11144477735",
        "/v1/people/%2E%2E%2F%2E%2E%2F_porteiro%2Fevents"}) {
    check_no_way(r.bench, "GET", path);
  }
}

TEST_CASE("attack: a path has empty segments, or a slash too many") {
  Registered r;
  for (const char* path : {"//v1/people/11144477735", "/v1//people/11144477735",
                           "/v1/people//11144477735", "/v1/people/11144477735/"}) {
    check_no_way(r.bench, "GET", path);
  }
}

TEST_CASE("attack: a path hides bytes in percent-encoding") {
  Registered r;
  for (const char* path :
       {"/v1/people/11144477735%00", "/v1/people/%00", "/v1/people/11144477735%2ftrail",
        "/v1/people/%c0%ae%c0%ae", "/v1/people/11144477735%0d%0aX-Api-Key:%20demo-lender-key",
        "/v1/people/%ff%fe", "/v1/people/1114447773%", "/v1/people/11144477735%5c..",
        "/v1%2fpeople%2f11144477735", "/v1/people/11144477735;admin=1"}) {
    check_no_way(r.bench, "GET", path);
  }
}

TEST_CASE("attack: the target is in absolute form, or a fragment, or none") {
  Registered r;
  for (const char* target : {"http://127.0.0.1:4566/_porteiro/events", "*", "", "v1/people",
                             "/v1/people/11144477735#/../../_porteiro"}) {
    check_no_way(r.bench, "GET", target);
  }
}

TEST_CASE("attack: a header asks for another method or another path") {
  Registered r;
  for (const auto& [name, value] : Headers{{"X-HTTP-Method-Override", "DELETE"},
                                           {"X-Method-Override", "GET"},
                                           {"X-Original-URL", "/_porteiro/events"},
                                           {"X-Rewrite-URL", "/_porteiro/metrics"},
                                           {"X-Forwarded-Prefix", "/_porteiro"}}) {
    CAPTURE(name);
    Headers headers = shop;
    headers.emplace_back(name, value);
    // As without it: this client may not read base A.
    check_status(r.bench, 403, "GET", "/v1/people/11144477735", headers);
  }
}

TEST_CASE("attack: a client without the scope reads base A") {
  Registered r;
  check_status(r.bench, 403, "GET", "/v1/people/11144477735", shop);
  check_status(r.bench, 403, "GET", "/v1/people/11144477735/profile", shop);
  check_status(r.bench, 403, "GET", "/v1/people/11144477735/summary", shop);
  CHECK_FALSE(r.bench.denials().empty());
}

TEST_CASE("attack: a client without the scope writes") {
  Registered r;
  check_status(r.bench, 403, "POST", "/v1/people", with_json(shop),
               R"({"cpf":"52998224725","name":"x"})");
  check_status(r.bench, 403, "POST", "/v1/people/11144477735/score", shop);
}

TEST_CASE("attack: nobody, or somebody with a key that is nearly right") {
  Registered r;
  for (const char* key : {"", "demo-lender-ke", "demo-lender-keyy", "DEMO-LENDER-KEY",
                          "demo-lender", "lender", "demo-lender-key,demo-shop-key",
                          "demo-lender-key\t", "*", "' OR 1=1 --", "null", "undefined"}) {
    CAPTURE(key);
    check_status(r.bench, 401, "GET", "/v1/people/11144477735", {{"X-Api-Key", key}});
  }
  check_status(r.bench, 401, "GET", "/v1/people/11144477735", {});
}

TEST_CASE("attack: the key is given where none is looked for") {
  Registered r;
  check_status(r.bench, 401, "GET", "/v1/people/11144477735?api_key=demo-lender-key", {});
  check_status(r.bench, 401, "GET", "/v1/people/11144477735",
               {{"Cookie", "X-Api-Key=demo-lender-key"}});
  check_status(r.bench, 401, "GET", "/v1/people/11144477735", {{"X-Api-Keys", "demo-lender-key"}});
}

TEST_CASE("attack: another client's command is followed") {
  Registered r;
  const Answer accepted =
      r.bench.ask("POST", "/v1/people", with_json(lender), R"({"cpf":"52998224725","name":"Rui"})");
  REQUIRE(accepted.status == 202);
  r.bench.pass(5s);
  check_status(r.bench, 404, "GET", accepted.header("Location"), shop);
  check_status(r.bench, 404, "GET", "/status/00000000000000000000000000000000", lender);
}

TEST_CASE("attack: another client's idempotency key is used to get its answer") {
  Bench bench(Bench::example());
  Headers first = with_json(lender), second = with_json(shop);
  first.emplace_back("Idempotency-Key", "k1");
  second.emplace_back("Idempotency-Key", "k1");
  const char* body = R"({"at":"2026-01-01T10:00:00Z","kind":"card","amount_cents":1290})";
  const Answer mine = bench.ask("POST", "/v1/people/11144477735/movements", first, body);
  bench.pass(5s);
  const Answer other = bench.ask("POST", "/v1/people/11144477735/movements", second, body);
  CHECK(mine.status == 202);
  CHECK(other.status == 202);
  CHECK(mine.header("Location") != other.header("Location"));
}

TEST_CASE("attack: a token is given in place of the value that it stands for") {
  Registered r;
  const std::string token = token_of_ana(r.bench);
  check_status(r.bench, 400, "GET", "/v1/people/" + token, lender);
}

TEST_CASE("attack: a key is a piece of SQL, or a path") {
  Registered r;
  for (const char* key : {"'%20OR%20'1'='1", "11144477735'--", "1;DROP%20TABLE%20person",
                          "..%5c..%5cetc%5cpasswd", "%24%7bjndi:ldap://x%7d", "{{7*7}}"}) {
    check_no_way(r.bench, "GET", std::string("/v1/people/") + key);
  }
  CHECK(r.bench.ask("GET", "/v1/people/11144477735", lender).status == 200);
}

TEST_CASE("attack: a body brings members that the route does not take") {
  Registered r;
  for (
      const char* body :
      {R"({"cpf":"52998224725","name":"x","role":"admin"})",
       R"({"cpf":"52998224725","name":"x","__proto__":{"a":1}})",
       R"({"cpf":"52998224725","name":"x","debts":[{"creditor":"a","amount_cents":1,"status":"open","cpf":"11144477735"}]})",
       R"({"cpf":"52998224725","name":"x","signature":"h1.1.A","principal":"lender"})"}) {
    check_status(r.bench, 400, "POST", "/v1/people", with_json(lender), body);
  }
}

TEST_CASE("attack: a body is ambiguous, or no JSON") {
  Registered r;
  for (const char* body :
       {R"({"cpf":"52998224725","cpf":"11144477735","name":"x"})",
        R"({"cpf":"52998224725","name":"x"}})", "\xef\xbb\xbf{}",
        R"({"cpf":"52998224725","name":"\ud800"})", "{\"cpf\":\"52998224725\",\"name\":\"\xff\"}",
        R"({"cpf":"52998224725","name":NaN})", "[]", "null", R"({"cpf":52998224725,"name":"x"})",
        R"({"cpf":"52998224725","name":"x",})"}) {
    check_status(r.bench, 400, "POST", "/v1/people", with_json(lender), body);
  }
}

TEST_CASE("attack: a body is nested deeper than anything needs, or too large") {
  Bench bench(Bench::example());
  const std::string deep = R"({"cpf":"52998224725","name":"x","address":)" +
                           std::string(100'000, '[') + std::string(100'000, ']') + "}";
  check_status(bench, 400, "POST", "/v1/people", with_json(lender), deep);
  check_status(bench, 413, "POST", "/v1/people", with_json(lender), std::string(2u << 20, ' '));
}

TEST_CASE("attack: a body is declared to be something else") {
  Bench bench(Bench::example());
  const char* body = R"({"cpf":"52998224725","name":"x"})";
  for (const char* type : {"text/plain", "application/xml", "application/x-www-form-urlencoded",
                           "application/json-patch", "multipart/form-data; boundary=x"}) {
    Headers headers = lender;
    headers.emplace_back("Content-Type", type);
    check_status(bench, 415, "POST", "/v1/people", headers, body);
  }
  Headers packed = with_json(lender);
  packed.emplace_back("Content-Encoding", "gzip");
  check_status(bench, 415, "POST", "/v1/people", packed, body);
}

TEST_CASE("attack: a page of another site uses the inside port of whoever visits it") {
  Registered r;
  const Headers pages{
      {"Origin", "https://evil.example"}, {"Origin", "null"}, {"Host", "evil.example"}};
  for (const auto& [name, value] : pages) {
    CAPTURE(value);
    Headers headers{{name, value}};
    for (const char* path : {"/_porteiro/events", "/_porteiro/queues/commands/messages"}) {
      CHECK(r.bench.inside("GET", path, headers).status == 403);
    }
    CHECK(r.bench.inside("POST", "/_porteiro/reset", headers).status == 403);
    if (name == "Host") continue;  // A name of its own is nothing unusual for a service.
    headers.emplace_back("X-Amz-Target", "AmazonSQS.ListQueues");
    CHECK(r.bench.inside("POST", "/", headers, "{}").status == 403);
  }
  CHECK(r.bench.ask("GET", "/v1/people/11144477735", lender).status == 200);
}

TEST_CASE("attack: the contents of a route's queue are read at the inside port") {
  Bench bench(Bench::example({{"functions", {{"register-person", {{"concurrency", 1}}}}}}));
  struct Stuck final : Faults {
    Fault strike(FaultPoint point, std::string_view target) override {
      if (point != FaultPoint::worker_start || target != "register-person") return {};
      return {Fault::Kind::error};
    }
  } stuck;
  bench.world.environment.faults = &stuck;
  const json person{{"cpf", ana}, {"name", secret_name}};
  REQUIRE(bench.ask("POST", "/v1/people", with_json(lender), person.dump()).status == 202);
  const Answer queue = bench.inside("GET", "/_porteiro/queues/commands/messages");
  REQUIRE(queue.holds("person.registered"));
  CHECK_FALSE(queue.holds(ana));
  CHECK_FALSE(queue.holds(secret_name));
  bench.pass(10min);
  const Answer letters = bench.inside("GET", "/_porteiro/queues/commands-dlq/messages");
  REQUIRE(letters.holds("person.registered"));
  CHECK_FALSE(letters.holds(ana));
  CHECK_FALSE(letters.holds(secret_name));
  const Answer received =
      bench.aws("AmazonSQS.ReceiveMessage", {{"QueueUrl", bench.queue_url("commands-dlq")}});
  REQUIRE(received.holds("person.registered"));
  CHECK_FALSE(received.holds(secret_name));
}

TEST_CASE("attack: what the config declares is changed at the inside port") {
  Registered r;
  const std::string arn = "arn:aws:sqs:us-east-1:000000000000:vault";
  CHECK(r.bench.aws("AmazonSQS.DeleteQueue", {{"QueueUrl", r.bench.queue_url("vault")}}).status >=
        400);
  CHECK(r.bench.inside("DELETE", "/2015-03-31/functions/get-person").status >= 400);
  CHECK(r.bench
            .inside("PUT", "/2015-03-31/functions/get-person/code", {},
                    R"({"ZipFile":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="})")
            .status >= 400);
  CHECK(r.bench
            .inside("PUT", "/2015-03-31/functions/get-person/configuration", {},
                    R"({"Environment":{"Variables":{"NODE_OPTIONS":"--inspect"}}})")
            .status >= 400);
  CHECK(r.bench
            .inside("POST", "/2015-03-31/event-source-mappings", {},
                    json{{"EventSourceArn", arn}, {"FunctionName", "get-person"}}.dump())
            .status >= 400);
  CHECK(r.bench.ask("GET", "/v1/people/11144477735", lender).status == 200);
}

TEST_CASE("attack: the developer reads base A by having its function invoked") {
  Registered r;
  const json event = request_for_ana(r.bench);
  for (const char* type : {"RequestResponse", "Event"}) {
    CAPTURE(type);
    const Answer answer = r.bench.inside("POST", "/2015-03-31/functions/get-person/invocations",
                                         {{"X-Amz-Invocation-Type", type}}, event.dump());
    CHECK(answer.status == 403);
    CHECK_FALSE(answer.holds(secret_name));
  }
  CHECK(r.bench.metric("porteiro_access_denied_total{principal=\"developer\"}") == 2);
  const auto told = r.bench.denials();
  REQUIRE_FALSE(told.empty());
  CHECK(told.back().find("function:invoke on get-person") != std::string::npos);
}

TEST_CASE("access: a developer whose role allows it has a function invoked") {
  Bench bench(Bench::example(
      {{"developer", {{"role", "tester"}}},
       {"roles", {{"tester", {{"allow", {{{"do", "function:invoke"}, {"on", "get-trail"}}}}}}}}}));
  const std::string trail = "/2015-03-31/functions/get-trail/invocations";
  CHECK(bench.inside("POST", trail, {}, "{}").status == 200);
  CHECK(bench.inside("POST", "/2015-03-31/functions/get-person/invocations", {}, "{}").status ==
        403);
}

TEST_CASE("attack: who may have a function invoked says what for, and as whose client") {
  Bench bench(Bench::example(
      {{"developer", {{"role", "tester"}}},
       {"roles", {{"tester", {{"allow", {{{"do", "function:invoke"}, {"on", "get-person"}}}}}}}}}));
  register_ana(bench);
  const Answer read = bench.ask("GET", "/v1/people/11144477735", lender);
  REQUIRE(read.holds(secret_name));
  const json event = request_for_ana(bench);
  const Answer answer =
      bench.inside("POST", "/2015-03-31/functions/get-person/invocations", {}, event.dump());
  CHECK(answer.status == 200);  // It was invoked, and got nothing.
  CHECK_FALSE(answer.holds(secret_name));
  const auto told = bench.denials();
  REQUIRE_FALSE(told.empty());
  CHECK(told.back().find("purpose") != std::string::npos);
}

TEST_CASE("attack: nothing that anybody can look at holds what a person has told") {
  Registered r;
  REQUIRE(r.bench.ask("GET", "/v1/people/11144477735", lender).holds(secret_name));
  CHECK_FALSE(r.bench.leaked(secret_name));
  CHECK_FALSE(r.bench.leaked(ana));
  CHECK_FALSE(r.bench.leaked("Banco Canary"));
}
