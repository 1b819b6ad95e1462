#include "porteiro/base/latency.hpp"

#include <algorithm>

namespace porteiro {
namespace {

__extension__ typedef unsigned __int128 Wide;

// `span` × numerator / denominator, without overflow.
std::int64_t scaled(std::int64_t span, Wide numerator, Wide denominator) {
  return static_cast<std::int64_t>(static_cast<Wide>(std::max<std::int64_t>(span, 0)) * numerator /
                                   denominator);
}

}  // namespace

Duration LatencyModel::sample(Random& random) const {
  if (zero()) return Duration::zero();
  constexpr std::uint64_t half = 500'000;
  constexpr std::uint64_t rising = 490'000;
  constexpr std::uint64_t tail = 10'000;
  const std::uint64_t draw = random.below(half + rising + tail);
  const std::int64_t low = p50.count() / 2;
  if (draw < half) return Duration(low + scaled(p50.count() - low, draw, half));
  if (draw < half + rising) {
    const Wide x = draw - half;
    const Wide whole = rising;
    return Duration(p50.count() + scaled((p99 - p50).count(), x * x * x, whole * whole * whole));
  }
  return Duration(p99.count() + scaled(p99.count() / 2, draw - half - rising, tail));
}

}  // namespace porteiro
