#include "porteiro/emulator/options.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "emulator/client_options.hpp"
#include "emulator/cost_options.hpp"
#include "emulator/fit.hpp"
#include "emulator/function_options.hpp"
#include "emulator/members.hpp"
#include "emulator/model_options.hpp"
#include "emulator/security_options.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::emulator {
namespace {

using config::below;
using nlohmann::json;

std::size_t number(const json& object, const char* name) {
  return object.at(name).get<std::size_t>();
}
Duration duration(const json& object, const char* name) {
  return config::duration_of(object.at(name));
}

// "fields.cpf.class", "indexes[0][1]" as the rest of a pointer.
Error with_pointer(Error failed, const std::string& pointer) {
  std::string rest;
  for (const char c : failed.at) {
    if (c == '.' || c == '[') {
      rest += '/';
    } else if (c != ']') {
      rest += c;
    }
  }
  failed.at = rest.empty() ? pointer : pointer + "/" + rest;
  return failed;
}

bool is_credential(std::string_view header) {
  constexpr std::array<std::string_view, 5> known{"authorization", "cookie", "proxy-authorization",
                                                  "x-amz-security-token", "x-api-key"};
  return std::find(known.begin(), known.end(), header) != known.end();
}

class Reader {
 public:
  Reader(const json& config, const std::string& directory)
      : config_(config), directory_(directory) {}
  Result<Options> read();

 private:
  Result<void> read_keys();
  Result<void> read_tokens();
  Result<void> read_stores();
  Result<void> read_queues();
  Result<void> read_fifo(queue::Options& queue, const json& described,
                         const std::string& pointer) const;
  Result<void> read_sqs();
  Result<void> read_gateway();
  Result<void> read_token_places(const json& places);
  Result<gateway::Route> read_route(const json& described, const std::string& pointer) const;
  Result<void> read_sources();
  Result<void> add_route_source(const json& route, const std::string& pointer);
  void read_journal();
  Result<void> read_listen();

  Result<void> check_spec(const std::string& key, const char* spec, std::string pointer) const;
  Result<void> check_signs(const std::string& key, const char* what, const char* pointer) const;
  LatencyModel model(const json& percentiles) const;
  LatencyModel call_latency(const json& object, const char* name) const;
  void read_store_latency(stores::StoreOptions& store, const json& described) const;

  const json& config_;
  const std::string& directory_;
  Options options_;
};

Result<void> Reader::check_spec(const std::string& key, const char* spec,
                                std::string pointer) const {
  const std::string& has = text(config_.at("keys").at(key), "spec");
  if (has == spec) return ok();
  return error(Errc::invalid,
               "the key \"" + key + "\" has the spec " + has + ", but " + spec + " is needed here",
               std::move(pointer));
}

// `key` may be empty: then nothing is signed.
Result<void> Reader::check_signs(const std::string& key, const char* what,
                                 const char* pointer) const {
  if (key.empty()) return ok();
  const std::string& spec = text(config_.at("keys").at(key), "spec");
  constexpr std::array<std::string_view, 3> fit{"HMAC_256", "ECC_NIST_P256",
                                                "ECC_NIST_EDWARDS25519"};
  if (std::find(fit.begin(), fit.end(), spec) != fit.end()) return ok();
  return error(Errc::invalid,
               "the key \"" + key + "\" has the spec " + spec + "; " + what +
                   " are signed with HMAC_256, ECC_NIST_P256 or ECC_NIST_EDWARDS25519",
               pointer);
}

LatencyModel Reader::model(const json& percentiles) const {
  return {duration(percentiles, "p50"), duration(percentiles, "p99")};
}

// A name of /latency/calls or the percentiles themselves; absent: zero.
LatencyModel Reader::call_latency(const json& object, const char* name) const {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (!found->is_string()) return model(*found);
  return model(config_.at("latency").at("calls").at(found->get_ref<const std::string&>()));
}

void Reader::read_store_latency(stores::StoreOptions& store, const json& described) const {
  const auto found = described.find("latency");
  if (found == described.end()) return;
  const json& models = config_.at("latency").at("stores");
  const json& own = found->is_string() ? models.at(found->get_ref<const std::string&>()) : *found;
  store.read = model(own.at("read"));
  store.write = model(own.at("write"));
}

Result<void> Reader::read_keys() {
  for (const auto& [name, key] : config_.at("keys").items()) {
    kms::KeyOptions option{name};
    const auto spec = kms::parse_key_spec(text(key, "spec"));
    PORTEIRO_ASSERT(spec.has_value());  // The schema lists them.
    option.spec = *spec;
    if (key.contains("rotate")) {
      PORTEIRO_TRY(check_spec(name, "SYMMETRIC_DEFAULT", below("/keys", name) + "/rotate"));
      option.rotation_period = duration(key, "rotate");
    }
    options_.kms.keys.push_back(std::move(option));
  }
  options_.kms.latency = call_latency(config_.at("kms"), "latency");
  const json& cache = config_.at("key_cache");
  options_.key_cache = {duration(cache, "age"), cache.at("uses").get<std::uint64_t>(),
                        number(cache, "entries")};
  return ok();
}

Result<void> Reader::read_tokens() {
  for (const auto& [name, token] : config_.at("tokens").items()) {
    PORTEIRO_TRY(check_spec(text(token, "key"), "HMAC_256", below("/tokens", name) + "/key"));
    options_.tokens.push_back({name, text(token, "key"), text_or_empty(token, "format")});
  }
  return ok();
}

Result<void> Reader::read_stores() {
  for (const auto& [name, described] : config_.at("stores").items()) {
    const std::string pointer = below("/stores", name);
    stores::StoreOptions store;
    store.name = name;
    store.engine = text(described, "engine");
    store.key = text_or_empty(described, "key");
    if (!store.key.empty()) {
      PORTEIRO_TRY(check_spec(store.key, "SYMMETRIC_DEFAULT", pointer + "/key"));
    }
    read_store_latency(store, described);
    store.writes_max = number(described, "writes");
    store.zone = zone_of(text(described, "zone"));
    store.audit = described.at("audit").get<bool>();
    store.subject_key_age_max = options_.key_cache.age_max;
    for (const auto& [collection, each] : described.at("collections").items()) {
      auto read = stores::collection_from_json(collection, each);
      if (!read) {
        return with_pointer(std::move(read).error(), below(pointer + "/collections", collection));
      }
      store.collections.push_back(std::move(read).value());
    }
    options_.stores.push_back(std::move(store));
  }
  return ok();
}

Result<void> Reader::read_fifo(queue::Options& queue, const json& described,
                               const std::string& pointer) const {
  queue.fifo = described.at("fifo").get<bool>();
  if (queue.fifo != queue.name.ends_with(".fifo")) {
    return error(Errc::invalid, "FIFO queues, and no others, have names that end in .fifo",
                 pointer + "/fifo");
  }
  queue.content_based_deduplication = described.at("content_based_deduplication").get<bool>();
  queue.deduplicate_by_group = text(described, "deduplication") == "group";
  if (queue.fifo) return ok();
  if (!queue.content_based_deduplication && !queue.deduplicate_by_group) return ok();
  return error(
      Errc::invalid, "only a FIFO queue removes duplicates",
      pointer + (queue.deduplicate_by_group ? "/deduplication" : "/content_based_deduplication"));
}

// After the routes: what they use, and what is fit for them.
Result<void> Reader::read_sqs() {
  const json& aws = config_.at("aws");
  options_.aws.account = text(aws, "account");
  options_.aws.region = text(aws, "region");
  options_.aws.verify_signatures = text(aws, "auth") == "sigv4";
  for (const json& each : aws.at("credentials")) {
    options_.aws.credentials.push_back({text(each, "access_key"), text(each, "secret")});
  }
  if (options_.aws.verify_signatures && options_.aws.credentials.empty()) {
    return error(Errc::invalid, "nobody could sign: name at least one of the credentials",
                 "/aws/credentials");
  }
  const json& sqs = config_.at("sqs");
  options_.sqs.cool_down = duration(sqs, "cool_down");
  options_.sqs.queues_max = number(sqs, "queues");
  options_.sqs.depth_max = number(sqs, "depth");
  options_.sqs.polls_max = number(sqs, "polls");
  const auto accepts = [this](const std::string& queue) {
    return text_or_empty(config_.at("queues").at(queue), "accepts");
  };
  for (const lambda::SourceOptions& source : options_.sources) {
    if (accepts(source.queue) != "any") options_.sqs.events_only.insert(source.queue);
  }
  for (const lambda::MappingOptions& mapping : options_.mappings) {
    if (accepts(mapping.queue) == "events") options_.sqs.events_only.insert(mapping.queue);
  }
  return ok();
}

Result<void> Reader::read_queues() {
  for (const auto& [name, described] : config_.at("queues").items()) {
    queue::Options queue;
    queue.name = name;
    queue.visibility_timeout = duration(described, "visibility");
    queue.delay = duration(described, "delay");
    queue.retention = duration(described, "retention");
    queue.message_bytes_max = config::size_of(described.at("message_size"));
    queue.depth_max = number(described, "depth");
    queue.in_flight_max = number(described, "in_flight");
    queue.wait = duration(described, "wait");
    PORTEIRO_TRY(read_fifo(queue, described, below("/queues", name)));
    if (const auto dead = described.find("dead_letter"); dead != described.end()) {
      queue.dead_letter_queue = text(*dead, "queue");
      queue.receives_max = dead->at("max_receives").get<std::uint32_t>();
      const json& other = config_.at("queues").at(queue.dead_letter_queue);
      if (other.at("fifo").get<bool>() != queue.fifo) {
        return error(Errc::invalid, "a queue and its dead-letter queue are both FIFO, or neither",
                     below("/queues", name) + "/dead_letter/queue");
      }
    }
    options_.queues.push_back(std::move(queue));
  }
  return ok();
}

Result<void> Reader::read_token_places(const json& places) {
  const auto& routes = options_.gateway.routes;
  for (const auto& [place, token] : places.items()) {
    constexpr std::string_view path = "path.";
    if (place.starts_with(path) && !routes.empty()) {
      const std::string parameter = "{" + place.substr(path.size()) + "}";
      const auto has_it = [&](const gateway::Route& route) {
        return route.path.find(parameter) != std::string::npos;
      };
      if (std::none_of(routes.begin(), routes.end(), has_it)) {
        return error(Errc::invalid, "no route has the parameter " + parameter + " in its path",
                     below("/gateway/tokens", place));
      }
    }
    options_.gateway.tokens.push_back({place, token.get<std::string>()});
  }
  return ok();
}

Result<gateway::Route> Reader::read_route(const json& described, const std::string& pointer) const {
  gateway::Route route;
  const std::string& pattern = text(described, "route");
  const std::size_t space = pattern.find(' ');
  route.method = pattern.substr(0, space);
  route.path = pattern.substr(space + 1);
  route.scope = text_or_empty(described, "scope");
  route.clear = text_or_empty(described, "clear");
  route.model = text_or_empty(described, "model");
  if (!route.model.empty()) {
    route.model_key = text(described, "key").substr(std::string_view("path.").size());
    if (route.path.find("{" + route.model_key + "}") != std::string::npos) return route;
    return error(Errc::invalid, "the route's path has no parameter {" + route.model_key + "}",
                 pointer + "/key");
  }
  route.event = text(described, "event");
  route.purpose = text_or_empty(described, "purpose");
  route.queue = text(described, "via");
  if (route.queue.ends_with(".fifo")) {
    return error(Errc::invalid, "a route's queue is a standard queue", pointer + "/via");
  }
  route.reply_async = text(described, "reply") == "async";
  route.timeout = duration(described, "timeout");
  route.seal_key = text_or_empty(described, "seal");
  if (!route.seal_key.empty()) {
    PORTEIRO_TRY(check_spec(route.seal_key, "SYMMETRIC_DEFAULT", pointer + "/seal"));
  }
  route.query = described.at("query").get<std::vector<std::string>>();
  route.headers = described.at("headers").get<std::vector<std::string>>();
  for (std::size_t i = 0; i < route.headers.size(); ++i) {
    if (!is_credential(route.headers[i])) continue;
    return error(Errc::invalid, "holds a credential, which no event takes; leave it out",
                 pointer + "/headers/" + std::to_string(i));
  }
  if (const auto body = described.find("body"); body != described.end()) {
    auto fields = stores::fields_from_json(*body);
    if (!fields) return with_pointer(std::move(fields).error(), pointer + "/body");
    route.body = std::move(fields).value();
    route.has_body = true;
  }
  return route;
}

Result<void> Reader::read_gateway() {
  const json& described = config_.at("gateway");
  gateway::Options& gateway = options_.gateway;
  gateway.region = text(config_.at("aws"), "region");
  PORTEIRO_TRY(read_gateway_clients(described, directory_, gateway));
  const json& limits = described.at("limits");
  gateway.limits.body_bytes_max = config::size_of(limits.at("body"));
  gateway.limits.rate_per_second = config::rate_of(limits.at("rate"));
  gateway.limits.burst = limits.at("burst").get<std::uint64_t>();
  gateway.limits.waiting_max = number(limits, "waiting");
  gateway.limits.commands_max = number(limits, "commands");
  options_.ports.connections_max = number(limits, "connections");
  const json& routes = described.at("routes");
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const std::string pointer = "/gateway/routes/" + std::to_string(i);
    PORTEIRO_TRY(auto route, read_route(routes[i], pointer));
    gateway.routes.push_back(std::move(route));
    PORTEIRO_TRY(add_route_source(routes[i], pointer));
  }
  PORTEIRO_TRY(read_token_places(described.at("tokens")));
  gateway.status_path = text(described, "status_path");
  if (gateway.status_path.ends_with('/')) {
    return error(Errc::invalid, "the path ends with a slash; leave it out", "/gateway/status_path");
  }
  gateway.idempotency_age = duration(described, "idempotency_age");
  gateway.ledger_key = text_or_empty(described, "ledger_key");
  if (!gateway.ledger_key.empty()) {
    PORTEIRO_TRY(check_spec(gateway.ledger_key, "SYMMETRIC_DEFAULT", "/gateway/ledger_key"));
  }
  gateway.latency = call_latency(described, "latency");
  return ok();
}

// One source for each queue that routes use; it finds the function by the event's type.
Result<void> Reader::add_route_source(const json& route, const std::string& pointer) {
  if (route.contains("model")) return ok();
  const std::string& queue = text(route, "via");
  auto source = std::find_if(options_.sources.begin(), options_.sources.end(),
                             [&](const auto& each) { return each.queue == queue; });
  if (source == options_.sources.end()) {
    options_.sources.emplace_back().queue = queue;
    source = std::prev(options_.sources.end());
  }
  const std::string& event = text(route, "event");
  const std::string& function = text(route, "to");
  for (const auto& [type, other] : source->by_type) {
    if (type != event) continue;
    if (other == function) return ok();
    return error(Errc::invalid,
                 "events \"" + event + "\" on the queue \"" + queue + "\" already go to \"" +
                     other + "\"; name the event or the queue differently",
                 pointer + "/to");
  }
  source->by_type.emplace_back(event, function);
  return ok();
}

Result<void> Reader::read_sources() {
  const json& sources = config_.at("sources");
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::string pointer = "/sources/" + std::to_string(i);
    lambda::MappingOptions source;
    source.queue = text(sources[i], "queue");
    source.function = text(sources[i], "function");
    source.batch_max = static_cast<std::uint32_t>(number(sources[i], "batch"));
    source.window = duration(sources[i], "window");
    source.concurrency_max = static_cast<std::uint32_t>(number(sources[i], "concurrency"));
    source.reports_failures = sources[i].at("report_failures").get<bool>();
    PORTEIRO_TRY(source.filters, read_filters(sources[i].at("filters"), pointer));
    for (const lambda::SourceOptions& route : options_.sources) {
      if (route.queue == source.queue) {
        return error(Errc::invalid,
                     "routes use the queue \"" + source.queue + "\"; a source needs its own",
                     pointer + "/queue");
      }
    }
    options_.mappings.push_back(std::move(source));
  }
  return ok();
}

telemetry::Level level_of(const std::string& name) {
  using telemetry::Level;
  constexpr std::array levels{Level::debug, Level::info, Level::warning, Level::error};
  const auto found = std::find_if(levels.begin(), levels.end(),
                                  [&](Level each) { return telemetry::to_string(each) == name; });
  PORTEIRO_ASSERT(found != levels.end());  // The schema knows no other.
  return *found;
}

void Reader::read_journal() {
  const json& journal = config_.at("journal");
  const bool power = text(journal, "durability") == "power";
  options_.journal.durability = power ? journal::Durability::power : journal::Durability::process;
  options_.journal.segment_bytes_max = config::size_of(journal.at("segment"));
  options_.journal.pending_bytes_max = config::size_of(journal.at("pending"));
  const json& log = config_.at("log");
  options_.telemetry.log_level = level_of(text(log, "level"));
  options_.telemetry.notes_max = number(log, "notes");
  options_.telemetry.records_max = number(log, "records");
  options_.events_max = number(config_.at("events"), "keep");
}

Result<void> Reader::read_listen() {
  const json& listen = config_.at("listen");
  Ports& ports = options_.ports;
  ports.bind = text(listen, "bind");
  in6_addr parsed{};  // Room for either kind.
  if (::inet_pton(AF_INET, ports.bind.c_str(), &parsed) != 1 &&
      ::inet_pton(AF_INET6, ports.bind.c_str(), &parsed) != 1) {
    return error(Errc::invalid, ports.bind + " is no numeric address such as 127.0.0.1 or ::1",
                 "/listen/bind");
  }
  ports.public_port = listen.at("public").get<std::uint16_t>();
  ports.inside_port = listen.at("inside").get<std::uint16_t>();
  ports.public_socket = text(listen, "public_socket");
  ports.idle_timeout = duration(listen, "idle_timeout");
  ports.header_bytes_max = config::size_of(listen.at("headers"));
  PORTEIRO_TRY(read_tls(listen, directory_, options_));
  if (ports.public_port != 0 && ports.public_port == ports.inside_port) {
    return error(Errc::invalid, "both ports are the same; choose another one", "/listen/inside");
  }
  return ok();
}

Result<Options> Reader::read() {
  PORTEIRO_TRY(read_keys());
  PORTEIRO_TRY(read_tokens());
  PORTEIRO_TRY(read_stores());
  PORTEIRO_TRY(read_queues());
  PORTEIRO_TRY(options_.roles, read_roles(config_));
  options_.functions = read_functions(
      config_.at("functions"), directory_,
      [this](const json& object, const char* name) { return call_latency(object, name); });
  PORTEIRO_TRY(read_gateway());
  PORTEIRO_TRY(read_sources());
  PORTEIRO_TRY(read_sqs());
  PORTEIRO_TRY(options_.read_models, read_models(config_.at("read_models")));
  PORTEIRO_TRY(check_signs(text_or_empty(config_.at("security").at("envelopes"), "key"), "events",
                           "/security/envelopes/key"));
  read_security(config_, options_);
  PORTEIRO_TRY(check_signs(options_.audit_key, "checkpoints", "/audit/key"));
  read_journal();
  PORTEIRO_TRY(read_listen());
  complete_functions(options_);
  PORTEIRO_TRY(read_prices(config_.at("prices"), options_));
  PORTEIRO_TRY(check_fit(options_));
  apply_layers(options_);
  return std::move(options_);
}

}  // namespace

Result<Options> options_from_json(const json& config, const std::string& directory) {
  return Reader(config, directory).read();
}

}  // namespace porteiro::emulator
