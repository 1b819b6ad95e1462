// The gateway: receives a request, checks it (who, scope, rate, size, shape), turns it into an
// event on a queue and gives the answer back, now or later. Knows routes, not sockets. Restricted
// values of path and body become tokens or are sealed before anything is made of them. Belongs to
// the loop.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/events/envelopes.hpp"
#include "porteiro/events/event_log.hpp"
#include "porteiro/identity/sigv4.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/kms/key_cache.hpp"
#include "porteiro/kms/tokens.hpp"
#include "porteiro/lambda/function.hpp"
#include "porteiro/queue/queue.hpp"
#include "porteiro/readmodels/read_models.hpp"
#include "porteiro/stores/schema.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::gateway {

// Whose tokens name a client: those of an issuer that are about one subject, or, without a subject,
// all of them. A token's `scope` claim narrows what the client may; without a subject the claim has
// to be there, and nothing else gives a scope.
struct TokenOwner {
  std::string issuer;   // The name of an issuer of the options.
  std::string subject;  // Empty: any.
};

// Which certificates name a client, among those that the listener has verified. One of both.
struct CertificateOwner {
  std::string subject;      // As http::PeerCertificate has it.
  std::string fingerprint;  // Likewise.
};

// Has at least one of the four means to show who it is; any of them will do.
struct Client {
  std::string name;
  std::string api_key;  // Compared in constant time; never logged. Empty: it has none.
  std::vector<std::string> scopes;
  std::optional<identity::Credential> signer{};  // Signature Version 4.
  std::optional<TokenOwner> token{};
  std::optional<CertificateOwner> certificate{};
};

// Who signs tokens for clients (identity/token.hpp).
struct IssuerOptions {
  std::string name;
  std::string issuer, audience;  // What `iss` and `aud` have to be.
  std::string key_file;          // The path of its JWK set; read by who makes the options.
  std::string keys{};            // The set's text. Empty: none of its tokens is taken.
};

// Failed attempts to show who one is, of one address or under one access key.
struct LockoutOptions {
  std::uint64_t failures = 100;  // So many within that time; 0: nobody is locked out.
  Duration within = std::chrono::minutes(1);
  Duration time = std::chrono::minutes(1);  // How long nothing of him is looked at.
};

struct Limits {
  std::size_t body_bytes_max = 1u << 20;
  std::uint64_t rate_per_second = 10'000;  // A client; API Gateway's default. 0: no limit.
  std::uint64_t burst = 5'000;
  std::size_t waiting_max = 10'000;    // Synchronous requests that wait for their reply.
  std::size_t commands_max = 200'000;  // Entries of the reply ledger.
};

struct Route {
  std::string method, path;  // "GET", "/v1/people/{cpf}".
  std::string scope;         // Empty: no key needed.
  std::string event;         // The event's type.
  std::string purpose;       // What its access is for: goes with the event; may be empty.
  std::string clear{};       // The scope of clients that see protected values whole; empty: all do.
  std::string queue;         // Where the event goes.
  bool reply_async = false;  // 202 at once; else the connection waits. `Prefer: respond-async`
                             // makes a synchronous route asynchronous for one request.
  Duration timeout = std::chrono::seconds(30);  // API Gateway's. Then 504.
  std::string seal_key;  // Seals the body under this KMS key; empty: the body goes in clear.
  std::vector<stores::Field> body;  // The body's shape; empty: any JSON (or none).
  bool has_body = false;
  std::vector<std::string> query;  // The query parameters the event takes; others are left out, as
                                   // what a client puts there by mistake must not be kept.
  // The headers the event takes, in lower case; others are left out, too. None that holds a
  // credential: the caller sees to that. They do not count when a request is compared with one
  // under the same idempotency key.
  std::vector<std::string> headers;
  std::string model;      // A read model serves it at once; then event and queue are empty.
  std::string model_key;  // The path parameter that is its key.
};

struct TokenPlace {
  std::string place;  // "path.cpf", "body.cpf".
  std::string token;  // The token's name.
};

struct Options {
  std::vector<Client> clients;
  std::vector<IssuerOptions> issuers{};
  LockoutOptions lockout{};
  std::string region = "us-east-1";  // Of the scope of signatures; the service is execute-api.
  // Off, to measure: every request is served as one of nobody, whatever its route's scope.
  bool authenticate = true;
  Limits limits;
  std::vector<Route> routes;
  std::vector<TokenPlace> tokens;
  std::string status_path = "/status";                // GET {status_path}/{id} follows a command.
  Duration idempotency_age = std::chrono::hours(24);  // How long a key and an outcome are kept.
  std::string ledger_key;                             // The KMS key of stored replies; empty: they
                                                      // are kept only when not restricted.
  // Off, to measure what it costs: what has a seal_key or ledger_key goes in clear.
  bool sealing = true;
  LatencyModel latency;  // Of the gateway's own part, modelled.
};

struct Dependencies {
  journal::Journal& journal;
  telemetry::Telemetry& telemetry;
  kms::Sealer& sealer;
  kms::Tokens& tokens;
  queue::Queues& queues;
  events::EventLog& events;
  readmodels::ReadModels& models;
  access::Guard& guard;                    // Told of every request that is refused for who sent it.
  events::Envelopes* envelopes = nullptr;  // Signs events; null: they go unsigned.
};

class Gateway {
 public:
  // Errors: invalid (two routes that match the same path, an unknown queue, model or issuer, two
  // clients with the same key, a key set that is none).
  static Result<std::unique_ptr<Gateway>> create(Options options, Environment& environment,
                                                 Dependencies dependencies);
  virtual ~Gateway() = default;

  virtual void handle(const http::Request& request, http::Responder respond) = 0;

  // The outcome of a route's event, from the function that served it. Unknown or expired
  // correlation ids are ignored (the client has gone).
  virtual void reply(const events::Event& event, Result<lambda::Reply> outcome) = 0;
  // The event of this message will not be handled any more.
  virtual void lost(const queue::Message& message, bool dead_lettered) = 0;

  // Graceful stop: new requests get 503; `done` runs when every accepted one has its answer.
  virtual void stop(Task done) = 0;
  virtual std::size_t waiting() const = 0;
  virtual void reset() = 0;
};

}  // namespace porteiro::gateway
