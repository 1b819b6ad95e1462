// What the tests of lambda share: a virtual world with queues, keys and the stores of a small
// credit bureau, and functions that do as they are told.
#pragma once
#include <doctest/doctest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "porteiro/lambda/event_data.hpp"
#include "porteiro/lambda/functions.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::lambda::test {

using namespace std::chrono_literals;
using nlohmann::json;

inline constexpr const char* cpf = "11144477735";

// Strikes at one point, as often as there are faults in its list.
struct ListedFaults final : Faults {
  std::map<FaultPoint, std::deque<Fault>> faults;
  Fault strike(FaultPoint point, std::string_view) override {
    auto& list = faults[point];
    if (list.empty()) return {};
    const Fault next = list.front();
    list.pop_front();
    return next;
  }
};

inline stores::Collection collection(std::string_view name, const char* text) {
  auto made = stores::collection_from_json(name, json::parse(text));
  REQUIRE(made.has_value());
  return std::move(made).value();
}

struct Bench {
  Bench() : telemetry(world.scheduler, {}) {
    world.environment.faults = &faults;
    journal = journal::open({}, world.environment, telemetry).value();
    queues = std::make_unique<queue::Queues>(world.environment, *journal, telemetry);
    kms::Options keys;
    keys.keys = {{"vault"}, {"tokens", kms::KeySpec::hmac_256}};
    kms = kms::Kms::open(std::move(keys), world.environment, telemetry).value();
    cache = std::make_unique<kms::KeyCache>(*kms, world.environment, kms::CacheOptions{});
    sealer = std::make_unique<kms::Sealer>(*cache, world.environment);
    tokens = std::make_unique<kms::Tokens>(
        *kms, std::vector<kms::TokenOptions>{{"cpf", "tokens", "cpf"}}, &world.scheduler);
    bool ready = false;
    tokens->start([&](Result<void> started) { ready = started.has_value(); });
    settle();
    REQUIRE(ready);
    open_stores();
    services = std::make_unique<Services>(Services{world.environment, telemetry, reach,
                                                   opener.emplace(*sealer, guard, reach.asker()),
                                                   *tokens});
    functions = std::make_unique<Functions>(world.environment, telemetry, *queues);
    add_builtins(registry);
  }

  void open_stores() {
    stores::StoreOptions a;
    a.name = "A";
    a.key = "vault";
    a.collections = {collection("person", R"({"key": "cpf", "subject": "cpf", "fields": {
        "cpf": {"type": "string", "format": "cpf", "class": "restricted", "token": "cpf"},
        "name": {"type": "string", "class": "restricted", "required": true}}})"),
                     collection("debt", R"({"key": "id", "subject": "cpf", "fields": {
        "id": {"type": "uuid", "required": true}, "cpf": {"ref": "person", "required": true},
        "creditor": {"type": "string", "class": "restricted"},
        "cents": {"type": "int", "class": "internal"},
        "status": {"type": "enum", "of": ["open", "paid"], "class": "internal"}},
        "indexes": [["cpf"], ["status", "cents"]]})")};
    open_store(std::move(a));
    stores::StoreOptions c;
    c.name = "C";
    c.collections = {collection("trail", R"({"key": "person", "fields": {
        "person": {"token_of": "cpf"}, "seen": {"type": "int"},
        "movements": {"type": "list", "max": 100}}})")};
    open_store(std::move(c));
  }
  void open_store(stores::StoreOptions options) {
    const std::string name = options.name;
    auto store = stores::Store::open(std::move(options), world.environment,
                                     {*cache, *tokens, telemetry}, "", false);
    REQUIRE(store.has_value());
    stores.emplace(name, std::move(store).value());
  }

  void settle() { world.scheduler.run_for(0s); }
  queue::Queue& make_queue(queue::Options options) {
    return *queues->declare(std::move(options)).value();
  }
  // A function of this name that is a built-in, or a C++ function.
  void make(const std::string& name, const std::string& builtin, const json& with) {
    auto function = registry.make(builtin, {name, with, *services});
    REQUIRE(function.has_value());
    REQUIRE(functions->create({.name = name}, std::move(function).value()).has_value());
  }
  void make(FunctionOptions options, Registry::Handler handler) {
    Registry one;
    one.add_handler("it", std::move(handler));
    const json with = json::object();
    auto function = one.make("it", {options.name, with, *services});
    REQUIRE(functions->create(std::move(options), std::move(function).value()).has_value());
  }

  events::Event event(const std::string& type, std::string data = "{}") {
    events::Event e;
    e.id = Id{0xe0, ++number};
    e.source = "/test";
    e.type = type;
    e.time = world.scheduler.now();
    e.correlation = Id{0xc0, number};
    e.data = std::move(data);
    return e;
  }
  events::Event event(const std::string& type, const char* data) {
    return event(type, std::string(data));
  }
  events::Event event(const std::string& type, const json& data) {
    return event(type, data.dump());
  }
  void send(queue::Queue& queue, const events::Event& e, bool ephemeral = false) {
    REQUIRE(queue.send({.body = events::to_json(e), .trace = e.correlation, .ephemeral = ephemeral})
                .has_value());
  }
  // Invokes and waits (time passes only if the function needs it).
  Result<Reply> ask(const std::string& function, events::Event e) {
    std::optional<Result<Reply>> outcome;
    functions->invoke(function, {std::move(e)},
                      [&](Result<Reply> reply) { outcome = std::move(reply); });
    for (int i = 0; i < 1000 && !outcome; ++i) world.scheduler.run_for(10ms);
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
  }
  std::vector<telemetry::Record> records(telemetry::Kind kind) const {
    std::vector<telemetry::Record> out;
    telemetry.read(0, [&](const telemetry::Record& r) {
      if (r.kind == kind) out.push_back(r);
    });
    return out;
  }

  virtual_world::World world;
  ListedFaults faults;
  telemetry::Telemetry telemetry;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<queue::Queues> queues;
  std::unique_ptr<kms::Kms> kms;
  std::unique_ptr<kms::KeyCache> cache;
  std::unique_ptr<kms::Sealer> sealer;
  std::unique_ptr<kms::Tokens> tokens;
  stores::Stores stores;
  // What the functions of tests may do: everything.
  access::Guard guard{{{"all", {{"store:*", "*"}, {"kms:*", "*"}}}}, world.scheduler, telemetry};
  stores::Accesses reach{stores, guard, world.scheduler, {"function", "all"}};
  std::optional<Sealing> opener;
  std::unique_ptr<Services> services;
  std::unique_ptr<Functions> functions;
  Registry registry;
  std::uint64_t number = 0;
};

inline Errc errc_of(const Result<Reply>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

}  // namespace porteiro::lambda::test
