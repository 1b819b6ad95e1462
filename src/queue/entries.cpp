#include "queue/entries.hpp"

namespace porteiro::queue {
namespace {

std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::uint64_t bits(Time time) { return bits(time.time_since_epoch().count()); }

std::int64_t visible_at(const Slot& slot) {
  const bool hidden = slot.where == Where::delayed || slot.where == Where::in_flight;
  return hidden ? slot.place.key : 0;
}

void append_id(std::string& out, Id id) {
  append_u64(out, id.high);
  append_u64(out, id.low);
}

bool read(ByteReader& reader, std::uint32_t& value) {
  const auto read = reader.u32();
  if (read) value = *read;
  return read.has_value();
}
bool read(ByteReader& reader, std::uint64_t& value) {
  const auto read = reader.u64();
  if (read) value = *read;
  return read.has_value();
}
bool read(ByteReader& reader, std::int64_t& value) {
  const auto read = reader.u64();
  if (read) value = static_cast<std::int64_t>(*read);
  return read.has_value();
}
bool read(ByteReader& reader, Time& value) {
  std::int64_t count = 0;
  if (!read(reader, count)) return false;
  value = Time(Duration(count));
  return true;
}
bool read(ByteReader& reader, Id& value) {
  return read(reader, value.high) && read(reader, value.low);
}

}  // namespace

void append_message(std::string& out, std::uint32_t slot, const Slot& content) {
  const Message& message = *content.message;
  append_u32(out, slot);
  append_u32(out, static_cast<std::uint32_t>(content.where));
  append_u64(out, bits(visible_at(content)));
  append_u64(out, content.delivery);
  append_u32(out, content.arrived_with);
  append_id(out, message.id);
  append_id(out, message.trace);
  append_u64(out, bits(message.sent));
  append_u64(out, bits(message.first_received));
  append_u32(out, message.receives);
  append_sized(out, message.body);
}

std::optional<StoredMessage> read_message(ByteReader& reader) {
  StoredMessage stored;
  auto message = std::make_shared<Message>();
  std::uint32_t where = 0;
  const bool whole = read(reader, stored.slot) && read(reader, where) &&
                     read(reader, stored.visible_at) && read(reader, stored.content.delivery) &&
                     read(reader, stored.content.arrived_with) && read(reader, message->id) &&
                     read(reader, message->trace) && read(reader, message->sent) &&
                     read(reader, message->first_received) && read(reader, message->receives);
  if (!whole || where < 1 || where > static_cast<std::uint32_t>(Where::in_flight)) return {};
  const auto body = reader.sized();
  if (!body) return {};
  message->body = *body;
  stored.content.where = static_cast<Where>(where);
  stored.content.message = std::move(message);
  return stored;
}

void EntryWriter::start(EntryKind kind, std::string_view queue) {
  scratch_.clear();
  scratch_.push_back(format_version);
  scratch_.push_back(static_cast<char>(kind));
  append_sized(scratch_, queue);
}

journal::Sequence EntryWriter::put(std::string_view queue, std::uint32_t slot,
                                   const Slot& message) {
  start(EntryKind::put, queue);
  append_message(scratch_, slot, message);
  return finish();
}

journal::Sequence EntryWriter::received(std::string_view queue, std::uint32_t slot,
                                        const Slot& message, Time at) {
  start(EntryKind::received, queue);
  append_u32(scratch_, slot);
  append_u64(scratch_, message.delivery);
  append_u64(scratch_, bits(message.place.key));
  append_u64(scratch_, bits(at));
  return finish();
}

journal::Sequence EntryWriter::hidden(std::string_view queue, std::uint32_t slot,
                                      std::int64_t visible_at) {
  start(EntryKind::hidden, queue);
  append_u32(scratch_, slot);
  append_u64(scratch_, bits(visible_at));
  return finish();
}

journal::Sequence EntryWriter::removed(std::string_view queue, std::uint32_t slot) {
  start(EntryKind::removed, queue);
  append_u32(scratch_, slot);
  return finish();
}

journal::Sequence EntryWriter::purged(std::string_view queue) {
  start(EntryKind::purged, queue);
  return finish();
}

journal::Sequence EntryWriter::moved(std::string_view queue, std::uint32_t slot,
                                     std::string_view target, std::uint32_t target_slot,
                                     const Slot& message) {
  start(EntryKind::moved, queue);
  append_u32(scratch_, slot);
  append_sized(scratch_, target);
  append_message(scratch_, target_slot, message);
  return finish();
}

}  // namespace porteiro::queue
