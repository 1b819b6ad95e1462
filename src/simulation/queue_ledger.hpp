// Books of what happened to messages, kept beside the queues and without their help: what a queue
// must never do is found out from what it was seen doing.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "porteiro/base/bytes.hpp"
#include "porteiro/queue/queue.hpp"

namespace porteiro::simulation {

class QueueLedger final : public queue::Observer {
 public:
  struct Tally {
    std::uint64_t samples = 0, violations = 0;
    std::string first;  // The first violation, without any content.
    void add(const Tally& other);
  };
  struct Book {
    Tally order;        // Per delivery of a FIFO queue: no earlier one of its group was overtaken.
    Tally leases;       // Per delivery: no earlier lease of the message was still running.
    queue::Depth most;  // Each part by itself.
    std::size_t total_most = 0;
    std::uint64_t depths = 0;                           // How often the depth was seen.
    std::map<std::uint32_t, std::uint64_t> deliveries;  // How often → so many messages.
  };
  // What became of a message, in whatever queues it was.
  enum class Fate : std::uint8_t { unseen, handled, dead, waiting, lost };

  const Book* book(std::string_view queue) const;  // Null: nothing happened there.
  Fate fate(Id message) const;
  // The most that a message with this id or correlation was delivered from one queue; nullopt:
  // there was none.
  std::optional<std::uint32_t> deliveries(Id id) const;

  void arrived(std::string_view queue, std::uint64_t number,
               const queue::Message& message) override;
  void leased(std::string_view queue, std::uint64_t number, const queue::Message& message,
              std::size_t nth, Time now, Time until) override;
  void hidden(std::string_view queue, std::uint64_t number, Time until) override;
  void ended(std::string_view queue, std::uint64_t number, End how) override;
  void emptied(std::string_view queue) override;
  void depth(std::string_view queue, const queue::Depth& depth) override;

 private:
  using Waiting = std::map<std::uint64_t, std::uint64_t>;  // Order of arrival → number.
  struct Held {
    Id id, trace;
    Time until{};
    std::uint32_t deliveries = 0;
    std::uint64_t batch = 0;  // Of the last delivery; 0: none yet.
    std::uint64_t arrival = 0;
    std::string group;
  };
  struct Contents {
    std::map<std::uint64_t, Held> held;  // By number.
    StringMap<Waiting> groups;
  };
  struct Life {
    std::uint32_t alive = 0, deliveries = 0;
    bool removed = false, dead = false;
  };

  Held& hold(Contents& contents, std::uint64_t number, const queue::Message& message);
  void forget(Contents& contents, std::map<std::uint64_t, Held>::iterator held);
  void check_order(std::string_view queue, Contents& contents, const Held& held);

  StringMap<Contents> contents_;
  StringMap<Book> books_;
  std::unordered_map<Id, Life> lives_;
  std::unordered_map<Id, std::uint32_t> by_trace_;
  std::uint64_t arrivals_ = 0, batches_ = 0;
};

}  // namespace porteiro::simulation
