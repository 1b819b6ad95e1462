// Bounded, at-least-once queues with visibility timeouts, delays, long poll and dead-letter (SQS
// standard-queue semantics). No I/O and no protocol. Belongs to the loop.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::queue {

struct Options {
  std::string name{};
  Duration visibility_timeout = std::chrono::seconds(30);  // AWS SQS default; 0 s to 12 h.
  Duration delay = Duration::zero();                       // 0 to 900 s.
  Duration retention = std::chrono::hours(24 * 4);         // AWS SQS default; 60 s to 14 days.
  std::size_t message_bytes_max = 1u << 20;                // AWS SQS default since 2025.
  std::size_t depth_max = 100'000;                         // Ready + delayed + in flight; ours.
  std::size_t in_flight_max = 120'000;                     // AWS SQS standard queues.
  std::string dead_letter_queue{};                         // Empty: none.
  std::uint32_t receives_max = 0;                          // maxReceiveCount; 0: no limit.
};

struct Message {
  Id id;
  Id trace;  // The correlation id, for telemetry; zero: none.
  std::string body;
  Time sent;
  Time first_received{};
  std::uint32_t receives = 0;
  bool ephemeral = false;  // Lives as long as its waiting client: not journalled.
};

// The right to delete or extend one delivery; the next delivery of the message makes it stale.
struct Receipt {
  std::uint64_t slot = 0;
  std::uint64_t delivery = 0;
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

struct Delivery {
  std::shared_ptr<const Message> message;
  Receipt receipt;
};

struct SendRequest {
  std::string body{};
  Id trace{};
  Duration delay{-1};  // Negative: the queue's own.
  bool ephemeral = false;
};
struct Sent {
  Id id;
  journal::Sequence sequence;  // Acknowledge once the journal is durable up to here.
};

struct Depth {
  std::size_t ready = 0, delayed = 0, in_flight = 0;
  std::size_t total() const { return ready + delayed + in_flight; }
};

class Queues;

class Queue {
 public:
  // Errors: limit_exceeded (depth_max; nothing was stored), invalid (empty, too large, a delay of
  // more than 900 s).
  Result<Sent> send(SendRequest request);

  // Up to `max` of the oldest visible messages, now hidden for `visibility` (negative: the
  // queue's own; at most 12 h). Empty: none, or in_flight_max is reached. A message that was
  // received receives_max times goes to the dead-letter queue instead: with its id and the time it
  // was first sent, and whatever that queue's depth_max says.
  std::vector<Delivery> receive(std::size_t max, Duration visibility = Duration(-1));

  // Long poll: completes as soon as there is a message, or empty after `wait`. Waiters are served
  // in the order they came; `done` never runs inside another call of the queue. The handle's death
  // withdraws a waiter (its `done` never runs). A wait of Duration::max() does not end by itself.
  class Waiter;
  using Done = UniqueFunction<void(std::vector<Delivery>)>;
  std::shared_ptr<Waiter> receive_wait(std::size_t max, Duration wait, Done done);
  // Tells `ready`, until the handle dies, each time messages have become visible and no waiter took
  // them; and soon after this call when there are some. Nothing is received by that.
  std::shared_ptr<Waiter> watch(std::function<void()> ready);

  // Errors: stale (redelivered meanwhile, deleted or unknown).
  Result<journal::Sequence> remove(Receipt receipt);
  // Errors: stale (also: visible again), invalid (more than 12 h).
  Result<void> change_visibility(Receipt receipt, Duration visibility);  // Zero gives it back now.

  std::vector<Message> peek(std::size_t max) const;  // Any state, oldest first; changes nothing.
  Depth depth() const;
  void purge();
  const Options& options() const;

  // Called for each message that leaves unhandled: dead-lettered, or dropped because receives_max
  // was reached without a dead-letter queue, or retention ended. Posted, after the event. Not for
  // purged ones.
  using Lost = std::function<void(const Message&, bool dead_lettered)>;
  void on_lost(Lost lost);

  ~Queue();

 private:
  friend class Queues;
  struct State;
  explicit Queue(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// All queues of an emulator: the names, the dead-letter links, and the journal's participant.
class Queues : public journal::Participant {
 public:
  Queues(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry);
  ~Queues() override;
  // Errors: conflict (the name exists), invalid (an option out of bounds). A dead-letter queue
  // may be created after the queue that names it.
  Result<Queue*> create(Options options);
  Queue* find(std::string_view name);  // Null: none. Owned here.
  std::vector<std::string> names() const;
  void reset();  // Every queue empty, waiters kept.

  std::string snapshot() override;
  Result<void> restore(std::string_view snapshot) override;
  Result<void> replay(std::string_view entry) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::queue
