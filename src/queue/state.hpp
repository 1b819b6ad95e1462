// One queue: its messages, who waits for them, and its one timer.
//
// Every operation first lets time pass (`advance`): what became visible is ready, what outlived
// its retention is gone. The timer does the same for those who wait; it is armed for the earliest
// deadline known and left alone when that deadline goes away, so most operations never touch it.
#pragma once
#include <list>
#include <map>
#include <optional>

#include "queue/entries.hpp"
#include "queue/slots.hpp"

namespace porteiro::queue {

// A waiter (with `done`) is served once; a watcher (with `ready`) is told until its handle dies.
class Queue::Waiter : public std::enable_shared_from_this<Queue::Waiter> {
 public:
  using Deadline = std::pair<Time, std::uint64_t>;  // With a number: of equal ones the older first.

  explicit Waiter(Queue::State& of) : queue(&of) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  Queue::State* queue;  // Null: served, expired, or the queue has gone.
  std::size_t max = 0;
  Queue::Done done;
  std::function<void()> ready;
  std::list<Waiter*>::iterator place;
  std::optional<Deadline> deadline;
};

struct Queue::State {
  State(Environment& environment, telemetry::Telemetry& telemetry, EntryWriter& journal,
        Queues& queues, Options options);
  ~State();

  // Operations, as in the header.
  Result<Sent> send(SendRequest request);
  std::vector<Delivery> receive(std::size_t max, Duration visibility);
  Result<journal::Sequence> remove(Receipt receipt);
  Result<void> change_visibility(Receipt receipt, Duration visibility);
  std::vector<Message> peek(std::size_t max) const;
  Depth depth() const { return {ready.size(), delayed.size(), in_flight.size()}; }
  void purge();
  void reset();  // As purge, without a journal entry.

  // Waiters.
  std::shared_ptr<Waiter> wait(std::size_t max, Duration wait, Done done);
  std::shared_ptr<Waiter> watch(std::function<void()> ready);
  void withdraw(Waiter& waiter);

  // The journal. False: the entry does not fit this state.
  bool apply_put(StoredMessage message);
  bool apply_received(std::uint32_t slot, std::uint64_t delivery, std::int64_t visible_at, Time at);
  bool apply_hidden(std::uint32_t slot, std::int64_t visible_at);
  bool apply_removed(std::uint32_t slot);
  std::size_t snapshot(std::string& out) const;  // Appends the messages; how many.

  Environment& env;
  telemetry::Telemetry& telemetry;
  EntryWriter& journal;
  Queues& queues;
  const Options options;
  const telemetry::Name name;
  Lost lost;

 private:
  std::uint32_t store(std::shared_ptr<Message> message, Duration delay, Time now);
  void deliver(std::uint32_t slot, Time now, Time visible_at, std::vector<Delivery>& out);
  void give_up(std::uint32_t slot);  // Received too often.
  void drop(std::uint32_t slot);     // Telemetry, journal, `lost`.
  void accept_moved(std::uint32_t from, std::string_view source, std::shared_ptr<Message> message);
  void tell_lost(std::shared_ptr<const Message> message, bool dead_lettered);

  Order& order_of(Where where);
  void place(std::uint32_t slot, Where where, std::int64_t key);
  void unplace(std::uint32_t slot);
  void expire_by_retention(std::uint32_t slot);
  void discard(std::uint32_t slot);  // Out of all orders; the slot is free.
  void make_ready(std::uint32_t slot);
  void advance(Time now);

  void serve_soon();
  void serve();
  void expire_waiters(Time now);
  void arm(std::int64_t deadline);
  void on_timer();

  Slab slab;
  Order ready, delayed, in_flight, retention;
  std::uint64_t next_number = 1;
  std::uint64_t next_delivery;  // Starts anywhere: receipts of an earlier process stay unknown.
  Id next_id;

  std::list<Waiter*> waiters, watchers;
  std::list<Waiter*>::iterator telling;  // The next watcher to be told, while some are.
  std::map<Waiter::Deadline, Waiter*> deadlines;
  std::uint64_t waiter_number = 0;
  bool serve_posted = false;

  Timer timer;
  std::int64_t armed;  // When the timer rings; the largest number when it does not run.
  std::shared_ptr<int> alive = std::make_shared<int>(0);  // For posted tasks.

  struct Counters {
    std::uint64_t &sent, &received, &deleted, &redelivered, &dead, &dropped;
  } counters;
};

}  // namespace porteiro::queue
