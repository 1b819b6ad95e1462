// What strikes a queue, as base/faults.hpp says.
#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

void send(Queue& queue, std::string body, std::string group = {}) {
  const std::string id = group.empty() ? "" : body;
  REQUIRE(
      queue.send({.body = body, .group = std::move(group), .deduplication_id = id}).has_value());
}

std::string bodies(const std::vector<Delivery>& deliveries) {
  std::string out;
  for (const Delivery& d : deliveries) out += (out.empty() ? "" : " ") + d.message.body;
  return out;
}

}  // namespace

TEST_CASE("queue faults: reorder gives the youngest first") {
  Bench b({{.name = "q", .visibility_timeout = 5s}});
  for (const char* body : {"a", "b", "c"}) send(b.q(), body);
  b.faults.next.kind = Fault::Kind::reorder;
  CHECK(bodies(b.q().receive(2)) == "c b");
  CHECK(bodies(b.q().receive(2)) == "a");
}

TEST_CASE("queue faults: reorder changes the turn of groups, never the order in one") {
  Bench b({{.name = "q", .visibility_timeout = 5s, .fifo = true}});
  send(b.q(), "a1", "a");
  send(b.q(), "b1", "b");
  send(b.q(), "a2", "a");
  send(b.q(), "b2", "b");
  b.faults.next.kind = Fault::Kind::reorder;
  CHECK(bodies(b.q().receive(1)) == "b1");
  b.faults.next.kind = Fault::Kind::reorder;
  CHECK(bodies(b.q().receive(2)) == "a1 a2");
  b.world.scheduler.run_for(5s);
  b.faults.next.kind = Fault::Kind::reorder;
  CHECK(bodies(b.q().receive(10)) == "b1 b2 a1 a2");
}

TEST_CASE("queue faults: drop_ack says done, and the message comes again") {
  bool fifo = false;
  SUBCASE("standard") { fifo = false; }
  SUBCASE("FIFO") { fifo = true; }
  Bench b({{.name = "q", .visibility_timeout = 5s, .fifo = fifo}});
  send(b.q(), "a", fifo ? "g" : "");
  const auto got = b.q().receive(1);
  b.faults.next.kind = Fault::Kind::drop_ack;
  CHECK(b.q().remove(got[0].receipt).has_value());
  CHECK(b.q().depth().in_flight == 1);
  b.world.scheduler.run_for(5s);
  const auto again = b.q().receive(1);
  REQUIRE(bodies(again) == "a");
  CHECK(again[0].message.receives == 2);
  CHECK(b.q().remove(again[0].receipt).has_value());
  CHECK(b.q().depth().total() == 0);
  b.start();
  CHECK(b.q().depth().total() == 0);
}

TEST_CASE("queue faults: drop_ack does not make a wrong receipt right") {
  Bench b({{.name = "q"}});
  b.faults.next.kind = Fault::Kind::drop_ack;
  CHECK(errc_of(b.q().remove({.slot = 3, .delivery = 1})) == Errc::not_found);
}

TEST_CASE("queue faults: a throttled send is unavailable and stores nothing") {
  Bench b({{.name = "q", .fifo = true}});
  b.faults.next.kind = Fault::Kind::throttle;
  CHECK(errc_of(b.q().send({.body = "a", .group = "g", .deduplication_id = "a"})) ==
        Errc::unavailable);
  CHECK(b.q().depth().total() == 0);
  send(b.q(), "a", "g");  // Not remembered as sent.
  CHECK(b.q().depth().total() == 1);
  b.faults.next.kind = Fault::Kind::throttle;  // A duplicate strikes nothing.
  send(b.q(), "a", "g");
  CHECK(b.faults.next);
}

TEST_CASE("queue faults: a throttled receive gives nothing, once; a waiter is served later") {
  Bench b({{.name = "q"}});
  send(b.q(), "a");
  b.faults.next.kind = Fault::Kind::throttle;
  CHECK(b.q().receive(1).empty());
  CHECK(b.q().depth().ready == 1);
  CHECK(bodies(b.q().receive(1)) == "a");
  b.faults.next.kind = Fault::Kind::throttle;
  CHECK(b.q().receive(1).empty());  // Nothing to receive: nothing strikes.
  CHECK(std::exchange(b.faults.next, {}));
  std::string served = "none";
  const auto waiter =
      b.q().receive_wait({}, Duration::max(), [&](auto got) { served = bodies(got); });
  send(b.q(), "b");
  b.faults.next.kind = Fault::Kind::throttle;
  b.settle();
  CHECK(served == "none");
  b.world.scheduler.run_for(1s);  // Nothing else happens.
  CHECK(served == "b");
}

TEST_CASE("queue faults: after a throttled receive a watcher is told again") {
  Bench b({{.name = "q"}});
  int told = 0;
  const auto watcher = b.q().watch([&] { ++told; });
  send(b.q(), "a");
  b.settle();
  CHECK(told == 1);
  b.faults.next.kind = Fault::Kind::throttle;
  CHECK(b.q().receive(1).empty());
  b.world.scheduler.run_for(1s);
  CHECK(told == 2);
  CHECK(bodies(b.q().receive(1)) == "a");
}

TEST_CASE("queue faults: poison loses the second half of the content") {
  Options options{.name = "q", .fifo = true, .content_based_deduplication = true};
  Bench b({options});
  b.faults.next.kind = Fault::Kind::poison;
  const Sent first = b.q().send({.body = "abcde", .group = "g"}).value();
  CHECK(b.q().send({.body = "abcde", .group = "g"}).value().id == first.id);  // As it was sent.
  b.faults.next.kind = Fault::Kind::poison;
  REQUIRE(b.q().send({.body = "x", .group = "g"}).has_value());
  CHECK(bodies(b.q().receive(9)) == "abc x");
}

TEST_CASE("queue faults: a FIFO queue stores nothing twice, and a delay keeps the group's order") {
  Bench b({{.name = "q", .fifo = true}});
  b.faults.next.kind = Fault::Kind::duplicate;
  send(b.q(), "a1", "a");
  CHECK(b.q().depth().total() == 1);
  b.faults.next = {Fault::Kind::delay, 3s};
  send(b.q(), "a2", "a");
  send(b.q(), "a3", "a");
  send(b.q(), "b1", "b");
  CHECK(bodies(b.q().receive(9, 1s)) == "a1 b1");
  b.world.scheduler.run_for(3s);
  CHECK(bodies(b.q().receive(9)) == "a1 a2 a3 b1");
}
