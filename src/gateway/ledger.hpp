// The reply ledger: which commands were accepted, from whom, under which idempotency key, and what
// became of them. A participant of the journal, stream "gateway.ledger". Bounded in number and in
// age. Holds no value of a client in clear: keys and requests as digests, replies as they are
// given (sealed, or not restricted). Belongs to the loop.
//
// An entry is reserved first, while the command is being made (in memory only); committed once its
// message is in the queue; finished with its outcome.
#pragma once
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::gateway {

using Digest = std::array<char, 32>;

// The identity of (client, route, idempotency key): half a SHA-256, so that a key is not kept.
Id key_digest(std::string_view client, std::string_view route, std::string_view key);

struct Outcome {
  int status = 0;
  bool sealed = false;       // `body` holds id, content type and body under one seal.
  std::string content_type;  // Of a body in clear.
  std::string body;          // Empty: none was kept.
};

class Ledger final : public journal::Participant {
 public:
  enum class State : std::uint8_t { reserved, pending, done };
  struct Entry {
    Id id;  // The event's.
    Id correlation;
    Id key;          // key_digest(); zero: no idempotency key was given.
    Digest request;  // The fingerprint of the request; says nothing without a key.
    std::string client;
    telemetry::Name route = 0;
    bool restricted = false;  // The reply may hold restricted values.
    State state = State::reserved;
    bool settled = false;  // The outcome came; it may still be on its way through sealing.
    Time at{};             // Of the state.
    Time expires{};
    Outcome outcome;
  };

  Ledger(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry,
         std::size_t entries_max);

  // False: entries_max is reached. The id must be new.
  bool reserve(Entry entry);
  void cancel(Id id);  // A reservation that came to nothing.
  journal::Sequence commit(Id id);

  // The outcome, kept for `keep`. `journal_only` writes it down (a restart will find it) but leaves
  // the entry pending for its readers: its reply is still being sealed.
  journal::Sequence finish(Id id, Outcome outcome, Duration keep, bool journal_only = false);

  Entry* find(Id id);  // Null: none. Valid until the next call that changes the ledger.
  Entry* find_key(Id key);
  Duration until_room() const;  // When the next entry expires, from now.
  std::size_t size() const { return entries_.size(); }
  void reset();

  std::string snapshot() override;
  Result<void> restore(std::string_view snapshot) override;
  Result<void> replay(std::string_view entry) override;

 private:
  void set_expiry(Entry& entry, Time expires);
  void erase(Id id);
  void sweep();
  void arm();
  std::string encode_entry(const Entry& entry) const;
  Result<void> decode_entry(ByteReader& reader);
  Result<void> decode_outcome(ByteReader& reader);

  Environment& environment_;
  journal::Journal& journal_;
  telemetry::Telemetry& telemetry_;
  std::size_t entries_max_;
  journal::Stream stream_;
  std::unordered_map<Id, Entry> entries_;
  std::unordered_map<Id, Id> by_key_;
  std::set<std::pair<Time, Id>> by_expiry_;
  Timer timer_;
  Time due_{};  // Of the timer.
};

}  // namespace porteiro::gateway
