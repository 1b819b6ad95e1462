// The ways out: every request leaves through finish(), exactly once.
#include <cstring>
#include <utility>

#include "gateway/core.hpp"

namespace porteiro::gateway {

http::Response retry_later(http::Response response, Duration wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  response.headers.push_back({"Retry-After", std::to_string(seconds < 1 ? 1 : seconds)});
  return response;
}

void Core::leave(Exchange exchange, http::Response response, telemetry::Kind kind) {
  if (!environment_.modelled || options_.latency.zero()) {
    return finish(std::move(exchange), std::move(response), kind);
  }
  environment_.scheduler.after(options_.latency.sample(environment_.random),
                               [this, mark = ticket(), kind, exchange = std::move(exchange),
                                response = std::move(response)]() mutable {
                                 if (!mark.alive.expired())
                                   finish(std::move(exchange), std::move(response), kind);
                               });
}

void Core::finish(Exchange exchange, http::Response response, telemetry::Kind kind) {
  response.headers.push_back({"X-Correlation-Id", to_text(exchange.correlation)});
  CompiledRoute& route = *exchange.route;
  route.requests.count(response.status);
  const Duration took = now() - exchange.received;
  telemetry_.record(kind, exchange.correlation, route.name,
                    static_cast<std::uint64_t>(response.status),
                    static_cast<std::uint64_t>(took.count()));
  exchange.respond(std::move(response));
  end();
}

void Core::end() {
  PORTEIRO_ASSERT(open_ > 0);
  if (--open_ == 0 && stopping_ && stopped_) std::exchange(stopped_, nullptr)();
}

void Core::stop(Task done) {
  stopping_ = true;
  stopped_ = std::move(done);
  if (open_ == 0) std::exchange(stopped_, nullptr)();
}

// What an authenticated client was refused is a business event: who may do what is BI's matter,
// too. It names the route and the client, and holds nothing of the request.
void Core::note_refusal(const Exchange& exchange, std::string_view client, int status) {
  std::string data = "{\"status\":" + std::to_string(status) + ",\"route\":";
  append_json_string(data, exchange.route->label);
  data += ",\"client\":";
  append_json_string(data, client);
  data += '}';
  append_event("porteiro.request.refused", exchange.route->source, exchange.correlation, {},
               std::move(data));
}

void Core::append_event(std::string_view type, std::string_view source, Id correlation,
                        Id causation, std::string data) {
  events::Event event;
  event.id = new_id();
  event.source = source;
  event.type = type;
  event.time = now();
  event.correlation = correlation;
  event.causation = causation;
  event.data = std::move(data);
  events_.append(std::make_shared<const std::string>(events::to_json(event)));
}

Id Core::new_id() {
  if (ids_used_ == ids_.size()) {
    std::array<std::byte, sizeof(ids_)> drawn;
    environment_.entropy.fill(drawn);
    std::memcpy(ids_.data(), drawn.data(), drawn.size());
    ids_used_ = 0;
  }
  return ids_[ids_used_++];
}

void Core::reset() {
  ++epoch_;
  for (std::size_t left = waiting_.size(); left > 0; --left) {
    if (auto exchange = waiting_.take_any()) {
      answer(std::move(*exchange),
             retry_later(http::problem(503, "the emulator was reset"), std::chrono::seconds(1)));
    }
  }
  ledger_.reset();
  while (!followers_.empty()) release_followers(followers_.begin()->first);
  admission_.reset();
  identities_->forget();
  lockout_.reset();
}

}  // namespace porteiro::gateway
