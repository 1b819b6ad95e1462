// The journal's format of queues. Every entry and snapshot starts with a version byte; integers are
// little-endian, texts have a u32 length before them (see base/bytes.hpp).
//
//   entry    = version, kind, queue name, fields of the kind
//   put      = message                       sent, or stored twice by a fault
//   received = slot u32, delivery u64, visible-at u64, at u64   (one more receive)
//   hidden   = slot u32, visible-at u64      visibility changed; 0: visible now
//   removed  = slot u32                      deleted, expired, or dropped
//   purged   =
//   moved    = slot u32, target queue name, message             to the dead-letter queue
//   message  = slot u32, where u32, visible-at u64, delivery u64, arrived-with u32, id, trace,
//              sent u64, first-received u64, receives u32, body
//   snapshot = version, for each queue that holds messages: name, count u32, its messages by
//   arrival
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "queue/slots.hpp"

namespace porteiro::queue {

inline constexpr char format_version = 1;
enum class EntryKind : char { put = 1, received, hidden, removed, purged, moved };

// Appends entries. Ephemeral messages are the callers' business: they never come here.
class EntryWriter {
 public:
  EntryWriter(journal::Journal& journal, journal::Stream stream)
      : journal_(journal), stream_(stream) {}
  journal::Sequence put(std::string_view queue, std::uint32_t slot, const Slot& message);
  journal::Sequence received(std::string_view queue, std::uint32_t slot, const Slot& message,
                             Time at);
  journal::Sequence hidden(std::string_view queue, std::uint32_t slot, std::int64_t visible_at);
  journal::Sequence removed(std::string_view queue, std::uint32_t slot);
  journal::Sequence purged(std::string_view queue);
  journal::Sequence moved(std::string_view queue, std::uint32_t slot, std::string_view target,
                          std::uint32_t target_slot, const Slot& message);
  journal::Sequence last() const { return journal_.last(); }

 private:
  void start(EntryKind kind, std::string_view queue);
  journal::Sequence finish() { return journal_.append(stream_, scratch_); }

  journal::Journal& journal_;
  journal::Stream stream_;
  std::string scratch_;  // Reused: an entry costs no allocation.
};

// A message as read from an entry; the state places it.
struct StoredMessage {
  std::uint32_t slot = 0;
  Slot content;
  std::int64_t visible_at = 0;
};
void append_message(std::string& out, std::uint32_t slot, const Slot& content);
std::optional<StoredMessage> read_message(ByteReader& reader);

}  // namespace porteiro::queue
