// The functions a config parameterises, over real stores.
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "porteiro/base/bytes.hpp"
#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

const json debt{{"creditor", "Banco"}, {"cents", 12345}, {"status", "open"}};

struct Bureau : Bench {
  Bureau() {
    make("register", "record.put",
         {{"store", "A"}, {"split", {{"person", "$"}, {"debt", "$.debts[*]"}}}});
    make("get", "record.get",
         {{"store", "A"}, {"collection", "person"}, {"include", {{"debts", "debt"}}}});
    make("move", "record.append",
         {{"store", "C"}, {"collection", "trail"}, {"field", "movements"}});
    make("trail", "record.get", {{"store", "C"}, {"collection", "trail"}});
  }
  events::Event registered(int debts) {
    json body{{"cpf", cpf}, {"name", "Ana"}, {"debts", json::array()}};
    for (int i = 0; i < debts; ++i) body["debts"].push_back(debt);
    return event("person.registered", json{{"body", body}});
  }
  events::Event about(const std::string& type, json more = json::object()) {
    more["path"] = {{"cpf", token()}};
    return event(type, more);
  }
  std::string token() { return tokens->make("cpf", cpf).value(); }
  json found(const Result<Reply>& reply) {
    REQUIRE(reply.has_value());
    return json::parse(reply.value().body);
  }
};

}  // namespace

TEST_CASE("record.put and record.get: a document in parts, and together again") {
  Bureau b;
  const auto put = b.ask("register", b.registered(2));
  REQUIRE(put.has_value());
  CHECK(put.value().status == 201);
  const json answer = json::parse(put.value().body);
  CHECK(answer.at("key") == b.token());  // Never the CPF.
  const json person = b.found(b.ask("get", b.about("person.requested")));
  CHECK(person.at("name") == "Ana");
  CHECK(person.at("cpf") == cpf);
  REQUIRE(person.at("debts").size() == 2);
  CHECK(person.at("debts")[0].at("creditor") == "Banco");
  CHECK(person.at("debts")[0].at("id") != person.at("debts")[1].at("id"));

  const auto again = b.ask("register", b.registered(0));
  CHECK(again.value().status == 200);
  CHECK(json::parse(again.value().body).at("version") > answer.at("version"));
  CHECK(b.found(b.ask("get", b.about("person.requested"))).at("debts").size() == 2);

  auto nobody = b.about("person.requested");
  nobody.data = json{{"path", {{"cpf", "52998224725"}}}}.dump();
  CHECK(errc_of(b.ask("get", nobody)) == Errc::not_found);
  CHECK(errc_of(b.ask("get", b.event("person.requested"))) == Errc::invalid);
}

TEST_CASE("record.get: more records refer to it than a page has") {
  Bureau b;
  REQUIRE(b.ask("register", b.registered(1005)).has_value());
  CHECK(b.found(b.ask("get", b.about("x"))).at("debts").size() == 1005);
  b.make("short", "record.get",
         {{"store", "A"},
          {"collection", "person"},
          {"include", {"debt"}},
          {"key", "query.who"},
          {"purpose", "credit protection"}});
  CHECK(b.found(b.ask("short", b.event("x", json{{"query", {{"who", cpf}}}}))).at("debt").size() ==
        1005);
}

TEST_CASE("record.put: an event has its effect once, and each delivery its answer") {
  Bureau b;
  const events::Event e = b.registered(3);
  const auto first = b.ask("register", e);
  const auto second = b.ask("register", e);
  REQUIRE(second.has_value());
  CHECK(second.value().status == 200);
  CHECK(second.value().body == first.value().body);
  CHECK(b.found(b.ask("get", b.about("x"))).at("debts").size() == 3);
}

TEST_CASE("record.put: through a queue with duplicates and crashes, effects stay single") {
  Bureau b;
  queue::Queue& q = b.make_queue({.name = "q", .visibility_timeout = 5s});
  int replies = 0;
  REQUIRE(b.functions
              ->add_source(q, {.queue = "q", .function = "move"},
                           [&](const events::Event&, Result<Reply> outcome) {
                             CHECK(outcome.has_value());
                             ++replies;
                           })
              .has_value());
  b.faults.faults[FaultPoint::queue_send] = {{Fault::Kind::duplicate, {}}};
  b.faults.faults[FaultPoint::worker_effect_done_ack_pending] = {
      {}, {Fault::Kind::crash, 100ms}, {Fault::Kind::crash, 100ms}};
  for (int i = 0; i < 3; ++i) {
    b.send(q, b.about("moved", {{"body", {{"cents", i}}}}));
  }
  b.world.scheduler.run_for(20s);
  CHECK(replies == 4);
  CHECK(q.depth().total() == 0);
  const json trail = b.found(b.ask("trail", b.about("x")));
  CHECK(trail.at("movements").size() == 3);
  CHECK(trail.at("person") == b.token());
}

TEST_CASE("record.put: sealed bodies are opened inside the function") {
  Bureau b;
  events::Event e = b.registered(1);
  std::string box;
  b.sealer->seal("vault", sealing_context(e), json::parse(e.data).at("body").dump(), {},
                 [&](Result<std::string> sealed) { box = sealed.value(); });
  b.settle();
  e.classification = "restricted";
  e.data = json{{"sealed", to_base64(box)}}.dump();
  CHECK(b.ask("register", e).value().status == 201);
  CHECK(b.found(b.ask("get", b.about("x"))).at("debts").size() == 1);
  e.type = "other";
  e.id.low += 1000;
  CHECK(errc_of(b.ask("register", e)) == Errc::corrupt);
}

TEST_CASE("record.put: key from the path, source elsewhere, no links or defaults, must be new") {
  Bureau b;
  b.make("put", "record.put",
         {{"store", "C"},
          {"collection", "trail"},
          {"key", "path.cpf"},
          {"from", "body.trail"},
          {"expect", "absent"}});
  const json body{{"body", {{"trail", {{"seen", 1}}}}}};
  const auto made = b.ask("put", b.about("x", body));
  CHECK(made.value().status == 201);
  CHECK(b.found(b.ask("trail", b.about("x"))).at("seen") == 1);
  b.make("any", "record.put", {{"store", "C"}, {"collection", "trail"}, {"key", "path.cpf"}});
  CHECK(b.ask("any", b.about("x", {{"body", {{"seen", 2}}}})).value().status == 200);
  const auto there = b.ask("put", b.about("x", body));  // Another event.
  REQUIRE(there.has_value());
  CHECK(there.value().status == 409);
  CHECK(there.value().content_type == "application/problem+json");
  CHECK(errc_of(b.ask("put", b.about("x", {{"body", {{"other", 1}}}}))) == Errc::invalid);
  CHECK(errc_of(b.ask("put", b.about("x"))) == Errc::invalid);  // No body.

  b.make(
      "new", "record.put",
      {{"store", "A"}, {"split", {{"person", "$"}, {"debt", "$.debts[*]"}}}, {"expect", "absent"}});
  json one = json::parse(b.registered(1).data);
  one["body"]["debts"][0]["id"] = "11111111-1111-4111-8111-111111111111";
  CHECK(b.ask("new", b.event("x", one)).value().status == 201);
  one["body"]["cpf"] = "52998224725";  // A new person, with a debt that is another's.
  CHECK(b.ask("new", b.event("x", one)).value().status == 409);

  b.make("bare", "record.put",
         {{"store", "A"},
          {"split", {{"person", "$"}, {"debt", "$.debts[*]"}}},
          {"link", false},
          {"defaults", false}});
  const auto bare = b.ask("bare", b.registered(1));
  CHECK(errc_of(bare) == Errc::invalid);
  CHECK(bare.error().at.find("debt") != std::string::npos);
}

TEST_CASE("record.put: nobody takes another person's records") {
  Bureau b;
  json hers = json::parse(b.registered(1).data), his = hers;
  hers["body"]["debts"][0]["id"] = his["body"]["debts"][0]["id"] =
      "11111111-1111-4111-8111-111111111111";
  his["body"]["cpf"] = "52998224725";
  CHECK(b.ask("register", b.event("x", hers)).value().status == 201);
  CHECK(b.ask("register", b.event("x", his)).value().status == 409);
  json person = b.found(b.ask("get", b.about("person.requested")));
  REQUIRE(person.at("debts").size() == 1);
  hers["body"]["debts"][0]["status"] = "paid";  // Her own she may change.
  CHECK(b.ask("register", b.event("x", hers)).value().status == 200);
  person = b.found(b.ask("get", b.about("person.requested")));
  CHECK(person.at("debts")[0].at("status") == "paid");
}

TEST_CASE("record.put: bodies that do not fit are told where") {
  Bureau b;
  const auto at = [&](const json& body) {
    const auto outcome = b.ask("register", b.event("x", json{{"body", body}}));
    CHECK(errc_of(outcome) == Errc::invalid);
    return outcome.error().at;
  };
  CHECK(at("text") == "body");
  CHECK(at({{"cpf", cpf}, {"name", "A"}, {"debts", 7}}) == "body.debts");
  CHECK(at({{"cpf", cpf}, {"name", "A"}, {"debts", {1}}}) == "body.debts");
  const json twice{{"id", "11111111-1111-4111-8111-111111111111"}, {"creditor", "Banco"}};
  CHECK(at({{"cpf", cpf}, {"name", "A"}, {"debts", {twice, twice}}}) == "body.debts");
  CHECK(at({{"cpf", cpf}}).find("name") != std::string::npos);
  CHECK(at({{"name", "A"}}).find("cpf") != std::string::npos);
  CHECK(errc_of(b.ask("register", b.event("x", "{\"body\":{]}"))) == Errc::invalid);
  b.make("all", "record.put", {{"store", "A"}, {"split", {{"debt", "$[*]"}}}});
  const auto none = b.ask("all", b.event("x", json{{"body", json::array()}}));
  CHECK(errc_of(none) == Errc::invalid);
  // A reference to nothing is a conflict, which is an answer.
  json orphan = debt;
  orphan["cpf"] = cpf;
  const auto refused = b.ask("all", b.event("x", json{{"body", {orphan}}}));
  REQUIRE(refused.has_value());
  CHECK(refused.value().status == 409);
}

TEST_CASE("record.query: by an index, typed values, pages") {
  Bureau b;
  b.make("find", "record.query",
         {{"store", "A"},
          {"collection", "debt"},
          {"where", {{"cents", "query.cents"}, {"status", {{"value", "open"}}}}},
          {"limit", 2}});
  b.make("of", "record.query",
         {{"store", "A"},
          {"collection", "debt"},
          {"where", {{"cpf", "path.cpf"}}},
          {"order", "desc"}});
  REQUIRE(b.ask("register", b.registered(5)).has_value());
  json query{{"cents", "12345"}};
  std::size_t seen = 0;
  for (int page = 1; page <= 3; ++page) {
    const json got = b.found(b.ask("find", b.event("x", json{{"query", query}})));
    seen += got.at("items").size();
    CHECK(got.at("next").is_null() == (page == 3));
    query["after"] = got.at("next");
  }
  CHECK(seen == 5);
  CHECK(b.found(b.ask("of", b.about("x"))).at("items").size() == 5);
  const auto none = b.found(b.ask("find", b.event("x", json{{"query", {{"cents", "1"}}}})));
  CHECK(none == json{{"items", json::array()}, {"next", nullptr}});
  const auto bad = b.ask("find", b.event("x", json{{"query", {{"cents", "many"}}}}));
  CHECK(errc_of(bad) == Errc::invalid);
  CHECK(bad.error().at == "query.cents");
  CHECK(errc_of(b.ask("find", b.event("x"))) == Errc::invalid);
}

TEST_CASE("record.delete, respond, echo") {
  Bureau b;
  b.make("delete", "record.delete", {{"store", "C"}, {"collection", "trail"}});
  b.make("teapot", "respond", {{"status", 418}, {"body", {{"short", true}}}});
  b.make("echo", "echo", json::object());
  REQUIRE(b.ask("move", b.about("x", {{"body", 1}})).value().status == 201);
  REQUIRE(b.ask("move", b.about("x", {{"body", 2}})).value().status == 201);
  CHECK(b.found(b.ask("trail", b.about("x"))).at("movements") == json{1, 2});
  CHECK(b.ask("delete", b.about("x")).value().status == 204);
  CHECK(b.ask("delete", b.about("x")).value().status == 204);
  CHECK(errc_of(b.ask("trail", b.about("x"))) == Errc::not_found);
  CHECK(b.ask("teapot", b.event("x")).value().status == 418);
  CHECK(b.ask("teapot", b.event("x")).value().body == "{\"short\":true}");
  CHECK(b.ask("echo", b.event("x", "{\"body\": 1}")).value().body == "{\"body\": 1}");
}

TEST_CASE("built-ins: in a batch, those that may pass later are named") {
  Bureau b;
  std::vector<events::Event> batch{b.about("x", {{"body", 1}}), b.event("x"),
                                   b.about("x", {{"body", 3}})};
  b.faults.faults[FaultPoint::store_write] = {{Fault::Kind::error, {}}};
  std::optional<Reply> reply;
  b.functions->invoke("move", batch, [&](Result<Reply> r) { reply = std::move(r).value(); });
  b.world.scheduler.run_for(1s);
  REQUIRE(reply.has_value());
  const json failures = json::parse(reply->body).at("batchItemFailures");
  CHECK(failures == json::array({{{"itemIdentifier", to_text(batch[0].id)}}}));
  CHECK(b.found(b.ask("trail", b.about("x"))).at("movements") == json{3});
}

TEST_CASE("built-ins: what does not fit the stores is refused when they are made") {
  Bureau b;
  const auto at = [&](const std::string& builtin, const json& with) {
    auto made = b.registry.make(builtin, {"f", with, *b.services});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == Errc::invalid);
    return made.error().at;
  };
  const json person{{"store", "A"}, {"collection", "person"}};
  const auto plus = [](json with, const char* name, json value) {
    with[name] = std::move(value);
    return with;
  };
  CHECK(at("record.get", json::array()) == "/with");
  CHECK(at("record.get", json::object()) == "/with/store");
  CHECK(at("record.get", plus(person, "sotre", 1)) == "/with/sotre");
  CHECK(at("record.get", plus(person, "store", "X")) == "/with/store");
  CHECK(at("record.get", plus(person, "collection", "X")) == "/with/collection");
  CHECK(at("record.get", plus(person, "key", "cpf")) == "/with/key");
  CHECK(at("record.get", plus(person, "include", {{"x", "none"}})) == "/with/include/x");
  CHECK(at("record.get", plus(person, "include", {{"name", "debt"}})) == "/with/include/name");
  CHECK(at("record.get", plus(person, "include", {{"x", "person"}})) == "/with/include/x");
  CHECK(at("record.get", plus(person, "include", 1)) == "/with/include");
  CHECK(at("record.put", {{"store", "A"}}) == "/with/split");
  CHECK(at("record.put", plus(person, "split", {{"person", "$"}})) == "/with/split");
  CHECK(at("record.put", {{"store", "A"}, {"split", {{"debt", "debts"}}}}) == "/with/split/debt");
  CHECK(at("record.put", {{"store", "A"}, {"split", {{"debt", "$.a[0]"}}}}) == "/with/split/debt");
  CHECK(at("record.put", {{"store", "A"}, {"split", {{"nope", "$"}}}}) == "/with/split/nope");
  CHECK(at("record.put", {{"store", "A"}, {"split", {{"person", "$"}, {"debt", "$"}}}}) ==
        "/with/split/person");
  CHECK(at("record.put", plus(person, "expect", "present")) == "/with/expect");
  CHECK(at("record.put", plus(person, "link", 1)) == "/with/link");
  CHECK(at("record.put", {{"store", "A"}, {"split", {{"debt", "$[*]"}}}, {"key", "path.id"}}) ==
        "/with/key");
  CHECK(at("record.append", plus(person, "field", "nope")) == "/with/field");
  CHECK(at("record.append", plus(person, "field", "name")) == "/with/field");
  CHECK(at("record.append", person) == "/with/field");
  const json debts{{"store", "A"}, {"collection", "debt"}};
  CHECK(at("record.query", plus(debts, "where", {{"nope", "query.x"}})) == "/with/where/nope");
  CHECK(at("record.query", plus(debts, "where", {{"cpf", "x"}})) == "/with/where/cpf");
  CHECK(at("record.query", plus(debts, "where", {{"cents", "query.x"}})) == "/with/where");
  CHECK(at("record.query", plus(debts, "order", "up")) == "/with/order");
  CHECK(at("record.query", plus(debts, "limit", 1001)) == "/with/limit");
  CHECK(at("respond", {{"status", 99}}) == "/with/status");
  CHECK(at("echo", {{"x", 1}}) == "/with/x");
}

TEST_CASE("built-ins: docs/builtins.md names each one's members, and no other") {
  Bureau b;
  std::ifstream file("docs/builtins.md");
  std::map<std::string, std::set<std::string>> told, taken;
  std::string section;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) told[section = line.substr(3)];
    if (line.starts_with("| `")) told[section].insert(line.substr(3, line.find('`', 3) - 3));
  }
  for (const std::string name : {"record.get", "record.put", "record.append", "record.query",
                                 "record.delete", "respond", "echo"}) {
    const json with{{"?", 1}};
    const auto refused = b.registry.make(name, {"f", with, *b.services});
    REQUIRE_FALSE(refused.has_value());
    const std::string& detail = refused.error().detail;
    const std::size_t list = detail.find("it takes: ");
    std::istringstream names(list == detail.npos ? "" : detail.substr(list + 10));
    taken[name] = {};
    for (std::string member; names >> member;) {
      std::erase(member, ',');
      taken[name].insert(member);
    }
  }
  CHECK(told == taken);
}
