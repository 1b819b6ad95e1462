#include "queue/groups.hpp"

namespace porteiro::queue {

void Groups::join(std::uint32_t slot, std::string_view name) {
  auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(groups_.size()));
      groups_.emplace_back();
    }
    found = by_name_.emplace(name, free_.back()).first;
    free_.pop_back();
    groups_[found->second] = Group{};
    groups_[found->second].name = name;
  }
  slots_[slot].group = found->second;
  ++groups_[found->second].members;
}

void Groups::leave(std::uint32_t slot) {
  Group& group = of(slot);
  if (--group.members > 0) return;
  by_name_.erase(group.name);
  if (!group.in_batch) return free_.push_back(slots_[slot].group);
}

// Those that come back are older than those that wait: they go in from the front.
void Groups::add(std::uint32_t slot) {
  Group& group = of(slot);
  const std::uint64_t number = slots_[slot].number;
  std::uint32_t after = group.tail;
  if (after != no_slot && slots_[after].number > number) {
    after = no_slot;
    for (std::uint32_t at = group.head; slots_[at].number < number; at = slots_[at].place.next) {
      after = at;
    }
  }
  const std::uint32_t next = after == no_slot ? group.head : slots_[after].place.next;
  slots_[slot].place = Hook{.key = 0, .prev = after, .next = next};
  (after == no_slot ? group.head : slots_[after].place.next) = slot;
  (next == no_slot ? group.tail : slots_[next].place.prev) = slot;
  ++group.ready;
  ++size_;
  refresh(slots_[slot].group);
}

void Groups::remove(std::uint32_t slot) {
  Group& group = of(slot);
  const Hook& h = slots_[slot].place;
  (h.prev == no_slot ? group.head : slots_[h.prev].place.next) = h.next;
  (h.next == no_slot ? group.tail : slots_[h.next].place.prev) = h.prev;
  --group.ready;
  --size_;
  refresh(slots_[slot].group);
}

void Groups::lock(std::uint32_t slot) {
  Group& group = of(slot);
  if (++group.in_flight == 1 && !group.in_batch) {
    group.in_batch = true;
    batch_.push_back(slots_[slot].group);
  }
}

void Groups::unlock(std::uint32_t slot) {
  --of(slot).in_flight;
  refresh(slots_[slot].group);
}

void Groups::end_batch() {
  for (const std::uint32_t index : batch_) {
    groups_[index].in_batch = false;
    refresh(index);
    if (groups_[index].members == 0) free_.push_back(index);
  }
  batch_.clear();
}

void Groups::refresh(std::uint32_t index) {
  Group& group = groups_[index];
  const bool open = group.ready > 0 && (group.in_flight == 0 || group.in_batch);
  const std::uint64_t turn = open ? slots_[group.head].number : 0;
  if (turn == group.turn) return;
  if (group.turn != 0) turns_.erase(group.turn);
  if (turn != 0) turns_.emplace(turn, index);
  group.turn = turn;
}

std::uint32_t Groups::first() const {
  return turns_.empty() ? no_slot : groups_[turns_.begin()->second].head;
}

std::uint32_t Groups::last() const {
  return turns_.empty() ? no_slot : groups_[turns_.rbegin()->second].head;
}

void Groups::clear() {
  groups_.clear();
  free_.clear();
  batch_.clear();
  by_name_.clear();
  turns_.clear();
  size_ = 0;
}

}  // namespace porteiro::queue
