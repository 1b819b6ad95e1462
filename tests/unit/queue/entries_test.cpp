// What survives the end of a process, and what damage does.
#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

TEST_CASE("queue journal: state, receive counts and receipts survive; ephemeral messages do not") {
  bool snapshot = false;
  SUBCASE("from entries") { snapshot = false; }
  SUBCASE("from a snapshot") { snapshot = true; }
  Bench b({{.name = "q", .visibility_timeout = 30s, .dead_letter_queue = "dead", .receives_max = 2},
           {.name = "dead"}});
  const auto kept = b.q().send({.body = "kept", .trace = Id{1, 2}}).value();
  CHECK(b.q().send({.body = "gone", .ephemeral = true}).value().sequence == 0);
  CHECK(b.q().send({.body = "late", .delay = 60s}).has_value());
  const auto old = b.q().receive(2);
  REQUIRE(old.size() == 2);
  if (snapshot) REQUIRE(b.journal->compact().has_value());
  b.world.scheduler.run_for(10s);
  b.start();
  CHECK(b.q().depth().in_flight == 1);
  CHECK(b.q().depth().delayed == 1);
  CHECK(b.q().receive(9).empty());
  REQUIRE(b.q().change_visibility(old[0].receipt, 40s).has_value());
  CHECK(b.q().remove(old[1].receipt).has_error());  // It was ephemeral.
  b.world.scheduler.run_for(40s);
  const auto again = b.q().receive(9);
  REQUIRE(again.size() == 1);
  CHECK(again[0].message.id == kept.id);
  CHECK(again[0].message.trace == Id{1, 2});
  CHECK(again[0].message.receives == 2);
  CHECK(again[0].message.first_received == old[0].message.first_received);
  b.world.scheduler.run_for(30s);
  CHECK(b.q().receive(9).size() == 1);  // "late"; "kept" is dead now.
  if (snapshot) REQUIRE(b.journal->compact().has_value());
  b.start();
  REQUIRE(b.at("dead").peek(9).size() == 1);
  CHECK(b.at("dead").peek(9)[0].message.id == kept.id);
  CHECK(b.q().depth().total() == 1);
  b.q().purge();
  b.start();
  CHECK(b.q().depth().total() == 0);
}

TEST_CASE("queue: messages that are picked go from every state, are told as lost, and stay away") {
  Bench b({{.name = "q", .visibility_timeout = 30s}});
  std::vector<std::string> lost;
  b.q().on_lost([&](const Message& message, bool) { lost.push_back(message.body); });
  REQUIRE(b.q().send({.body = "ana 1"}).has_value());
  const auto received = b.q().receive(1);
  REQUIRE(received.size() == 1);
  for (const char* body : {"ana 2", "bia", "ana 3"}) {
    REQUIRE(b.q().send({.body = body}).has_value());
  }
  REQUIRE(b.q().send({.body = "ana 4", .delay = 60s}).has_value());
  const auto erased =
      b.q().erase([](const Message& message) { return message.body.starts_with("ana"); });
  CHECK(erased.messages == 4);
  CHECK(erased.in_flight == 1);
  b.settle();
  CHECK(lost.size() == 4);
  CHECK(errc_of(b.q().remove(received[0].receipt)) == Errc::not_found);
  for (const bool restarted : {false, true}) {
    if (restarted) b.start();
    CHECK(b.q().depth().total() == 1);
    CHECK(b.q().peek(9).at(0).message.body == "bia");
  }
}

TEST_CASE("queue journal: what does not fit is refused") {
  Bench b({{.name = "q"}});
  REQUIRE(b.q().send({.body = "a"}).has_value());
  const std::string put = b.kept.entries.at(0);
  CHECK(errc_of(b.queues->replay(put)) == Errc::corrupt);  // Its slot is taken.
  for (std::size_t cut = 0; cut < put.size(); ++cut) {
    CHECK(errc_of(b.queues->replay(put.substr(0, cut))) == Errc::corrupt);
  }
  CHECK(errc_of(b.queues->replay(put + "x")) == Errc::corrupt);
  CHECK(errc_of(b.queues->replay("")) == Errc::corrupt);
  CHECK(errc_of(b.queues->replay(std::string("\x01") + put.substr(1))) == Errc::corrupt);

  Bench other({{.name = "another"}});
  const auto refused = other.queues->replay(put);
  CHECK(errc_of(refused) == Errc::invalid);
  CHECK(refused.error().detail.find("queue q") != std::string::npos);
  CHECK(errc_of(other.queues->restore(b.queues->snapshot())) == Errc::invalid);
  CHECK(errc_of(other.queues->restore("")) == Errc::corrupt);
}
