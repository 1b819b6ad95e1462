// A latency model: how long a modelled step takes, from two percentiles and a seeded Random.
#pragma once
#include "porteiro/base/random.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro {

// Half of the samples lie in [p50/2, p50], 49 % rise cubically from p50 to p99, the last percent
// is uniform up to 1.5 × p99. Integer arithmetic only. A zero model always gives zero.
struct LatencyModel {
  Duration p50{0};
  Duration p99{0};
  bool zero() const { return p99 <= Duration::zero(); }
  Duration sample(Random& random) const;
};

}  // namespace porteiro
