// What the tests of the tier share: a virtual world with key service, tokens and the stores of a
// credit bureau in small, and an engine that can be made to wait, to fail and to be tampered with.
#pragma once
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "porteiro/stores/store.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "stores/store_impl.hpp"

namespace porteiro::stores::test {

using namespace std::chrono_literals;
using nlohmann::json;

template <class T>
std::optional<Errc> errc_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

inline constexpr const char* cpf_a = "11144477735";
inline constexpr const char* cpf_b = "52998224725";
inline constexpr const char* cpf_c = "12345678909";

inline Collection collection(std::string_view name, const char* text) {
  auto made = collection_from_json(name, json::parse(text));
  PORTEIRO_ASSERT(made.has_value());
  return std::move(made).value();
}

inline Collection person() {
  return collection("person", R"({"key": "cpf", "subject": "cpf", "fields": {
    "cpf": {"type": "string", "format": "cpf", "class": "restricted", "token": "cpf"},
    "name": {"type": "string", "class": "restricted"},
    "email": {"type": "string", "format": "email", "class": "restricted", "token": "email"},
    "income_cents": {"type": "int", "class": "sensitive"},
    "segment": {"type": "string", "class": "internal"}}, "indexes": [["email"]]})");
}
inline Collection debt() {
  return collection("debt", R"({"key": "id", "subject": "cpf", "fields": {
    "id": {"type": "uuid"}, "cpf": {"ref": "person"},
    "creditor": {"type": "string", "class": "restricted"},
    "due_on": {"type": "date", "class": "internal"},
    "status": {"type": "enum", "of": ["open", "paid"], "class": "internal"}},
    "indexes": [["status", "due_on"]]})");
}
inline Collection trail() {
  return collection("trail", R"({"key": "person_token", "fields": {
    "person_token": {"token_of": "cpf"}, "last_query": {"type": "json"},
    "movements": {"type": "list", "max": 3}}})");
}

inline json ana() {
  return {{"cpf", "111.444.777-35"},
          {"name", "Ana \"Canário\" Silva"},
          {"email", "ana@example.com"},
          {"income_cents", 512345},
          {"segment", "retail"}};
}
inline json debt_of(const std::string& cpf, int number = 1) {
  return {{"id", "00000000-0000-4000-8000-00000000000" + std::to_string(number)},
          {"cpf", cpf},
          {"creditor", "Banco Canário"},
          {"due_on", "2026-01-0" + std::to_string(number)},
          {"status", "open"}};
}

struct ListedFaults final : Faults {
  std::deque<Fault> reads, writes, calls;
  Fault strike(FaultPoint point, std::string_view) override {
    auto& list = point == FaultPoint::store_read    ? reads
                 : point == FaultPoint::store_write ? writes
                                                    : calls;
    if (list.empty()) return {};
    const Fault fault = list.front();
    list.pop_front();
    return fault;
  }
};

struct Watch final : Witness {
  std::string seen;
  void wrote(Place, std::string_view bytes) override { seen.append(bytes).append("\n"); }
};

// Holds work until it is told to run it, as a busy lane does.
struct ManualOffload final : Offload {
  explicit ManualOffload(Scheduler& scheduler) : loop(scheduler) {}
  Scheduler& loop;
  std::deque<std::pair<Task, Task>> held;
  Lane lane(std::string_view) override { return 0; }
  void run(Lane, Task work, Task done) override {
    held.emplace_back(std::move(work), std::move(done));
  }
  void run_work() {
    held.front().first();
  }  // What the lane does; the loop has not heard of it yet.
  void tell_loop() {
    loop.post(std::move(held.front().second));
    held.pop_front();
  }
};

// The memory engine, made to look like one on disk, with hooks.
struct HookedEngine final : Engine {
  std::unique_ptr<Engine> inner;
  bool memory = true;
  std::vector<std::size_t> commits;  // How many transactions each had.
  std::size_t blob_reads = 0;
  std::function<void(StoredRow&)> tamper;  // With each row read.
  std::optional<Error> clear_error;

  explicit HookedEngine(const std::vector<Collection>& collections) {
    EngineOptions options;
    options.store = "A";
    inner = std::move(open_memory(options, collections)).value();
  }
  std::vector<Result<Committed>> commit(std::span<const Transaction> all) override {
    commits.push_back(all.size());
    return inner->commit(all);
  }
  Result<std::optional<StoredRow>> get(std::string_view name, std::string_view key) override {
    auto row = inner->get(name, key);
    if (row && row.value() && tamper) tamper(*row.value());
    return row;
  }
  Result<RowPage> query(std::string_view name, const Query& query) override {
    auto page = inner->query(name, query);
    if (page && tamper) {
      for (StoredRow& row : page.value().rows) tamper(row);
    }
    return page;
  }
  Result<std::optional<std::string>> blob(std::string_view space, std::string_view name) override {
    ++blob_reads;
    return inner->blob(space, name);
  }
  Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) override {
    return inner->changes(after, limit);
  }
  std::uint64_t last_sequence() override { return inner->last_sequence(); }
  Result<void> clear() override {
    if (clear_error) return *clear_error;
    return inner->clear();
  }
  bool in_memory() const override { return memory; }
};

struct Fixture {
  virtual_world::World world;
  ListedFaults faults;
  Watch watch;
  ManualOffload lane{world.scheduler};
  Environment environment{world.scheduler, lane, world.entropy, world.random, world.files};
  telemetry::Telemetry telemetry{world.scheduler, {}};
  std::unique_ptr<kms::Kms> kms;
  std::unique_ptr<kms::KeyCache> keys;
  std::unique_ptr<kms::Tokens> tokens;

  explicit Fixture(kms::CacheOptions cache = {}, std::uint64_t seed = 1) : world(seed) {
    environment.faults = &faults;
    environment.witness = &watch;
    kms::Options options;
    options.keys = {{"vault", kms::KeySpec::symmetric_default}, {"tokens", kms::KeySpec::hmac_256}};
    kms = std::move(kms::Kms::open(std::move(options), environment, telemetry)).value();
    keys = std::make_unique<kms::KeyCache>(*kms, environment, cache);
    tokens = std::make_unique<kms::Tokens>(
        *kms,
        std::vector<kms::TokenOptions>{{"cpf", "tokens", "cpf"}, {"email", "tokens", "email"}});
    bool started = false;
    tokens->start([&started](Result<void> result) { started = result.has_value(); });
    world.scheduler.run_until_idle();
    PORTEIRO_ASSERT(started);
  }

  Dependencies dependencies() { return {*keys, *tokens, telemetry}; }
  static StoreOptions options(const std::string& engine = "memory") {
    StoreOptions options;
    options.name = "A";
    options.engine = engine;
    options.key = "vault";
    options.collections = {person(), debt(), trail()};
    return options;
  }
  std::string token(const char* value, const char* name = "cpf") {
    return tokens->make(name, value).value();
  }
  std::uint64_t calls() const { return kms->calls() - 2; }  // But those of the tokens.
};

// A store over a HookedEngine, with calls that wait for their answer in virtual time.
struct StoreFixture : Fixture {
  std::shared_ptr<HookedEngine> engine;
  std::shared_ptr<KeyShares> shares;
  std::unique_ptr<Store> store;

  using Fixture::Fixture;
  void open(StoreOptions options = Fixture::options(), bool memory = true) {
    engine = std::make_shared<HookedEngine>(options.collections);
    engine->memory = memory;
    auto tiered = std::make_unique<TieredStore>(std::move(options), environment, dependencies());
    shares = KeyShares::open({}, false).value();
    PORTEIRO_ASSERT(tiered->open(engine, shares).has_value());
    store = std::move(tiered);
  }
  // The options' own engine; "" keeps nothing.
  void open_real(StoreOptions options, const std::string& directory = {}) {
    auto opened = Store::open(std::move(options), environment, dependencies(), directory, false);
    if (!opened) MESSAGE(opened.error().detail);
    REQUIRE(opened.has_value());
    store = std::move(opened).value();
  }

  template <class T, class Start>
  Result<T> wait(Start start) {
    std::optional<Result<T>> result;
    start([&result](Result<T> r) { result.emplace(std::move(r)); });
    CHECK_FALSE(result.has_value());  // Never inline.
    while (!result) {
      if (world.scheduler.step()) continue;
      PORTEIRO_ASSERT(!lane.held.empty());  // Otherwise no one would ever answer.
      lane.run_work();
      lane.tell_loop();
    }
    return *std::move(result);
  }
  Result<std::optional<Record>> get(std::string_view collection, std::string_view key) {
    return wait<std::optional<Record>>(
        [&](auto done) { store->get(collection, key, Id{}, std::move(done)); });
  }
  Result<Page> query(std::string_view collection, Query query = {}) {
    return wait<Page>(
        [&](auto done) { store->query(collection, std::move(query), Id{}, std::move(done)); });
  }
  Result<Committed> batch(Batch batch) {
    return wait<Committed>(
        [&](auto done) { store->batch(std::move(batch), Id{}, std::move(done)); });
  }
  Result<Committed> put(std::string collection, json document, Expect expect = {}) {
    return batch({{write::Put{std::move(collection), std::move(document), expect}}, {}});
  }
  Result<Committed> erase(std::string collection, std::string key) {
    return batch({{write::Erase{std::move(collection), std::move(key), {}}}, {}});
  }
  // Starts a write and keeps its answer.
  std::shared_ptr<std::optional<Result<Committed>>> begin(Write write) {
    auto answer = std::make_shared<std::optional<Result<Committed>>>();
    Batch one;
    one.writes.push_back(std::move(write));
    store->batch(std::move(one), Id{},
                 [answer](Result<Committed> result) { answer->emplace(std::move(result)); });
    return answer;
  }
  // The JSON of a record that must be there.
  json read(std::string_view collection, std::string_view key) {
    auto got = get(collection, key);
    if (!got) MESSAGE(got.error().detail);
    REQUIRE(got.has_value());
    REQUIRE(got.value().has_value());
    return json::parse(got.value()->document);
  }
};

}  // namespace porteiro::stores::test
