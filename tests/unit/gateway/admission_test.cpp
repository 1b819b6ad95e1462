#include "gateway/admission.hpp"

#include <doctest/doctest.h>

#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::gateway {
namespace {

using namespace std::chrono_literals;

Admission make(Limits limits = {}) {
  virtual_world::SeededEntropy entropy(1);
  return Admission::create({{"lender", "lender-key", {"people"}}, {"shop", "shop-key", {}}}, limits,
                           entropy)
      .value();
}

}  // namespace

TEST_CASE("admission: keys name clients, clients have scopes") {
  Admission admission = make();
  REQUIRE(admission.identify("lender-key").has_value());
  const std::size_t lender = *admission.identify("lender-key");
  CHECK(admission.name(lender) == "lender");
  CHECK(admission.allowed(lender, "people"));
  CHECK_FALSE(admission.allowed(lender, "peopl"));
  CHECK_FALSE(admission.allowed(*admission.identify("shop-key"), "people"));
  for (const char* wrong : {"", "lender", "lender-kez", "lender-key ", "LENDER-KEY"}) {
    CHECK_FALSE(admission.identify(wrong).has_value());
  }
}

TEST_CASE("admission: keys have to be different, and who has none has none that fits") {
  virtual_world::SeededEntropy entropy(1);
  auto none = Admission::create({{"a", "", {"people"}}, {"b", "", {}}}, {}, entropy);
  REQUIRE(none.has_value());
  CHECK_FALSE(none.value().identify("").has_value());
  CHECK(none.value().name(1) == "a");
  const auto same = Admission::create({{"a", "key", {}}, {"b", "key", {}}}, {}, entropy);
  REQUIRE_FALSE(same.has_value());
  CHECK(same.error().detail.find("key\"") == std::string::npos);
}

// Goal: exactly `burst` at once, then exactly `rate` a second, told in time.
TEST_CASE("admission: a bucket gives its burst and refills at its rate") {
  Bucket bucket(10, 3);
  const Time start(1000s);
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(start) == Duration::zero());
  CHECK(bucket.take(start) == 100ms);
  CHECK(bucket.take(start + 40ms) == 60ms);
  CHECK(bucket.take(start + 100ms - 1ns) == 1ns);
  CHECK(bucket.take(start + 100ms) == Duration::zero());
  CHECK(bucket.take(start + 100ms) == 100ms);
  int taken = 0;  // A second of asking each millisecond.
  for (int i = 1; i <= 1000; ++i) taken += bucket.take(start + 100ms + i * 1ms) == 0ns ? 1 : 0;
  CHECK(taken == 10);
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(start + 24h * 365) == Duration::zero());
  CHECK(bucket.take(start + 24h * 365) == 100ms);
  bucket.refill();
  CHECK(bucket.take(start + 24h * 365) == Duration::zero());
}

TEST_CASE("admission: odd rates lose nothing to rounding, and zero is no limit") {
  Bucket third(3, 1);
  const Time start(1000s);
  CHECK(third.take(start) == Duration::zero());
  CHECK(third.take(start) == 333'333'334ns);
  CHECK(third.take(start + 333'333'334ns) == Duration::zero());
  Bucket open(0, 0);
  for (int i = 0; i < 1000; ++i) CHECK(open.take(start) == Duration::zero());
  Bucket huge(UINT64_MAX, UINT64_MAX);
  CHECK(huge.take(start) == Duration::zero());
}

}  // namespace porteiro::gateway
