// A queue's side of the journal: entries and snapshots read back.
#include <algorithm>

#include "queue/state.hpp"

namespace porteiro::queue {
namespace {

constexpr std::uint32_t client_flag = 1, configured_flag = 2;

}  // namespace

void Queue::State::remember_sent(std::uint32_t slot) {
  const Slot& s = slab[slot];
  std::string key(s.content.deduplication_id());
  if (!options.fifo || key.empty()) return;
  if (options.deduplicate_by_group) key = std::string(s.content.group()) + '\0' + key;
  deduplication.remember(std::move(key), {s.id, s.number, s.sent, false});
}

bool Queue::State::apply_put(StoredMessage stored) {
  if (!slab.take(stored.slot)) return false;
  Slot& s = slab[stored.slot];
  s = std::move(stored.content);
  const Where where = s.where;
  next_number = std::max(next_number, s.number + 1);
  if (options.fifo) {
    groups.join(stored.slot, s.content.group());
    if (where == Where::delayed) {
      groups.visible_from(stored.slot) = Time(Duration(stored.visible_at));
    }
  }
  enter(stored.slot, where, stored.visible_at);
  groups.end_batch();
  return true;
}

bool Queue::State::apply_received(std::uint32_t slot, std::uint64_t delivery,
                                  std::int64_t visible_at, Time at) {
  if (!slab.taken(slot)) return false;
  Slot& s = slab[slot];
  if (++s.receives == s.arrived_with + 1) s.first_received = at;
  s.received = at;
  s.delivery = delivery;
  hide(slot, visible_at);
  return true;
}

bool Queue::State::apply_hidden(std::uint32_t slot, std::int64_t visible_at) {
  if (!slab.taken(slot)) return false;
  hide(slot, visible_at);
  return true;
}

bool Queue::State::apply_removed(std::uint32_t slot) {
  if (!slab.taken(slot)) return false;
  discard(slot, Observer::End::removed);
  return true;
}

void Queue::State::snapshot(std::string& out) const {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> kept;
  for (std::uint32_t i = 0; i < slab.size(); ++i) {
    if (slab.taken(i) && !slab[i].ephemeral) kept.emplace_back(slab[i].number, i);
  }
  std::sort(kept.begin(), kept.end());
  const std::uint32_t flags = (declared ? 0 : client_flag) | (configured ? configured_flag : 0);
  append_sized(out, options.name);
  append_u32(out, flags);
  append_time(out, created);
  append_time(out, modified);
  if (flags != 0) append_options(out, options);
  append_u64(out, next_number);
  deduplication.append_to(out);
  append_u32(out, static_cast<std::uint32_t>(kept.size()));
  for (const auto& [number, slot] : kept) append_message(out, slot, slab[slot]);
}

bool Queue::State::restore(std::uint32_t flags, ByteReader& reader) {
  const auto created_at = read_time(reader), modified_at = read_time(reader);
  if (!modified_at) return false;
  if (flags != 0) {
    auto read = read_options(reader);
    if (!read) return false;
    // What the config declares, a client of earlier may have made with other options.
    const bool applies = !declared || (flags & configured_flag) != 0;
    if (applies && read->fifo == options.fifo) {
      apply_configured(*modified_at, std::move(*read));
      configured = (flags & configured_flag) != 0;
    }
    created = *created_at;
    modified = *modified_at;
  }
  const auto number = reader.u64();
  if (!number || !deduplication.read(reader)) return false;
  const auto count = reader.u32();
  if (!count) return false;
  for (std::uint32_t i = 0; i < *count; ++i) {
    auto message = read_message(reader);
    if (!message || !apply_put(std::move(*message))) return false;
  }
  next_number = std::max(next_number, *number);
  return true;
}

}  // namespace porteiro::queue
