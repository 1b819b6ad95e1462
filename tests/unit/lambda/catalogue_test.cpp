#include "porteiro/lambda/catalogue.hpp"

#include <doctest/doctest.h>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::lambda;

namespace {

// A journal that keeps what is appended, and knows no files.
struct Kept final : journal::Journal {
  std::vector<std::string> entries;
  journal::Stream join(std::string_view name, journal::Participant&) override {
    CHECK(name == "lambda.catalogue");
    return 1;
  }
  Result<void> start() override { return ok(); }
  journal::Sequence append(journal::Stream, std::string_view entry) override {
    entries.emplace_back(entry);
    return entries.size();
  }
  journal::Sequence last() const override { return entries.size(); }
  journal::Sequence durable() const override { return entries.size(); }
  bool full() const override { return false; }
  bool on_disk() const override { return true; }
  void when_durable(journal::Sequence, UniqueFunction<void(Result<void>)>) override {}
  void close(Task) override {}
  Result<void> clear() override { return ok(); }
};

template <class T>
std::optional<Errc> errc_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

CatalogueFunction function(const std::string& name, const std::string& code = "aa") {
  CatalogueFunction made;
  made.name = name;
  made.latest.settings.runtime = "python3.12";
  made.latest.settings.handler = "app.handler";
  made.latest.settings.environment = {{"STAGE", "test"}};
  made.latest.settings.code = {code, 100};
  made.latest.modified = Time(Duration(5));
  made.latest.revision = {1, 2};
  made.tags = {{"team", "credit"}};
  return made;
}

struct Bench {
  explicit Bench(CatalogueLimits limits = {}) : catalogue(journal, limits) {}
  void create(CatalogueFunction made) { REQUIRE(catalogue.create(std::move(made)).has_value()); }
  CatalogueFunction copy(std::string_view name) { return *catalogue.find(name); }
  Kept journal;
  Catalogue catalogue;
};

void check_same(const Catalogue& a, const Catalogue& b) {
  Catalogue& left = const_cast<Catalogue&>(a);
  Catalogue& right = const_cast<Catalogue&>(b);
  CHECK(left.snapshot() == right.snapshot());
}

// Everything that can be kept, once.
void fill(Bench& bench) {
  bench.create(function("orders"));
  bench.create(function("gone", "bb"));
  REQUIRE(bench.catalogue.publish("orders", bench.copy("orders").latest).has_value());
  REQUIRE(bench.catalogue.publish("orders", bench.copy("orders").latest).has_value());
  CatalogueFunction changed = bench.copy("orders");
  changed.aliases["live"] = {"2", "what runs", {{"1", 0.25}}, {3, 4}};
  changed.reserved = 7;
  changed.invoke_configs["live"] = {Time(Duration(9)), 1, 60, "arn:ok", "arn:bad"};
  changed.policies[""] = {{5, 6}, {{"sid", R"({"Effect":"Allow"})"}}};
  REQUIRE(bench.catalogue.change(std::move(changed)).has_value());
  CatalogueMapping mapping;
  mapping.id = {7, 8};
  mapping.queue_arn = "arn:aws:sqs:us-east-1:000000000000:in";
  mapping.function = "orders";
  mapping.qualifier = "live";
  mapping.filters = {R"({"body":{"a":[1]}})"};
  mapping.enabled = false;
  REQUIRE(bench.catalogue.put_mapping(mapping).has_value());
  mapping.id = {7, 9};
  REQUIRE(bench.catalogue.put_mapping(mapping).has_value());
  REQUIRE(bench.catalogue.remove_mapping({7, 9}).has_value());
  REQUIRE(bench.catalogue.remove("gone").has_value());
}

}  // namespace

// Goal: what a client made is what it finds, and names are taken once.
TEST_CASE("catalogue: functions are made, changed and removed") {
  Bench bench;
  bench.create(function("orders"));
  CHECK(errc_of(bench.catalogue.create(function("orders"))) == Errc::conflict);
  CatalogueFunction changed = bench.copy("orders");
  changed.latest.settings.memory_mb = 512;
  CHECK(bench.catalogue.change(changed).has_value());
  CHECK(bench.catalogue.find("orders")->latest.settings.memory_mb == 512);
  CHECK(errc_of(bench.catalogue.change(function("other"))) == Errc::not_found);
  CHECK(bench.catalogue.remove("orders").has_value());
  CHECK(bench.catalogue.find("orders") == nullptr);
  CHECK(errc_of(bench.catalogue.remove("orders")) == Errc::not_found);
}

// Goal: the number of a version means one thing for ever.
TEST_CASE("catalogue: versions count up, and no number comes twice") {
  Bench bench;
  bench.create(function("orders"));
  CHECK(bench.catalogue.publish("orders", {}).value().version->number == "1");
  CHECK(bench.catalogue.publish("orders", {}).value().version->number == "2");
  CHECK(bench.catalogue.remove_version("orders", "2").has_value());
  CHECK(errc_of(bench.catalogue.remove_version("orders", "2")) == Errc::not_found);
  CHECK(bench.catalogue.publish("orders", {}).value().version->number == "3");
  CatalogueFunction changed = bench.copy("orders");
  changed.published.clear();  // What a change says of them does not count.
  changed.aliases["live"].version = "3";
  REQUIRE(bench.catalogue.change(changed).has_value());
  CHECK(bench.catalogue.find("orders")->version("3") != nullptr);
  CHECK(bench.catalogue.find("orders")->version("2") == nullptr);
  CHECK(bench.catalogue.find("orders")->version("$LATEST") != nullptr);
  CHECK(errc_of(bench.catalogue.remove_version("orders", "3")) == Errc::conflict);
}

// Goal: what the config declares is seen, and only the config changes it.
TEST_CASE("catalogue: a declared function cannot be changed, and hides a client's") {
  Bench bench;
  bench.create(function("orders"));
  REQUIRE(bench.catalogue.declare(function("score")).has_value());
  CHECK(errc_of(bench.catalogue.declare(function("score"))) == Errc::conflict);
  CHECK(errc_of(bench.catalogue.create(function("score"))) == Errc::conflict);
  CHECK(errc_of(bench.catalogue.change(bench.copy("score"))) == Errc::denied);
  CHECK(errc_of(bench.catalogue.publish("score", {})) == Errc::denied);
  CHECK(errc_of(bench.catalogue.remove_version("score", "1")) == Errc::denied);
  CHECK(errc_of(bench.catalogue.remove("score")) == Errc::denied);
  CHECK(bench.catalogue.functions().size() == 2);
  REQUIRE(bench.catalogue.declare(function("orders")).has_value());
  CHECK(bench.catalogue.find("orders")->declared);
  CHECK(bench.catalogue.functions().size() == 2);
  bench.catalogue.reset();
  CHECK(bench.catalogue.functions().size() == 2);
}

// Goal: every list that clients fill has a bound.
TEST_CASE("catalogue: what is kept is bounded") {
  Bench bench({.functions_max = 2,
               .versions_max = 1,
               .aliases_max = 1,
               .mappings_max = 1,
               .code_bytes_max = 250});
  bench.create(function("a", "11"));
  bench.create(function("b", "22"));
  CHECK(errc_of(bench.catalogue.create(function("c", "11"))) == Errc::limit_exceeded);
  REQUIRE(bench.catalogue.publish("a", bench.copy("a").latest).has_value());
  CHECK(errc_of(bench.catalogue.publish("a", {})) == Errc::limit_exceeded);
  CatalogueFunction changed = bench.copy("a");
  changed.latest.settings.code = {"33", 100};  // The published version still has the other.
  CHECK(errc_of(bench.catalogue.change(changed)) == Errc::limit_exceeded);
  changed = bench.copy("a");
  changed.aliases = {{"x", {}}, {"y", {}}};
  CHECK(errc_of(bench.catalogue.change(changed)) == Errc::limit_exceeded);
  CatalogueMapping mapping;
  mapping.id = {0, 1};
  CHECK(bench.catalogue.put_mapping(mapping).has_value());
  CHECK(bench.catalogue.put_mapping(mapping).has_value());  // The same one.
  mapping.id = {0, 2};
  CHECK(errc_of(bench.catalogue.put_mapping(mapping)) == Errc::limit_exceeded);
}

TEST_CASE("catalogue: it knows which code is in use") {
  Bench bench;
  bench.create(function("a", "11"));
  REQUIRE(bench.catalogue.publish("a", bench.copy("a").latest).has_value());
  CatalogueFunction changed = bench.copy("a");
  changed.latest.settings.code = {"22", 1};
  REQUIRE(bench.catalogue.change(changed).has_value());
  CHECK(bench.catalogue.codes() == std::set<std::string>{"11", "22"});
  REQUIRE(bench.catalogue.remove_version("a", "1").has_value());
  CHECK_FALSE(bench.catalogue.refers("11"));
  CHECK(bench.catalogue.refers("22"));
}

// Goal: a restart gives back what was there, by entries or by a snapshot.
TEST_CASE("catalogue: entries and snapshots give the same state") {
  Bench bench;
  fill(bench);
  Bench replayed;
  for (const std::string& entry : bench.journal.entries) {
    REQUIRE(replayed.catalogue.replay(entry).has_value());
  }
  check_same(bench.catalogue, replayed.catalogue);
  Bench restored;
  REQUIRE(restored.catalogue.restore(bench.catalogue.snapshot()).has_value());
  check_same(bench.catalogue, restored.catalogue);
  CHECK(restored.catalogue.find("orders")->aliases.at("live").weights.at("1") == 0.25);
  CHECK(restored.catalogue.publish("orders", {}).value().version->number == "3");
}

TEST_CASE("catalogue: a number that was deleted is not used again after a restart") {
  Bench bench;
  bench.create(function("orders"));
  REQUIRE(bench.catalogue.publish("orders", {}).has_value());
  REQUIRE(bench.catalogue.remove_version("orders", "1").has_value());
  Bench replayed;
  for (const std::string& entry : bench.journal.entries) {
    REQUIRE(replayed.catalogue.replay(entry).has_value());
  }
  CHECK(replayed.catalogue.publish("orders", {}).value().version->number == "2");
}

TEST_CASE("catalogue: damaged entries and snapshots are told as such") {
  Bench bench;
  fill(bench);
  for (const std::string& entry : bench.journal.entries) {
    for (std::size_t size = 0; size < entry.size(); ++size) {
      Bench other;
      CHECK(errc_of(other.catalogue.replay(entry.substr(0, size))) == Errc::corrupt);
    }
  }
  for (const std::string wrong : {"\x01?{\"name\":\"x\"}",
                                  "\x02"
                                  "F{}",
                                  "\x01"
                                  "F[]",
                                  "\x01"
                                  "F{}",
                                  "\x01m{\"id\":\"zz\"}", "\x01V{\"name\":\"nobody\"}"}) {
    CHECK(errc_of(bench.catalogue.replay(wrong)) == Errc::corrupt);
  }
  for (const std::string wrong : {"", "\x02{}", "\x01{}", "\x01[1]"}) {
    CHECK(errc_of(bench.catalogue.restore(wrong)) == Errc::corrupt);
  }
}
