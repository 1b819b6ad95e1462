// Goal: a valid config becomes the modules' options: what it says, the structs' own defaults where
// it says nothing, and an error with a pointer where its parts do not fit together.
#include "porteiro/emulator/options.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "porteiro/base/random.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::emulator {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

json valid(std::string_view text) {
  json document;
  for (const auto& problem : config::validate(text, "test", config::config_schema(), document)) {
    FAIL(config::to_text(problem));
  }
  return document;
}

Options options_of(std::string_view text) {
  auto options = options_from_json(valid(text));
  if (!options) FAIL(options.error().at << ": " << options.error().detail);
  return std::move(options).value();
}

std::string failure_of(std::string_view text) {
  const auto options = options_from_json(valid(text));
  REQUIRE_FALSE(options.has_value());
  CHECK(options.error().code == Errc::invalid);
  return options.error().at + ": " + options.error().detail;
}

bool same(const LatencyModel& a, const LatencyModel& b) { return a.p50 == b.p50 && a.p99 == b.p99; }

constexpr const char* parts = R"(
  "keys": {"seal": {}, "mac": {"spec": "HMAC_256"}},
  "tokens": {"cpf": {"key": "mac", "format": "cpf"}},
  "queues": {"q": {}, "r": {}},
  "functions": {"f": {"builtin": "echo"}, "g": {"native": "credit.score", "with": {"a": [1]}}},
  "stores": {"B": {"collections": {"profile": {"key": "id", "fields": {"id": {"type": "uuid"},
    "moves": {"type": "list"}}}}}},
  "read_models": {"m": {"from": ["B/profile"], "key": "id", "select": {"x": "profile.id"}}})";

std::string with_parts(const std::string& more) { return "{" + std::string(parts) + more + "}"; }

}  // namespace

TEST_CASE("options: a layer that is off is off in the modules that make it") {
  const std::string stores = R"("keys": {"k": {}}, "stores": {"S": {"key": "k"}})";
  const Options on = options_of("{" + stores + "}");
  CHECK(on.gateway.sealing);
  CHECK(on.stores.at(0).boxes);
  CHECK(on.stores.at(0).subject_keys_max > 0);
  const Options off =
      options_of("{" + stores + R"(, "security": {"off": ["sealing", "boxes", "key-cache"]}})");
  CHECK_FALSE(off.gateway.sealing);
  CHECK_FALSE(off.stores.at(0).boxes);
  CHECK(off.stores.at(0).subject_keys_max == 0);
  CHECK(off.key_cache.age_max == Duration::zero());
  CHECK(off.layers.audit);
}

TEST_CASE("options: what signs checkpoints is an HMAC's key or a curve's") {
  const auto with_spec = [](const std::string& spec) {
    return R"({"keys": {"k": {"spec": ")" + spec + R"("}}, "audit": {"key": "k"}})";
  };
  for (const char* spec : {"HMAC_256", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519"}) {
    CHECK(options_of(with_spec(spec)).audit_key == "k");
  }
  CHECK(failure_of(with_spec("SYMMETRIC_DEFAULT")) ==
        "/audit/key: the key \"k\" has the spec SYMMETRIC_DEFAULT; checkpoints are signed with "
        "HMAC_256, ECC_NIST_P256 or ECC_NIST_EDWARDS25519");
}

TEST_CASE("options: every default of the schema is the default of its struct") {
  const Options found = options_of(R"({
    "queues": {"q": {}}, "functions": {"f": {"builtin": "echo"}},
    "sources": [{"queue": "q", "function": "f"}],
    "stores": {"S": {"collections": {"c": {"key": "k", "fields": {
      "k": {"type": "uuid"}, "l": {"type": "list"}, "r": {"ref": "c"}}}}}},
    "keys": {"k": {}},
    "read_models": {"m": {"from": ["S/c"], "key": "k", "select": {"x": "c.k"}}}})");
  const Options expected;

  CHECK(found.data_directory == expected.data_directory);
  CHECK(same(found.kms.latency, expected.kms.latency));
  CHECK(found.kms.directory == expected.kms.directory);
  CHECK(found.kms.passphrase == expected.kms.passphrase);
  CHECK(found.kms.keys.at(0).spec == kms::KeyOptions{}.spec);
  CHECK(found.key_cache.age_max == expected.key_cache.age_max);
  CHECK(found.key_cache.uses_max == expected.key_cache.uses_max);
  CHECK(found.key_cache.entries_max == expected.key_cache.entries_max);
  CHECK(found.tokens.empty());
  CHECK(found.events_max == expected.events_max);
  CHECK(found.journal.directory == expected.journal.directory);
  CHECK(found.journal.durability == expected.journal.durability);
  CHECK(found.journal.segment_bytes_max == expected.journal.segment_bytes_max);
  CHECK(found.journal.pending_bytes_max == expected.journal.pending_bytes_max);
  CHECK(found.telemetry.records_max == expected.telemetry.records_max);
  CHECK(found.telemetry.notes_max == expected.telemetry.notes_max);
  CHECK(found.telemetry.log_level == expected.telemetry.log_level);
  CHECK(found.ports.public_port == expected.ports.public_port);
  CHECK(found.ports.inside_port == expected.ports.inside_port);
  CHECK(found.ports.bind == expected.ports.bind);
  CHECK(found.ports.public_socket == expected.ports.public_socket);
  CHECK(found.ports.connections_max == expected.ports.connections_max);
  CHECK(found.ports.header_bytes_max == expected.ports.header_bytes_max);
  CHECK(found.ports.idle_timeout == expected.ports.idle_timeout);

  const queue::Options queue;
  CHECK(found.queues.at(0).visibility_timeout == queue.visibility_timeout);
  CHECK(found.queues.at(0).delay == queue.delay);
  CHECK(found.queues.at(0).retention == queue.retention);
  CHECK(found.queues.at(0).message_bytes_max == queue.message_bytes_max);
  CHECK(found.queues.at(0).depth_max == queue.depth_max);
  CHECK(found.queues.at(0).in_flight_max == queue.in_flight_max);
  CHECK(found.queues.at(0).dead_letter_queue == queue.dead_letter_queue);
  CHECK(found.queues.at(0).receives_max == queue.receives_max);

  const lambda::FunctionOptions function;
  CHECK(found.functions.at(0).options.concurrency_max == function.concurrency_max);
  CHECK(found.functions.at(0).options.timeout == function.timeout);
  CHECK(found.functions.at(0).options.retries_max == function.retries_max);
  CHECK(found.functions.at(0).options.retry_delay == function.retry_delay);
  CHECK(found.functions.at(0).options.idle_max == function.idle_max);
  CHECK(same(found.functions.at(0).options.cold, function.cold));
  CHECK(same(found.functions.at(0).options.warm, function.warm));
  CHECK(found.functions.at(0).with == "{}");
  const lambda::MappingOptions mapping;
  CHECK(found.mappings.at(0).batch_max == mapping.batch_max);
  CHECK(found.mappings.at(0).window == mapping.window);
  CHECK(found.mappings.at(0).concurrency_max == mapping.concurrency_max);
  CHECK(found.mappings.at(0).reports_failures);
  CHECK(found.mappings.at(0).filters.empty());

  const stores::StoreOptions store;
  CHECK(found.stores.at(0).engine == store.engine);
  CHECK(found.stores.at(0).key == store.key);
  CHECK(same(found.stores.at(0).read, store.read));
  CHECK(same(found.stores.at(0).write, store.write));
  CHECK(found.stores.at(0).writes_max == store.writes_max);
  const stores::Field field;
  for (const stores::Field& each : found.stores.at(0).collections.at(0).fields) {
    CHECK(each.field_class == field.field_class);
    CHECK(each.required == (each.name == "k"));  // A key always is.
    CHECK(each.format == field.format);
    CHECK(each.items_max == field.items_max);
    CHECK(each.cascade == field.cascade);
    CHECK(each.token == field.token);
  }
  CHECK(found.read_models.at(0).entries_max == readmodels::Options{}.entries_max);
}

TEST_CASE("options: the gateway's defaults are those of its structs") {
  const Options found = options_of(with_parts(R"(, "gateway": {"routes": [
      {"route": "GET /a/{id}", "event": "a", "via": "q", "to": "f"}]})"));
  const gateway::Options expected;
  const gateway::Options& gateway = found.gateway;
  CHECK(gateway.limits.body_bytes_max == expected.limits.body_bytes_max);
  CHECK(gateway.limits.rate_per_second == expected.limits.rate_per_second);
  CHECK(gateway.limits.burst == expected.limits.burst);
  CHECK(gateway.limits.waiting_max == expected.limits.waiting_max);
  CHECK(gateway.limits.commands_max == expected.limits.commands_max);
  CHECK(gateway.status_path == expected.status_path);
  CHECK(gateway.idempotency_age == expected.idempotency_age);
  CHECK(gateway.ledger_key == expected.ledger_key);
  CHECK(same(gateway.latency, expected.latency));
  CHECK(gateway.clients.empty());
  CHECK(gateway.tokens.empty());
  const gateway::Route route;
  CHECK(gateway.routes.at(0).method == "GET");
  CHECK(gateway.routes.at(0).path == "/a/{id}");
  CHECK(gateway.routes.at(0).scope == route.scope);
  CHECK(gateway.routes.at(0).reply_async == route.reply_async);
  CHECK(gateway.routes.at(0).timeout == route.timeout);
  CHECK(gateway.routes.at(0).seal_key == route.seal_key);
  CHECK(gateway.routes.at(0).has_body == route.has_body);
  CHECK(gateway.routes.at(0).body.empty());
  CHECK(gateway.routes.at(0).model == route.model);
}

TEST_CASE("options: what a config says is what the modules get") {
  const Options found = options_of(with_parts(R"(,
    "kms": {"latency": "fast"}, "key_cache": {"age": "1m", "uses": 2, "entries": 3},
    "latency": {"calls": {"fast": {"p50": "1ms", "p99": "2ms"}},
                "stores": {"slow": {"read": {"p50": "3ms", "p99": "4ms"},
                                    "write": {"p50": "5ms", "p99": "6ms"}}}},
    "gateway": {
      "clients": {"shop": {"api_key": "demo-shop-key", "scopes": ["a", "b"]}},
      "limits": {"body": 100, "rate": "0/s", "burst": 7, "waiting": 8, "commands": 9,
                 "connections": 10},
      "tokens": {"path.id": "cpf", "body.who": "cpf"},
      "routes": [
        {"route": "POST /a/{id}", "scope": "a", "event": "made", "via": "q", "to": "f",
         "reply": "async", "timeout": "2s", "seal": "seal",
         "body": {"who": {"type": "string", "format": "cpf", "required": true}}},
        {"route": "GET /a/{id}", "event": "asked", "via": "q", "to": "g"},
        {"route": "PUT /a/{id}", "event": "made", "via": "q", "to": "f"},
        {"route": "GET /m/{id}", "model": "m", "key": "path.id"}],
      "status_path": "/s", "idempotency_age": "1h", "ledger_key": "seal",
      "latency": {"p50": "7ms", "p99": "8ms"}},
    "sources": [{"queue": "r", "function": "g", "batch": 20, "window": "1s",
                 "concurrency": 3, "report_failures": false,
                 "filters": [{"body": {"kind": ["sale"]}}]}],
    "journal": {"durability": "power", "segment": "1MiB", "pending": "2MiB"},
    "log": {"level": "warning", "notes": 5, "records": 4096}, "events": {"keep": 6},
    "listen": {"bind": "::1", "public": 0, "inside": 0, "public_socket": "/s", "headers": "8KiB",
               "idle_timeout": "5s"})"));

  CHECK(found.kms.latency.p99 == 2ms);
  CHECK(found.kms.keys.at(0).name == "mac");
  CHECK(found.kms.keys.at(0).spec == kms::KeySpec::hmac_256);
  CHECK(found.key_cache.age_max == 1min);
  CHECK(found.key_cache.uses_max == 2);
  CHECK(found.key_cache.entries_max == 3);
  CHECK(found.tokens.at(0).format == "cpf");
  CHECK(found.functions.at(1).options.factory == "credit.score");
  CHECK(found.functions.at(1).with == R"({"a":[1]})");

  const gateway::Options& gateway = found.gateway;
  CHECK(gateway.clients.at(0).scopes == std::vector<std::string>{"a", "b"});
  CHECK(gateway.limits.body_bytes_max == 100);
  CHECK(gateway.limits.rate_per_second == 0);
  CHECK(gateway.limits.burst == 7);
  CHECK(gateway.limits.waiting_max == 8);
  CHECK(gateway.limits.commands_max == 9);
  CHECK(found.ports.connections_max == 10);
  CHECK(gateway.tokens.size() == 2);
  CHECK(gateway.status_path == "/s");
  CHECK(gateway.idempotency_age == 1h);
  CHECK(gateway.ledger_key == "seal");
  CHECK(gateway.latency.p50 == 7ms);
  REQUIRE(gateway.routes.size() == 4);
  CHECK(gateway.routes[0].reply_async);
  CHECK(gateway.routes[0].timeout == 2s);
  CHECK(gateway.routes[0].seal_key == "seal");
  CHECK(gateway.routes[0].has_body);
  CHECK(gateway.routes[0].body.at(0).format == "cpf");
  CHECK(gateway.routes[3].model == "m");
  CHECK(gateway.routes[3].model_key == "id");
  CHECK(gateway.routes[3].queue.empty());

  REQUIRE(found.sources.size() == 1);
  CHECK(found.sources[0].queue == "q");
  const std::vector<std::pair<std::string, std::string>> by_type{{"made", "f"}, {"asked", "g"}};
  CHECK(found.sources[0].by_type == by_type);
  REQUIRE(found.mappings.size() == 1);
  CHECK(found.mappings[0].queue == "r");
  CHECK(found.mappings[0].function == "g");
  CHECK(found.mappings[0].batch_max == 20);
  CHECK(found.mappings[0].window == 1s);
  CHECK(found.mappings[0].concurrency_max == 3);
  CHECK_FALSE(found.mappings[0].reports_failures);
  REQUIRE(found.mappings[0].filters.size() == 1);
  CHECK(found.mappings[0].filters[0].matches_message(R"({"kind":"sale"})"));
  CHECK_FALSE(found.mappings[0].filters[0].matches_message(R"({"kind":"gift"})"));

  CHECK(found.journal.durability == journal::Durability::power);
  CHECK(found.journal.segment_bytes_max == 1u << 20);
  CHECK(found.journal.pending_bytes_max == 2u << 20);
  CHECK(found.telemetry.log_level == telemetry::Level::warning);
  CHECK(found.telemetry.notes_max == 5);
  CHECK(found.telemetry.records_max == 4096);
  CHECK(found.events_max == 6);
  CHECK(found.ports.bind == "::1");
  CHECK(found.ports.public_port == 0);
  CHECK(found.ports.public_socket == "/s");
  CHECK(found.ports.header_bytes_max == 8u << 10);
  CHECK(found.ports.idle_timeout == 5s);
}

TEST_CASE("options: stores and read models of the example") {
  json document;
  REQUIRE(config::load("config/credit-bureau.json", config::config_schema(), document).empty());
  auto read = options_from_json(document);
  if (!read) FAIL(read.error().at << ": " << read.error().detail);
  const Options options = std::move(read).value();
  REQUIRE(options.stores.size() == 3);
  CHECK(options.stores[0].engine == "sqlite");
  CHECK(options.stores[0].key == "vault");
  CHECK(options.stores[0].read.p99 == 15ms);
  CHECK(options.stores[0].write.p99 == 25ms);
  CHECK(options.stores[0].collections.size() == 2);
  CHECK(options.queues.size() == 5);
  CHECK(options.queues[0].dead_letter_queue == "commands-dlq");
  CHECK(options.queues[0].receives_max == 5);
  CHECK(options.sources.size() == 3);
  const readmodels::Options& model = options.read_models.at(0);
  CHECK(model.from.at(1).store == "C");
  CHECK(model.from.at(1).collection == "trail");
  REQUIRE(model.select.size() == 4);
  CHECK(model.select[0].kind == readmodels::Selection::Kind::value);
  CHECK(model.select[1].name == "last_movement");
  CHECK(model.select[1].kind == readmodels::Selection::Kind::last);
  CHECK(model.select[2].kind == readmodels::Selection::Kind::count);
  CHECK(model.select[2].collection == "trail");
  CHECK(model.select[2].field == "movements");
}

TEST_CASE("options: parts that do not fit together are an error with a pointer") {
  struct Case {
    const char* more;  // Beside the parts above.
    const char* failure;
  };
  const Case cases[] = {
      {R"(, "gateway": {"ledger_key": "mac"})",
       "/gateway/ledger_key: the key \"mac\" has the spec HMAC_256, but SYMMETRIC_DEFAULT is "
       "needed "
       "here"},
      {R"(, "gateway": {"routes": [{"route": "GET /", "event": "a", "via": "q", "to": "f",
                                    "seal": "mac"}]})",
       "/gateway/routes/0/seal: the key \"mac\" has the spec HMAC_256, but SYMMETRIC_DEFAULT is "
       "needed here"},
      {R"(, "gateway": {"routes": [{"route": "GET /{a}", "event": "a", "via": "q", "to": "f"},
                                   {"route": "PUT /{a}", "event": "a", "via": "q", "to": "g"}]})",
       "/gateway/routes/1/to: events \"a\" on the queue \"q\" already go to \"f\"; name the event "
       "or the queue differently"},
      {R"(, "gateway": {"routes": [{"route": "GET /", "event": "a", "via": "q", "to": "f"}]},
          "sources": [{"queue": "r", "function": "f"}, {"queue": "q", "function": "f"}])",
       "/sources/1/queue: routes use the queue \"q\"; a source needs its own"},
      {R"(, "gateway": {"routes": [{"route": "GET /{a}", "model": "m", "key": "path.b"}]})",
       "/gateway/routes/0/key: the route's path has no parameter {b}"},
      {R"(, "gateway": {"tokens": {"path.b": "cpf"},
                        "routes": [{"route": "GET /{a}", "model": "m", "key": "path.a"}]})",
       "/gateway/tokens/path.b: no route has the parameter {b} in its path"},
      {R"(, "gateway": {"routes": [{"route": "GET /", "event": "a", "via": "q", "to": "f",
                                    "headers": ["accept", "cookie"]}]})",
       "/gateway/routes/0/headers/1: holds a credential, which no event takes; leave it out"},
      {R"(, "gateway": {"status_path": "/s/"})",
       "/gateway/status_path: the path ends with a slash; leave it out"},
      {R"(, "gateway": {"clients": {"a": {"api_key": "the-same-key"},
                                    "b": {"api_key": "the-same-key"}}})",
       "/gateway/clients/b/api_key: the client \"a\" has the same key; give each its own"},
      {R"(, "listen": {"public": 8080, "inside": 8080})",
       "/listen/inside: both ports are the same; choose another one"},
      {R"(, "listen": {"bind": "localhost"})",
       "/listen/bind: localhost is no numeric address such as 127.0.0.1 or ::1"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.more);
    CHECK(failure_of(with_parts(each.more)) == each.failure);
  }
  CHECK(
      failure_of(R"({"keys": {"k": {}}, "tokens": {"cpf": {"key": "k"}}})") ==
      "/tokens/cpf/key: the key \"k\" has the spec SYMMETRIC_DEFAULT, but HMAC_256 is needed here");
  CHECK(failure_of(R"({"keys": {"k": {"spec": "HMAC_256"}}, "stores": {"A": {"key": "k"}}})") ==
        "/stores/A/key: the key \"k\" has the spec HMAC_256, but SYMMETRIC_DEFAULT is needed here");
  CHECK(failure_of(R"({"queues": {"q": {"dead_letter": {"queue": "q", "max_receives": 1}}}})") ==
        "/queues/q/dead_letter/queue: a queue cannot be its own dead-letter queue; name another");
  CHECK(failure_of(R"({"queues": {"a": {"dead_letter": {"queue": "b", "max_receives": 1}},
                                  "b": {"dead_letter": {"queue": "c", "max_receives": 1}},
                                  "c": {"dead_letter": {"queue": "b", "max_receives": 1}}}})")
            .starts_with("/queues/b/dead_letter/queue: its dead letters would come back to it"));
  const auto fed = [](const std::string& visibility) {
    return R"({"queues": {"q": {"visibility": ")" + visibility +
           R"("}}, "functions": {"f": {"builtin": "echo", "timeout": "5s"}},)";
  };
  const std::string source = R"("sources": [{"queue": "q", "function": "f"}]})";
  const std::string route =
      R"("gateway": {"routes": [{"route": "GET /", "event": "a", "via": "q", "to": "f"}]}})";
  for (const std::string& feeder : {source, route}) {
    CHECK(failure_of(fed("4s") + feeder)
              .starts_with("/queues/q/visibility: 4s is less than the timeout of the function "
                           "\"f\", 5s: "));
    CHECK(options_from_json(valid(fed("5s") + feeder)).has_value());
  }
  const auto selecting = [](const std::string& what) {
    return R"({"stores": {"B": {"collections": {"c": {"key": "id", "fields": {"id": {"type":
      "uuid"}}}}}}, "read_models": {"m": {"from": ["B/c"], "key": "id", "select": {"x": ")" +
           what + "\"}}}}";
  };
  CHECK(failure_of(selecting("d.id")) ==
        "/read_models/m/select/x: the collection \"d\" is none of those in \"from\"");
  CHECK(failure_of(selecting("count(c.id")) ==
        "/read_models/m/select/x: the parentheses do not match: write \"count(trail.movements)\"");
  CHECK(failure_of(selecting("c.id)")).starts_with("/read_models/m/select/x: the parentheses"));
  const std::string stored = failure_of(
      R"({"stores": {"B": {"collections": {"c": {"key": "k", "fields": {"k": {"type": "json"}}}}}}})");
  CHECK(stored.starts_with("/stores/B/collections/c/key: "));
}

TEST_CASE("options: a mutated example is refused or becomes options") {
  std::ifstream in("config/credit-bureau.json");
  const json original = json::parse(in, nullptr, true, true);
  int good = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    json mutated = original;
    // Moves names around within the document, which mostly stays valid in form.
    json flat = mutated.flatten();
    std::vector<std::string> strings;
    for (const auto& [pointer, value] : flat.items()) {
      if (value.is_string()) strings.push_back(pointer);
    }
    const std::string& from = strings[random.below(strings.size())];
    const std::string& to = strings[random.below(strings.size())];
    mutated[json::json_pointer(to)] = flat.at(from);
    json document;
    const auto problems =
        config::validate(mutated.dump(), "mutated", config::config_schema(), document);
    if (!problems.empty()) continue;
    const auto options = options_from_json(document);
    if (options) {
      ++good;
    } else {
      ++refused;
      CHECK(options.error().code == Errc::invalid);
      CHECK_FALSE(options.error().detail.empty());
    }
  }
  CHECK(good > 0);
  MESSAGE("became options: " << good << ", refused: " << refused);
}

}  // namespace porteiro::emulator
