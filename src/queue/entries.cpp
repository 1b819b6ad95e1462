#include "queue/entries.hpp"

namespace porteiro::queue {
namespace {

std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::uint64_t bits(Time time) { return bits(time.time_since_epoch().count()); }
std::uint64_t bits(Duration duration) { return bits(duration.count()); }

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
bool read(ByteReader& reader, Duration& value) {
  std::int64_t count = 0;
  if (!read(reader, count)) return false;
  value = Duration(count);
  return true;
}
bool read(ByteReader& reader, std::string& value) {
  const auto read = reader.sized();
  if (read) value = *read;
  return read.has_value();
}
bool read(ByteReader& reader, Id& value) {
  return read(reader, value.high) && read(reader, value.low);
}

constexpr std::uint32_t fifo_flag = 1, content_flag = 2, group_flag = 4;

}  // namespace

void append_time(std::string& out, Time time) { append_u64(out, bits(time)); }

std::optional<Time> read_time(ByteReader& reader) {
  Time time;
  if (!read(reader, time)) return {};
  return time;
}

void append_message(std::string& out, std::uint32_t slot, const Slot& content) {
  append_u32(out, slot);
  append_u32(out, static_cast<std::uint32_t>(content.where));
  append_u64(out, bits(visible_at(content)));
  append_u64(out, content.number);
  append_u64(out, content.delivery);
  append_u32(out, content.arrived_with);
  append_id(out, content.id);
  append_u64(out, bits(content.sent));
  append_u64(out, bits(content.first_received));
  append_u64(out, bits(content.received));
  append_u32(out, content.receives);
  append_sized(out, content.content.bytes());
}

std::optional<StoredMessage> read_message(ByteReader& reader) {
  StoredMessage stored;
  Slot& slot = stored.content;
  std::uint32_t where = 0;
  const bool whole =
      read(reader, stored.slot) && read(reader, where) && read(reader, stored.visible_at) &&
      read(reader, slot.number) && read(reader, slot.delivery) && read(reader, slot.arrived_with) &&
      read(reader, slot.id) && read(reader, slot.sent) && read(reader, slot.first_received) &&
      read(reader, slot.received) && read(reader, slot.receives);
  if (!whole || where < 1 || where > static_cast<std::uint32_t>(Where::in_flight)) return {};
  const auto bytes = reader.sized();
  auto content = bytes ? Content::from_bytes(*bytes) : std::nullopt;
  if (!content) return {};
  slot.where = static_cast<Where>(where);
  slot.content = std::move(*content);
  return stored;
}

void append_options(std::string& out, const Options& options) {
  for (const Duration each :
       {options.visibility_timeout, options.delay, options.retention, options.wait}) {
    append_u64(out, bits(each));
  }
  append_u64(out, options.message_bytes_max);
  append_u64(out, options.depth_max);
  append_u64(out, options.in_flight_max);
  append_sized(out, options.dead_letter_queue);
  append_u32(out, options.receives_max);
  append_u32(out, (options.fifo ? fifo_flag : 0) |
                      (options.content_based_deduplication ? content_flag : 0) |
                      (options.deduplicate_by_group ? group_flag : 0));
  append_u32(out, static_cast<std::uint32_t>(options.notes.size()));
  for (const auto& [name, value] : options.notes) {
    append_sized(out, name);
    append_sized(out, value);
  }
}

std::optional<Options> read_options(ByteReader& reader) {
  Options options;
  std::uint32_t flags = 0, notes = 0;
  const bool whole =
      read(reader, options.visibility_timeout) && read(reader, options.delay) &&
      read(reader, options.retention) && read(reader, options.wait) &&
      read(reader, options.message_bytes_max) && read(reader, options.depth_max) &&
      read(reader, options.in_flight_max) && read(reader, options.dead_letter_queue) &&
      read(reader, options.receives_max) && read(reader, flags) && read(reader, notes);
  if (!whole) return {};
  options.fifo = (flags & fifo_flag) != 0;
  options.content_based_deduplication = (flags & content_flag) != 0;
  options.deduplicate_by_group = (flags & group_flag) != 0;
  for (std::uint32_t i = 0; i < notes; ++i) {
    std::string name, value;
    if (!read(reader, name) || !read(reader, value)) return {};
    options.notes.emplace(std::move(name), std::move(value));
  }
  return options;
}

void append_task(std::string& out, const MoveTask& task) {
  append_id(out, task.id);
  append_sized(out, task.source);
  append_sized(out, task.destination);
  append_u32(out, task.per_second);
  append_u32(out, static_cast<std::uint32_t>(task.status));
  append_u64(out, task.moved);
  append_u64(out, task.to_move);
  append_u64(out, bits(task.started));
  append_sized(out, task.failure);
}

std::optional<MoveTask> read_task(ByteReader& reader) {
  MoveTask task;
  std::uint32_t status = 0;
  const bool whole =
      read(reader, task.id) && read(reader, task.source) && read(reader, task.destination) &&
      read(reader, task.per_second) && read(reader, status) && read(reader, task.moved) &&
      read(reader, task.to_move) && read(reader, task.started) && read(reader, task.failure);
  if (!whole || status > static_cast<std::uint32_t>(MoveTask::Status::failed)) return {};
  task.status = static_cast<MoveTask::Status>(status);
  return task;
}

bool EntryWriter::start(EntryKind kind, std::string_view queue) {
  if (!journal_.on_disk()) return false;
  scratch_.clear();
  scratch_.push_back(format_version);
  scratch_.push_back(static_cast<char>(kind));
  append_sized(scratch_, queue);
  return true;
}

journal::Sequence EntryWriter::put(std::string_view queue, std::uint32_t slot,
                                   const Slot& message) {
  if (!start(EntryKind::put, queue)) return 0;
  append_message(scratch_, slot, message);
  return finish();
}

journal::Sequence EntryWriter::received(std::string_view queue, std::uint32_t slot,
                                        const Slot& message) {
  if (!start(EntryKind::received, queue)) return 0;
  append_u32(scratch_, slot);
  append_u64(scratch_, message.delivery);
  append_u64(scratch_, bits(message.place.key));
  append_u64(scratch_, bits(message.received));
  return finish();
}

journal::Sequence EntryWriter::hidden(std::string_view queue, std::uint32_t slot,
                                      std::int64_t visible_at) {
  if (!start(EntryKind::hidden, queue)) return 0;
  append_u32(scratch_, slot);
  append_u64(scratch_, bits(visible_at));
  return finish();
}

journal::Sequence EntryWriter::removed(std::string_view queue, std::uint32_t slot) {
  if (!start(EntryKind::removed, queue)) return 0;
  append_u32(scratch_, slot);
  return finish();
}

journal::Sequence EntryWriter::purged(std::string_view queue) {
  return start(EntryKind::purged, queue) ? finish() : 0;
}

journal::Sequence EntryWriter::moved(std::string_view queue, std::uint32_t slot,
                                     std::string_view target, std::uint32_t target_slot,
                                     const Slot& message) {
  if (!start(EntryKind::moved, queue)) return 0;
  append_u32(scratch_, slot);
  append_sized(scratch_, target);
  append_message(scratch_, target_slot, message);
  return finish();
}

journal::Sequence EntryWriter::created(Time at, const Options& options) {
  if (!start(EntryKind::created, options.name)) return 0;
  append_time(scratch_, at);
  append_options(scratch_, options);
  return finish();
}

journal::Sequence EntryWriter::configured(Time at, const Options& options) {
  if (!start(EntryKind::configured, options.name)) return 0;
  append_time(scratch_, at);
  append_options(scratch_, options);
  return finish();
}

journal::Sequence EntryWriter::dropped(std::string_view queue) {
  return start(EntryKind::dropped, queue) ? finish() : 0;
}

journal::Sequence EntryWriter::task(const MoveTask& task) {
  if (!start(EntryKind::task, task.source)) return 0;
  append_task(scratch_, task);
  return finish();
}

}  // namespace porteiro::queue
