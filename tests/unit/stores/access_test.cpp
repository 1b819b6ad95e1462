// Goal: a function gets of a store what zone, role, purpose and fields allow, and nothing else;
// what touches an audited store is told with whose data it was before anybody gets it.
#include "porteiro/stores/access.hpp"

#include <doctest/doctest.h>

#include "unit/stores/store_support.hpp"

using namespace porteiro;
using namespace porteiro::stores;
using namespace porteiro::stores::test;
using Rules = std::vector<access::Rule>;
using access::Zone;

namespace {

struct Told {
  bool allowed, refused;
  std::string principal, role, action, resource, purpose, client, subject, reason;
  std::vector<std::string> fields;
};

// Keeps what it is told, and answers when the test wants it to.
struct Keeper final : access::Recorder {
  void decided(const access::Decision& d) override { keep(d); }
  void decided(const access::Decision& d, Done done) override {
    keep(d);
    if (failing) return done(error(Errc::unavailable, "full"));
    if (holding) return held.push_back(std::move(done));
    done(ok());
  }
  void keep(const access::Decision& d) {
    told.push_back({d.allowed,
                    d.refused,
                    std::string(d.principal),
                    std::string(d.role),
                    std::string(d.action),
                    std::string(d.resource),
                    std::string(d.purpose),
                    std::string(d.client),
                    std::string(d.subject),
                    std::string(d.reason),
                    {d.fields.begin(), d.fields.end()}});
  }
  std::vector<Told> told;
  bool holding = false, failing = false;
  std::vector<Done> held;
};

Collection masked_person() {
  return collection("person", R"({"key": "cpf", "subject": "cpf", "fields": {
    "cpf": {"type": "string", "format": "cpf", "class": "restricted", "token": "cpf", "mask": "last:2"},
    "name": {"type": "string", "class": "restricted", "mask": "initials"},
    "email": {"type": "string", "format": "email", "class": "restricted", "token": "email"},
    "income_cents": {"type": "int", "class": "sensitive", "mask": "all"},
    "segment": {"type": "string", "class": "internal"}}, "indexes": [["email"]]})");
}

// Its records go with the person (and with another that they may name), and notes with them.
Collection owed() {
  Collection made = debt();
  for (Field& field : made.fields) field.cascade = field.name == "cpf";
  Field agent = *made.field("cpf");
  agent.name = "agent";
  agent.required = false;
  made.fields.insert(made.fields.begin(), agent);
  return made;
}
Collection note() {
  return collection("note", R"({"key": "id", "fields": {
    "id": {"type": "uuid"}, "debt": {"ref": "debt", "on_delete": "cascade"}}})");
}

struct Bench {
  explicit Bench(Rules rules, bool audit = false, access::Layers layers = {},
                 Zone zone = Zone::private_zone)
      : guard({{"r", std::move(rules)}}, world.scheduler, telemetry, layers) {
    kms::Options keys;
    keys.keys = {{"vault"}, {"tokens", kms::KeySpec::hmac_256}};
    kms = kms::Kms::open(std::move(keys), world.environment, telemetry).value();
    cache = std::make_unique<kms::KeyCache>(*kms, world.environment, kms::CacheOptions{});
    tokens = std::make_unique<kms::Tokens>(
        *kms,
        std::vector<kms::TokenOptions>{{"cpf", "tokens", "cpf"}, {"email", "tokens", "email"}},
        &world.scheduler);
    tokens->start([](const Result<void>& started) { REQUIRE(started.has_value()); });
    settle();
    StoreOptions options;
    options.name = "A";
    options.key = "vault";
    options.audit = audit;
    options.collections = {masked_person(), owed(), note()};
    auto opened = Store::open(options, world.environment, {*cache, *tokens, telemetry}, "", false);
    REQUIRE(opened.has_value());
    all.emplace("A", std::move(opened).value());
    reach.emplace(all, guard, world.scheduler, Asker{"f", "r", zone});
    guard.record_with(&keeper);
    Batch batch;
    batch.writes.emplace_back(write::Put{"person", ana()});
    batch.writes.emplace_back(write::Put{"debt", debt_of(cpf_a, 1)});
    batch.writes.emplace_back(write::Put{"debt", debt_of(cpf_a, 2)});
    all.at("A")->batch(std::move(batch), {}, [](const auto& done) { REQUIRE(done.has_value()); });
    settle();
  }
  void settle() { world.scheduler.run_for(0s); }
  Access& store() { return *reach->find("A"); }
  std::string token() const { return tokens->make("cpf", cpf_a).value(); }

  std::optional<Result<std::optional<Record>>> start_get(const char* key = cpf_a) {
    store().get("person", key, cause, [&](auto found) { got = std::move(found); });
    settle();
    return std::exchange(got, std::nullopt);
  }
  Result<std::optional<Record>> get(const char* key = cpf_a) {
    auto outcome = start_get(key);
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
  }
  json document() {
    auto found = get();
    REQUIRE(found.has_value());
    REQUIRE(found.value().has_value());
    return json::parse(found.value()->document);
  }
  Result<Page> query(const std::string& collection, Query query = {}) {
    std::optional<Result<Page>> outcome;
    store().query(collection, std::move(query), cause,
                  [&](Result<Page> page) { outcome = std::move(page); });
    settle();
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
  }
  Result<Committed> batch(Write write) {
    Batch one;
    one.writes.push_back(std::move(write));
    std::optional<Result<Committed>> outcome;
    store().batch(std::move(one), cause, [&](Result<Committed> c) { outcome = std::move(c); });
    settle();
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
  }
  std::string reason() const { return keeper.told.back().reason; }

  virtual_world::World world;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  access::Guard guard;
  std::unique_ptr<kms::Kms> kms;
  std::unique_ptr<kms::KeyCache> cache;
  std::unique_ptr<kms::Tokens> tokens;
  Stores all;
  std::optional<Accesses> reach;
  Keeper keeper;
  Cause cause{Id{1, 2}, "credit", "lender", false};
  std::optional<Result<std::optional<Record>>> got;
};

}  // namespace

TEST_CASE(
    "store access: what the role allows passes, all else is denied and told, and says nothing") {
  Bench b(Rules{{"store:get", "A/person"}});
  CHECK(b.document()["name"] == ana()["name"]);
  CHECK(b.keeper.told.empty());  // The store is not audited.
  CHECK(errc_of(b.query("person")) == Errc::denied);
  CHECK(errc_of(b.query("debt")) == Errc::denied);
  const auto denied = b.batch(write::Put{"person", ana()});
  REQUIRE(errc_of(denied) == Errc::denied);
  CHECK(denied.error().detail.find("person") == std::string::npos);
  REQUIRE(b.keeper.told.size() == 3);
  const Told& told = b.keeper.told[2];
  CHECK_FALSE(told.allowed);
  CHECK(told.principal == "f");
  CHECK(told.action == "store:put");
  CHECK(told.resource == "A/person");
  CHECK(told.client == "lender");
  CHECK(told.subject == b.token());
  CHECK(told.reason.find(cpf_a) == std::string::npos);
  CHECK(b.reach->find("Z") == nullptr);
}

TEST_CASE("store access: a function without a role reaches nothing, and is told what to write") {
  Bench b(Rules{{"store:*", "*"}});
  b.reach.emplace(b.all, b.guard, b.world.scheduler, Asker{"g"});
  CHECK(errc_of(b.get()) == Errc::denied);
  CHECK(b.reason().find("{ \"do\": \"store:get\", \"on\": \"A/person\" }") != std::string::npos);
}

TEST_CASE("store access: the public zone never reaches the data zone, whatever the role says") {
  Bench b(Rules{{"store:*", "*"}}, false, {}, Zone::public_zone);
  CHECK(errc_of(b.get()) == Errc::denied);
  CHECK(errc_of(b.query("debt")) == Errc::denied);
  CHECK(errc_of(b.batch(write::Erase{"person", cpf_a})) == Errc::denied);
  CHECK(b.reason().find("zone public") != std::string::npos);
}

TEST_CASE("store access: a rule with purposes holds for these alone") {
  Bench b(Rules{{"store:get", "A/person", {}, {"credit", "fraud"}}});
  CHECK(b.get().has_value());
  b.cause.purpose = "marketing";
  CHECK(errc_of(b.get()) == Errc::denied);
  CHECK(b.reason().find("marketing") != std::string::npos);
  b.cause.purpose = "";
  CHECK(errc_of(b.get()) == Errc::denied);
  b.cause.purpose = "fraud";
  CHECK(b.get().has_value());
}

TEST_CASE("store access: protected fields outside of the role's set are left out") {
  Bench b(Rules{{"store:get", "A/person", {"name"}},
                {"store:query", "A/person", {"name"}},
                {"store:get", "A/person", {"income_cents"}, {"income"}}});
  CHECK(b.document() == json{{"name", ana()["name"]}, {"segment", "retail"}});
  const auto page = b.query("person");
  REQUIRE(page.has_value());
  CHECK(json::parse(page.value().records.at(0).document) ==
        json{{"name", ana()["name"]}, {"segment", "retail"}});
  // Rules add up, for the purpose that each is for.
  b.cause.purpose = "income";
  CHECK(b.document() ==
        json{{"name", ana()["name"]}, {"income_cents", 512345}, {"segment", "retail"}});
  // What cannot be seen cannot be guessed by a query either.
  Query guess;
  guess.filters.push_back({"email", Comparison::equal, "ana@example.com"});
  CHECK(errc_of(b.query("person", guess)) == Errc::denied);
  CHECK(b.reason().find("fields") != std::string::npos);
}

TEST_CASE("store access: a write of a field outside of the set is denied as a whole") {
  Bench b(Rules{{"store:put", "A/*", {"segment", "name"}}, {"store:get", "*"}});
  const Expect absent{Expect::Kind::absent, 0};
  CHECK(b.batch(write::Put{"person", {{"cpf", cpf_b}, {"segment", "x"}, {"name", "Eva"}}, absent})
            .has_value());
  CHECK(errc_of(b.batch(write::Put{"person", {{"cpf", cpf_c}, {"email", "e@x.com"}}, absent})) ==
        Errc::denied);
  CHECK(errc_of(b.batch(write::Append{"debt", "x", "tags", 1})) == Errc::denied);
  CHECK(b.get(cpf_b).value().has_value());
}

TEST_CASE("store access: who does not reach all fields makes records, and replaces none") {
  Bench b(Rules{{"store:put", "A/person", {"segment", "name"}}, {"store:get", "*"}});
  const json part{{"cpf", cpf_a}, {"name", "Eva"}};
  CHECK(errc_of(b.batch(write::Put{"person", part})) == Errc::denied);
  CHECK(b.reason().find("would replace") != std::string::npos);
  CHECK(errc_of(b.batch(write::Put{"person", part, {Expect::Kind::version, 1}})) == Errc::denied);
  CHECK(errc_of(b.batch(write::Put{"person", part, {Expect::Kind::present, 0}})) == Errc::denied);
  CHECK(errc_of(b.batch(write::Put{"person", part, {Expect::Kind::absent, 0}})) == Errc::conflict);
  CHECK(b.document()["email"] == "ana@example.com");

  Bench masked(Rules{{"store:*", "*"}});
  masked.cause.masked = true;
  CHECK(errc_of(masked.batch(write::Put{"person", {{"cpf", cpf_a}, {"segment", "x"}}})) ==
        Errc::denied);
  masked.cause.masked = false;
  CHECK(masked.document()["name"] == ana()["name"]);
}

TEST_CASE("store access: with the layer off there are no roles, zones, purposes and field sets") {
  Bench b(Rules{}, true, {.roles = false, .audit = false}, Zone::public_zone);
  b.cause.purpose = "";
  CHECK(b.document()["name"] == ana()["name"]);
  CHECK(b.batch(write::Erase{"person", cpf_b}).has_value());
  CHECK(b.keeper.told.empty());
}

TEST_CASE("store access: audited, each access says whose data, which fields and what for") {
  Bench b(Rules{{"store:*", "*"}, {"store:get", "A/person", {"name"}, {"x"}}}, true);
  CHECK(b.get().has_value());
  REQUIRE(b.keeper.told.size() == 1);
  Told told = b.keeper.told[0];
  CHECK(told.allowed);
  CHECK(told.action == "store:get");
  CHECK(told.resource == "A/person");
  CHECK(told.purpose == "credit");
  CHECK(told.client == "lender");
  CHECK(told.role == "r");
  CHECK(told.subject == b.token());
  CHECK(told.fields == std::vector<std::string>{"cpf", "email", "income_cents", "name", "segment"});

  CHECK(b.get(cpf_c).has_value());  // There is none: it was asked for all the same.
  CHECK(b.keeper.told.size() == 2);
  CHECK(b.keeper.told[1].subject == b.tokens->make("cpf", cpf_c).value());

  CHECK(b.query("debt").has_value());  // Two records of one person.
  REQUIRE(b.keeper.told.size() == 3);
  CHECK(b.keeper.told[2].subject == b.token());

  CHECK(b.batch(write::Put{"debt", debt_of(cpf_a, 3)}).has_value());
  REQUIRE(b.keeper.told.size() == 4);
  CHECK(b.keeper.told[3].action == "store:put");
  CHECK(b.keeper.told[3].subject == b.token());
  CHECK(b.keeper.told[3].fields.size() == 5);

  CHECK(errc_of(b.get("no cpf")) == Errc::invalid);
  CHECK(b.keeper.told.back().refused);
  CHECK(b.keeper.told.back().reason == "invalid");
}

TEST_CASE("store access: an audited store is denied without a purpose") {
  Bench b(Rules{{"store:*", "*"}}, true);
  b.cause.purpose = "";
  CHECK(errc_of(b.get()) == Errc::denied);
  CHECK(errc_of(b.query("debt")) == Errc::denied);
  CHECK(errc_of(b.batch(write::Erase{"person", cpf_a})) == Errc::denied);
  CHECK(b.reason().find("has no purpose") != std::string::npos);
}

TEST_CASE("store access: nothing audited is given or written before its entry is") {
  Bench b(Rules{{"store:*", "*"}}, true);
  b.keeper.holding = true;
  bool read = false, written = false;
  b.store().get("person", cpf_a, b.cause, [&](const auto& found) { read = found.has_value(); });
  Batch batch;
  batch.writes.emplace_back(write::Put{"person", {{"cpf", cpf_b}, {"name", "Eva"}}});
  b.store().batch(std::move(batch), b.cause, [&](const auto& done) { written = done.has_value(); });
  b.settle();
  CHECK_FALSE(read);
  CHECK_FALSE(written);
  CHECK(b.all.at("A")->last_sequence() == 3);
  REQUIRE(b.keeper.held.size() == 2);
  for (auto& done : b.keeper.held) done(ok());
  b.settle();
  CHECK(read);
  CHECK(written);

  b.keeper.holding = false;
  b.keeper.failing = true;
  CHECK(errc_of(b.get()) == Errc::unavailable);
  CHECK(errc_of(b.query("debt")) == Errc::unavailable);
  CHECK(errc_of(b.batch(write::Erase{"person", cpf_b})) == Errc::unavailable);
  CHECK(b.all.at("A")->last_sequence() == 4);
}

TEST_CASE(
    "store access: a masked client's function sees masked values, and no field without mask") {
  Bench b(Rules{{"store:*", "*"}}, true);
  b.cause.masked = true;
  CHECK(b.document() == json{{"cpf", "***35"},
                             {"name", "A. \". S."},
                             {"income_cents", "***"},
                             {"segment", "retail"}});
  CHECK(b.keeper.told.back().fields ==
        std::vector<std::string>{"cpf:masked", "income_cents:masked", "name:masked", "segment"});
  // Masked values must not become the record.
  CHECK(errc_of(b.batch(write::Put{"person", {{"cpf", cpf_a}, {"name", "A. S."}}})) ==
        Errc::denied);
  const Expect absent{Expect::Kind::absent, 0};
  CHECK(b.batch(write::Put{"person", {{"cpf", cpf_b}, {"segment", "x"}}, absent}).has_value());
  Bench off(Rules{{"store:*", "*"}}, false, {.masking = false});
  off.cause.masked = true;
  CHECK(off.document()["name"] == ana()["name"]);
}

TEST_CASE("store access: a masked client's function looks for nothing that the masks hide") {
  Bench b(Rules{{"store:*", "*"}});
  b.cause.masked = true;
  Query guess;
  guess.filters.push_back({"email", Comparison::equal, "ana@example.com"});
  CHECK(errc_of(b.query("person", guess)) == Errc::denied);
  CHECK(b.reason().find("masked values only") != std::string::npos);
  Query by_key;
  by_key.filters.push_back({"cpf", Comparison::equal, cpf_a});
  CHECK(b.query("person", by_key).value().records.size() == 1);
  Query of_person;  // A reference is no protected value.
  of_person.filters.push_back({"cpf", Comparison::equal, cpf_a});
  CHECK(b.query("debt", of_person).value().records.size() == 2);
  b.cause.masked = false;
  CHECK(b.query("person", guess).value().records.size() == 1);
}

TEST_CASE("store access: records that go with an erased one are entries, too") {
  Bench b(Rules{{"store:*", "*"}}, true);
  CHECK(b.batch(write::Erase{"person", cpf_b}).has_value());
  REQUIRE(b.keeper.told.size() == 3);
  CHECK(b.keeper.told[0].resource == "A/person");
  CHECK(b.keeper.told[1].resource == "A/debt");
  CHECK(b.keeper.told[1].action == "store:erase");
  CHECK(b.keeper.told[1].subject == b.tokens->make("cpf", cpf_b).value());
  CHECK(b.keeper.told[1].purpose == "credit");
  CHECK(b.keeper.told[2].resource == "A/note");
  CHECK(b.keeper.told[2].subject.empty());  // Whose they are they do not say.
  b.keeper.told.clear();
  CHECK(b.batch(write::Erase{"note", "00000000-0000-4000-8000-000000000001"}).has_value());
  CHECK(b.keeper.told.size() == 1);
}

TEST_CASE("store access: who may write finds key and version, and nothing of the document") {
  Bench b(Rules{{"store:put", "A/person"}});
  std::optional<Record> found;
  b.store().find("person", cpf_a, b.cause, [&](auto got) { found = *got.value(); });
  b.settle();
  REQUIRE(found.has_value());
  CHECK(found->version > 0);
  CHECK(found->document.empty());
  bool denied = false;
  b.store().find("debt", "x", b.cause, [&](const auto& got) { denied = !got.has_value(); });
  b.settle();
  CHECK(denied);
}

TEST_CASE("store access: what is found of an audited record is an entry first") {
  Bench b(Rules{{"store:put", "A/person"}}, true);
  b.keeper.holding = true;
  std::optional<Record> found;
  b.store().find("person", cpf_a, b.cause, [&](auto got) { found = *got.value(); });
  b.settle();
  CHECK_FALSE(found.has_value());
  REQUIRE(b.keeper.told.size() == 1);
  CHECK(b.keeper.told[0].action == "store:put");
  CHECK(b.keeper.told[0].subject == b.token());
  CHECK(b.keeper.told[0].fields == std::vector<std::string>{"cpf"});
  REQUIRE(b.keeper.held.size() == 1);
  b.keeper.held[0](ok());
  REQUIRE(found.has_value());
  CHECK(found->document.empty());
}

TEST_CASE("store access: changes of an audited store are entries before they are given") {
  Bench b(Rules{{"store:changes", "A/*"}}, true);
  b.keeper.holding = true;
  CHECK(b.store().follow(b.cause).has_value());
  CHECK(b.keeper.told.empty());  // Nothing is shown yet.
  const auto changes = b.all.at("A")->changes(0, 10).value();
  REQUIRE(changes.size() == 3);
  bool given = false;
  b.store().show(changes, b.cause, [&](const Result<void>& told) { given = told.has_value(); });
  CHECK_FALSE(given);
  REQUIRE(b.keeper.told.size() == 2);  // Of each collection, and of each person there.
  CHECK(b.keeper.told[0].action == "store:changes");
  CHECK(b.keeper.told[0].resource == "A/person");
  CHECK(b.keeper.told[0].subject == b.token());
  CHECK(b.keeper.told[0].fields == std::vector<std::string>{"cpf"});
  CHECK(b.keeper.told[1].resource == "A/debt");
  CHECK(b.keeper.told[1].subject.empty());
  for (auto& done : b.keeper.held) done(ok());
  CHECK(given);
  b.keeper.told.clear();
  b.store().show({}, b.cause, [&](const Result<void>& told) { CHECK(told.has_value()); });
  CHECK(b.keeper.told.empty());
}

TEST_CASE("store access: the feed of changes shows the collections that the role names") {
  Bench b(Rules{{"store:changes", "A/person", {}, {"credit"}}});
  CHECK(b.store().may_follow("person", "credit"));
  CHECK_FALSE(b.store().may_follow("person", "other"));
  CHECK_FALSE(b.store().may_follow("debt", "credit"));
  CHECK(b.store().follow(b.cause).has_value());
  b.cause.purpose = "";
  CHECK_FALSE(b.store().follow(b.cause).has_value());
}
