#include "porteiro/base/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "porteiro/base/latency.hpp"

using namespace porteiro;
using namespace std::chrono_literals;

TEST_CASE("random: a seed always gives the same numbers") {
  Random random(1);  // xoshiro256** seeded by splitmix64(1): histories depend on these.
  CHECK(random.next() == 0xb3f2af6d0fc710c5);
  CHECK(random.next() == 0x853b559647364cea);
  CHECK(Random(2).next() != Random(1).next());
}

TEST_CASE("random: below and between stay in their bounds and reach them") {
  Random random(7);
  std::array<int, 5> seen{};
  for (int i = 0; i < 5000; ++i) ++seen[random.below(5)];
  for (const int count : seen) CHECK(std::abs(count - 1000) < 150);
  for (int i = 0; i < 100; ++i) {
    const auto value = random.between(-1, 1);
    CHECK((value >= -1 && value <= 1));
  }
  CHECK(random.between(9, 9) == 9);
  random.between(std::numeric_limits<std::int64_t>::min(),
                 std::numeric_limits<std::int64_t>::max());
  CHECK(random.below(1) == 0);
}

TEST_CASE("random: chance is in parts per million") {
  Random random(3);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += random.chance(10'000) ? 1 : 0;
  CHECK(std::abs(hits - 1000) < 150);
  CHECK(random.chance(1'000'000));
  CHECK_FALSE(random.chance(0));
}

TEST_CASE("random: exponential gaps have the mean and the shape") {
  Random random(5);
  Duration sum{0};
  int above_mean = 0;
  constexpr int count = 50'000;
  for (int i = 0; i < count; ++i) {
    const Duration gap = random.exponential(1ms);
    CHECK(gap >= 0ns);
    sum += gap;
    above_mean += gap > 1ms ? 1 : 0;
  }
  CHECK(std::abs((sum / count - Duration(1ms)).count()) < 20'000);
  CHECK(std::abs(above_mean - 18'394) < 500);  // 1/e of them.
  CHECK(random.exponential(0ns) == 0ns);
  CHECK(random.exponential(Duration::max()) >= 0ns);
}

TEST_CASE("random: a fork does not disturb its parent, and streams differ") {
  Random random(11);
  Random same(11);
  Random one = random.fork(1);
  Random two = random.fork(2);
  CHECK(one.next() != two.next());
  CHECK(random.next() == same.next());
  CHECK(random.fork(1).next() == Random(11).fork(1).next());  // Whatever was drawn in between.
}

TEST_CASE("latency: the percentiles are those of the model") {
  Random random(13);
  const LatencyModel model{.p50 = 10ms, .p99 = 100ms};
  std::vector<Duration> samples;
  for (int i = 0; i < 20'000; ++i) samples.push_back(model.sample(random));
  std::sort(samples.begin(), samples.end());
  CHECK(samples.front() >= 5ms);
  CHECK(samples.back() <= 150ms);
  CHECK(std::abs((samples[10'000] - Duration(10ms)).count()) < 500'000);
  CHECK(std::abs((samples[19'800] - Duration(100ms)).count()) < 8'000'000);
}

TEST_CASE("latency: a zero model draws nothing") {
  Random random(1);
  Random same(1);
  CHECK(LatencyModel{}.sample(random) == 0ns);
  CHECK(random.next() == same.next());
}
