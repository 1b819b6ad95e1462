#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "porteiro/base/random.hpp"
#include "porteiro/telemetry/telemetry.hpp"

using porteiro::Random;
using porteiro::telemetry::Histogram;

TEST_CASE("histogram: empty, small and the largest values") {
  Histogram histogram;
  CHECK(histogram.percentile(50) == 0);
  for (std::uint64_t value = 0; value < 32; ++value) histogram.add(value);
  CHECK(histogram.count() == 32);
  CHECK(histogram.sum() == 496);
  CHECK(histogram.percentile(50) == 15);
  CHECK(histogram.percentile(100) == 31);
  CHECK(histogram.percentile(0.001) == 0);
  histogram.add(~std::uint64_t{0});
  CHECK(histogram.percentile(100) > ~std::uint64_t{0} / 100 * 94);
}

// Goal: whatever the distribution, a percentile is within 6 % of the exact one.
TEST_CASE("histogram: percentiles are within 6 %") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t value = random.next() >> random.below(60);
      values.push_back(value);
      histogram.add(value);
    }
    std::sort(values.begin(), values.end());
    for (const double p : {1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      CAPTURE(p);
      const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(p / 100 * 2000.0)));
      const auto exact = static_cast<double>(values[rank - 1]);
      const auto shown = static_cast<double>(histogram.percentile(p));
      CHECK(shown >= exact * 0.94);
      CHECK(shown <= exact * 1.06);
    }
  }
}
