// A gateway with the real modules around it, in virtual time; the test plays the functions.
#pragma once
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "porteiro/base/json_scan.hpp"
#include "porteiro/gateway/gateway.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::gateway {

using namespace std::chrono_literals;
using Headers = std::vector<std::pair<std::string, std::string>>;

inline const std::string cpf = "11144477735";
inline const Headers lender{{"X-Api-Key", "lender-key"}};
inline const Headers shop{{"Authorization", "Bearer shop-key"}};

inline Headers with(Headers headers, const std::string& name, const std::string& value) {
  headers.emplace_back(name, value);
  return headers;
}

struct Answer {
  int count = 0;
  http::Response response;
  int status() const { return count == 1 ? response.status : -count; }
  std::string header(std::string_view name) const {
    for (const http::Header& header : response.headers) {
      if (header.name == name) return header.value;
    }
    return {};
  }
  std::string text(std::string_view path) const {  // A string member of the body.
    const auto raw = find_member(response.body, path);
    return raw ? string_value(*raw).value_or(std::string(*raw)) : "";
  }
};
using Asked = std::shared_ptr<Answer>;

inline stores::Field field(std::string name, stores::Type type, std::string format = {},
                           bool required = false) {
  stores::Field field;
  field.name = std::move(name);
  field.type = type;
  field.format = std::move(format);
  field.required = required;
  return field;
}

inline Route route(std::string method, std::string path, std::string scope, std::string event,
                   std::string queue) {
  Route route;
  route.method = std::move(method);
  route.path = std::move(path);
  route.scope = std::move(scope);
  route.event = std::move(event);
  route.queue = std::move(queue);
  route.timeout = 2s;
  return route;
}

inline Options example() {
  Options options;
  options.clients = {{"lender", "lender-key", {"people", "trail"}},
                     {"shop", "shop-key", {"trail"}}};
  options.tokens = {{"path.cpf", "cpf"}, {"body.cpf", "cpf"}, {"query.cpf", "cpf"}};
  options.ledger_key = "vault";
  options.routes.push_back(route("GET", "/v1/people/{cpf}", "people", "person.requested", "fast"));
  options.routes.back().query = {"cpf", "a", "b"};
  Route person = route("POST", "/v1/people", "people", "person.registered", "commands");
  person.reply_async = true;
  person.seal_key = "vault";
  person.has_body = true;
  stores::Field debts = field("debts", stores::Type::list);
  debts.items = {field("due_on", stores::Type::date, {}, true)};
  person.body = {field("cpf", stores::Type::string, "cpf", true),
                 field("name", stores::Type::string), debts};
  options.routes.push_back(person);
  options.routes.push_back(
      route("POST", "/v1/people/{cpf}/movements", "trail", "trail.moved", "fast"));
  options.routes.push_back(route("POST", "/v1/echo", "", "echoed", "fast"));
  return options;
}

struct Denials final : access::Recorder {  // What the guard was told, as "who: why".
  void decided(const access::Decision& decision) override {
    CHECK_FALSE(decision.allowed);
    CHECK(decision.zone == access::Zone::public_zone);
    CHECK(decision.action == "request:send");
    list.push_back(std::string(decision.principal) + ": " + std::string(decision.reason));
  }
  std::vector<std::string> list;
};

struct House;

struct Setup {
  std::string directory{};
  journal::Durability durability = journal::Durability::process;
  Offload* offload = nullptr;
  Witness* witness = nullptr;
  Faults* faults = nullptr;
  LatencyModel kms_latency{};
  bool modelled = false;
  std::size_t depth_max = 100;
  std::function<void(House&)> prepare{};  // Stores and read models, before the gateway is made.
};

struct House {
  House(virtual_world::World& world_, Options options, Setup setup = {})
      : world(world_),
        environment{world.scheduler, setup.offload == nullptr ? world.offload : *setup.offload,
                    world.entropy,   world.random,
                    world.files,     setup.faults,
                    setup.witness,   setup.modelled},
        telemetry(world.scheduler, {}, setup.witness),
        guard({}, world.scheduler, telemetry) {
    guard.record_with(&denials);
    const bool kept = !setup.directory.empty();
    journal::Options log;
    if (kept) log.directory = setup.directory + "/journal";
    log.durability = setup.durability;
    journal = journal::open(log, environment, telemetry).value();
    kms::Options keys;
    keys.keys = {{"vault", kms::KeySpec::symmetric_default}, {"tokens", kms::KeySpec::hmac_256}};
    keys.latency = setup.kms_latency;
    if (kept) keys.directory = setup.directory + "/keys";
    kms = kms::Kms::open(keys, environment, telemetry).value();
    cache = std::make_unique<kms::KeyCache>(*kms, environment, kms::CacheOptions{});
    sealer = std::make_unique<kms::Sealer>(*cache, environment);
    tokens = std::make_unique<kms::Tokens>(
        *kms, std::vector<kms::TokenOptions>{{"cpf", "tokens", "cpf"}}, &world.scheduler);
    queues = std::make_unique<queue::Queues>(environment, *journal, telemetry);
    for (const char* name : {"fast", "commands", "dlq"}) {
      queue::Options queue;
      queue.name = name;
      queue.depth_max = setup.depth_max;
      if (queue.name == "commands") {
        queue.dead_letter_queue = "dlq";
        queue.receives_max = 1;
      }
      queues->declare(queue).value();
    }
    events = std::make_unique<events::EventLog>(environment, *journal, 1000);
    models = std::make_unique<readmodels::ReadModels>(environment, stores, telemetry);
    if (setup.prepare) setup.prepare(*this);
    auto made =
        Gateway::create(std::move(options), environment,
                        {*journal, telemetry, *sealer, *tokens, *queues, *events, *models, guard});
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().detail));
    gateway = std::move(made.value());
    for (const char* name : {"fast", "commands"}) {
      queues->find(name)->on_lost(
          [this](const queue::Message& message, bool dead) { gateway->lost(message, dead); });
    }
    REQUIRE(journal->start().has_value());
    bool started = false;
    tokens->start([&](Result<void> done) { started = done.has_value(); });
    while (!started && world.scheduler.step()) {
    }
    REQUIRE(started);
  }

  Asked ask(std::string_view method, std::string_view target, const Headers& headers = {},
            std::string_view body = {}, std::string_view peer = "203.0.113.7:50612",
            const http::PeerCertificate* certificate = nullptr) {
    std::vector<http::HeaderView> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    auto asked = std::make_shared<Answer>();
    gateway->handle({.method = method,
                     .target = target,
                     .headers = views,
                     .body = body,
                     .peer = peer,
                     .certificate = certificate},
                    [asked](http::Response response) {
                      ++asked->count;
                      asked->response = std::move(response);
                    });
    return asked;
  }
  void run(Duration duration = 1ms) { world.scheduler.run_for(duration); }

  // Takes the next message of the queue and has it answered. The event, for the test to look at.
  events::Event serve(const char* queue, Result<lambda::Reply> reply) {
    auto deliveries = queues->find(queue)->receive(1);
    REQUIRE(deliveries.size() == 1);
    events::Event event = events::parse_event(deliveries[0].message.body).value();
    gateway->reply(event, std::move(reply));
    REQUIRE(queues->find(queue)->remove(deliveries[0].receipt).has_value());
    return event;
  }
  std::size_t depth(const char* queue) { return queues->find(queue)->depth().total(); }

  virtual_world::World& world;
  Environment environment;
  telemetry::Telemetry telemetry;
  access::Guard guard;
  Denials denials;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<kms::Kms> kms;
  std::unique_ptr<kms::KeyCache> cache;
  std::unique_ptr<kms::Sealer> sealer;
  std::unique_ptr<kms::Tokens> tokens;
  std::unique_ptr<queue::Queues> queues;
  std::unique_ptr<events::EventLog> events;
  stores::Stores stores;
  std::unique_ptr<readmodels::ReadModels> models;
  std::unique_ptr<Gateway> gateway;
};

inline lambda::Reply replied(int status, std::string body) {
  return {status, "application/json", std::move(body)};
}

}  // namespace porteiro::gateway
