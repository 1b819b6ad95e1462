// The semantics of one queue, each promise of the header by itself.
#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

Sent send(Queue& queue, std::string body, SendRequest request = {}) {
  request.body = std::move(body);
  auto sent = queue.send(std::move(request));
  REQUIRE(sent.has_value());
  return sent.value();
}

std::string bodies(const std::vector<Delivery>& deliveries) {
  std::string out;
  for (const Delivery& d : deliveries) out += (out.empty() ? "" : " ") + d.message.body;
  return out;
}

}  // namespace

// Goal: the receipt, not the message id, carries the right to delete.
TEST_CASE("queue: a redelivery makes the old receipt stale") {
  Bench b({{.name = "q", .visibility_timeout = 30s}});
  const Sent sent = send(b.q(), "order-7");
  const auto first = b.q().receive(10);
  REQUIRE(bodies(first) == "order-7");
  CHECK(first[0].message.id == sent.id);
  CHECK(b.q().receive(10).empty());  // Hidden while in flight.
  b.world.scheduler.run_for(30s);
  const auto again = b.q().receive(10);
  REQUIRE(bodies(again) == "order-7");
  CHECK(again[0].message.id == sent.id);
  CHECK(again[0].message.receives == 2);
  CHECK(first[0].message.receives == 1);  // What was handed out does not change.
  CHECK(errc_of(b.q().remove(first[0].receipt)) == Errc::stale);
  CHECK(b.q().remove(again[0].receipt).has_value());
  CHECK(errc_of(b.q().remove(again[0].receipt)) == Errc::not_found);
  CHECK(b.q().depth().total() == 0);
  CHECK(b.records(telemetry::Kind::message_redelivered).size() == 1);
}

TEST_CASE("queue: a receipt still deletes after its timeout, before the next delivery") {
  Bench b({{.name = "q", .visibility_timeout = 5s}});
  send(b.q(), "a");
  const auto got = b.q().receive(1);
  b.world.scheduler.run_for(6s);
  CHECK(b.q().depth().ready == 1);
  CHECK(errc_of(b.q().change_visibility(got[0].receipt, 1s)) == Errc::stale);
  CHECK(b.q().remove(got[0].receipt).has_value());
  CHECK(b.q().depth().total() == 0);
}

TEST_CASE("queue: the oldest visible messages come first, also those that came back") {
  Bench b({{.name = "q", .visibility_timeout = 5s}});
  for (const char* body : {"a", "b", "c", "d"}) send(b.q(), body);
  const auto got = b.q().receive(2);
  CHECK(bodies(got) == "a b");
  REQUIRE(b.q().change_visibility(got[1].receipt, 0s).has_value());
  CHECK(bodies(b.q().receive(2)) == "b c");
  b.world.scheduler.run_for(5s);
  CHECK(bodies(b.q().receive(9)) == "a b c d");
}

TEST_CASE("queue: delays, of the queue, of a message, and by a fault") {
  Bench b({{.name = "q", .delay = 10s}});
  send(b.q(), "queue");
  send(b.q(), "own", {.delay = 2s});
  send(b.q(), "none", {.delay = 0s});
  b.faults.next = {Fault::Kind::delay, 1s};
  send(b.q(), "fault", {.delay = 0s});
  CHECK(b.q().depth().delayed == 3);
  CHECK(bodies(b.q().receive(9)) == "none");
  b.world.scheduler.run_for(1s);
  CHECK(bodies(b.q().receive(9)) == "fault");
  b.world.scheduler.run_for(1s);
  CHECK(bodies(b.q().receive(9)) == "own");
  b.world.scheduler.run_for(8s);
  CHECK(bodies(b.q().receive(9)) == "queue");
  CHECK(errc_of(b.q().send({.body = "x", .delay = 901s})) == Errc::invalid);
}

TEST_CASE("queue: a duplicate fault stores the message twice, with one id") {
  Bench b({{.name = "q"}});
  b.faults.next = {Fault::Kind::duplicate, {}};
  const Sent sent = send(b.q(), "a");
  const auto got = b.q().receive(9);
  REQUIRE(bodies(got) == "a a");
  CHECK(got[0].message.id == sent.id);
  CHECK(got[1].message.id == sent.id);
  CHECK(b.q().remove(got[0].receipt).has_value());
  CHECK(b.q().depth().in_flight == 1);
  CHECK(b.q().remove(got[1].receipt).has_value());
}

TEST_CASE("queue: bounds are answers") {
  Bench b({{.name = "q", .message_bytes_max = 3, .depth_max = 2, .in_flight_max = 1}});
  CHECK(errc_of(b.q().send({.body = ""})) == Errc::invalid);
  CHECK(errc_of(b.q().send({.body = "long"})) == Errc::invalid);
  send(b.q(), "a");
  send(b.q(), "b");
  CHECK(errc_of(b.q().send({.body = "c"})) == Errc::limit_exceeded);
  const auto got = b.q().receive(9);
  CHECK(bodies(got) == "a");
  CHECK(b.q().receive(9).empty());  // in_flight_max.
  CHECK(errc_of(b.q().change_visibility(got[0].receipt, 13h)) == Errc::invalid);
  REQUIRE(b.q().remove(got[0].receipt).has_value());
  CHECK(bodies(b.q().receive(9)) == "b");
  CHECK(errc_of(b.q().remove({.slot = 99, .delivery = 1})) == Errc::not_found);
  CHECK(errc_of(b.q().remove({.slot = ~0ULL, .delivery = 0})) == Errc::not_found);
}

TEST_CASE("queue: received too often, a message goes to the dead-letter queue") {
  Bench b({{.name = "q", .visibility_timeout = 1s, .dead_letter_queue = "dead", .receives_max = 2},
           {.name = "dead"}});
  std::vector<std::string> lost;
  b.q().on_lost(
      [&](const Message& m, bool dead) { lost.push_back(m.body + (dead ? " dead" : " dropped")); });
  const Time start = b.world.scheduler.now();
  const Sent sent = send(b.q(), "poison");
  send(b.q(), "next", {.delay = 2s});
  for (int i = 0; i < 2; ++i) {
    CHECK(bodies(b.q().receive(1)) == "poison");
    b.world.scheduler.run_for(1s);
  }
  CHECK(b.at("dead").depth().total() == 0);  // Not before it would be received again.
  CHECK(bodies(b.q().receive(1)) == "next");
  CHECK(lost.empty());  // Posted.
  b.settle();
  CHECK(lost == std::vector<std::string>{"poison dead"});
  const auto dead = b.at("dead").receive(1);
  REQUIRE(bodies(dead) == "poison");
  CHECK(dead[0].message.id == sent.id);
  CHECK(dead[0].message.sent == start);
  CHECK(dead[0].message.receives == 3);
  const auto records = b.records(telemetry::Kind::message_dead);
  REQUIRE(records.size() == 1);
  CHECK(b.telemetry->name(records[0].name) == "dead");
  CHECK(records[0].value == 2);
}

TEST_CASE("queue: such a message stays when its dead-letter queue does not exist") {
  Bench b(
      {{.name = "q", .visibility_timeout = 0s, .dead_letter_queue = "missing", .receives_max = 1}});
  send(b.q(), "a");
  for (std::uint32_t i = 1; i <= 3; ++i) {
    const auto got = b.q().receive(1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].message.receives == i);
  }
}

TEST_CASE("queue: with no dead-letter queue named such a message is dropped") {
  Bench b({{.name = "q", .visibility_timeout = 0s, .receives_max = 1}});
  int dropped = 0;
  b.q().on_lost([&](const Message&, bool dead) { dropped += dead ? 100 : 1; });
  send(b.q(), "a");
  CHECK(b.q().receive(1).size() == 1);
  CHECK(b.q().receive(1).empty());
  b.settle();
  CHECK(dropped == 1);
  CHECK(b.q().depth().total() == 0);
  CHECK(b.records(telemetry::Kind::message_dropped).size() == 1);
}

TEST_CASE("queue: retention ends a message in any state, without anyone asking") {
  Bench b({{.name = "q", .visibility_timeout = 1h, .retention = 60s}});
  int lost = 0;
  b.q().on_lost([&](const Message&, bool) { ++lost; });
  send(b.q(), "in flight");
  const auto got = b.q().receive(1);
  send(b.q(), "ready");
  send(b.q(), "delayed", {.delay = 90s});
  b.world.scheduler.run_for(59s);
  CHECK(b.q().depth().total() == 3);
  b.world.scheduler.run_for(1s);
  CHECK(b.q().depth().total() == 0);
  CHECK(lost == 3);
  CHECK(errc_of(b.q().remove(got[0].receipt)) == Errc::not_found);
}

TEST_CASE("queue: waiters are served in order, and never inside send") {
  Bench b({{.name = "q", .visibility_timeout = 5s}});
  std::string served;
  const auto wait = [&](std::string who, Duration duration) {
    return b.q().receive_wait({}, duration, [&served, who](std::vector<Delivery> got) {
      served += who + "=" + bodies(got) + ";";
    });
  };
  const auto one = wait("one", 20s);
  auto gone = wait("gone", 20s);
  const auto two = wait("two", Duration::max());
  const auto three = wait("three", 7s);
  gone.reset();
  send(b.q(), "a");
  CHECK(served.empty());
  b.settle();
  CHECK(served == "one=a;");
  send(b.q(), "b", {.delay = 2s});
  b.world.scheduler.run_for(2s);
  CHECK(served == "one=a;two=b;");
  b.world.scheduler.run_for(3s);  // "a" is visible again.
  CHECK(served == "one=a;two=b;three=a;");
  served.clear();
  const auto four = wait("four", 1s);
  b.world.scheduler.run_for(1s);
  CHECK(served == "four=;");
}

TEST_CASE("queue: a waiter may send, wait again or end the queue") {
  Bench b({{.name = "q"}});
  int rounds = 0;
  std::shared_ptr<Queue::Waiter> waiter;
  std::function<void()> again = [&] {
    waiter = b.q().receive_wait({}, 20s, [&](std::vector<Delivery> got) {
      CHECK(got.size() == 1);
      if (++rounds == 3) return b.queues.reset();
      send(b.q(), "next");
      again();
    });
  };
  again();
  send(b.q(), "first");
  send(b.q(), "second");
  b.settle();
  CHECK(rounds == 3);
  CHECK(b.queues == nullptr);
}

TEST_CASE("queue: a waiter whose caller has gone is passed over") {
  Bench b({{.name = "q"}});
  std::string served;
  auto caller = std::make_shared<const int>(1);
  ReceiveRequest request;
  request.caller = std::weak_ptr<const void>(caller);
  const auto first = b.q().receive_wait(
      request, 20s, [&](std::vector<Delivery> got) { served += "first=" + bodies(got) + ";"; });
  const auto second = b.q().receive_wait(
      {}, 20s, [&](std::vector<Delivery> got) { served += "second=" + bodies(got) + ";"; });
  caller.reset();
  send(b.q(), "a");
  b.settle();
  CHECK(served == "first=;second=a;");
}

TEST_CASE("queue: what is not durable yet is given to nobody") {
  Bench b({{.name = "q"}});
  b.journal->slow = true;
  std::string served;
  const auto waiter =
      b.q().receive_wait({}, 20s, [&](std::vector<Delivery> got) { served += bodies(got); });
  int told = 0;
  const auto watcher = b.q().watch([&] { ++told; });
  send(b.q(), "a");
  send(b.q(), "b");
  b.settle();
  CHECK(b.q().receive(1).empty());
  CHECK(served.empty());
  CHECK(told == 0);
  b.journal->catch_up();
  b.settle();
  CHECK(served == "a");
  CHECK(told == 1);
  CHECK(bodies(b.q().receive(1)) == "b");
}

TEST_CASE("queue: a watcher is told what waiters leave, and receives nothing by that") {
  Bench b({{.name = "q", .visibility_timeout = 5s, .in_flight_max = 1}});
  int told = 0, other = 0;
  auto watcher = b.q().watch([&] { ++told; });
  std::shared_ptr<Queue::Waiter> second;
  second = b.q().watch([&] {
    ++other;
    second.reset();  // A watcher may go while it is told.
  });
  b.settle();
  CHECK(told == 0);
  send(b.q(), "a");
  send(b.q(), "b");
  b.settle();
  CHECK(told == 1);
  CHECK(other == 1);
  const auto got = b.q().receive(9);
  CHECK(bodies(got) == "a");
  REQUIRE(b.q().remove(got[0].receipt).has_value());  // Room in flight again.
  b.settle();
  CHECK(told == 2);
  CHECK(bodies(b.q().receive(1)) == "b");
  b.world.scheduler.run_for(5s);
  CHECK(told == 3);
  watcher.reset();
  send(b.q(), "c");
  b.settle();
  CHECK(told == 3);
}

TEST_CASE("queue: peek shows all states, purge and reset empty, and keep who waits") {
  Bench b({{.name = "q"}, {.name = "other"}});
  send(b.q(), "a");
  const auto got = b.q().receive(1);
  send(b.q(), "b", {.delay = 9s});
  send(b.q(), "c");
  const auto seen = b.q().peek(2);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].message.body == "a");
  CHECK(seen[0].where == Where::in_flight);
  CHECK(seen[1].message.body == "b");
  CHECK(seen[1].where == Where::delayed);
  CHECK(seen[1].visible_at == b.world.scheduler.now() + 9s);
  const auto third = b.q().peek(2, 2);
  REQUIRE(third.size() == 1);
  CHECK(third[0].message.body == "c");
  b.q().purge();
  CHECK(b.q().depth().total() == 0);
  CHECK(errc_of(b.q().remove(got[0].receipt)) == Errc::not_found);
  int served = 0;
  const auto waiter = b.q().receive_wait({}, 20s, [&](std::vector<Delivery>) { ++served; });
  send(b.at("other"), "x");
  b.queues->reset();
  CHECK(b.at("other").depth().total() == 0);
  send(b.q(), "d");
  b.settle();
  CHECK(served == 1);
}

TEST_CASE("queue: names and options are checked") {
  Bench b({{.name = "q"}});
  CHECK(errc_of(b.queues->declare({.name = "q"})) == Errc::conflict);
  CHECK(errc_of(b.queues->declare({.name = ""})) == Errc::invalid);
  CHECK(errc_of(b.queues->declare({.name = "a", .visibility_timeout = 13h})) == Errc::invalid);
  CHECK(errc_of(b.queues->declare({.name = "a", .delay = 901s})) == Errc::invalid);
  CHECK(errc_of(b.queues->declare({.name = "a", .retention = 59s})) == Errc::invalid);
  CHECK(errc_of(b.queues->declare({.name = "a", .dead_letter_queue = "a"})) == Errc::invalid);
  CHECK(b.queues->names() == std::vector<std::string>{"q"});
  CHECK(b.queues->find("a") == nullptr);
}

TEST_CASE("queue: counters and gauges of the metrics page") {
  Bench b({{.name = "q"}});
  send(b.q(), "a");
  send(b.q(), "b");
  const auto got = b.q().receive(1);
  REQUIRE(b.q().remove(got[0].receipt).has_value());
  const std::string page = b.telemetry->metrics();
  CHECK(page.find("porteiro_queue_messages_sent_total{queue=\"q\"} 2") != std::string::npos);
  CHECK(page.find("porteiro_queue_messages_deleted_total{queue=\"q\"} 1") != std::string::npos);
  CHECK(page.find("porteiro_queue_depth{queue=\"q\",state=\"ready\"} 1") != std::string::npos);
}
