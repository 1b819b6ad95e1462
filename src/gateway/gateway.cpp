// The way in: from a request to an event on a queue.
#include "porteiro/gateway/gateway.hpp"

#include <algorithm>
#include <utility>

#include "gateway/core.hpp"
#include "porteiro/lambda/event_data.hpp"

namespace porteiro::gateway {
namespace {

constexpr std::size_t key_bytes_max = 255;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool valid_key(std::string_view key) {
  return !key.empty() && key.size() <= key_bytes_max &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// What makes two requests under one idempotency key the same. Salted with the event's id, so that
// equal requests do not show as equal in the journal.
Digest fingerprint(Id event, const CompiledRoute& route, const Input& input) {
  std::string text;
  text.reserve(64 + input.data.size() + input.tokenised_body.size());
  append_u64(text, event.high);
  append_u64(text, event.low);
  append_sized(text, route.label);
  append_sized(text, input.data);
  text += input.tokenised_body;
  return kms::sha256(text);
}

}  // namespace

std::optional<Id> trace_id(std::string_view text) {
  constexpr std::size_t size = 55;  // 00-<32>-<16>-<2>
  if (text.size() < size || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const std::string_view version = text.substr(0, 2);
  if (!is_hex(version) || version == "ff") return {};
  if (text.size() > size && (version == "00" || text[size] != '-')) return {};
  if (!is_hex(text.substr(3, 32)) || !is_hex(text.substr(36, 16)) || !is_hex(text.substr(53, 2))) {
    return {};
  }
  if (text.substr(36, 16).find_first_not_of('0') == std::string_view::npos) return {};
  const auto id = parse_id(text.substr(3, 32));
  if (!id || !*id) return {};
  return id;
}

void Core::handle(const http::Request& request, http::Responder respond) {
  begin();
  const Wanted headers(request);
  std::optional<Id> trace;
  if (!headers.traceparent.empty()) trace = trace_id(headers.traceparent);
  Exchange exchange{std::move(respond), none_.get(), now(), trace ? *trace : new_id()};
  if (stopping_) {
    return refuse(std::move(exchange),
                  retry_later(http::problem(503, "the gateway is shutting down"), soon));
  }
  const Match match = router_.match(request.method, request.path());
  if (match.kind != Match::Kind::found) return unmatched(std::move(exchange), match);
  exchange.route = routes_[match.route].get();
  telemetry_.record(telemetry::Kind::request_received, exchange.correlation, exchange.route->name);
  identify(std::move(exchange), request, match.values, headers);
}

void Core::serve(Exchange exchange, const http::Request& request, const PathValues& values,
                 const Wanted& headers, std::size_t caller) {
  switch (exchange.route->kind) {
    case CompiledRoute::Kind::event:
      return accept(std::move(exchange), request, values, headers, caller);
    case CompiledRoute::Kind::model:
      return serve_model(std::move(exchange), values);
    case CompiledRoute::Kind::status:
      return serve_status(std::move(exchange), values.raw[0], caller);
    case CompiledRoute::Kind::none:
      break;
  }
  PORTEIRO_ASSERT(false);
}

void Core::unmatched(Exchange exchange, const Match& match) {
  telemetry_.record(telemetry::Kind::request_received, exchange.correlation, exchange.route->name);
  if (match.kind == Match::Kind::malformed) {
    return refuse(std::move(exchange),
                  http::problem(400,
                                "is not percent-encoded UTF-8, or has dots or control characters "
                                "where a name belongs",
                                "path"));
  }
  if (match.kind == Match::Kind::not_found) {
    return refuse(std::move(exchange), http::problem(404, "no route has this path"));
  }
  http::Response response =
      http::problem(405, "no route has this method here; these have: " + match.allow);
  response.headers.push_back({"Allow", match.allow});
  refuse(std::move(exchange), std::move(response));
}

std::optional<http::Response> Core::unacceptable(const CompiledRoute& route,
                                                 const http::Request& request,
                                                 const Wanted& headers) const {
  if (request.body.size() > options_.limits.body_bytes_max) {
    return http::problem(413, "the body is larger than " +
                                  std::to_string(options_.limits.body_bytes_max) + " bytes");
  }
  if (!request.body.empty()) {
    const auto refused = refused_form(headers.content_type, headers.content_encoding);
    if (refused) return http::problem(415, *refused);
  }
  if (route.write && headers.idempotency_key && !valid_key(*headers.idempotency_key)) {
    return http::problem(400, "has to be 1 to 255 visible ASCII characters", "Idempotency-Key");
  }
  if (journal_.full()) {
    return retry_later(http::problem(503, "too much waits to be written to disk"), soon);
  }
  return std::nullopt;
}

void Core::accept(Exchange exchange, const http::Request& request, const PathValues& values,
                  const Wanted& headers, std::size_t caller) {
  const CompiledRoute& route = *exchange.route;
  if (auto refusal = unacceptable(route, request, headers)) {
    return refuse(std::move(exchange), std::move(*refusal));
  }
  const bool keyed = route.write && headers.idempotency_key.has_value();
  auto input = read_input(route, rules_, tokens_, request, values, keyed);
  if (!input) return refuse(std::move(exchange), http::problem(input.error()));

  const bool preferred = !route.options.reply_async && headers.respond_async();
  Draft draft;
  draft.async = route.options.reply_async || preferred;
  draft.kept = draft.async || keyed;
  Id key;
  if (keyed) {
    key = key_digest(admission_.name(caller), route.label, *headers.idempotency_key);
    if (Ledger::Entry* entry = ledger_.find_key(key)) {
      const bool same = entry->request == fingerprint(entry->id, route, input.value());
      if (!same) note_refusal(exchange, admission_.name(caller), 422);
      return repeat(std::move(exchange), *entry, draft.async, same);
    }
  }
  draft.event.id = new_id();
  Digest digest{};
  if (keyed) digest = fingerprint(draft.event.id, route, input.value());
  draft.event.source = route.source;
  draft.event.type = route.options.event;
  draft.event.subject = std::move(input.value().subject);
  draft.event.time = exchange.received;
  draft.event.principal = admission_.name(caller);
  draft.event.purpose = route.options.purpose;
  draft.event.masked = exchange.masked;
  draft.event.audience = route.options.queue;
  draft.event.correlation = exchange.correlation;
  draft.event.data = std::move(input.value().data);
  add_headers(draft.event.data, route, request);
  draft.exchange = std::move(exchange);
  if (auto refusal = keep(draft, key, digest, caller)) {
    return refuse(std::move(draft.exchange), std::move(*refusal));
  }
  if (input.value().to_seal.empty()) return sign(std::move(draft));
  seal(std::move(draft), std::move(input.value().to_seal));
}

// Takes the place that the answer will need: in the ledger or among those who wait.
std::optional<http::Response> Core::keep(const Draft& draft, Id key, const Digest& request,
                                         std::size_t caller) {
  if (!draft.async && waiting_.size() >= options_.limits.waiting_max) {
    return retry_later(http::problem(503, "too many requests wait for their reply"), soon);
  }
  if (!draft.kept) return std::nullopt;
  const CompiledRoute& route = *draft.exchange.route;
  Ledger::Entry entry;
  entry.id = draft.event.id;
  entry.correlation = draft.event.correlation;
  entry.key = key;
  entry.request = request;
  entry.client = admission_.name(caller);
  entry.route = route.name;
  entry.restricted = route.restricted;
  entry.at = now();
  entry.expires = entry.at + route.pending_age;
  if (ledger_.reserve(std::move(entry))) return std::nullopt;
  return retry_later(http::problem(503, "too many commands are kept; the oldest expire first"),
                     ledger_.until_room());
}

void Core::seal(Draft draft, std::string body) {
  const std::string& key = draft.exchange.route->options.seal_key;
  const Id correlation = draft.event.correlation;
  const kms::EncryptionContext context = lambda::sealing_context(draft.event);
  draft.event.classification = "restricted";
  if (!options_.sealing) {
    draft.event.data.pop_back();
    draft.event.data.append(",\"body\":").append(body).append("}");
    return sign(std::move(draft));
  }
  const std::string subject = draft.event.subject;
  sealer_.seal(
      key, context, std::move(body), correlation,
      [this, mark = ticket(), draft = std::move(draft)](Result<std::string> box) mutable {
        if (mark.alive.expired()) return;
        if (current(mark)) return sealed(std::move(draft), std::move(box));
        refuse(std::move(draft.exchange),
               retry_later(http::problem(503, "the emulator was reset"), soon));
      },
      subject);
}

void Core::sealed(Draft draft, Result<std::string> box) {
  if (!box) {
    return give_up(std::move(draft),
                   retry_later(http::problem(503, "the body cannot be sealed now"), soon));
  }
  std::string& data = draft.event.data;
  data.pop_back();
  data += ",\"sealed\":\"";
  data += to_base64(box.value());
  data += "\"}";
  sign(std::move(draft));
}

void Core::sign(Draft draft) {
  if (envelopes_ == nullptr || envelopes_->sign(draft.event)) return send(std::move(draft));
  events::Event event = std::move(draft.event);
  draft.event.id = event.id;  // What giving up goes by.
  envelopes_->sign_later(std::move(event), [this, mark = ticket(), draft = std::move(draft)](
                                               Result<events::Event> signed_event) mutable {
    if (mark.alive.expired()) return;
    if (!current(mark)) {
      return refuse(std::move(draft.exchange),
                    retry_later(http::problem(503, "the emulator was reset"), soon));
    }
    if (!signed_event) {
      return give_up(std::move(draft),
                     retry_later(http::problem(503, "the event cannot be signed now"), soon));
    }
    draft.event = std::move(signed_event).value();
    send(std::move(draft));
  });
}

void Core::give_up(Draft draft, http::Response response) {
  if (draft.kept) ledger_.cancel(draft.event.id);
  release_followers(draft.event.id);
  refuse(std::move(draft.exchange), std::move(response));
}

std::optional<http::Response> Core::no_room(const CompiledRoute& route, std::size_t bytes) const {
  const queue::Options& options = route.queue->options();
  if (route.queue->depth().total() >= options.depth_max) {
    return retry_later(http::problem(503, "the queue of this route is full"), soon);
  }
  if (bytes > options.message_bytes_max) {
    return http::problem(413, "the request is larger than a message of its queue may be");
  }
  return std::nullopt;
}

// Message and ledger's entry are of one loop turn, so that the journal keeps both or neither: the
// message alone would have its effect again when the client sends the command again.
void Core::send(Draft draft) {
  CompiledRoute& route = *draft.exchange.route;
  const Id id = draft.event.id;
  auto json = std::make_shared<const std::string>(events::to_json(draft.event));
  if (auto refusal = no_room(route, json->size())) {
    return give_up(std::move(draft), std::move(*refusal));
  }
  telemetry_.record(telemetry::Kind::event_created, draft.event.correlation, route.event_name);
  const auto sent = route.queue->send({.body = *json,
                                       .trace = draft.event.correlation,
                                       .ephemeral = !draft.kept,
                                       .sent_here = true});
  if (!sent) return give_up(std::move(draft), http::problem(503, sent.error().detail));
  events_.append(std::move(json));
  if (draft.kept) ledger_.commit(id);
  if (draft.async) {
    accepted(std::move(draft.exchange), id, !route.options.reply_async);
  } else {
    waiting_.add(id, route.lane, std::move(draft.exchange));
  }
  if (!followers_.empty()) release_followers(id);
}

void Core::serve_model(Exchange exchange, const PathValues& values) {
  const CompiledRoute& route = *exchange.route;
  const std::size_t number = route.model_param;
  const auto key = path_value(route.params[number], tokens_, values.raw[number]);
  if (!key) return refuse(std::move(exchange), http::problem(key.error()));
  const bool masked = exchange.masked && guard_.layers().masking;
  auto view = models_.get(route.options.model, key.value(), masked);
  if (!view) return refuse(std::move(exchange), http::problem(view.error()));
  if (!view.value()) {
    return answer(std::move(exchange), http::problem(404, "the read model holds nothing for it"));
  }
  http::Response response;
  response.body = std::move(view.value()->document);
  const Duration age = view.value()->age;
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(age).count();
  response.headers.push_back({"Age", std::to_string(milliseconds / 1000)});
  response.headers.push_back({"X-Model-Age-Ms", std::to_string(milliseconds)});
  answer(std::move(exchange), std::move(response));
}

}  // namespace porteiro::gateway
