// Bounded, at-least-once queues with visibility timeouts, delays, long poll and dead-letter, with
// the semantics of SQS standard and FIFO queues (Amazon SQS Developer Guide). No I/O and no
// protocol. Belongs to the loop.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/queue/message.hpp"
#include "porteiro/queue/observer.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::queue {

struct Options {
  std::string name{};
  Duration visibility_timeout = std::chrono::seconds(30);  // AWS SQS default; 0 s to 12 h.
  Duration delay = Duration::zero();                       // 0 to 900 s.
  Duration retention = std::chrono::hours(24 * 4);         // AWS SQS default; 60 s to 14 days.
  Duration wait = Duration::zero();                        // For callers who name none; 0 to 20 s.
  std::size_t message_bytes_max = 1u << 20;                // AWS SQS default since 2025.
  std::size_t depth_max = 100'000;                         // Ready + delayed + in flight; ours.
  std::size_t in_flight_max = 120'000;                     // AWS SQS, both kinds.
  std::string dead_letter_queue{};                         // Empty: none.
  std::uint32_t receives_max = 0;                          // maxReceiveCount; 0: no limit.
  bool fifo = false;                                       // Never changes.
  bool content_based_deduplication = false;                // By SHA-256 of the body.
  bool deduplicate_by_group = false;                       // DeduplicationScope messageGroup.
  // Kept, and given back, for front-ends (policies, tags …); a queue gives them no meaning.
  std::map<std::string, std::string> notes{};
};

struct SendRequest {
  std::string body{};
  Id trace{};
  Duration delay{-1};  // Negative: the queue's own. A FIFO queue takes no other.
  bool ephemeral = false;
  bool sent_here = false;  // As of Message.
  std::vector<Attribute> attributes{};
  std::string trace_header{};      // AWSTraceHeader; handed on as it is.
  std::string group{};             // MessageGroupId; a FIFO queue needs one, at most 128 bytes.
  std::string deduplication_id{};  // FIFO only, at most 128 bytes.
};
struct Sent {
  Id id;
  journal::Sequence sequence;  // Acknowledge once the journal is durable up to here.
  std::uint64_t number = 0;    // The place in a FIFO queue's order; 0: a standard queue.
};

struct ReceiveRequest {
  std::size_t max = 1;
  Duration visibility{-1};   // Negative: the queue's own. At most 12 h.
  std::string attempt_id{};  // ReceiveRequestAttemptId, for FIFO queues; empty: none.
  // Of a long poll: when this is set and has expired, it gets nothing any more.
  std::optional<std::weak_ptr<const void>> caller{};
};

class Queues;

class Queue {
 public:
  // Errors: limit_exceeded (depth_max; nothing was stored), unavailable (throttled by a fault),
  // invalid, with `at`: "body" (empty, or more than message_bytes_max with the attributes),
  // "delay", "group", "deduplication_id".
  // FIFO: a message with a deduplication id (or, if the queue says so, a body) that was sent in the
  // last 5 minutes is not stored; the answer is that of the first.
  Result<Sent> send(SendRequest request);

  // Up to `max` of the oldest visible messages, now hidden. Empty: none, or in_flight_max is
  // reached. A message that was received receives_max times goes to the dead-letter queue instead:
  // with its id and the time it was first sent (FIFO: the time of the move, and its id for its
  // deduplication id), whatever that queue's depth_max says. It stays if there is no such queue.
  // FIFO: only of groups of which nothing is in flight, each in its order. The same attempt id
  // within 5 minutes gives the same deliveries again, hidden anew, as long as each of them counts.
  std::vector<Delivery> receive(const ReceiveRequest& request);
  std::vector<Delivery> receive(std::size_t max, Duration visibility = Duration(-1)) {
    return receive(ReceiveRequest{max, visibility, {}, {}});
  }

  // Long poll: completes as soon as there is a message, or empty after `wait`. Waiters are served
  // in the order they came; `done` never runs inside another call of the queue. The handle's death
  // withdraws a waiter (its `done` never runs). A wait of Duration::max() does not end by itself. A
  // queue that is removed ends its waits with nothing.
  class Waiter;
  using Done = UniqueFunction<void(std::vector<Delivery>)>;
  std::shared_ptr<Waiter> receive_wait(ReceiveRequest request, Duration wait, Done done);
  // Tells `ready`, until the handle dies, each time messages have become visible and no waiter took
  // them; and soon after this call when there are some. Nothing is received by that.
  std::shared_ptr<Waiter> watch(std::function<void()> ready);

  // Errors: not_found (the message has gone), stale (it was delivered again meanwhile; FIFO: or its
  // time is over).
  Result<journal::Sequence> remove(Receipt receipt);
  // Counts from now; zero gives the message back. Errors: not_found, stale (also: visible again),
  // invalid (more than 12 h, counted from the receipt).
  Result<journal::Sequence> change_visibility(Receipt receipt, Duration visibility);

  // Any state, oldest first, after the first `skip` of them; changes nothing.
  std::vector<Peeked> peek(std::size_t max, std::size_t skip = 0) const;
  Depth depth() const;
  journal::Sequence purge();
  // Drops every message that `which` picks, whatever its state; each is told as lost.
  struct Erased {
    std::size_t messages = 0;
    std::size_t in_flight = 0;  // Of them: whoever received these may still act on them.
  };
  Erased erase(const std::function<bool(const Message&)>& which);

  const Options& options() const;
  // Errors: invalid, with the member's name in `at` (fifo and name never change).
  Result<journal::Sequence> configure(Options options);
  bool declared() const;  // By the config; else by a client, who may remove it.
  Time created() const;
  Time modified() const;  // The last configure(), or created().

  // Called for each message that leaves unhandled: dead-lettered, or dropped because receives_max
  // was reached without a dead-letter queue, or retention ended. Posted, after the event. Not for
  // purged ones.
  using Lost = std::function<void(const Message&, bool dead_lettered)>;
  void on_lost(Lost lost);

  ~Queue();

 private:
  friend class Queues;
  friend class MoveTasks;
  struct State;
  explicit Queue(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Moves the messages of a dead-letter queue back to where they came from, or elsewhere. They arrive
// as new messages. What is in flight stays. A running task survives a restart.
struct MoveTask {
  enum class Status : std::uint8_t { running, completed, cancelled, failed };
  Id id;
  std::string source;
  std::string destination;       // Empty: each message goes to the queue that gave it up.
  std::uint32_t per_second = 0;  // 0: as fast as goes without holding up the loop.
  Status status = Status::running;
  std::uint64_t moved = 0, to_move = 0;
  Time started{};
  std::string failure;
};

// All queues of an emulator: the names, the dead-letter links, and the journal's participant.
class Queues : public journal::Participant {
 public:
  // Joins the journal as `stream`: queues that nobody else shall see have one of their own.
  Queues(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry,
         std::string_view stream = "queues");
  ~Queues() override;

  // A queue of the config: not in the journal, not to be removed. Before the journal starts.
  // Errors: conflict (the name exists), invalid (an option out of bounds). A dead-letter queue may
  // be made after the queue that names it.
  Result<Queue*> declare(Options options);

  // A queue of a client: in the journal. Errors as declare(), and limit_exceeded.
  struct Created {
    Queue* queue;
    journal::Sequence sequence;
  };
  Result<Created> create(Options options);
  // With all its messages and the tasks that move them; pointers to it are dead. Errors: not_found,
  // denied (it is declared).
  Result<journal::Sequence> remove(std::string_view name);

  Queue* find(std::string_view name);  // Null: none. Owned here.
  std::size_t count() const;
  std::vector<std::string> names() const;                                         // By creation.
  std::vector<std::string> sources_of(std::string_view dead_letter_queue) const;  // Likewise.
  // Declared queues empty and as declared, waiters kept; all others and all tasks gone.
  void reset();

  // Borrowed; null: none. Told of what happens from now on.
  void observe(Observer* observer);

  // One task of a source at a time. Errors: not_found (a queue), conflict (one is running),
  // invalid (no queue has this source as its dead-letter queue; a destination of the other kind;
  // per_second above 500).
  struct Started {
    Id task;
    journal::Sequence sequence;
  };
  Result<Started> start_move(std::string_view source, std::string_view destination,
                             std::uint32_t per_second);
  // The number of messages moved by then. Errors: not_found, conflict (it has ended).
  Result<std::uint64_t> cancel_move(Id task);
  std::vector<MoveTask> moves(std::string_view source, std::size_t max) const;  // Newest first.
  const MoveTask* find_move(Id task) const;                                     // Null: none.

  std::string snapshot() override;
  Result<void> restore(std::string_view snapshot) override;
  Result<void> replay(std::string_view entry) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::queue
