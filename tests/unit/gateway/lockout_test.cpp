#include "gateway/lockout.hpp"

#include <doctest/doctest.h>

namespace porteiro::gateway {
namespace {

using namespace std::chrono_literals;
const Time start(1000s);

}  // namespace

TEST_CASE("lockout: so many failures within the time begin it, and it ends by itself") {
  Lockout lockout({.failures = 3, .within = 60s, .time = 10s});
  CHECK(lockout.quiet());
  CHECK_FALSE(lockout.failed("a", start));
  CHECK_FALSE(lockout.failed("a", start + 30s));
  CHECK(lockout.remaining("a", start + 30s) == 0s);
  CHECK(lockout.failed("a", start + 59s));
  CHECK(lockout.remaining("a", start + 59s) == 10s);
  CHECK(lockout.remaining("b", start + 59s) == 0s);
  CHECK(lockout.remaining("a", start + 69s - 1ns) == 1ns);
  CHECK(lockout.remaining("a", start + 69s) == 0s);
  CHECK_FALSE(lockout.quiet());  // It still counts.
  CHECK(lockout.remaining("a", start + 59s + 60s) == 0s);
  CHECK(lockout.quiet());
}

TEST_CASE("lockout: failures that are far apart do not add up") {
  Lockout lockout({.failures = 2, .within = 60s, .time = 10s});
  for (int i = 0; i < 100; ++i) CHECK_FALSE(lockout.failed("a", start + i * 60s));
  CHECK(lockout.failed("a", start + 99 * 60s + 1s));
}

TEST_CASE("lockout: none with zero failures") {
  Lockout lockout({.failures = 0, .within = 60s, .time = 10s});
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(lockout.failed("a", start));
  CHECK(lockout.quiet());
}

TEST_CASE("lockout: nobody's failures lock nobody out") {
  Lockout lockout({.failures = 1, .within = 60s, .time = 10s});
  CHECK_FALSE(lockout.failed("", start));
  CHECK(lockout.remaining("", start) == 0s);
  CHECK(lockout.quiet());
}

// Goal: who has many addresses fills no memory and sets nobody free who is locked out.
TEST_CASE("lockout: the table is bounded, and keeps those who have failed most") {
  Lockout lockout({.failures = 5, .within = 60s, .time = 60s});
  for (int i = 0; i < 4; ++i) lockout.failed("guesser", start);
  for (std::size_t i = 0; i < 3 * Lockout::names_max; ++i) {
    lockout.failed("peer " + std::to_string(i), start);
  }
  CHECK(lockout.failed("guesser", start));
  CHECK(lockout.remaining("guesser", start) == 60s);
  for (std::size_t i = 0; i < 3 * Lockout::names_max; ++i) {
    lockout.failed("other " + std::to_string(i), start);
  }
  CHECK(lockout.remaining("guesser", start) == 60s);
}

TEST_CASE("lockout: a peer is its address; of IPv6 its network") {
  CHECK(peer_name("127.0.0.1:50612") == "peer 127.0.0.1");
  CHECK(peer_name("unix") == "");
  CHECK(peer_name("simulation") == "peer simulation");
  CHECK(peer_name("") == "peer ");
  CHECK(peer_name("[2001:db8:1:2:3:4:5:6]:443") == "peer 2001:db8:1:2::");
  CHECK(peer_name("[2001:db8:1:2:ffff::1]:80") == "peer 2001:db8:1:2::");
  CHECK(peer_name("[fe80::1%eth0]:80") == "peer fe80::");
  CHECK(peer_name("[2001:db8:1:3::1]:80") == "peer 2001:db8:1:3::");
}

}  // namespace porteiro::gateway
