// One queue: its messages, who waits for them, and its one timer.
//
// Every operation first lets time pass (`advance`): what became visible is ready, what outlived
// its retention is gone. The timer does the same for those who wait; it is armed for the earliest
// deadline known and left alone when that deadline goes away, so most operations never touch it.
#pragma once
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <optional>

#include "queue/deduplication.hpp"
#include "queue/entries.hpp"
#include "queue/groups.hpp"
#include "queue/slots.hpp"

namespace porteiro::queue {

// Times as the keys of the orders below.
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
inline std::int64_t key_of(Time time) { return time.time_since_epoch().count(); }

// A waiter (with `done`) is served once; a watcher (with `ready`) is told until its handle dies.
class Queue::Waiter : public std::enable_shared_from_this<Queue::Waiter> {
 public:
  using Deadline = std::pair<Time, std::uint64_t>;  // With a number: of equal ones the older first.

  explicit Waiter(Queue::State& of) : queue(&of) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  Queue::State* queue;  // Null: served, expired, or the queue has gone.
  ReceiveRequest request;
  Queue::Done done;
  std::function<void()> ready;
  std::list<Waiter*>::iterator place;
  std::optional<Deadline> deadline;
  bool repeats = false;  // Its attempt id gave something before; not yet looked at.
};

// What all queues of an emulator share.
struct Shared {
  Environment& env;
  telemetry::Telemetry& telemetry;
  EntryWriter& journal;
  Queues& queues;
  Observer* observer = nullptr;
};

struct Queue::State {
  State(Shared& shared, Options options, bool declared);
  ~State();

  // Operations, as in the header.
  Result<Sent> send(SendRequest request);
  std::vector<Delivery> receive(const ReceiveRequest& request);
  Result<journal::Sequence> remove(const Receipt& receipt);
  Result<journal::Sequence> change_visibility(const Receipt& receipt, Duration visibility);
  std::vector<Peeked> peek(std::size_t max, std::size_t skip) const;
  Depth depth() const { return {ready_size(), delayed.size(), in_flight.size()}; }
  journal::Sequence purge();
  Erased erase(const std::function<bool(const Message&)>& which);
  journal::Sequence configure(Options options);
  void empty();
  void reset();  // Empty, and as declared.

  // Moves of dead letters, both ways: discard() in the one queue, accept_moved() in the other,
  // which writes the journal's entry for both.
  struct Letter {
    std::uint32_t slot;
    Message message;
  };
  std::optional<Letter> first_letter();  // The first message that may be received; nullopt: none.
  void discard(std::uint32_t slot, Observer::End how);  // Out of all orders; the slot is free.
  void accept_moved(std::uint32_t from, std::string_view source, const Message& message);

  // Waiters.
  std::shared_ptr<Waiter> wait(ReceiveRequest request, Duration wait, Done done);
  std::shared_ptr<Waiter> watch(std::function<void()> ready);
  void withdraw(Waiter& waiter);
  void end_waits();  // The queue goes: each is told nothing came, soon.

  // The journal. False: the entry does not fit this state.
  bool apply_put(StoredMessage message);
  void remember_sent(std::uint32_t slot);  // After apply_put() of what was sent: for deduplication.
  bool apply_received(std::uint32_t slot, std::uint64_t delivery, std::int64_t visible_at, Time at);
  bool apply_hidden(std::uint32_t slot, std::int64_t visible_at);
  bool apply_removed(std::uint32_t slot);
  void apply_configured(Time at, Options options);
  void snapshot(std::string& out) const;
  bool restore(std::uint32_t flags, ByteReader& reader);  // After the name and the flags.

  Shared& shared;
  Environment& env;
  telemetry::Telemetry& telemetry;
  EntryWriter& journal;
  Options options;
  const bool declared;
  const telemetry::Name name;
  Time created, modified;
  bool configured = false;  // Since it was made; kept also at the instant of `created`.
  Lost lost;

 private:
  // Sending.
  Result<void> check(SendRequest& request) const;
  std::string deduplication_key(const SendRequest& request) const;
  std::uint32_t take_in(const Message& message);
  std::uint32_t store(const Message& message, Time visible_from, Time now);

  // Delivering.
  Message message_of(const Slot& slot) const;
  void deliver(std::uint32_t slot, Time now, Time visible_at, std::vector<Delivery>& out);
  bool held_back(std::uint32_t slot);     // And who waits is served when it no longer is.
  bool worn_out(const Slot& slot) const;  // Received too often: to be given up.
  void give_up(std::uint32_t slot);
  void drop(std::uint32_t slot);  // Telemetry, journal, `lost`.
  void tell_lost(Message message, bool dead_lettered);
  Result<std::uint32_t> counting(const Receipt& receipt) const;
  std::optional<std::vector<Delivery>> repeat(const ReceiveRequest& request, Time now);
  void remember_attempt(const std::string& id, const std::vector<Delivery>& deliveries, Time now);

  // Places.
  std::size_t ready_size() const { return options.fifo ? groups.size() : ready.size(); }
  std::uint32_t first_ready() const { return options.fifo ? groups.first() : ready.first(); }
  std::uint32_t last_ready() const { return options.fifo ? groups.last() : ready.last(); }
  Order& order_of(Where where) { return where == Where::delayed ? delayed : in_flight; }
  void place(std::uint32_t slot, Where where, std::int64_t key);
  void unplace(std::uint32_t slot);
  void enter(std::uint32_t slot, Where where, std::int64_t key);  // A new message of this queue.
  void make_ready(std::uint32_t slot);
  void hide(std::uint32_t slot, std::int64_t visible_at);  // 0: visible now.
  void advance(Time now);
  void weigh(std::int64_t bytes);

  void serve_soon();
  void serve();
  void serve_repeats();  // May end this queue, as serve().
  void expire_waiters(Time now);
  void arm(std::int64_t deadline);
  void on_timer();

  const Options declared_options;
  Slab slab;
  Order ready, delayed, in_flight, retention;  // `ready` of a standard queue only.
  Groups groups;                               // Of a FIFO queue.
  Deduplication deduplication;
  std::uint64_t next_number = 1;
  std::uint64_t next_delivery;  // Starts anywhere: receipts of an earlier process stay unknown.
  Id next_id;
  std::int64_t weight = 0, weight_max = 0;  // Bytes held, and the most since memory went back.
  std::int64_t weight_since_empty_max = 0;

  // What receives with an attempt id gave; each counts while none of its messages has changed.
  struct Attempt {
    struct Part {
      Receipt receipt;
      std::int64_t visible_at;
    };
    std::vector<Part> parts;
    Time until;
  };
  StringMap<Attempt> attempts;
  std::deque<std::string> attempt_ids;  // By time.

  std::list<Waiter*> waiters, watchers;
  std::list<Waiter*>::iterator telling;  // The next watcher to be told, while some are.
  std::map<Waiter::Deadline, Waiter*> deadlines;
  std::uint64_t waiter_number = 0;
  bool serve_posted = false;
  bool awaits_journal = false;
  bool repeats_wait = false;

  Timer timer;
  std::int64_t armed;  // When the timer rings; the largest number when it does not run.
  std::shared_ptr<int> alive = std::make_shared<int>(0);  // For posted tasks.

  struct Counters {
    std::uint64_t &sent, &received, &deleted, &redelivered, &dead, &dropped;
    std::uint64_t& billed;  // Requests as SQS counts them for its bill; see requests_of().
  } counters;
};

// A message is billed as a request for each 64 KiB begun (Amazon SQS pricing).
inline std::uint64_t requests_of(std::size_t bytes) {
  return 1 + (bytes == 0 ? 0 : (bytes - 1) >> 16);
}

}  // namespace porteiro::queue
