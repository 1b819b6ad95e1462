// Read models over real stores in virtual time: rebuilt at start, level after each change, honest
// about their age.
#include "porteiro/readmodels/read_models.hpp"

#include <doctest/doctest.h>

#include "unit/stores/store_support.hpp"

namespace porteiro::readmodels::test {
namespace {

using nlohmann::json;
using stores::test::cpf_a;
using stores::test::cpf_b;
using stores::test::cpf_c;
using stores::test::errc_of;
using namespace std::chrono_literals;

using Kind = Selection::Kind;

Options summary() {
  Options options;
  options.name = "person-summary";
  options.from = {{"B", "profile"}, {"C", "trail"}};
  options.key = "person_token";
  options.select = {{"age", "profile", "age"},
                    {"band", "profile", "score.band"},
                    {"movements", "trail", "movements", Kind::count},
                    {"last", "trail", "movements", Kind::last}};
  return options;
}

// Takes strikes for one store only.
struct StoreFaults final : Faults {
  std::string target;
  std::deque<Fault> reads;
  Fault strike(FaultPoint point, std::string_view name) override {
    if (point != FaultPoint::store_read || name != target || reads.empty()) return {};
    const Fault fault = reads.front();
    reads.pop_front();
    return fault;
  }
};

struct Fixture : stores::test::Fixture {
  stores::Stores all;
  StoreFaults strikes;
  std::unique_ptr<ReadModels> models;

  Fixture() {
    environment.faults = &strikes;
    open("A", {stores::test::person()});
    open("B", {stores::test::collection(
                   "profile", R"({"key": "person_token", "subject": "person_token", "fields": {
      "person_token": {"token_of": "cpf"}, "age": {"type": "int", "class": "sensitive", "mask": "digits"},
      "score": {"type": "json", "class": "sensitive"},
      "secret": {"type": "string", "class": "restricted"}}})"),
               stores::test::collection("other", R"({"key": "id", "fields": {
      "id": {"type": "string"}}})")});
    open("C", {stores::test::collection("trail", R"({"key": "person_token", "fields": {
      "person_token": {"token_of": "cpf"}, "movements": {"type": "list", "max": 100}}})")});
  }
  void open(const std::string& name, std::vector<stores::Collection> collections) {
    stores::StoreOptions options;
    options.name = name;
    options.key = "vault";
    options.collections = std::move(collections);
    auto opened = stores::Store::open(std::move(options), environment, dependencies(), "", false);
    REQUIRE(opened.has_value());
    all[name] = std::move(opened).value();
  }
  // Makes the model anew, as the next start does; returns once it has read everything.
  Result<void> start(Options options = summary()) {
    models = std::make_unique<ReadModels>(environment, all, telemetry);
    PORTEIRO_TRY(models->create(std::move(options)));
    std::optional<Result<void>> started;
    models->start([&](Result<void> result) { started.emplace(std::move(result)); });
    CHECK_FALSE(started.has_value());
    while (!started && world.scheduler.step()) {
    }
    REQUIRE(started.has_value());
    return *started;
  }
  void write(const std::string& store, stores::Write write) {
    bool good = false;
    stores::Batch batch;
    batch.writes.push_back(std::move(write));
    all[store]->batch(std::move(batch), Id{}, [&](auto result) { good = result.has_value(); });
    while (!good && world.scheduler.step()) {
    }
    REQUIRE(good);
  }
  void profile(const char* cpf, int age) {
    write("B", stores::write::Put{"profile",
                                  {{"person_token", token(cpf)},
                                   {"age", age},
                                   {"score", {{"band", "good"}, {"value", 600}}}}});
  }
  void move(const char* cpf, json item) {
    write("C", stores::write::Append{"trail", token(cpf), "movements", std::move(item)});
  }
  View view(const char* cpf) {
    auto got = models->get("person-summary", token(cpf));
    REQUIRE(got.has_value());
    REQUIRE(got.value().has_value());
    return *got.value();
  }
  json document(const char* cpf) { return json::parse(view(cpf).document); }
  bool has(const char* cpf) {
    return models->get("person-summary", token(cpf)).value().has_value();
  }
  void idle() { world.scheduler.run_until_idle(); }
};

TEST_CASE("read models: who may not see protected values whole sees masks, or nothing") {
  Fixture f;
  f.profile(cpf_a, 41);
  f.move(cpf_a, {{"n", 1}});
  REQUIRE(f.start().has_value());
  f.idle();
  const auto seen = f.models->get("person-summary", f.token(cpf_a), true);
  REQUIRE(seen.has_value());
  REQUIRE(seen.value().has_value());
  // The score has no mask; what is not protected is whole.
  CHECK(json::parse(seen.value()->document) == json{{"person_token", f.token(cpf_a)},
                                                    {"age", "**"},
                                                    {"movements", 1},
                                                    {"last", {{"n", 1}}}});
}

TEST_CASE("read models: a model is rebuilt from its stores at start") {
  Fixture f;
  f.profile(cpf_a, 41);
  f.profile(cpf_b, 17);
  f.move(cpf_a, {{"n", 1}});
  f.move(cpf_a, {{"n", 2}});
  f.move(cpf_c, {{"n", 3}});
  REQUIRE(f.start().has_value());
  f.idle();
  CHECK(f.models->level());
  CHECK(f.view(cpf_a).document == "{\"person_token\":\"" + f.token(cpf_a) +
                                      "\",\"age\":41,\"band\":\"good\",\"movements\":2,"
                                      "\"last\":{\"n\":2}}");
  CHECK(f.view(cpf_a).age == 0ns);
  CHECK(f.view(cpf_a).applied == 0);
  CHECK(f.document(cpf_b)["movements"] == nullptr);
  CHECK(f.document(cpf_c)["age"] == nullptr);
  CHECK(f.document(cpf_c)["movements"] == 1);
  CHECK_FALSE(f.models->get("person-summary", "cpf_unknown").value().has_value());
  CHECK(errc_of(f.models->get("nothing", "x")) == Errc::not_found);
}

TEST_CASE("read models: more rows than a page holds are all read") {
  Fixture f;
  Options options;
  options.name = "others";
  options.from = {{"B", "other"}};
  options.key = "id";
  for (int i = 0; i < 1203; ++i) {
    stores::Batch batch;
    batch.writes.push_back(stores::write::Put{"other", {{"id", "k" + std::to_string(i)}}});
    f.all["B"]->batch(std::move(batch), Id{}, [](auto) {});
  }
  f.idle();
  REQUIRE(f.start(options).has_value());
  f.idle();
  CHECK(f.models->get("others", "k1202").value().has_value());
  CHECK(f.telemetry.metrics().find("porteiro_read_model_entries{model=\"others\"} 1203") !=
        std::string::npos);
}

TEST_CASE("read models: changes of both sources are followed; erased rows leave nothing") {
  Fixture f;
  REQUIRE(f.start().has_value());
  f.idle();
  f.profile(cpf_a, 30);
  f.move(cpf_a, "m");
  f.write("B", stores::write::Put{"other", {{"id", "unrelated"}}});
  f.idle();
  CHECK(f.models->level());
  CHECK(f.document(cpf_a)["age"] == 30);
  CHECK(f.document(cpf_a)["last"] == "m");
  CHECK(f.view(cpf_a).applied == 2);
  f.write("B", stores::write::Erase{"profile", f.token(cpf_a), {}});
  f.idle();
  CHECK(f.document(cpf_a)["age"] == nullptr);
  CHECK(f.document(cpf_a)["movements"] == 1);
  f.write("C", stores::write::Erase{"trail", f.token(cpf_a), {}});
  f.idle();
  CHECK_FALSE(f.has(cpf_a));
  CHECK(f.models->level());
}

TEST_CASE("read models: the lag under a slow store is seen as the view's age and in telemetry") {
  Fixture f;
  REQUIRE(f.start().has_value());
  f.profile(cpf_a, 30);
  f.idle();
  std::vector<telemetry::Record> applied;
  f.telemetry.listen([&](const telemetry::Record& record) {
    if (record.kind == telemetry::Kind::projection_applied) applied.push_back(record);
  });
  f.strikes.target = "B";
  f.strikes.reads = {{Fault::Kind::slow, 2s}};
  f.profile(cpf_a, 31);
  f.world.scheduler.run_for(1s);
  CHECK(f.document(cpf_a)["age"] == 30);
  CHECK(f.view(cpf_a).age == 1s);
  CHECK_FALSE(f.models->level());
  const std::string metrics = f.telemetry.metrics();
  CHECK(metrics.find("porteiro_read_model_lag_seconds{model=\"person-summary\"} 1") !=
        std::string::npos);
  f.world.scheduler.run_for(1s);
  CHECK(f.document(cpf_a)["age"] == 31);
  CHECK(f.view(cpf_a).age == 0s);
  CHECK(f.models->level());
  REQUIRE(applied.size() == 1);
  CHECK(f.telemetry.name(applied[0].name) == "person-summary");
  CHECK(applied[0].value == f.all["B"]->last_sequence());
  CHECK(applied[0].extra == 2'000'000'000);
}

TEST_CASE("read models: changes made while one is applied are coalesced by key") {
  Fixture f;
  REQUIRE(f.start().has_value());
  f.idle();
  f.strikes.target = "C";
  f.strikes.reads = {{Fault::Kind::slow, 1s}};
  f.move(cpf_a, 0);
  f.world.scheduler.run_for(100ms);
  const auto reads_before = f.telemetry.counter("porteiro_store_reads_total", "store=\"C\"");
  for (int i = 1; i < 20; ++i) f.move(cpf_a, i);
  f.move(cpf_b, 0);
  f.idle();
  CHECK(f.document(cpf_a)["movements"] == 20);
  CHECK(f.has(cpf_b));
  CHECK(f.telemetry.counter("porteiro_store_reads_total", "store=\"C\"") == reads_before + 2);
  CHECK(f.models->level());
}

TEST_CASE("read models: what the store refuses is tried again, at start and later") {
  Fixture f;
  f.profile(cpf_a, 30);
  f.strikes.target = "B";
  f.strikes.reads = {{Fault::Kind::error, {}}, {Fault::Kind::error, {}}};
  const Time start = f.world.scheduler.now();
  REQUIRE(f.start().has_value());
  CHECK(f.world.scheduler.now() - start == 300ms);  // 100 and 200.
  CHECK(f.document(cpf_a)["age"] == 30);
  f.idle();
  f.strikes.reads = {{Fault::Kind::error, {}}, {Fault::Kind::error, {}}};
  f.profile(cpf_a, 31);
  f.world.scheduler.run_for(299ms);
  CHECK(f.document(cpf_a)["age"] == 30);
  CHECK(f.view(cpf_a).age == 299ms);
  f.world.scheduler.run_for(1ms);
  CHECK(f.document(cpf_a)["age"] == 31);
  CHECK(f.models->level());
}

TEST_CASE("read models: reset forgets everything and follows the emptied stores") {
  Fixture f;
  f.profile(cpf_a, 30);
  REQUIRE(f.start().has_value());
  f.idle();
  for (const auto& [name, store] : f.all) REQUIRE(store->reset().has_value());
  f.models->reset();
  CHECK_FALSE(f.has(cpf_a));
  f.idle();
  CHECK(f.models->level());
  CHECK_FALSE(f.has(cpf_a));
  f.profile(cpf_b, 20);
  f.idle();
  CHECK(f.document(cpf_b)["age"] == 20);
}

// Goal: an entry that was evicted comes back whole, with the parts of all sources.
TEST_CASE("read models: entries are bounded; one that comes back is whole") {
  Fixture f;
  f.profile(cpf_a, 1);
  f.profile(cpf_b, 2);
  f.profile(cpf_c, 3);
  f.move(cpf_a, "m");
  Options options = summary();
  options.entries_max = 2;
  REQUIRE(f.start(options).has_value());
  f.idle();
  CHECK(f.models->level());
  CHECK(static_cast<int>(f.has(cpf_a)) + f.has(cpf_b) + f.has(cpf_c) == 2);
  f.move(cpf_a, "n");
  f.move(cpf_b, "n");
  f.idle();
  CHECK_FALSE(f.has(cpf_c));
  CHECK(f.document(cpf_a)["age"] == 1);
  CHECK(f.document(cpf_a)["movements"] == 2);
  CHECK(f.document(cpf_b)["age"] == 2);
  f.view(cpf_a);  // A use.
  f.move(cpf_c, "n");
  f.idle();
  CHECK(f.has(cpf_a));
  CHECK_FALSE(f.has(cpf_b));
  CHECK(f.document(cpf_c)["age"] == 3);
}

TEST_CASE("read models: declarations that cannot be served are refused") {
  Fixture f;
  const auto refused = [&](const std::function<void(Options&)>& change) {
    ReadModels models(f.environment, f.all, f.telemetry);
    Options options = summary();
    change(options);
    return errc_of(models.create(std::move(options))) == Errc::invalid;
  };
  CHECK_FALSE(refused([](Options&) {}));
  CHECK(refused([](Options& o) { o.from[0].store = "D"; }));
  CHECK(refused([](Options& o) { o.from[0].collection = "people"; }));
  CHECK(refused([](Options& o) { o.from.clear(); }));
  CHECK(refused([](Options& o) { o.from[0].collection = "other"; }));  // Another key.
  CHECK(refused([](Options& o) { o.key = "id"; }));
  CHECK(refused([](Options& o) { o.select[0].field = "secret"; }));  // Restricted.
  CHECK(refused([](Options& o) { o.select[0].field = "nothing"; }));
  CHECK(refused([](Options& o) { o.select[0].field = "age.x"; }));
  CHECK(refused([](Options& o) { o.select[0].kind = Kind::count; }));
  CHECK(refused([](Options& o) { o.select[0].collection = "person"; }));
  CHECK(refused([](Options& o) { o.entries_max = 0; }));
  ReadModels models(f.environment, f.all, f.telemetry);
  CHECK(models.create(summary()).has_value());
  CHECK(errc_of(models.create(summary())) == Errc::invalid);  // Twice.
}

TEST_CASE("read models: a model over restricted keys holds tokens only") {
  Fixture f;
  f.write("A", stores::write::Put{"person", stores::test::ana()});
  Options options;
  options.name = "segments";
  options.from = {{"A", "person"}};
  options.key = "cpf";
  options.select = {{"segment", "person", "segment"}};
  REQUIRE(f.start(options).has_value());
  f.idle();
  const auto got = f.models->get("segments", f.token(cpf_a));
  REQUIRE(got.has_value());
  REQUIRE(got.value().has_value());
  CHECK(got.value()->document == R"({"segment":"retail"})");
}

// A store whose feed can be cut short and whose rows can be damaged.
struct FickleStore final : stores::Store {
  explicit FickleStore(stores::Store& store) : inner(store) {}
  stores::Store& inner;
  bool stale = false;
  std::optional<Error> get_error;
  int queries = 0;

  void get(std::string_view collection, std::string_view key, Id trace,
           Done<std::optional<stores::Record>> done) override {
    if (!get_error) return inner.get(collection, key, trace, std::move(done));
    inner.get(collection, key, trace,
              [this, done = std::move(done)](auto) mutable { done(*get_error); });
  }
  void query(std::string_view collection, stores::Query query, Id trace,
             Done<stores::Page> done) override {
    ++queries;
    inner.query(collection, std::move(query), trace, std::move(done));
  }
  Result<std::string> known_key(std::string_view collection, std::string_view key) const override {
    return inner.known_key(collection, key);
  }
  Result<std::string> known_value(std::string_view collection, std::string_view field,
                                  std::string_view value) const override {
    return inner.known_value(collection, field, value);
  }
  void batch(stores::Batch batch, Id trace, Done<stores::Committed> done) override {
    inner.batch(std::move(batch), trace, std::move(done));
  }
  void erase_subject(std::string_view name, std::string_view token, Id trace,
                     Done<std::vector<stores::Erasure>> done) override {
    inner.erase_subject(name, token, trace, std::move(done));
  }
  std::shared_ptr<Follower> follow(std::function<void(const stores::Change&)> each) override {
    return inner.follow(std::move(each));
  }
  Result<std::vector<stores::Change>> changes(std::uint64_t after, std::size_t limit) override {
    if (std::exchange(stale, false)) return error(Errc::stale, "the feed is too short");
    return inner.changes(after, limit);
  }
  std::uint64_t last_sequence() override { return inner.last_sequence(); }
  Result<void> reset() override { return inner.reset(); }
  const stores::StoreOptions& options() const override { return inner.options(); }
};

TEST_CASE("read models: a feed that no longer goes back far enough means reading everything") {
  Fixture f;
  const std::unique_ptr<stores::Store> real = std::move(f.all["B"]);
  auto owned = std::make_unique<FickleStore>(*real);
  FickleStore& fickle = *owned;
  f.all["B"] = std::move(owned);
  f.profile(cpf_a, 1);
  f.profile(cpf_b, 2);
  REQUIRE(f.start().has_value());
  f.idle();
  CHECK(fickle.queries == 1);
  fickle.stale = true;
  f.write("B", stores::write::Erase{"profile", f.token(cpf_a), {}});
  f.profile(cpf_b, 3);
  f.idle();
  CHECK(fickle.queries == 2);
  CHECK_FALSE(f.has(cpf_a));  // Erased in what the feed did not tell.
  CHECK(f.document(cpf_b)["age"] == 3);
  CHECK(f.models->level());

  fickle.get_error = error(Errc::corrupt, "a sealed box does not open");
  f.profile(cpf_b, 4);
  f.idle();
  CHECK_FALSE(f.has(cpf_b));  // Left out, and the others go on.
  fickle.get_error.reset();
  f.profile(cpf_c, 5);
  f.idle();
  CHECK(f.document(cpf_c)["age"] == 5);
  CHECK(f.models->level());
  f.models.reset();
  f.all["B"].reset();
}

TEST_CASE("read models: one that dies amid its work touches nothing any more") {
  Fixture f;
  f.profile(cpf_a, 1);
  f.models = std::make_unique<ReadModels>(f.environment, f.all, f.telemetry);
  REQUIRE(f.models->create(summary()).has_value());
  f.models->start([](auto) {});
  f.models.reset();
  f.idle();
  REQUIRE(f.start().has_value());
  f.strikes.target = "B";
  f.strikes.reads = {{Fault::Kind::error, {}}};
  f.profile(cpf_a, 2);
  f.world.scheduler.run_for(50ms);
  f.models.reset();
  f.idle();
  CHECK(f.telemetry.metrics().find("porteiro_read_model_entries{model=\"person-summary\"} 0") !=
        std::string::npos);
}

}  // namespace
}  // namespace porteiro::readmodels::test
