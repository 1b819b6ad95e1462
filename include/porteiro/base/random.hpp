// Randomness in its two kinds, both injected.
// `Random` is seeded and repeatable: data, faults, schedules. `Entropy` is for keys, IVs and ids.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "porteiro/base/time.hpp"

namespace porteiro {

// xoshiro256** seeded through splitmix64: integers only, the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound);                   // [0, bound); bound > 0. Unbiased.
  std::int64_t between(std::int64_t low, std::int64_t high);  // [low, high].
  bool chance(std::uint32_t parts_per_million);
  Duration exponential(Duration mean);  // Poisson arrivals: the gap to the next.
  Random fork(std::uint64_t stream);    // An independent stream; does not disturb this one.

 private:
  std::uint64_t seed_;
  std::uint64_t state_[4];
};

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::byte> out) = 0;  // Cannot fail: no entropy ends the process.
};

}  // namespace porteiro
