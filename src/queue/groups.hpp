// The message groups of a FIFO queue: the ready messages of each in their order, and which groups
// may give one now. A group of which something is in flight is locked, but for the batch that is
// being received. All operations cost O(log groups); adding also what is in flight of the group.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "queue/slots.hpp"

namespace porteiro::queue {

class Groups {
 public:
  explicit Groups(Slab& slots) : slots_(slots) {}

  // Each message belongs to its group as long as it is in the queue.
  void join(std::uint32_t slot, std::string_view name);
  void leave(std::uint32_t slot);

  void add(std::uint32_t slot);  // It is ready.
  void remove(std::uint32_t slot);
  void lock(std::uint32_t slot);  // It is in flight.
  void unlock(std::uint32_t slot);

  std::uint32_t first() const;  // The oldest message that may be received; no_slot: none.
  std::uint32_t last() const;   // The first of the group whose turn is last.
  std::size_t size() const { return size_; }  // Ready ones, of locked groups too.
  bool locked(std::uint32_t slot) const { return of(slot).in_flight > 0; }
  void end_batch();  // From now on the groups of the batch are locked.
  void clear();

  // When the group's newest message becomes visible: no later one may before.
  Time& visible_from(std::uint32_t slot) { return groups_[slots_[slot].group].visible_from; }

 private:
  struct Group {
    std::string name;
    std::uint32_t head = no_slot, tail = no_slot;  // Of the ready ones, by number.
    std::size_t ready = 0, in_flight = 0, members = 0;
    std::uint64_t turn = 0;  // Its key in turns_; 0: it is not there.
    bool in_batch = false;
    Time visible_from{};
  };
  const Group& of(std::uint32_t slot) const { return groups_[slots_[slot].group]; }
  Group& of(std::uint32_t slot) { return groups_[slots_[slot].group]; }
  void refresh(std::uint32_t group);

  Slab& slots_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> free_, batch_;
  StringMap<std::uint32_t> by_name_;
  std::map<std::uint64_t, std::uint32_t> turns_;  // By the number of the head.
  std::size_t size_ = 0;
};

}  // namespace porteiro::queue
