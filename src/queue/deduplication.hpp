// What a FIFO queue remembers of the messages sent in the last five minutes (AWS SQS: the
// deduplication interval), deleted ones too.
#pragma once
#include <deque>
#include <optional>
#include <string>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::queue {

inline constexpr Duration deduplication_interval = std::chrono::minutes(5);

class Deduplication {
 public:
  struct First {
    Id id;
    std::uint64_t number;
    Time sent;
    bool ephemeral;  // As the message: not kept, or a client could not send it again.
  };
  const First* find(std::string_view key, Time now);  // Null: none within the interval.
  void remember(std::string key, First first);        // In the order of `sent`.
  void clear();

  void append_to(std::string& out) const;  // For a snapshot.
  bool read(ByteReader& reader);           // False: damaged.

 private:
  void forget(Time now);

  StringMap<First> firsts_;
  std::deque<const std::string*> keys_;  // Of firsts_, by time.
};

}  // namespace porteiro::queue
