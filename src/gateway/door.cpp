// The door: who sent a request, and whether he may have it. Whatever is refused here is told to the
// guard, in words that hold nothing of the request.
#include <algorithm>
#include <utility>

#include "gateway/core.hpp"

namespace porteiro::gateway {
namespace {

constexpr std::string_view nobody = "anonymous";

http::Response unauthorized(const char* detail, bool token) {
  http::Response response = http::problem(401, detail);
  // RFC 6750, 3: an error is named only when something was shown.
  response.headers.push_back(
      {"WWW-Authenticate",
       token ? "Bearer realm=\"porteiro\", error=\"invalid_token\"" : "Bearer realm=\"porteiro\""});
  return response;
}

// A request that outlives the call it came with, while its token is verified.
struct KeptRequest {
  explicit KeptRequest(const http::Request& from)
      : method(from.method), target(from.target), body(from.body), peer(from.peer) {
    headers.reserve(from.headers.size());
    for (const http::HeaderView& header : from.headers) {
      headers.push_back({std::string(header.name), std::string(header.value)});
    }
    for (const http::Header& header : headers) views.push_back({header.name, header.value});
    request = {.method = method, .target = target, .headers = views, .body = body, .peer = peer};
  }
  KeptRequest(const KeptRequest&) = delete;
  KeptRequest& operator=(const KeptRequest&) = delete;

  std::string method, target, body, peer;
  std::vector<http::Header> headers;
  std::vector<http::HeaderView> views;
  http::Request request;
};

}  // namespace

void Core::identify(Exchange exchange, const http::Request& request, const PathValues& values,
                    const Wanted& headers) {
  if (!options_.authenticate) {
    return serve(std::move(exchange), request, values, headers, anonymous);
  }
  const Shown shown = shown_by(request, headers, identities_->signatures());
  if (shown.kind == Shown::Kind::confused) {
    tell_denied(exchange, nobody, "it shows more than one credential");
    return refuse(std::move(exchange),
                  http::problem(400, "shows more than one credential; send one", "Authorization"));
  }
  if (const Duration wait = locked_out(request, shown); wait > Duration::zero()) {
    return refuse(std::move(exchange),
                  retry_later(http::problem(429, "too many attempts have failed; wait"), wait));
  }
  Identity who = identities_->find(request, shown, now());
  if (who.kind == Identity::Kind::unverified) {
    return verify(std::move(exchange), request, shown, std::move(who.token));
  }
  admit(std::move(exchange), request, values, headers, shown, who);
}

// Who shows nothing guesses nothing.
Duration Core::locked_out(const http::Request& request, const Shown& shown) {
  if (lockout_.quiet() || shown.kind == Shown::Kind::nothing) return Duration::zero();
  return std::max(lockout_.remaining(peer_name(request.peer), now()),
                  lockout_.remaining(identities_->account(request, shown), now()));
}

void Core::count_failure(const Exchange& exchange, const http::Request& request,
                         const Shown& shown) {
  if (lockout_.failed(peer_name(request.peer), now())) {
    tell_denied(exchange, nobody, "too many attempts of one address have failed: it is locked out");
  }
  if (lockout_.failed(identities_->account(request, shown), now())) {
    tell_denied(exchange, nobody,
                "too many attempts with one access key have failed: it is locked out");
  }
}

void Core::verify(Exchange exchange, const http::Request& request, const Shown& shown,
                  std::unique_ptr<UnverifiedToken> token) {
  const std::size_t bytes = request.body.size();
  if (verifying_ >= verifying_max ||
      (verifying_ > 0 && verifying_bytes_ + bytes > verifying_bytes_max)) {
    return refuse(std::move(exchange),
                  retry_later(http::problem(503, "too many tokens wait to be verified"), soon));
  }
  ++verifying_;
  verifying_bytes_ += bytes;
  auto kept = std::make_shared<const KeptRequest>(request);
  const auto right = std::make_shared<bool>(false);
  const std::shared_ptr<const UnverifiedToken> unverified = std::move(token);
  environment_.offload.run(
      verifier_, [unverified, right] { *right = unverified->token.verify(); },
      [this, mark = ticket(), kept = std::move(kept), kind = shown.kind, unverified, right,
       exchange = std::move(exchange)]() mutable {
        if (mark.alive.expired()) return;
        --verifying_;
        verifying_bytes_ -= kept->body.size();
        if (!current(mark)) {
          return refuse(std::move(exchange),
                        retry_later(http::problem(503, "the emulator was reset"), soon));
        }
        const http::Request& again = kept->request;
        const Match match = router_.match(again.method, again.path());
        const Identity who = identities_->learn(*unverified, *right, now());
        admit(std::move(exchange), again, match.values, Wanted(again), {kind, {}}, who);
      });
}

// The rate comes before the scope: what it refuses leaves no business event, so that nobody can
// fill the journal with refusals.
void Core::admit(Exchange exchange, const http::Request& request, const PathValues& values,
                 const Wanted& headers, const Shown& shown, const Identity& who) {
  const bool wrong = who.kind == Identity::Kind::unknown;
  const bool refused = wrong || who.kind == Identity::Kind::untimely;
  if (wrong) count_failure(exchange, request, shown);
  const auto caller = refused ? std::nullopt : std::optional(who.caller);
  if (const Duration wait = admission_.take(caller, now()); wait > Duration::zero()) {
    return refuse(
        std::move(exchange),
        retry_later(http::problem(429, "too many requests for this client's rate"), wait));
  }
  const std::string& scope = exchange.route->options.scope;
  if (refused || (who.caller == anonymous && !scope.empty())) {
    return turn_away(std::move(exchange), who);
  }
  const bool narrowed = who.scopes != nullptr;
  const auto has = [&](const std::string& wanted) {
    if (wanted.empty()) return true;
    if (!admission_.allowed(who.caller, wanted)) return false;
    return !narrowed ||
           std::find(who.scopes->begin(), who.scopes->end(), wanted) != who.scopes->end();
  };
  exchange.masked = !has(exchange.route->options.clear);
  if (!has(scope)) {
    note_refusal(exchange, admission_.name(who.caller), 403);
    tell_denied(exchange, admission_.name(who.caller),
                "the client does not have the scope it needs");
    return refuse(std::move(exchange),
                  http::problem(403, (narrowed ? "this token does not give the scope "
                                               : "this client does not have the scope ") +
                                         scope));
  }
  serve(std::move(exchange), request, values, headers, who.caller);
}

void Core::turn_away(Exchange exchange, const Identity& who) {
  if (who.kind == Identity::Kind::nobody) {
    tell_denied(exchange, nobody, "it shows no credential");
    return refuse(
        std::move(exchange),
        unauthorized("an API key is needed, as X-Api-Key or Authorization: Bearer, or what "
                     "else this gateway knows its clients by",
                     false));
  }
  tell_denied(exchange, nobody, who.reason);
  refuse(std::move(exchange), unauthorized(who.told, who.reason.starts_with("the token")));
}

void Core::tell_denied(const Exchange& exchange, std::string_view principal,
                       std::string_view reason) {
  std::string text = "a request to " + exchange.route->label + " was refused: ";
  text += reason;
  guard_.denied({.principal = principal,
                 .zone = access::Zone::public_zone,
                 .action = "request:send",
                 .resource = exchange.route->label,
                 .purpose = exchange.route->options.purpose,
                 .reason = text,
                 .trace = exchange.correlation});
}

}  // namespace porteiro::gateway
