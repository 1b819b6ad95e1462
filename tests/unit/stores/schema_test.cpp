#include "porteiro/stores/schema.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace porteiro;
using namespace porteiro::stores;
using nlohmann::json;

namespace {

json person() {
  return json::parse(R"({ "subject": "cpf", "key": "cpf", "indexes": [["city", "born"], ["email"]],
    "fields": {
      "cpf": { "type": "string", "format": "cpf", "class": "restricted", "token": "cpf" },
      "email": { "type": "string", "format": "email", "class": "sensitive", "token": "email" },
      "city": { "type": "string", "class": "internal" },
      "born": { "type": "date", "required": true },
      "seen": { "type": "time" }, "session": { "type": "uuid" },
      "state": { "type": "enum", "of": ["on", "off"] },
      "size": { "type": "decimal" }, "age": { "type": "int" }, "alive": { "type": "bool" },
      "boss": { "ref": "person" }, "partner": { "ref": "person", "on_delete": "cascade" },
      "card": { "token_of": "card" }, "any": { "type": "json" },
      "debts": { "type": "list", "max": 2, "of": {
        "due_on": { "type": "date", "required": true }, "amount": { "type": "int" } } } } })");
}

// Where the collection is refused; "" when it is not.
std::string refused_at(const json& described) {
  const auto read = collection_from_json("person", described);
  if (read) return "";
  CHECK(read.error().code == Errc::invalid);
  return read.error().at;
}

json valid() { return {{"cpf", "11144477735"}, {"born", "1980-02-03"}}; }

// Where the document is refused; "ok" when it is not.
std::string wrong_at(json document) {
  const auto collection = collection_from_json("person", person());
  REQUIRE(collection);
  const auto checked = check_document(collection.value().fields, document, "body");
  if (checked) return "ok";
  CHECK(checked.error().code == Errc::invalid);
  return checked.error().at;
}

std::string wrong_with(const char* field, json value) {
  json document = valid();
  document[field] = std::move(value);
  return wrong_at(std::move(document));
}

}  // namespace

TEST_CASE("schema: a collection is read from the config") {
  const auto read = collection_from_json("person", person());
  REQUIRE(read);
  const Collection& collection = read.value();
  CHECK(collection.name == "person");
  CHECK(collection.subject == "cpf");
  CHECK(collection.key_field().token == "cpf");
  CHECK(collection.key_field().required);
  CHECK(collection.key_field().field_class == Class::restricted);
  CHECK(is_protected(*collection.field("email")));
  CHECK_FALSE(is_protected(*collection.field("city")));
  CHECK(collection.field("born")->field_class == Class::open);
  CHECK(collection.field("born")->required);
  CHECK(collection.field("boss")->type == Type::reference);
  CHECK_FALSE(collection.field("boss")->cascade);
  CHECK(collection.field("partner")->cascade);
  CHECK(collection.field("card")->type == Type::token);
  CHECK(collection.field("card")->token == "card");
  CHECK(collection.field("debts")->items_max == 2);
  REQUIRE(collection.field("debts")->items.size() == 2);
  CHECK(collection.field("state")->values == std::vector<std::string>{"on", "off"});
  CHECK(collection.has(Class::sensitive));
  CHECK(collection.indexes.size() == 2);
  CHECK(collection.field("none") == nullptr);
  const auto again = collection_from_json("person", to_json(collection));
  REQUIRE(again);
  CHECK(to_json(again.value()) == to_json(collection));
}

TEST_CASE("schema: what no engine can hold is refused, with the place") {
  const auto with = [](const char* pointer, json value) {
    json described = person();
    described[json::json_pointer(pointer)] = std::move(value);
    return refused_at(described);
  };
  const auto without = [](const char* pointer, const char* name) {
    json described = person();
    described[json::json_pointer(pointer)].erase(name);
    return refused_at(described);
  };
  CHECK(refused_at(person()).empty());
  CHECK(with("/key", "none") == "key");
  for (const char* field : {"debts", "any", "boss", "age", "size", "alive"}) {
    CHECK(with("/key", field) == "key");
  }
  CHECK(without("/fields/cpf", "token") == "fields.cpf.token");
  CHECK(without("/fields/email", "token") == "indexes[1][0]");
  CHECK(without("", "subject") == "subject");
  CHECK(with("/subject", "none") == "subject");
  CHECK(with("/subject", "any") == "subject");
  CHECK(with("/indexes/0/1", "none") == "indexes[0][1]");
  CHECK(with("/indexes/0/1", "any") == "indexes[0][1]");
  CHECK(with("/indexes/0/1", "city") == "indexes[0][0]");
  CHECK(with("/indexes/0", json::array()) == "indexes[0]");
  CHECK(with("/indexes/1", {"city", "born"}) == "indexes[0]");
  CHECK(with("/fields/city/class", "secret") == "fields.city.class");
  CHECK(with("/fields/city/type", "text") == "fields.city.type");
  CHECK(with("/fields/city/format", "phone") == "fields.city.format");
  CHECK(with("/fields/city/token", "city") == "fields.city.token");
  CHECK(with("/fields/boss/on_delete", "nothing") == "fields.boss.on_delete");
  CHECK(with("/fields/boss/class", "restricted") == "fields.boss.class");
  CHECK(with("/fields/state/of", json::array()) == "fields.state.of");
  CHECK(with("/fields/debts/max", 0) == "fields.debts.max");
  CHECK(with("/fields/debts/of/amount/class", "restricted") == "fields.debts.of.amount");
  CHECK(with("/fields/debts/of/amount/type", "x") == "fields.debts.of.amount.type");
  CHECK(with("/fields/CITY", {{"type", "int"}}) == "fields.city");
  CHECK(with("/fields/a$b", {{"type", "int"}}) == "fields.a$b");
  CHECK_FALSE(collection_from_json("sqlite_x", person()));
  CHECK_FALSE(collection_from_json("a\"b", person()));
}

TEST_CASE("document: canonical forms take the place of what was written") {
  const auto collection = collection_from_json("person", person());
  REQUIRE(collection);
  json document = json::parse(R"({ "cpf": "111.444.777-35", "born": "1980-02-03",
    "email": "Someone@Example.org", "seen": "2026-03-01T09:00:00-03:00", "age": 46, "any": [null],
    "session": "0F0F0F0F-0F0F-4F0F-8F0F-0F0F0F0F0F0F", "size": 12.5, "city": null,
    "debts": [ { "due_on": "2026-01-01", "amount": null } ] })");
  REQUIRE(check_document(collection.value().fields, document, "body"));
  CHECK(document == json::parse(R"({ "cpf": "11144477735", "born": "1980-02-03",
    "email": "someone@example.org", "seen": "2026-03-01T12:00:00.000Z", "age": 46, "any": [null],
    "session": "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f", "size": "12.5",
    "debts": [ { "due_on": "2026-01-01" } ] })"));
}

TEST_CASE("document: what does not fit is refused at its place") {
  CHECK(wrong_at(valid()) == "ok");
  CHECK(wrong_at(json::array()) == "body");
  CHECK(wrong_at({{"cpf", "11144477735"}}) == "body.born");
  CHECK(wrong_with("born", nullptr) == "body.born");
  CHECK(wrong_with("born", "1980-02-30") == "body.born");
  CHECK(wrong_with("cpf", "11144477736") == "body.cpf");
  CHECK(wrong_with("cpf", 11144477735) == "body.cpf");
  CHECK(wrong_with("seen", "yesterday") == "body.seen");
  CHECK(wrong_with("session", "0f0f") == "body.session");
  CHECK(wrong_with("state", "open") == "body.state");
  CHECK(wrong_with("state", 1) == "body.state");
  CHECK(wrong_with("size", "1e3") == "body.size");
  CHECK(wrong_with("size", 1e20) == "body.size");
  CHECK(wrong_with("size", 12345678901234567LL) == "body.size");
  CHECK(wrong_with("size", "12345678901234567") == "ok");
  CHECK(wrong_with("size", 3) == "ok");
  CHECK(wrong_with("age", 1.5) == "body.age");
  CHECK(wrong_with("age", 9223372036854775808ULL) == "body.age");
  CHECK(wrong_with("alive", 1) == "body.alive");
  CHECK(wrong_with("boss", "") == "body.boss");
  CHECK(wrong_with("card", 7) == "body.card");
  CHECK(wrong_with("debts", json::object()) == "body.debts");
  CHECK(wrong_with("debts", {1, 2, 3}) == "body.debts");
  CHECK(wrong_with("debts", json::array({json{{"due_on", "2026-01-01"}}, json::object()})) ==
        "body.debts[1].due_on");
  CHECK(wrong_with("debts", json::array({json{{"due_on", "2026-01-01"}, {"x", 1}}})) ==
        "body.debts[0].x");
  CHECK(wrong_with("unknown", 1) == "body.unknown");
}

// Goal: errors never repeat what a client sent, not even as the name of a member.
TEST_CASE("document: an unknown member's name is not repeated unless it looks like a name") {
  CHECK(wrong_with("11144477735", 1) == "body");
  CHECK(wrong_with("someone@example.org", 1) == "body");
  const auto collection = collection_from_json("person", person());
  for (const char* field : {"cpf", "email", "state", "size", "session", "seen"}) {
    json document = valid();
    document[field] = "secret-value";
    const auto checked = check_document(collection.value().fields, document, "body");
    REQUIRE_FALSE(checked);
    CHECK(checked.error().detail.find("secret") == std::string::npos);
  }
}
