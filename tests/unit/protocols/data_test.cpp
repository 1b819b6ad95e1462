// Goal: a worker reaches the stores with its own token and what its function's role allows, and
// what it may not, or asks wrongly, is refused without a word of what was in it.
#include "porteiro/protocols/data.hpp"

#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::lambda::test;

namespace {

constexpr const char* loan = "7d444840-9dc0-41d1-b245-5ffdce74fad2";
constexpr const char* canary = "52998224725";  // A CPF that no answer may hold.

struct Answer {
  int status = 0;
  std::string body;
  std::vector<http::Header> headers;

  std::string header(std::string_view name) const {
    for (const http::Header& each : headers) {
      if (each.name == name) return each.value;
    }
    return {};
  }
  json document() const { return json::parse(body); }
  std::string code() const { return document().value("code", ""); }
  std::string field() const { return document().value("field", ""); }
};

struct Data1 {
  explicit Data1(std::vector<access::Rule> rules = {{"store:*", "*"}})
      : guard({{"r", std::move(rules)}}, b.world.scheduler, b.telemetry),
        data(b.world.scheduler, b.stores) {
    *caller = worker("f");
  }
  lambda::Caller worker(const std::string& function, const std::string& role = "r") {
    lambda::Caller made;
    made.function = function;
    made.stores =
        &reaches.emplace_back(b.stores, guard, b.world.scheduler, stores::Asker{function, role});
    made.token = "token-of-this-worker";
    made.trace = Id{7, 7};
    return made;
  }

  using Headers = std::vector<http::HeaderView>;
  std::shared_ptr<std::optional<Answer>> start(std::string_view method, const std::string& target,
                                               std::string_view body = {}, Headers headers = {}) {
    auto answer = std::make_shared<std::optional<Answer>>();
    if (authorization != nullptr) headers.push_back({"authorization", authorization});
    const http::Request request{method, target, headers, body, "simulation"};
    data.handle(caller, request, [answer](http::Response response) {
      REQUIRE_FALSE(answer->has_value());
      *answer = Answer{response.status, response.body, response.headers};
    });
    b.settle();
    return answer;
  }
  Answer ask(std::string_view method, const std::string& target, std::string_view body = {},
             Headers headers = {}) {
    const auto answer = start(method, "/data/" + target, body, std::move(headers));
    REQUIRE(answer->has_value());
    return **answer;
  }
  void put_person() {
    REQUIRE(ask("PUT", std::string("A/person/") + cpf, R"({"name":"Ana"})").status == 200);
  }
  Answer put_debt(int number, const char* status, int cents) {
    const std::string id = "00000000-0000-4000-8000-00000000000" + std::to_string(number);
    const json debt{{"cpf", cpf}, {"creditor", "Banco"}, {"cents", cents}, {"status", status}};
    return ask("PUT", "A/debt/" + id, debt.dump());
  }
  std::string token() { return b.tokens->make("cpf", cpf).value(); }
  std::string notes() {
    std::string all;
    for (const auto& each : b.records(telemetry::Kind::note)) {
      all += b.telemetry.note_text(each.extra);
    }
    return all;
  }

  Bench b;
  access::Guard guard;
  std::deque<stores::Accesses> reaches;
  Data data;
  std::shared_ptr<lambda::Caller> caller = std::make_shared<lambda::Caller>();
  const char* authorization = "Bearer token-of-this-worker";
};

}  // namespace

TEST_CASE("data: only the worker's own token opens the door") {
  Data1 d;
  for (const char* given :
       {static_cast<const char*>(nullptr), "", "Bearer", "Bearer ", "Bearer token-of-this-worke",
        "Bearer token-of-this-worker ", "Basic token-of-this-worker", "token-of-this-worker"}) {
    CAPTURE(given);
    d.authorization = given;
    const Answer answer = d.ask("GET", std::string("A/person/") + canary);
    CHECK(answer.status == 401);
    CHECK(answer.code() == "unauthenticated");
    CHECK(answer.header("WWW-Authenticate") == "Bearer");
    CHECK(answer.body.find("token-of") == std::string::npos);
  }
  d.authorization = "bearer token-of-this-worker";
  CHECK(d.ask("GET", std::string("A/person/") + cpf).status == 404);
  d.caller->token.clear();  // Without a token nothing is right.
  d.authorization = "Bearer ";
  CHECK(d.ask("GET", std::string("A/person/") + cpf).status == 401);
}

TEST_CASE("data: a worker without an invocation is not served") {
  Data1 d;
  d.caller->active = false;
  CHECK(d.ask("GET", std::string("A/person/") + cpf).status == 403);
  d.caller->active = true;
  CHECK(d.ask("GET", std::string("A/person/") + cpf).status == 404);
}

TEST_CASE("data: paths and methods") {
  Data1 d;
  const auto expect = [&](const char* method, const char* target, int status) {
    CAPTURE(method);
    CAPTURE(target);
    const auto answer = d.start(method, target, "{}");
    REQUIRE(answer->has_value());
    CHECK((*answer)->status == status);
    CHECK((*answer)->document()["status"] == status);
    return **answer;
  };
  for (const char* path : {"/data", "/data/", "/data/A", "/data/A/person", "/data/A/person/",
                           "/data//person/x", "/data/A/person/x/f/g", "/data/A/other"}) {
    expect("GET", path, 404);
  }
  expect("GET", "/data/A/person/%zz", 400);
  CHECK(expect("PATCH", "/data/A/person/x", 405).header("Allow") == "GET, PUT, DELETE");
  CHECK(expect("POST", "/data/A/person/x", 405).header("Allow") == "GET, PUT, DELETE");
  CHECK(expect("GET", "/data/A/batch", 405).header("Allow") == "POST");
  CHECK(expect("POST", "/data/A/changes", 405).header("Allow") == "GET");
  CHECK(expect("GET", "/data/C/trail/x/movements", 405).header("Allow") == "POST");
  CHECK(expect("GET", "/data/X/person/x", 404).field() == "store");
  CHECK(expect("GET", "/data/A/persons/x", 404).field() == "collection");
}

TEST_CASE("data: a record is written, read and erased; its version is its ETag") {
  Data1 d;
  const std::string path = std::string("A/person/") + cpf;
  const Answer made =
      d.ask("PUT", path, R"({"cpf":"111.444.777-35","name":"Ana"})", {{"If-None-Match", "*"}});
  CHECK(made.status == 201);
  CHECK(made.header("ETag") == "\"1\"");
  CHECK(made.document() == json{{"key", d.token()}, {"version", 1}});
  CHECK(d.ask("PUT", path, R"({"name":"Eva"})", {{"If-None-Match", "*"}}).status == 412);

  for (const std::string& key : {std::string(cpf), std::string("111.444.777-35"), d.token()}) {
    const Answer got = d.ask("GET", "A/person/" + key);
    CHECK(got.status == 200);
    CHECK(got.document() == json{{"cpf", cpf}, {"name", "Ana"}});
    CHECK(got.header("ETag") == "\"1\"");
  }

  const Answer changed = d.ask("PUT", path, R"({"name":"Eva"})", {{"if-match", "\"1\""}});
  CHECK(changed.status == 200);
  const Answer late = d.ask("PUT", path, R"({"name":"Ivo"})", {{"If-Match", "\"1\""}});
  CHECK(late.status == 412);
  CHECK(late.code() == "conflict");
  CHECK(d.ask("PUT", path, R"({"name":"Isa"})", {{"If-Match", "*"}}).status == 200);
  CHECK(d.ask("GET", path).document()["name"] == "Isa");

  CHECK(d.ask("DELETE", path, {}, {{"If-Match", "\"1\""}}).status == 412);
  CHECK(d.ask("DELETE", path).status == 204);
  CHECK(d.ask("DELETE", path).status == 204);
  CHECK(d.ask("DELETE", path, {}, {{"If-Match", "*"}}).status == 412);
  const Answer gone = d.ask("GET", path);
  CHECK(gone.status == 404);
  CHECK(gone.code() == "not_found");
}

TEST_CASE("data: the document's key is that of the path") {
  Data1 d;
  const std::string path = std::string("A/person/") + cpf;
  const Answer other = d.ask("PUT", path, json{{"cpf", canary}, {"name", "Ana"}}.dump());
  CHECK(other.status == 400);
  CHECK(other.field() == "person.cpf");
  CHECK(d.ask("PUT", "A/person/" + d.token(), json{{"cpf", cpf}, {"name", "Ana"}}.dump()).status ==
        200);
  const Answer by_token = d.ask("PUT", "A/person/" + d.token(), R"({"name":"Ana"})");
  CHECK(by_token.status == 400);  // The value itself is needed.
  CHECK(by_token.field() == "person.cpf");
}

TEST_CASE("data: conflicts of references are no failed preconditions") {
  Data1 d;
  CHECK(d.put_debt(1, "open", 5).status == 409);
  d.put_person();
  CHECK(d.put_debt(1, "open", 5).status == 200);
  const std::string path = std::string("A/person/") + cpf;
  const Answer kept = d.ask("DELETE", path, {}, {{"If-Match", "*"}});
  CHECK(kept.status == 409);
  CHECK(kept.field() == "person.cpf");
}

TEST_CASE("data: an item is appended to a list") {
  Data1 d;
  const std::string path = "C/trail/" + d.token() + "/movements";
  CHECK(d.ask("POST", path, R"({"cents":1})").status == 201);
  const Answer second = d.ask("POST", path, R"({"cents":2})");
  CHECK(second.document() == json{{"key", d.token()}, {"version", 2}});
  const json trail = d.ask("GET", std::string("C/trail/") + cpf).document();
  CHECK(trail["movements"] == json::parse(R"([{"cents":1},{"cents":2}])"));
  const Answer wrong = d.ask("POST", "C/trail/" + d.token() + "/seen", "1");
  CHECK(wrong.status == 400);
  CHECK(wrong.field() == "trail.seen");
}

TEST_CASE("data: a query by index, with ranges, order and pages") {
  Data1 d;
  d.put_person();
  for (int i = 1; i <= 5; ++i)
    REQUIRE(d.put_debt(i, i < 5 ? "open" : "paid", i * 10).status == 200);
  const auto cents = [](const Answer& page) {
    std::vector<int> out;
    const json document = page.document();
    for (const json& each : document["records"]) out.push_back(each["document"]["cents"]);
    return out;
  };
  const auto query = [&](const char* body) { return d.ask("POST", "A/debt/query", body); };
  CHECK(cents(query(R"({"where":{"status":"open"}})")) == std::vector{10, 20, 30, 40});
  CHECK(cents(query(R"({"where":{"status":"open","cents":{"gt":10,"lte":30}}})")) ==
        std::vector{20, 30});
  CHECK(cents(query(R"({"where":{"cpf":"111.444.777-35"},"limit":2})")).size() == 2);
  CHECK(query("").document()["records"].size() == 5);
  CHECK(query("{}").document()["next"].is_null());

  const Answer first = query(R"({"where":{"status":"open"},"order":"desc","limit":3})");
  CHECK(cents(first) == std::vector{40, 30, 20});
  json next{{"where", {{"status", "open"}}}, {"order", "desc"}, {"limit", 3}};
  next["after"] = first.document()["next"];
  CHECK(cents(query(next.dump().c_str())) == std::vector{10});
  const json one = first.document()["records"][0];
  CHECK(one["key"] == one["document"]["id"]);
  CHECK(one["version"] == 5);
}

TEST_CASE("data: a wrong query says which member") {
  Data1 d;
  const auto field = [&](const char* body) {
    CAPTURE(body);
    const Answer answer = d.ask("POST", "A/debt/query", body);
    CHECK(answer.status == 400);
    CHECK(answer.code() == "invalid");
    return answer.field();
  };
  CHECK(field("[]") == "body");
  CHECK(field("{") == "body");
  CHECK(field(R"({"were":{}})") == "body");
  CHECK(field(R"({"where":[]})") == "where");
  CHECK(field(R"({"where":{"52998224725":1}})") == "where");
  CHECK(field(R"({"where":{"cents":"52998224725"}})") == "cents");
  CHECK(field(R"({"where":{"status":"52998224725"}})") == "status");
  CHECK(field(R"({"where":{"cents":null}})") == "cents");
  CHECK(field(R"({"where":{"cents":{"like":1}}})") == "cents");
  CHECK(field(R"({"where":{"creditor":"Banco"}})") == "debt");
  CHECK(field(R"({"where":{"cpf":"52998224726"}})") == "cpf");
  CHECK(field(R"({"order":"up"})") == "order");
  CHECK(field(R"({"limit":0})") == "limit");
  CHECK(field(R"({"limit":1001})") == "limit");
  CHECK(field(R"({"limit":"5"})") == "limit");
  CHECK(field(R"({"after":"52998224725"})") == "after");
  CHECK(field(R"({"after":5})") == "after");
}

TEST_CASE("data: a batch is all or nothing") {
  Data1 d;
  const json good{{"writes",
                   {{{"put", "person"}, {"document", {{"cpf", cpf}, {"name", "Ana"}}}},
                    {{"put", "debt"},
                     {"document", {{"id", loan}, {"cpf", cpf}, {"creditor", "B"}}},
                     {"expect", "absent"}}}}};
  const Answer done = d.ask("POST", "A/batch", good.dump());
  CHECK(done.status == 200);
  CHECK(done.document() == json{{"repeated", false}, {"versions", {1, 2}}});
  const Answer again = d.ask("POST", "A/batch", good.dump());
  CHECK(again.status == 409);
  CHECK(d.ask("GET", std::string("A/person/") + cpf).header("ETag") == "\"1\"");

  const json end{{"writes",
                  {{{"erase", "debt"}, {"key", loan}, {"expect", 2}},
                   {{"erase", "person"}, {"key", cpf}, {"expect", "present"}}}}};
  CHECK(d.ask("POST", "A/batch", end.dump()).document()["versions"] == json({0, 0}));
  const json append{
      {"writes", {{{"append", "trail"}, {"key", cpf}, {"field", "movements"}, {"item", 1}}}}};
  CHECK(d.ask("POST", "C/batch", append.dump()).status == 200);
}

TEST_CASE("data: a wrong batch says which write") {
  Data1 d;
  const auto field = [&](const char* body) {
    CAPTURE(body);
    const Answer answer = d.ask("POST", "A/batch", body);
    CHECK(answer.status == 400);
    return answer.field();
  };
  CHECK(field("{}") == "writes");
  CHECK(field(R"({"writes":[]})") == "writes");
  CHECK(field(R"({"writes":[1]})") == "writes[0]");
  CHECK(field(R"({"writes":[{"set":"person"}]})") == "writes[0]");
  CHECK(field(R"({"writes":[{"put":"person"}]})") == "writes[0].document");
  CHECK(field(R"({"writes":[{"put":"person","document":{},"52998224725":1}]})") == "writes[0]");
  CHECK(field(R"({"writes":[{"erase":"person","key":"x"},{"erase":"person"}]})") ==
        "writes[1].key");
  CHECK(field(R"({"writes":[{"erase":"person","key":"x","expect":0}]})") == "writes[0].expect");
  CHECK(field(R"({"writes":[{"append":"debt","key":"x","field":"f"}]})") == "writes[0].item");
  CHECK(field(R"({"writes":[{"erase":"52998224725","key":"x"}]})") == "writes");
  CHECK(field(R"({"writes":[{"erase":"person","key":"52998224725"}],"once_key":1})") == "once_key");
  const json long_key{{"writes", {{{"erase", "person"}, {"key", "x"}}}},
                      {"once_key", std::string(101, 'k')}};
  CHECK(field(long_key.dump().c_str()) == "once_key");
}

TEST_CASE("data: effects happen once for a once-key, which each function has for itself") {
  Data1 d;
  const std::string list = "C/trail/" + d.token() + "/movements";
  const auto count = [&] {
    return d.ask("GET", std::string("C/trail/") + cpf).document()["movements"].size();
  };
  CHECK(d.ask("POST", list, "1", {{"Idempotency-Key", "event-1"}}).status == 201);
  const Answer again = d.ask("POST", list, "1", {{"Idempotency-Key", "event-1"}});
  CHECK(again.status == 200);
  CHECK(again.document() == json{{"repeated", true}});
  CHECK(count() == 1);
  const json batch{
      {"writes", {{{"append", "trail"}, {"key", cpf}, {"field", "movements"}, {"item", 2}}}},
      {"once_key", "event-2"}};
  CHECK(d.ask("POST", "C/batch", batch.dump()).document()["repeated"] == false);
  CHECK(d.ask("POST", "C/batch", batch.dump()).document() ==
        json{{"repeated", true}, {"versions", json::array()}});
  CHECK(count() == 2);
  *d.caller = d.worker("g");
  CHECK(d.ask("POST", list, "3", {{"Idempotency-Key", "event-1"}}).status == 201);
  CHECK(count() == 3);
  CHECK(d.ask("POST", list, "3").status == 201);  // Nothing is silently once.
  CHECK(d.ask("POST", list, "3").status == 201);
  CHECK(count() == 5);
}

TEST_CASE("data: the role decides, and a denial is told") {
  Data1 d({{"store:put", "A/*"}, {"store:get", "A/person"}});
  d.put_person();
  const std::string path = std::string("A/person/") + cpf;
  CHECK(d.ask("GET", path).status == 200);
  CHECK(d.b.records(telemetry::Kind::access_denied).empty());
  const auto denied = [&](const char* method, const std::string& target, const char* body = "{}") {
    CAPTURE(target);
    const Answer answer = d.ask(method, target, body);
    CHECK(answer.status == 403);
    CHECK(answer.code() == "denied");
    return answer.document()["detail"].get<std::string>();
  };
  CHECK(denied("GET", std::string("A/debt/") + loan) == "this is not allowed; the log says why");
  CHECK(d.notes().find("the function f may not do store:get on A/debt: its role r allows that "
                       "action on other resources only") != std::string::npos);
  denied("DELETE", path);
  denied("POST", "A/person/query");
  denied("GET", "A/changes");
  denied("PUT", "C/trail/x");
  denied("POST", "C/trail/x/movements", "1");
  const json mixed{{"writes",
                    {{{"put", "person"}, {"document", {{"cpf", cpf}, {"name", "Eva"}}}},
                     {{"erase", "person"}, {"key", canary}}}}};
  denied("POST", "A/batch", mixed.dump().c_str());
  CHECK(d.ask("GET", path).document()["name"] == "Ana");

  const auto records = d.b.records(telemetry::Kind::access_denied);
  REQUIRE(records.size() == 7);
  CHECK(d.b.telemetry.name(records[0].name) == "f");
  CHECK(d.b.telemetry.name(static_cast<telemetry::Name>(records[3].extra)) == "A/*");
  CHECK(records[0].trace == Id{7, 7});
  CHECK(d.notes().find("store:erase on A/person") != std::string::npos);
  CHECK(d.notes().find(canary) == std::string::npos);
}

TEST_CASE("data: a function without a role may do nothing") {
  Data1 d;
  *d.caller = d.worker("f", "");
  const Answer answer = d.ask("GET", std::string("A/person/") + cpf);
  CHECK(answer.status == 403);
  CHECK(answer.body.find("role") == std::string::npos);
  CHECK(d.notes().find("it has no role in the configuration") != std::string::npos);
}

TEST_CASE("data: the change feed, of the collections that the role sees") {
  Data1 all;
  all.put_person();
  REQUIRE(all.put_debt(1, "open", 1).status == 200);
  REQUIRE(all.put_debt(2, "open", 1).status == 200);
  REQUIRE(all.ask("DELETE", "A/debt/00000000-0000-4000-8000-000000000001").status == 204);
  const json changes = all.ask("GET", "A/changes").document();
  REQUIRE(changes["changes"].size() == 4);
  CHECK(changes["next"] == 4);
  CHECK(changes["changes"][0]["collection"] == "person");
  CHECK(changes["changes"][0]["key"] == all.token());
  CHECK(changes["changes"][3]["version"] == 0);
  CHECK(changes["changes"][3]["at"] == "2026-01-01T00:00:00.000Z");
  const json page = all.ask("GET", "A/changes?after=1&limit=2").document();
  CHECK(page["changes"][0]["sequence"] == 2);
  CHECK(page["next"] == 3);
  CHECK(all.ask("GET", "A/changes?after=latest").document() ==
        json{{"changes", json::array()}, {"next", 4}});
  CHECK(all.ask("GET", "A/changes?after=x").field() == "after");
  CHECK(all.ask("GET", "A/changes?limit=0").field() == "limit");
  CHECK(all.ask("GET", "A/changes?wait=21").field() == "wait");

  *all.caller = all.worker("f", "");
  CHECK(all.ask("GET", "A/changes").status == 403);
}

TEST_CASE("data: a role that sees some collections goes past the changes of others") {
  Data1 d({{"store:put", "*"}, {"store:changes", "A/person"}});
  d.put_person();
  REQUIRE(d.put_debt(1, "open", 1).status == 200);
  const json seen = d.ask("GET", "A/changes").document();
  CHECK(seen["changes"].size() == 1);
  CHECK(seen["next"] == 2);
  const auto waiting = d.start("GET", "/data/A/changes?after=2&wait=10");
  REQUIRE(d.put_debt(2, "open", 1).status == 200);
  d.b.settle();
  CHECK_FALSE(waiting->has_value());
  d.put_person();
  d.b.settle();
  REQUIRE(waiting->has_value());
  CHECK((*waiting)->document()["changes"].size() == 1);
  CHECK((*waiting)->document()["next"] == 4);
  CHECK(d.ask("GET", "C/changes").status == 403);
}

TEST_CASE("data: who waits for changes is answered when there is one, or at the end") {
  Data1 d;
  const auto first = d.start("GET", "/data/C/changes?wait=5");
  const auto second = d.start("GET", "/data/C/changes?after=latest&wait=5");
  CHECK_FALSE(first->has_value());
  d.b.world.scheduler.run_for(3s);
  CHECK(d.ask("POST", "C/trail/" + d.token() + "/movements", "1").status == 201);
  d.b.settle();
  REQUIRE(first->has_value());
  REQUIRE(second->has_value());
  CHECK((*first)->document()["next"] == 1);

  const auto none = d.start("GET", "/data/C/changes?after=1&wait=5");
  d.b.world.scheduler.run_for(4999ms);
  CHECK_FALSE(none->has_value());
  d.b.world.scheduler.run_for(1ms);
  REQUIRE(none->has_value());
  CHECK((*none)->document() == json{{"changes", json::array()}, {"next", 1}});
  CHECK(d.caller->calls == 0);

  const auto stopped = d.start("GET", "/data/C/changes?after=1&wait=5");
  d.data.stop();
  CHECK(stopped->has_value());
  CHECK(d.ask("GET", "C/changes?after=1&wait=5").document()["next"] == 1);  // At once.
}

TEST_CASE("data: changes of an audited store are given when their entries are written") {
  struct Keeper final : access::Recorder {
    void decided(const access::Decision&) override {}
    void decided(const access::Decision& of, Done done) override {
      subjects.emplace_back(of.subject);
      held.push_back(std::move(done));
    }
    std::vector<std::string> subjects;
    std::vector<Done> held;
  } keeper;
  Data1 d;
  d.caller->purpose = "credit";
  stores::StoreOptions audited;
  audited.name = "S";
  audited.audit = true;
  audited.collections = d.b.stores.at("C")->options().collections;
  d.b.open_store(std::move(audited));
  const auto waiting = d.start("GET", "/data/S/changes?wait=5");
  REQUIRE(d.ask("PUT", "S/trail/" + d.token(), R"({"seen":1})").status == 200);
  d.guard.record_with(&keeper);
  d.b.settle();
  CHECK(waiting->has_value());  // It was answered by what was written before.
  const auto given = d.start("GET", "/data/S/changes");
  CHECK_FALSE(given->has_value());
  CHECK(keeper.subjects == std::vector<std::string>{d.token()});
  keeper.held.at(0)(ok());
  REQUIRE(given->has_value());
  CHECK((*given)->document()["changes"].size() == 1);
  const auto refused = d.start("GET", "/data/S/changes");
  keeper.held.at(1)(error(Errc::unavailable, "full"));
  REQUIRE(refused->has_value());
  CHECK((*refused)->status == 503);
  CHECK((*refused)->body.find(d.token()) == std::string::npos);
  // Without changes there is nothing to tell.
  CHECK(d.ask("GET", "S/changes?after=1").document()["next"] == 1);
}

TEST_CASE("data: a feed that is another one since says to read everything again") {
  Data1 d;
  d.put_person();
  REQUIRE(d.b.stores.at("A")->reset().has_value());
  const Answer answer = d.ask("GET", "A/changes?after=1");
  CHECK(answer.status == 410);
  CHECK(answer.code() == "stale");
}

TEST_CASE("data: what is too much is refused") {
  Data1 d;
  CHECK(d.ask("PUT", "C/trail/x", std::string(data_body_bytes_max + 1, ' ')).status == 413);
  std::string deep = R"({"movements":)";
  deep += std::string(100'000, '[') + std::string(100'000, ']') + "}";
  CHECK(d.ask("PUT", "C/trail/" + d.token(), deep).field() == "body");
  std::vector<std::shared_ptr<std::optional<Answer>>> waiting;
  for (std::size_t i = 0; i < data_calls_max; ++i) {
    waiting.push_back(d.start("GET", "/data/C/changes?wait=5"));
  }
  const Answer refused = d.ask("GET", "C/changes");
  CHECK(refused.status == 429);
  CHECK(refused.code() == "limit_exceeded");
  d.b.world.scheduler.run_for(5s);
  CHECK(d.ask("GET", "C/changes").status == 200);
}

TEST_CASE("data: a page of records is bounded") {
  Data1 d;
  d.put_person();
  const std::string creditor(4 << 20, 'x');
  for (int i = 1; i <= 2; ++i) {
    const std::string id = "00000000-0000-4000-8000-00000000000" + std::to_string(i);
    const json debt{{"cpf", cpf}, {"creditor", creditor}};
    REQUIRE(d.ask("PUT", "A/debt/" + id, debt.dump()).status == 200);
  }
  const Answer large = d.ask("POST", "A/debt/query", "{}");
  CHECK(large.status == 400);
  CHECK(large.field() == "limit");
  CHECK(d.ask("POST", "A/debt/query", R"({"limit":1})").status == 200);
}

TEST_CASE("data: a store that fails is told as such") {
  Data1 d;
  d.b.faults.faults[FaultPoint::store_read].push_back({Fault::Kind::error});
  CHECK(d.ask("GET", std::string("A/person/") + cpf).status == 503);
  d.b.faults.faults[FaultPoint::store_write].push_back({Fault::Kind::error});
  CHECK(d.ask("PUT", std::string("A/person/") + cpf, "{}").code() == "unavailable");
}

TEST_CASE("data: nothing of what was asked is in a refusal, a line of the log or a record") {
  Data1 d;
  const std::string value = canary;
  std::vector<std::string> bodies;
  const auto ask = [&](const char* method, const std::string& target, const std::string& body,
                       std::vector<http::HeaderView> headers = {}) {
    const Answer answer = d.ask(method, target, body, std::move(headers));
    CAPTURE(target);
    CHECK(answer.status >= 400);
    bodies.push_back(answer.body);
  };
  ask("GET", "A/person/" + value, {});
  ask("GET", "A/person/9" + value, {});
  ask("GET", value + "/person/" + value, {});
  ask("GET", "A/" + value + "/x", {});
  ask("PUT", "A/person/" + value, "{\"name\":" + value + "}");
  ask("PUT", "A/person/" + value, "{\"" + value + "\":1}");
  ask("PUT", "A/person/" + value, "{\"name\":\"x\"", {{"If-Match", "\"1\""}});
  ask("PUT", "A/person/" + value, "{\"name\":\"x\"}", {{"If-Match", canary}});
  ask("POST", "C/trail/" + value + "/" + value, "1");
  ask("PUT", "C/trail/x", "{\"person\":\"" + value + "\",\"seen\":\"" + value + "\"}");
  for (const std::string& body : bodies) {
    CAPTURE(body);
    CHECK(body.find(value) == std::string::npos);
  }
  CHECK(d.notes().find(value) == std::string::npos);
}
