#include <algorithm>
#include <bit>
#include <cmath>

#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::telemetry {
namespace {

constexpr unsigned step_bits = 4;  // 16 steps in each power of two.
constexpr std::uint64_t steps = 1U << step_bits;

// Values below 16 have a bucket each; above, the leading bit and the four that follow choose it.
std::size_t bucket_of(std::uint64_t value) {
  if (value < steps) return static_cast<std::size_t>(value);
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - step_bits;
  return static_cast<std::size_t>((shift + 1) * steps + ((value >> shift) & (steps - 1)));
}

std::uint64_t middle_of(std::size_t bucket) {
  if (bucket < steps) return bucket;
  const std::size_t shift = bucket / steps - 1;
  const std::uint64_t low = (steps + bucket % steps) << shift;
  return low + (((std::uint64_t{1} << shift) - 1) >> 1);
}

}  // namespace

void Histogram::add(std::uint64_t value) {
  const std::size_t bucket = bucket_of(value);
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  ++buckets_[bucket];
  ++count_;
  sum_ += value;
}

std::uint64_t Histogram::percentile(double p) const {
  if (count_ == 0) return 0;
  const double exact = std::ceil(p / 100.0 * static_cast<double>(count_));
  const std::uint64_t rank =
      std::clamp<std::uint64_t>(exact < 1.0 ? 1 : static_cast<std::uint64_t>(exact), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return middle_of(bucket);
  }
  return middle_of(buckets_.size() - 1);
}

}  // namespace porteiro::telemetry
