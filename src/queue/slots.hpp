// Where a queue's messages are: a slab of slots, and orders over them that cost O(1) when elements
// come in order (they nearly always do) and O(log n) when they do not.
#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "queue/content.hpp"

namespace porteiro::queue {

inline constexpr std::uint32_t no_slot = 0xffffffffU;
inline constexpr std::uint32_t no_group = 0xffffffffU;

struct Hook {
  std::int64_t key = 0;
  std::uint32_t prev = no_slot, next = no_slot;
};

struct Slot {
  Content content;  // None: the slot is free.
  Id id;
  std::uint64_t number = 0;    // The order of arrival in this queue.
  std::uint64_t delivery = 0;  // The last one; 0: none.
  std::uint64_t stored = 0;    // The journal's entry that brought it here.
  Time sent{}, first_received{};
  Time received{};                 // The last time.
  std::uint32_t receives = 0;      // In all queues.
  std::uint32_t arrived_with = 0;  // Of these, in the queue it came from.
  std::uint32_t group = no_group;  // In a FIFO queue.
  Where where = Where::nowhere;
  bool ephemeral = false;
  Hook place;   // In the order of `where`, in its group's list, or in the list of free slots.
  Hook expiry;  // In the order of retention.
};

// The slab. A slot's number is part of a receipt and of the journal, so it can also be asked for.
// Slots stay where they are, in chunks; a chunk that is empty gives its memory back, unless there
// would be few free slots then.
class Slab {
 public:
  Slot& operator[](std::uint64_t slot) {
    return chunks_[slot / chunk_slots].slots[slot % chunk_slots];
  }
  const Slot& operator[](std::uint64_t slot) const {
    return chunks_[slot / chunk_slots].slots[slot % chunk_slots];
  }
  std::size_t size() const { return size_; }  // Slots, free ones too.
  std::uint32_t take();                       // A free slot.
  bool take(std::uint32_t slot);       // This one; false: it is taken, or the number is absurd.
  void give_back(std::uint32_t slot);  // Its message dies.
  bool taken(std::uint64_t slot) const {
    return slot < size_ && chunks_[slot / chunk_slots].slots && (*this)[slot].content;
  }
  void clear();

 private:
  static constexpr std::size_t chunk_slots = 1024;
  static constexpr std::size_t free_kept = 4 * chunk_slots;
  struct Chunk {
    std::unique_ptr<Slot[]> slots;  // Null: given back.
    std::size_t taken = 0;
  };
  void grow();
  void revive(std::size_t chunk);
  void let_go(std::size_t chunk);
  void count_taken(std::uint32_t slot);
  void link_free(std::uint32_t slot);
  void unlink_free(std::uint32_t slot);

  std::vector<Chunk> chunks_;
  std::vector<std::size_t> absent_;  // Chunks that were given back.
  std::size_t size_ = 0, taken_ = 0, free_slots_ = 0;
  std::uint32_t free_ = no_slot;
};

// Slots by a key. Those added in the key's order are in a list through their hooks; the others in a
// set. Borrows the slab.
class Order {
 public:
  Order(Slab& slots, Hook Slot::*hook) : slots_(slots), hook_(hook) {}
  void add(std::uint32_t slot, std::int64_t key);
  void remove(std::uint32_t slot);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::uint32_t first() const;     // no_slot when empty.
  std::uint32_t last() const;      // Likewise.
  std::int64_t first_key() const;  // The largest number when empty.
  void clear();

 private:
  static constexpr std::uint32_t stray = 0xfffffffeU;  // As a hook's `prev`: it is in the set.
  Hook& hook(std::uint32_t slot) const { return slots_[slot].*hook_; }

  Slab& slots_;
  Hook Slot::*hook_;
  std::uint32_t head_ = no_slot, tail_ = no_slot;
  std::size_t size_ = 0;
  std::set<std::pair<std::int64_t, std::uint32_t>> strays_;
};

}  // namespace porteiro::queue
