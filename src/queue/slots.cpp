#include "queue/slots.hpp"

#include <limits>

namespace porteiro::queue {
namespace {
constexpr std::uint32_t slots_max = 1u << 26;
}

void Order::add(std::uint32_t slot, std::int64_t key) {
  Hook& h = hook(slot);
  h = Hook{.key = key};
  ++size_;
  if (tail_ != no_slot && hook(tail_).key > key) {
    strays_.emplace(key, slot);
    return;
  }
  h.in_list = true;
  h.prev = tail_;
  (tail_ == no_slot ? head_ : hook(tail_).next) = slot;
  tail_ = slot;
}

void Order::remove(std::uint32_t slot) {
  Hook& h = hook(slot);
  --size_;
  if (!h.in_list) {
    strays_.erase({h.key, slot});
    return;
  }
  (h.prev == no_slot ? head_ : hook(h.prev).next) = h.next;
  (h.next == no_slot ? tail_ : hook(h.next).prev) = h.prev;
}

std::uint32_t Order::first() const {
  if (strays_.empty()) return head_;
  const auto& stray = *strays_.begin();
  if (head_ == no_slot || stray.first < hook(head_).key) return stray.second;
  return head_;
}

std::int64_t Order::first_key() const {
  const std::uint32_t slot = first();
  return slot == no_slot ? std::numeric_limits<std::int64_t>::max() : hook(slot).key;
}

void Order::clear() {
  head_ = tail_ = no_slot;
  size_ = 0;
  strays_.clear();
}

std::uint32_t Slab::take() {
  if (free_ == no_slot) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = free_;
  unlink_free(slot);
  return slot;
}

bool Slab::take(std::uint32_t slot) {
  if (slot >= slots_max || taken(slot)) return false;
  while (slots_.size() <= slot) {
    slots_.emplace_back();
    link_free(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  unlink_free(slot);
  return true;
}

void Slab::give_back(std::uint32_t slot) {
  Slot& s = slots_[slot];
  s.message.reset();
  s.where = Where::nowhere;
  s.delivery = 0;
  s.arrived_with = 0;
  link_free(slot);
}

void Slab::clear() {
  slots_.clear();
  free_ = no_slot;
}

void Slab::link_free(std::uint32_t slot) {
  slots_[slot].place = Hook{.key = 0, .prev = no_slot, .next = free_, .in_list = true};
  if (free_ != no_slot) slots_[free_].place.prev = slot;
  free_ = slot;
}

void Slab::unlink_free(std::uint32_t slot) {
  const Hook& h = slots_[slot].place;
  (h.prev == no_slot ? free_ : slots_[h.prev].place.next) = h.next;
  if (h.next != no_slot) slots_[h.next].place.prev = h.prev;
}

}  // namespace porteiro::queue
