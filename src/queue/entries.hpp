// The journal's format of queues. Every entry and snapshot starts with a version byte; integers are
// little-endian, texts have a u32 length before them (see base/bytes.hpp).
//
//   entry    = version, kind, queue name, fields of the kind
//   put      = message                       sent, or stored twice by a fault
//   received = slot u32, delivery u64, visible-at u64, at u64   (one more receive)
//   hidden   = slot u32, visible-at u64      visibility changed; 0: visible now
//   removed  = slot u32                      deleted, expired, or dropped
//   purged   =
//   moved    = slot u32, target queue name, message   to the dead-letter queue, or back from it
//   created  = at u64, options               by a client
//   configured = at u64, options
//   dropped  =                               the queue itself, with all it holds
//   task     = a move task, as it starts and as it ends; the name is its source's
//   message  = slot u32, where u32, visible-at u64, number u64, delivery u64, arrived-with u32,
//              id, sent u64, first-received u64, received u64, receives u32, content (content.hpp)
//   snapshot = version, count u32 of queues, each: name, flags u32 (1: made by a client, 2:
//              configured), created u64, modified u64, options when flags are set, next number u64,
//              what the deduplication remembers, count u32, its messages by arrival; then count u32
//              of move tasks, each
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/queue/queue.hpp"
#include "queue/slots.hpp"

namespace porteiro::queue {

inline constexpr char format_version = 2;
enum class EntryKind : char {
  put = 1,
  received,
  hidden,
  removed,
  purged,
  moved,
  created,
  configured,
  dropped,
  task
};

// Appends entries. Ephemeral messages are the callers' business: they never come here. Without a
// directory nothing is formatted.
class EntryWriter {
 public:
  EntryWriter(journal::Journal& journal, journal::Stream stream)
      : journal_(journal), stream_(stream) {}
  journal::Sequence put(std::string_view queue, std::uint32_t slot, const Slot& message);
  journal::Sequence received(std::string_view queue, std::uint32_t slot, const Slot& message);
  journal::Sequence hidden(std::string_view queue, std::uint32_t slot, std::int64_t visible_at);
  journal::Sequence removed(std::string_view queue, std::uint32_t slot);
  journal::Sequence purged(std::string_view queue);
  journal::Sequence moved(std::string_view queue, std::uint32_t slot, std::string_view target,
                          std::uint32_t target_slot, const Slot& message);
  journal::Sequence created(Time at, const Options& options);
  journal::Sequence configured(Time at, const Options& options);
  journal::Sequence dropped(std::string_view queue);
  journal::Sequence task(const MoveTask& task);
  journal::Sequence last() const { return journal_.last(); }
  journal::Journal& journal() { return journal_; }

 private:
  bool start(EntryKind kind, std::string_view queue);  // False: nothing is kept.
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
void append_time(std::string& out, Time time);
void append_message(std::string& out, std::uint32_t slot, const Slot& content);
void append_options(std::string& out, const Options& options);  // All but the name.
void append_task(std::string& out, const MoveTask& task);

// Each nullopt: damaged.
std::optional<Time> read_time(ByteReader& reader);
std::optional<StoredMessage> read_message(ByteReader& reader);
std::optional<Options> read_options(ByteReader& reader);
std::optional<MoveTask> read_task(ByteReader& reader);

}  // namespace porteiro::queue
