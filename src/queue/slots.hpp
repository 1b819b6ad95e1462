// Where a queue's messages are: a slab of slots, and orders over them that cost O(1) when elements
// come in order (they nearly always do) and O(log n) when they do not.
#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "porteiro/queue/queue.hpp"

namespace porteiro::queue {

inline constexpr std::uint32_t no_slot = 0xffffffffU;

struct Hook {
  std::int64_t key = 0;
  std::uint32_t prev = no_slot, next = no_slot;
  bool in_list = false;  // Else it is in the order's set.
};

enum class Where : std::uint8_t { nowhere, ready, delayed, in_flight };

struct Slot {
  std::shared_ptr<Message> message;  // Null: the slot is free.
  std::uint64_t number = 0;          // The order of arrival in this queue.
  std::uint64_t delivery = 0;        // The last one; 0: none.
  std::uint32_t arrived_with = 0;    // The receive count it came with (from another queue).
  Where where = Where::nowhere;
  Hook place;   // In the order of `where`, or in the list of free slots.
  Hook expiry;  // In the order of retention.
};

// Slots by a key. Those added in the key's order are in a list through their hooks; the others in a
// set. Borrows the slab.
class Order {
 public:
  Order(std::vector<Slot>& slots, Hook Slot::*hook) : slots_(slots), hook_(hook) {}
  void add(std::uint32_t slot, std::int64_t key);
  void remove(std::uint32_t slot);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::uint32_t first() const;     // no_slot when empty.
  std::int64_t first_key() const;  // The largest number when empty.
  void clear();

 private:
  Hook& hook(std::uint32_t slot) const { return slots_[slot].*hook_; }

  std::vector<Slot>& slots_;
  Hook Slot::*hook_;
  std::uint32_t head_ = no_slot, tail_ = no_slot;
  std::size_t size_ = 0;
  std::set<std::pair<std::int64_t, std::uint32_t>> strays_;
};

// The slab. A slot's number is part of a receipt and of the journal, so it can also be asked for.
class Slab {
 public:
  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }
  std::uint32_t take();                // A free slot.
  bool take(std::uint32_t slot);       // This one; false: it is taken, or the number is absurd.
  void give_back(std::uint32_t slot);  // Its message dies, unless a delivery still holds it.
  bool taken(std::uint64_t slot) const {
    return slot < slots_.size() && slots_[static_cast<std::size_t>(slot)].message != nullptr;
  }
  void clear();

 private:
  void link_free(std::uint32_t slot);
  void unlink_free(std::uint32_t slot);

  std::vector<Slot> slots_;
  std::uint32_t free_ = no_slot;
};

}  // namespace porteiro::queue
