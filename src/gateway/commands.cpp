// Outcomes: how they reach those who wait, and what the ledger keeps of them for those who ask
// again, under the same idempotency key or at the status resource.
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/core.hpp"

namespace porteiro::gateway {
namespace {

constexpr unsigned seal_attempts_max = 8;
constexpr Duration seal_pause = std::chrono::milliseconds(100);  // Doubles with each attempt.

http::Response to_response(Result<lambda::Reply> outcome) {
  if (!outcome) return http::problem(outcome.error());
  http::Response response;
  response.status = outcome.value().status;
  response.content_type = std::move(outcome.value().content_type);
  response.body = std::move(outcome.value().body);
  response.headers = std::move(outcome.value().headers);
  return response;
}

// A context of the route's, not the event's, so that replies share data keys; which event a reply
// belongs to is said, and checked, inside the seal.
kms::EncryptionContext context_of(std::string_view route) {
  return {{"reply", std::string(route)}};
}

std::string pack(Id event, const http::Response& response) {
  std::string out = to_text(event);
  append_sized(out, response.content_type);
  out += response.body;
  return out;
}

// False: it is another event's reply.
bool unpack(std::string_view packed, Id event, http::Response& response) {
  const std::string id = to_text(event);
  if (!packed.starts_with(id)) return false;
  ByteReader reader(packed.substr(id.size()));
  response.content_type = reader.sized().value_or(std::string_view());
  response.body = reader.rest();
  return true;
}

// A reply as a JSON value: as it is when it is JSON, else as a string.
void append_reply(std::string& out, const http::Response& reply) {
  const bool is_json =
      reply.content_type.find("json") != std::string::npos && nlohmann::json::accept(reply.body);
  if (is_json) {
    out += reply.body;
  } else if (valid_utf8(reply.body)) {
    append_json_string(out, reply.body);
  } else {
    append_json_string(out, to_base64(reply.body));
  }
}

http::Response status_body(const Ledger::Entry& entry, const std::optional<http::Response>& reply) {
  const bool pending = entry.state == Ledger::State::pending;
  http::Response response;
  std::string& body = response.body;
  body = "{\"id\":\"" + to_text(entry.id) + "\",\"status\":\"";
  body += pending ? "pending" : entry.outcome.status < 400 ? "succeeded" : "failed";
  body += "\",\"at\":\"" + to_rfc3339(entry.at) + "\",\"correlation\":\"" +
          to_text(entry.correlation) + '"';
  if (!pending) body += ",\"reply_status\":" + std::to_string(entry.outcome.status);
  if (reply) {
    body += ",\"reply\":";
    append_reply(body, *reply);
  }
  body += '}';
  response.headers.push_back({"Cache-Control", "no-store"});
  return pending ? retry_later(std::move(response), soon) : response;
}

}  // namespace

// A request under a known idempotency key.
void Core::repeat(Exchange exchange, Ledger::Entry& entry, bool async, bool same_request) {
  if (!same_request) {
    return refuse(
        std::move(exchange),
        http::problem(422, "was used for another request; take a new key", "Idempotency-Key"));
  }
  if (entry.state == Ledger::State::reserved) {
    followers_[entry.id].emplace_back(std::move(exchange), async);
    return;
  }
  if (async) {
    const bool preferred = !exchange.route->options.reply_async;
    return accepted(std::move(exchange), entry.id, preferred);
  }
  if (entry.state == Ledger::State::done) return serve_outcome(std::move(exchange), entry);
  if (waiting_.size() >= options_.limits.waiting_max) {
    return refuse(std::move(exchange),
                  retry_later(http::problem(503, "too many requests wait for their reply"), soon));
  }
  const std::size_t lane = exchange.route->lane;
  waiting_.add(entry.id, lane, std::move(exchange));
}

// The first request under the key has become a command, or nothing.
void Core::release_followers(Id event) {
  auto node = followers_.extract(event);
  if (node.empty()) return;
  for (auto& [exchange, async] : node.mapped()) {
    if (Ledger::Entry* entry = ledger_.find(event)) {
      repeat(std::move(exchange), *entry, async, true);
    } else {
      refuse(std::move(exchange),
             retry_later(http::problem(503,
                                       "the first request with this idempotency key was not "
                                       "accepted; send it again"),
                         soon));
    }
  }
}

// 202, once what was accepted can no longer be lost.
void Core::accepted(Exchange exchange, Id event, bool preferred) {
  journal_.when_durable(
      journal_.last(), [this, mark = ticket(), event, preferred,
                        exchange = std::move(exchange)](Result<void> durable) mutable {
        if (mark.alive.expired()) return;
        if (!durable || !current(mark)) {
          return refuse(std::move(exchange),
                        retry_later(http::problem(503, "the command could not be kept"), soon));
        }
        const std::string id = to_text(event);
        http::Response response;
        response.status = 202;
        response.body = "{\"id\":\"" + id + "\",\"status\":\"pending\"}";
        response.headers.push_back({"Location", options_.status_path + "/" + id});
        if (preferred) response.headers.push_back({"Preference-Applied", "respond-async"});
        answer(std::move(exchange), std::move(response));
      });
}

void Core::reply(const events::Event& event, Result<lambda::Reply> outcome) {
  if (Ledger::Entry* entry = ledger_.find(event.id)) {
    if (entry->state != Ledger::State::pending || entry->settled) return;  // Delivered twice.
    return settle(*entry, event.subject, to_response(std::move(outcome)), false);
  }
  auto exchange = waiting_.take(event.id);
  if (!exchange) return;
  http::Response response = to_response(std::move(outcome));
  if (exchange->route->write) {
    completed(exchange->route, event.id, event.correlation, response.status);
  }
  answer(std::move(*exchange), std::move(response));
}

void Core::lost(const queue::Message& message, bool dead_lettered) {
  const auto event = events::parse_event(message.body);
  if (!event) return;  // Not one of ours: somebody put it into the queue by hand.
  const std::string_view what =
      dead_lettered ? "it could not be handled; the event was moved to the dead-letter queue"
                    : "it could not be handled in time; the event was dropped";
  const Id id = event.value().id;
  if (Ledger::Entry* entry = ledger_.find(id)) {
    if (entry->state != Ledger::State::pending || entry->settled) return;
    return settle(*entry, {}, http::problem(500, what), true);
  }
  if (auto exchange = waiting_.take(id)) {
    if (exchange->route->write) completed(exchange->route, id, event.value().correlation, 503);
    answer(std::move(*exchange), http::problem(503, what));
  }
}

// The outcome of a kept command. `clear`: the response is our own text and needs no seal.
void Core::settle(Ledger::Entry& entry, const std::string& subject, http::Response response,
                  bool clear) {
  const Id id = entry.id;
  const Id correlation = entry.correlation;
  const std::string_view label = telemetry_.name(entry.route);
  Outcome outcome{.status = response.status, .sealed = false, .content_type = {}, .body = {}};
  const CompiledRoute* route = nullptr;
  for (const auto& known : routes_) {
    if (known->label == label) route = known.get();
  }
  completed(route, id, correlation, response.status);
  const bool sealing =
      !clear && options_.sealing && !options_.ledger_key.empty() && !response.body.empty();
  if (!sealing) {
    if (clear || !entry.restricted || (!options_.sealing && !options_.ledger_key.empty())) {
      outcome.content_type = response.content_type;
      outcome.body = response.body;
    }
    return settled(id, response, std::move(outcome));
  }
  begin();
  seal_reply({id, correlation, subject, std::move(response), 1});
  // If sealing waits for the key service: the message goes now, so the outcome has to be written.
  Ledger::Entry* waiting = ledger_.find(id);
  if (waiting != nullptr && waiting->state == Ledger::State::pending) {
    ledger_.finish(id, std::move(outcome), options_.idempotency_age, true);
  }
}

// A key service that refuses for now is asked again a few times; then the status alone is kept.
void Core::seal_reply(Unsealed reply) {
  const Ledger::Entry* entry = ledger_.find(reply.event);
  if (entry == nullptr) return end();  // It expired meanwhile.
  std::string packed = pack(reply.event, reply.response);
  const std::string subject = reply.subject;
  const Id correlation = reply.correlation;
  sealer_.seal(
      options_.ledger_key, context_of(telemetry_.name(entry->route)), std::move(packed),
      correlation,
      [this, mark = ticket(), reply = std::move(reply)](Result<std::string> sealed) mutable {
        if (mark.alive.expired()) return;
        if (!current(mark)) return end();
        Outcome outcome{
            .status = reply.response.status, .sealed = false, .content_type = {}, .body = {}};
        if (sealed) {
          outcome.sealed = true;
          outcome.body = std::move(sealed.value());
        } else if (sealed.error().code == Errc::unavailable && reply.attempt < seal_attempts_max) {
          const Duration pause = seal_pause * (1 << (reply.attempt++ - 1));
          environment_.scheduler.after(pause, [this, mark, reply = std::move(reply)]() mutable {
            if (mark.alive.expired()) return;
            if (!current(mark)) return end();
            seal_reply(std::move(reply));
          });
          return;
        } else {
          telemetry_.note(telemetry::Level::warning,
                          "a reply could not be sealed and is not kept: " + sealed.error().detail,
                          reply.correlation);
        }
        settled(reply.event, reply.response, std::move(outcome));
        end();
      },
      subject);
}

void Core::settled(Id event, const http::Response& response, Outcome outcome) {
  Ledger::Entry* entry = ledger_.find(event);
  if (entry == nullptr) return answer_waiters(event, response, 0);  // It expired meanwhile.
  telemetry_.record(telemetry::Kind::reply_stored, entry->correlation, entry->route,
                    static_cast<std::uint64_t>(response.status));
  const journal::Sequence sequence =
      ledger_.finish(event, std::move(outcome), options_.idempotency_age);
  answer_waiters(event, response, sequence);
}

void Core::answer_waiters(Id event, const http::Response& response, journal::Sequence sequence) {
  while (auto exchange = waiting_.take(event)) {
    journal_.when_durable(
        sequence, [this, mark = ticket(), response = http::Response(response),
                   exchange = std::move(*exchange)](Result<void> durable) mutable {
          if (mark.alive.expired()) return;
          if (durable) return answer(std::move(exchange), std::move(response));
          answer(std::move(exchange), http::problem(503, "the outcome could not be kept"));
        });
  }
}

void Core::completed(const CompiledRoute* route, Id event, Id correlation, int status) {
  append_event("porteiro.command.completed", route == nullptr ? "/porteiro/gateway" : route->source,
               correlation, event, "{\"status\":" + std::to_string(status) + "}");
}

void Core::open_outcome(const Ledger::Entry& entry, Opened done) {
  const Outcome& outcome = entry.outcome;
  http::Response response;
  response.status = outcome.status;
  if (!outcome.sealed) {
    if (outcome.body.empty()) return done(std::optional<http::Response>());
    response.content_type = outcome.content_type;
    response.body = outcome.body;
    return done(std::optional<http::Response>(std::move(response)));
  }
  sealer_.unseal(outcome.body, context_of(telemetry_.name(entry.route)), entry.correlation,
                 [id = entry.id, response = std::move(response),
                  done = std::move(done)](Result<std::string> packed) mutable {
                   if (!packed) {
                     const Errc code = packed.error().code;
                     if (code == Errc::unavailable || code == Errc::timeout) {
                       return done(packed.error());
                     }
                     return done(std::optional<http::Response>());
                   }
                   if (!unpack(packed.value(), id, response))
                     return done(std::optional<http::Response>());
                   done(std::optional<http::Response>(std::move(response)));
                 });
}

void Core::serve_outcome(Exchange exchange, const Ledger::Entry& entry) {
  const int status = entry.outcome.status;
  open_outcome(entry, [this, mark = ticket(), status, exchange = std::move(exchange)](
                          Result<std::optional<http::Response>> opened) mutable {
    if (mark.alive.expired()) return;
    if (!opened) {
      return answer(std::move(exchange), retry_later(http::problem(opened.error()), soon));
    }
    http::Response response;
    response.status = status;
    if (opened.value()) response = std::move(*opened.value());
    response.headers.push_back({"Idempotent-Replayed", "true"});
    answer(std::move(exchange), std::move(response));
  });
}

// Only the client that gave the command sees it; for others it does not exist.
void Core::serve_status(Exchange exchange, std::string_view text, std::size_t caller) {
  const auto id = parse_id(text);
  Ledger::Entry* entry = id ? ledger_.find(*id) : nullptr;
  if (entry == nullptr || entry->state == Ledger::State::reserved ||
      entry->client != admission_.name(caller)) {
    return answer(std::move(exchange),
                  http::problem(404, "no command of this client has this id, or it has expired"));
  }
  if (entry->state == Ledger::State::pending) {
    return answer(std::move(exchange), status_body(*entry, std::nullopt));
  }
  Ledger::Entry copy = *entry;
  open_outcome(
      *entry, [this, mark = ticket(), copy = std::move(copy), exchange = std::move(exchange)](
                  Result<std::optional<http::Response>> opened) mutable {
        if (mark.alive.expired()) return;
        if (!opened) {
          return answer(std::move(exchange), retry_later(http::problem(opened.error()), soon));
        }
        answer(std::move(exchange), status_body(copy, opened.value()));
      });
}

}  // namespace porteiro::gateway
