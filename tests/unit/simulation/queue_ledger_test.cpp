// Goal: the books notice what a queue must never do, and nothing else; the checks made of them fail
// when they should.
#include "simulation/queue_ledger.hpp"

#include <doctest/doctest.h>

using namespace porteiro;
using namespace porteiro::simulation;
using namespace std::chrono_literals;

namespace {

using End = queue::Observer::End;
using Fate = QueueLedger::Fate;

// Plays a queue, right or wrong, to the books.
struct Play {
  QueueLedger ledger;
  Time now = Time(1h);

  static queue::Message message(std::uint64_t number, std::string group, bool fifo = true) {
    queue::Message out{};
    out.id = {7, number};
    out.group = std::move(group);
    out.number = fifo ? number : 0;
    return out;
  }
  void arrive(std::uint64_t number, const std::string& group = "g") {
    ledger.arrived("q", number, message(number, group));
  }
  void lease(std::uint64_t number, std::size_t nth = 0, const std::string& group = "g",
             bool fifo = true) {
    ledger.leased("q", number, message(number, group, fifo), nth, now, now + 30s);
  }
  std::uint64_t overtaken() const { return ledger.book("q")->order.violations; }
  std::uint64_t leased_twice() const { return ledger.book("q")->leases.violations; }
};

}  // namespace

TEST_CASE_FIXTURE(Play, "queue ledger: a group's order may be kept in many ways") {
  for (const std::uint64_t number : {1u, 2u, 3u, 4u, 5u}) arrive(number);
  arrive(6, "other");
  lease(1);
  lease(2, 1);
  lease(6, 2, "other");  // Groups do not wait for each other.
  ledger.ended("q", 1, End::removed);
  ledger.ended("q", 2, End::dead_lettered);
  ledger.ended("q", 3, End::dropped);
  lease(4);
  lease(5, 1);
  CHECK(overtaken() == 0);
  CHECK(ledger.book("q")->order.samples == 5);
}

TEST_CASE_FIXTURE(Play, "queue ledger: what overtakes its group is found") {
  for (const std::uint64_t number : {1u, 2u, 3u}) arrive(number);
  SUBCASE("an earlier one waits") { lease(2); }
  SUBCASE("an earlier one is in flight, of another batch") {
    lease(1);
    lease(2);
  }
  SUBCASE("within one batch") {
    lease(2);
    lease(1, 1);
  }
  SUBCASE("an earlier one came back") {
    lease(1);
    now += 31s;
    lease(2);
  }
  CHECK(overtaken() == 1);
  CHECK(ledger.book("q")->order.first.find("before") != std::string::npos);
}

TEST_CASE_FIXTURE(Play, "queue ledger: a standard queue promises no order") {
  for (const std::uint64_t number : {1u, 2u}) arrive(number);
  lease(2, 0, "g", false);
  lease(1, 0, "g", false);
  CHECK(ledger.book("q")->order.samples == 0);
}

TEST_CASE_FIXTURE(Play, "queue ledger: a lease is alone until it ends, is given back or extended") {
  arrive(1);
  lease(1);
  now += 30s;
  lease(1);  // To the nanosecond.
  ledger.hidden("q", 1, Time{});
  lease(1);
  CHECK(leased_twice() == 0);
  SUBCASE("too soon") { now += 29s; }
  SUBCASE("extended") {
    ledger.hidden("q", 1, now + 60s);
    now += 59s;
  }
  lease(1);
  CHECK(leased_twice() == 1);
  CHECK(ledger.book("q")->leases.samples == 4);
  CHECK(ledger.book("q")->deliveries == std::map<std::uint32_t, std::uint64_t>{{4, 1}});
  CHECK(ledger.deliveries({7, 1}) == 4U);
}

TEST_CASE_FIXTURE(Play, "queue ledger: the fate of a message, its copies included") {
  const Id id{7, 1};
  CHECK(ledger.fate(id) == Fate::unseen);
  arrive(1);
  CHECK(ledger.fate(id) == Fate::waiting);
  ledger.arrived("q", 2, message(1, "g"));  // A copy.
  ledger.ended("q", 2, End::dead_lettered);
  ledger.arrived("dead", 1, message(1, "g"));
  CHECK(ledger.fate(id) == Fate::dead);
  ledger.ended("q", 1, End::dropped);
  CHECK(ledger.fate(id) == Fate::dead);
  SUBCASE("purged") {
    ledger.emptied("dead");
    CHECK(ledger.fate(id) == Fate::lost);
  }
  SUBCASE("handled after all") {
    ledger.ended("dead", 1, End::removed);
    CHECK(ledger.fate(id) == Fate::handled);
  }
  SUBCASE("moved back, under another id") {
    ledger.ended("dead", 1, End::moved);
    CHECK(ledger.fate(id) != Fate::lost);
  }
}

TEST_CASE_FIXTURE(Play, "queue ledger: the greatest depths") {
  ledger.depth("q", {3, 0, 1});
  ledger.depth("q", {1, 2, 2});
  const QueueLedger::Book& book = *ledger.book("q");
  CHECK(book.most.ready == 3);
  CHECK(book.most.delayed == 2);
  CHECK(book.most.in_flight == 2);
  CHECK(book.total_most == 5);
  CHECK(book.depths == 2);
}
