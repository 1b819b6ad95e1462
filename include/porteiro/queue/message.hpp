// What a queue takes and hands out: plain values, each with its own bytes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "porteiro/base/id.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::queue {

// A message attribute (AWS SQS: MessageAttributeValue). The type starts with String, Number or
// Binary; a Binary's value is the bytes themselves.
struct Attribute {
  std::string name, type, value;
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

struct Message {
  Id id;
  Id trace;  // The correlation id, for telemetry; zero: none.
  std::string body;
  Time sent;
  Time first_received{};
  std::uint32_t receives = 0;
  bool ephemeral = false;  // Lives as long as its waiting client: not journalled.
  // The gateway put it there itself. No client can set it, a copy does not have it, and it goes
  // along into a dead-letter queue and back.
  bool sent_here = false;
  std::vector<Attribute> attributes;
  std::string trace_header;
  std::string group;               // May be set on a standard queue, too, and orders nothing there.
  std::string deduplication_id;    // FIFO: the given one, or the body's SHA-256 in hexadecimal.
  std::uint64_t number = 0;        // FIFO: grows with each message of the queue; else 0.
  std::string dead_letter_source;  // In a dead-letter queue: the queue that gave it up.
};

// The right to delete or extend one delivery; the next delivery of the message makes it stale.
struct Receipt {
  std::uint64_t slot = 0;
  std::uint64_t delivery = 0;
  Id message{};
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

struct Delivery {
  Message message;
  Receipt receipt;
};

enum class Where : std::uint8_t { nowhere, ready, delayed, in_flight };

struct Peeked {
  Message message;
  Where where = Where::nowhere;
  Time visible_at{};     // Of a delayed or hidden one.
  bool blocked = false;  // FIFO: ready, but others of its group are in flight.
};

}  // namespace porteiro::queue
