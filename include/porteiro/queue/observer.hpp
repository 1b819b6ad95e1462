// Who watches all queues of an emulator, for checks. Told of each event as it happens, in the
// middle of an operation: an observer must not touch the queues.
#pragma once
#include <cstdint>
#include <string_view>

#include "porteiro/queue/message.hpp"

namespace porteiro::queue {

struct Depth {
  std::size_t ready = 0, delayed = 0, in_flight = 0;
  std::size_t total() const { return ready + delayed + in_flight; }
};

class Observer {
 public:
  enum class End : std::uint8_t {
    removed,
    dead_lettered,  // It arrives in the dead-letter queue next.
    dropped,        // Its retention is over, or nowhere to go when it was received too often.
    moved           // By a move task: it arrives elsewhere, under another id.
  };

  virtual ~Observer() = default;
  // `number` tells the messages of a queue apart; a fault may store two with the same id.
  virtual void arrived(std::string_view queue, std::uint64_t number, const Message& message) = 0;
  // `nth`: the place among the deliveries of one receive, from 0.
  virtual void leased(std::string_view queue, std::uint64_t number, const Message& message,
                      std::size_t nth, Time now, Time until) = 0;
  // The lease of what is in flight ends at another time; `now` at the latest: it is visible again.
  virtual void hidden(std::string_view queue, std::uint64_t number, Time until) = 0;
  virtual void ended(std::string_view queue, std::uint64_t number, End how) = 0;
  virtual void emptied(std::string_view queue) = 0;  // Purged, reset or removed.
  // Whenever a part of it may have grown.
  virtual void depth(std::string_view queue, const Depth& depth) = 0;
};

}  // namespace porteiro::queue
