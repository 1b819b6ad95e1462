// The gateway itself. door.cpp: who may come in; gateway.cpp: the way in; commands.cpp: outcomes
// and the ledger; answers.cpp: the ways out; setup.cpp: how it is made.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/admission.hpp"
#include "gateway/compiled.hpp"
#include "gateway/identities.hpp"
#include "gateway/input.hpp"
#include "gateway/ledger.hpp"
#include "gateway/lockout.hpp"
#include "gateway/router.hpp"
#include "gateway/waiting.hpp"
#include "gateway/wanted.hpp"
#include "porteiro/gateway/gateway.hpp"

namespace porteiro::gateway {

// The trace id of a valid W3C `traceparent`.
std::optional<Id> trace_id(std::string_view traceparent);

// Retry-After: whole seconds, at least one.
http::Response retry_later(http::Response response, Duration wait);
inline constexpr Duration soon = std::chrono::seconds(1);  // Where nothing says how long.

class Core final : public Gateway {
 public:
  // Requests whose token is verified off the loop, and the bytes of their bodies; 503 beyond.
  static constexpr std::size_t verifying_max = 256, verifying_bytes_max = 64u << 20;

  Core(Options options, Environment& environment, Dependencies dependencies, Admission admission,
       TokenRules rules);
  Result<void> build();

  void handle(const http::Request& request, http::Responder respond) override;
  void reply(const events::Event& event, Result<lambda::Reply> outcome) override;
  void lost(const queue::Message& message, bool dead_lettered) override;
  void stop(Task done) override;
  std::size_t waiting() const override { return waiting_.size(); }
  void reset() override;

 private:
  // A request that is becoming an event.
  struct Draft {
    Exchange exchange;
    events::Event event;
    bool async = false;
    bool kept = false;  // In the ledger.
  };
  // Guards a completion that may come after this gateway has gone or was reset.
  struct Ticket {
    std::weak_ptr<void> alive;
    std::uint64_t epoch;
  };

  // setup.cpp
  std::unique_ptr<CompiledRoute> compile(const Route& options);
  Result<void> add_route(const Route& options);
  Result<void> add_event_route(CompiledRoute& route);
  Result<void> add_model_route(CompiledRoute& route);
  Result<void> add_status_route();

  // door.cpp: each of these answers the request or passes it on.
  void identify(Exchange exchange, const http::Request& request, const PathValues& values,
                const Wanted& headers);
  Duration locked_out(const http::Request& request, const Shown& shown);
  void count_failure(const Exchange& exchange, const http::Request& request, const Shown& shown);
  void verify(Exchange exchange, const http::Request& request, const Shown& shown,
              std::unique_ptr<UnverifiedToken> token);
  void admit(Exchange exchange, const http::Request& request, const PathValues& values,
             const Wanted& headers, const Shown& shown, const Identity& who);
  void turn_away(Exchange exchange, const Identity& who);
  void tell_denied(const Exchange& exchange, std::string_view principal, std::string_view reason);

  // gateway.cpp
  void serve(Exchange exchange, const http::Request& request, const PathValues& values,
             const Wanted& headers, std::size_t caller);
  void unmatched(Exchange exchange, const Match& match);
  std::optional<http::Response> unacceptable(const CompiledRoute& route,
                                             const http::Request& request,
                                             const Wanted& headers) const;
  void accept(Exchange exchange, const http::Request& request, const PathValues& values,
              const Wanted& headers, std::size_t caller);
  std::optional<http::Response> keep(const Draft& draft, Id key, const Digest& request,
                                     std::size_t caller);
  void seal(Draft draft, std::string body);
  void sealed(Draft draft, Result<std::string> body);
  void sign(Draft draft);
  void send(Draft draft);
  void give_up(Draft draft, http::Response response);
  std::optional<http::Response> no_room(const CompiledRoute& route, std::size_t bytes) const;
  void serve_model(Exchange exchange, const PathValues& values);

  // commands.cpp
  void repeat(Exchange exchange, Ledger::Entry& entry, bool async, bool same_request);
  void release_followers(Id event);
  void accepted(Exchange exchange, Id event, bool preferred);
  // A reply on its way into the ledger, and whose data it holds.
  struct Unsealed {
    Id event, correlation;
    std::string subject;
    http::Response response;
    unsigned attempt;
  };
  void settle(Ledger::Entry& entry, const std::string& subject, http::Response response,
              bool clear);
  void seal_reply(Unsealed reply);
  void settled(Id event, const http::Response& response, Outcome outcome);
  void answer_waiters(Id event, const http::Response& response, journal::Sequence sequence);
  void completed(const CompiledRoute* route, Id event, Id correlation, int status);
  void serve_status(Exchange exchange, std::string_view id, std::size_t caller);
  void serve_outcome(Exchange exchange, const Ledger::Entry& entry);
  // The stored reply; null: none was kept, or it cannot be opened any more.
  using Opened = UniqueFunction<void(Result<std::optional<http::Response>>)>;
  void open_outcome(const Ledger::Entry& entry, Opened done);

  // answers.cpp
  void answer(Exchange exchange, http::Response response) {
    leave(std::move(exchange), std::move(response), telemetry::Kind::reply_sent);
  }
  void refuse(Exchange exchange, http::Response response) {
    leave(std::move(exchange), std::move(response), telemetry::Kind::request_refused);
  }
  void leave(Exchange exchange, http::Response response, telemetry::Kind kind);
  void finish(Exchange exchange, http::Response response, telemetry::Kind kind);
  void note_refusal(const Exchange& exchange, std::string_view client, int status);
  void append_event(std::string_view type, std::string_view source, Id correlation, Id causation,
                    std::string data);
  void begin() { ++open_; }
  void end();
  Id new_id();
  Ticket ticket() const { return {alive_, epoch_}; }
  bool current(const Ticket& ticket) const { return ticket.epoch == epoch_; }
  Time now() const { return environment_.scheduler.now(); }

  Options options_;
  Environment& environment_;
  journal::Journal& journal_;
  telemetry::Telemetry& telemetry_;
  kms::Sealer& sealer_;
  kms::Tokens& tokens_;
  queue::Queues& queues_;
  events::EventLog& events_;
  readmodels::ReadModels& models_;
  access::Guard& guard_;
  events::Envelopes* envelopes_;  // Null: events go unsigned.

  Admission admission_;
  std::optional<Identities> identities_;  // Made by build(), of the admission's callers.
  Lockout lockout_;
  Offload::Lane verifier_ = 0;  // Where tokens are verified, if there are issuers.
  std::size_t verifying_ = 0, verifying_bytes_ = 0;
  TokenRules rules_;
  Router router_;
  std::vector<std::unique_ptr<CompiledRoute>> routes_;
  std::unique_ptr<CompiledRoute> none_;
  Ledger ledger_;
  WaitingRoom waiting_;
  // Requests under the key of one that is still being accepted; true: answered asynchronously.
  std::unordered_map<Id, std::vector<std::pair<Exchange, bool>>> followers_;

  std::array<Id, 32> ids_{};  // Drawn ahead: one call of the entropy source for many.
  std::size_t ids_used_ = 32;
  std::size_t open_ = 0;  // Requests without an answer, outcomes not yet stored.
  bool stopping_ = false;
  Task stopped_;
  std::uint64_t epoch_ = 0;  // Of resets.
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace porteiro::gateway
