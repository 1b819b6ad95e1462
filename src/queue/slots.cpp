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
    h.prev = stray;
    strays_.emplace(key, slot);
    return;
  }
  h.prev = tail_;
  (tail_ == no_slot ? head_ : hook(tail_).next) = slot;
  tail_ = slot;
}

void Order::remove(std::uint32_t slot) {
  Hook& h = hook(slot);
  --size_;
  if (h.prev == stray) {
    strays_.erase({h.key, slot});
    return;
  }
  (h.prev == no_slot ? head_ : hook(h.prev).next) = h.next;
  (h.next == no_slot ? tail_ : hook(h.next).prev) = h.prev;
}

std::uint32_t Order::first() const {
  if (strays_.empty()) return head_;
  const auto& stray_one = *strays_.begin();
  if (head_ == no_slot || stray_one.first < hook(head_).key) return stray_one.second;
  return head_;
}

std::uint32_t Order::last() const {
  if (strays_.empty()) return tail_;
  const auto& stray_one = *strays_.rbegin();
  if (tail_ == no_slot || stray_one.first > hook(tail_).key) return stray_one.second;
  return tail_;
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

void Slab::grow() {
  if (size_ == chunks_.size() * chunk_slots) {
    chunks_.push_back({std::make_unique<Slot[]>(chunk_slots), 0});
  }
  ++size_;
}

void Slab::revive(std::size_t chunk) {
  chunks_[chunk].slots = std::make_unique<Slot[]>(chunk_slots);
  for (std::size_t i = chunk_slots; i-- > 0;) {
    link_free(static_cast<std::uint32_t>(chunk * chunk_slots + i));
  }
}

void Slab::let_go(std::size_t chunk) {
  for (std::size_t i = 0; i < chunk_slots; ++i) {
    unlink_free(static_cast<std::uint32_t>(chunk * chunk_slots + i));
  }
  chunks_[chunk].slots.reset();
  absent_.push_back(chunk);
}

void Slab::count_taken(std::uint32_t slot) {
  ++taken_;
  ++chunks_[slot / chunk_slots].taken;
}

std::uint32_t Slab::take() {
  if (free_ == no_slot && !absent_.empty()) {
    revive(absent_.back());
    absent_.pop_back();
  }
  std::uint32_t slot = free_;
  if (slot == no_slot) {
    grow();
    slot = static_cast<std::uint32_t>(size_ - 1);
  } else {
    unlink_free(slot);
  }
  count_taken(slot);
  return slot;
}

bool Slab::take(std::uint32_t slot) {
  if (slot >= slots_max || taken(slot)) return false;
  while (size_ <= slot) {
    grow();
    link_free(static_cast<std::uint32_t>(size_ - 1));
  }
  if (!chunks_[slot / chunk_slots].slots) {
    revive(slot / chunk_slots);
    std::erase(absent_, slot / chunk_slots);
  }
  unlink_free(slot);
  count_taken(slot);
  return true;
}

void Slab::give_back(std::uint32_t slot) {
  (*this)[slot] = Slot{};
  if (--taken_ == 0 && chunks_.size() > 1) return clear();
  link_free(slot);
  const std::size_t chunk = slot / chunk_slots;
  const bool whole = (chunk + 1) * chunk_slots <= size_;
  if (--chunks_[chunk].taken == 0 && whole && free_slots_ > free_kept) let_go(chunk);
}

void Slab::clear() {
  chunks_.clear();
  absent_.clear();
  size_ = taken_ = free_slots_ = 0;
  free_ = no_slot;
}

void Slab::link_free(std::uint32_t slot) {
  (*this)[slot].place = Hook{.key = 0, .prev = no_slot, .next = free_};
  if (free_ != no_slot) (*this)[free_].place.prev = slot;
  free_ = slot;
  ++free_slots_;
}

void Slab::unlink_free(std::uint32_t slot) {
  const Hook& h = (*this)[slot].place;
  (h.prev == no_slot ? free_ : (*this)[h.prev].place.next) = h.next;
  if (h.next != no_slot) (*this)[h.next].place.prev = h.prev;
  --free_slots_;
}

}  // namespace porteiro::queue
