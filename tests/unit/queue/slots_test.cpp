// The slab: slots by number, and chunks that come and go.
#include "queue/slots.hpp"

#include <doctest/doctest.h>

#include <set>

#include "porteiro/base/random.hpp"

using namespace porteiro;
using namespace porteiro::queue;

namespace {

void fill(Slab& slab, std::uint32_t slot) {
  Message message;
  message.body = std::to_string(slot);
  slab[slot].content = Content(message);
}

}  // namespace

TEST_CASE("queue slots: each slot is given once, kept in place, and found again by its number") {
  Random random(7);
  Slab slab;
  std::set<std::uint32_t> taken;
  for (int step = 0; step < 60'000; ++step) {
    const bool growing = step / 10'000 % 2 == 0;  // Up to thousands, and down again.
    if (taken.empty() || random.chance(growing ? 900'000 : 100'000)) {
      const std::uint32_t slot = slab.take();
      REQUIRE(taken.insert(slot).second);
      fill(slab, slot);
    } else {
      auto which = taken.lower_bound(static_cast<std::uint32_t>(random.below(slab.size())));
      if (which == taken.end()) which = taken.begin();
      REQUIRE(slab.taken(*which));
      REQUIRE(slab[*which].content.body() == std::to_string(*which));
      slab.give_back(*which);
      REQUIRE_FALSE(slab.taken(*which));
      taken.erase(which);
    }
  }
  for (const std::uint32_t slot : taken) CHECK(slab.taken(slot));
}

TEST_CASE("queue slots: a slot asked for by its number is there, also in a chunk that had gone") {
  Slab slab;
  for (std::uint32_t i = 0; i < 20'000; ++i) fill(slab, slab.take());
  for (std::uint32_t i = 0; i < 19'999; ++i) slab.give_back(i);  // The last one stays.
  CHECK_FALSE(slab.taken(5'000));
  REQUIRE(slab.take(15'000));
  fill(slab, 15'000);
  CHECK_FALSE(slab.take(15'000));
  CHECK_FALSE(slab.take(19'999));
  std::set<std::uint32_t> others;
  for (int i = 0; i < 25'000; ++i) {
    const std::uint32_t slot = slab.take();
    fill(slab, slot);
    REQUIRE(others.insert(slot).second);
  }
  CHECK_FALSE(others.contains(15'000));
  CHECK_FALSE(others.contains(19'999));
}
