#include "porteiro/base/random.hpp"

#include <bit>

#include "porteiro/base/result.hpp"

namespace porteiro {
namespace {

__extension__ typedef unsigned __int128 Wide;

std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

// -log2(u / 2^64) for u > 0, with 32 binary places: the mantissa squared gives one place a step.
std::uint64_t minus_log2_q32(std::uint64_t u) {
  const auto zeros = static_cast<unsigned>(std::countl_zero(u));
  std::uint64_t mantissa = u << zeros;  // [1, 2) with 63 binary places.
  std::uint64_t places = 0;
  for (int i = 0; i < 32; ++i) {
    const Wide square = static_cast<Wide>(mantissa) * mantissa;  // [1, 4) with 126 places.
    const bool carry = (square >> 127) != 0;
    mantissa = static_cast<std::uint64_t>(square >> (carry ? 64 : 63));
    places = (places << 1) | (carry ? 1U : 0U);
  }
  return ((std::uint64_t{zeros} + 1) << 32) - places;
}

}  // namespace

Random::Random(std::uint64_t seed) : seed_(seed) {
  std::uint64_t mix = seed;
  for (std::uint64_t& word : state_) word = splitmix64(mix);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {  // Lemire's multiplication with rejection.
  PORTEIRO_ASSERT(bound > 0);
  Wide product = static_cast<Wide>(next()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t unfair = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < unfair) {
      product = static_cast<Wide>(next()) * bound;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  PORTEIRO_ASSERT(low <= high);
  const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  const std::uint64_t offset = span == 0 ? next() : below(span);  // 0: all of the 64 bits.
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
}

bool Random::chance(std::uint32_t parts_per_million) {
  return below(1'000'000) < parts_per_million;
}

Duration Random::exponential(Duration mean) {
  if (mean <= Duration::zero()) return Duration::zero();
  constexpr std::uint64_t ln2_q32 = 2'977'044'472;
  const std::uint64_t draw = next();
  const std::uint64_t log2 = minus_log2_q32(draw == 0 ? 1 : draw);
  const Wide log_q32 = (static_cast<Wide>(log2) * ln2_q32) >> 32;
  const Wide gap = (log_q32 * static_cast<std::uint64_t>(mean.count())) >> 32;
  constexpr Wide most = static_cast<Wide>(Duration::max().count());
  return Duration(static_cast<std::int64_t>(gap > most ? most : gap));
}

Random Random::fork(std::uint64_t stream) {
  std::uint64_t mix = stream;
  std::uint64_t child = seed_ ^ splitmix64(mix);
  return Random(splitmix64(child));
}

}  // namespace porteiro
