// The rules of FIFO queues, each by itself.
#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

Options fifo(std::string name = "q") {
  return {.name = std::move(name), .visibility_timeout = 30s, .fifo = true};
}

// The body is the deduplication id, too, unless another is given.
Sent send(Queue& queue, std::string group, std::string body, std::string id = {}) {
  if (id.empty()) id = body;
  auto sent = queue.send({.body = body, .group = std::move(group), .deduplication_id = id});
  REQUIRE(sent.has_value());
  return sent.value();
}

std::string bodies(const std::vector<Delivery>& deliveries) {
  std::string out;
  for (const Delivery& d : deliveries) out += (out.empty() ? "" : " ") + d.message.body;
  return out;
}

void refused(const Result<Sent>& result, std::string_view at) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Errc::invalid);
  CHECK(result.error().at == at);
}

}  // namespace

TEST_CASE("queue fifo: a message names its group and what makes it itself, and has no own delay") {
  Bench b({fifo()});
  refused(b.q().send({.body = "a", .deduplication_id = "1"}), "group");
  refused(b.q().send({.body = "a", .group = "g"}), "deduplication_id");
  refused(b.q().send({.body = "a", .delay = 1s, .group = "g", .deduplication_id = "1"}), "delay");
  const std::string long_one(129, 'x');
  refused(b.q().send({.body = "a", .group = long_one, .deduplication_id = "1"}), "group");
  refused(b.q().send({.body = "a", .group = "g", .deduplication_id = long_one}),
          "deduplication_id");
  refused(b.q().send({.body = "", .group = "g", .deduplication_id = "1"}), "body");
  CHECK(b.q().depth().total() == 0);
  const std::string longest(128, 'x');
  CHECK(b.q()
            .send({.body = "a", .delay = 0s, .group = longest, .deduplication_id = longest})
            .has_value());
}

TEST_CASE("queue fifo: a standard queue takes a group, which orders nothing, and no such id") {
  Bench b({{.name = "q"}});
  refused(b.q().send({.body = "a", .deduplication_id = "1"}), "deduplication_id");
  for (const char* body : {"a", "b"}) {
    REQUIRE(b.q().send({.body = body, .group = "g"}).value().number == 0);
  }
  CHECK(b.q().receive(1)[0].message.group == "g");
  CHECK(bodies(b.q().receive(1)) == "b");
  for (Options options : {Options{.name = "c", .content_based_deduplication = true},
                          Options{.name = "c", .deduplicate_by_group = true}}) {
    CHECK(errc_of(b.queues->create(options)) == Errc::invalid);
  }
}

TEST_CASE("queue fifo: each group in its order, and numbers grow over all groups") {
  Bench b({fifo()});
  std::uint64_t last = 0;
  for (const char* body : {"a1", "b1", "a2", "c1", "b2"}) {
    const std::uint64_t number = send(b.q(), std::string(1, body[0]), body).number;
    CHECK(number > last);
    last = number;
  }
  const auto got = b.q().receive(10);
  CHECK(bodies(got) == "a1 b1 a2 c1 b2");
  for (std::size_t i = 1; i < got.size(); ++i) {
    CHECK(got[i].message.number > got[i - 1].message.number);
  }
}

TEST_CASE("queue fifo: a group with messages in flight gives no others until all are done") {
  Bench b({fifo()});
  for (const char* body : {"a1", "a2", "a3", "b1"}) send(b.q(), std::string(1, body[0]), body);
  const auto first = b.q().receive(2);
  CHECK(bodies(first) == "a1 a2");
  CHECK(bodies(b.q().receive(10)) == "b1");
  CHECK(b.q().receive(10).empty());
  REQUIRE(b.q().remove(first[0].receipt).has_value());
  CHECK(b.q().receive(10).empty());  // "a2" is in flight.
  REQUIRE(b.q().remove(first[1].receipt).has_value());
  CHECK(bodies(b.q().receive(10)) == "a3");
}

TEST_CASE("queue fifo: what comes back comes before those that wait") {
  Bench b({fifo()});
  for (const char* body : {"a1", "a2", "a3"}) send(b.q(), "a", body);
  const auto first = b.q().receive(2);
  REQUIRE(b.q().change_visibility(first[0].receipt, 0s).has_value());
  CHECK(b.q().receive(10).empty());
  REQUIRE(b.q().change_visibility(first[1].receipt, 0s).has_value());
  CHECK(bodies(b.q().receive(10)) == "a1 a2 a3");
  b.world.scheduler.run_for(30s);
  CHECK(bodies(b.q().receive(1)) == "a1");
}

TEST_CASE("queue fifo: a receipt ends with its visibility timeout") {
  Bench b({fifo()});
  send(b.q(), "a", "a1");
  const auto got = b.q().receive(1);
  REQUIRE(b.q().change_visibility(got[0].receipt, 40s).has_value());
  b.world.scheduler.run_for(39s);
  CHECK(b.q().peek(1)[0].where == Where::in_flight);
  b.world.scheduler.run_for(1s);
  CHECK(errc_of(b.q().remove(got[0].receipt)) == Errc::stale);
  CHECK(errc_of(b.q().change_visibility(got[0].receipt, 1s)) == Errc::stale);
  const auto again = b.q().receive(1);
  REQUIRE(b.q().remove(again[0].receipt).has_value());
  CHECK(errc_of(b.q().remove(again[0].receipt)) == Errc::not_found);
}

TEST_CASE("queue fifo: sent again within five minutes it is not stored, and the first answers") {
  Bench b({fifo()});
  const Sent first = send(b.q(), "a", "order", "1");
  b.world.scheduler.run_for(5min - 1ns);
  const Sent again = send(b.q(), "b", "another body", "1");  // Whatever else it says.
  CHECK(again.id == first.id);
  CHECK(again.number == first.number);
  CHECK(b.q().depth().total() == 1);
  b.world.scheduler.run_for(1ns);
  CHECK(send(b.q(), "a", "order", "1").number > first.number);
  CHECK(b.q().depth().total() == 2);
}

TEST_CASE("queue fifo: the five minutes count from the first, not from its duplicates") {
  Bench b({fifo()});
  const Sent first = send(b.q(), "a", "order");
  b.world.scheduler.run_for(4min);
  CHECK(send(b.q(), "a", "order").id == first.id);
  b.world.scheduler.run_for(1min);
  CHECK(send(b.q(), "a", "order").id != first.id);
}

TEST_CASE("queue fifo: a deleted or purged message is remembered, over a restart, too") {
  bool compacted = false;
  SUBCASE("from entries") { compacted = false; }
  SUBCASE("from a snapshot") { compacted = true; }
  Bench b({fifo()});
  const Sent deleted = send(b.q(), "a", "deleted");
  REQUIRE(b.q().remove(b.q().receive(1)[0].receipt).has_value());
  const Sent purged = send(b.q(), "a", "purged");
  b.q().purge();
  for (int life = 0; life < 2; ++life) {
    CHECK(send(b.q(), "a", "deleted").id == deleted.id);
    CHECK(send(b.q(), "a", "purged").number == purged.number);
    CHECK(b.q().depth().total() == 0);
    if (compacted) REQUIRE(b.journal->compact().has_value());
    b.start();
  }
  CHECK(send(b.q(), "a", "new").number > purged.number);
  b.world.scheduler.run_for(5min);
  CHECK(send(b.q(), "a", "deleted").id != deleted.id);
}

TEST_CASE("queue fifo: an ephemeral message that a restart ended may be sent again") {
  bool compacted = false;
  SUBCASE("from entries") { compacted = false; }
  SUBCASE("from a snapshot") { compacted = true; }
  Bench b({fifo()});
  const SendRequest request{.body = "a", .ephemeral = true, .group = "g", .deduplication_id = "1"};
  REQUIRE(b.q().send(request).has_value());
  REQUIRE(b.q().send(request).has_value());
  CHECK(b.q().depth().total() == 1);
  if (compacted) REQUIRE(b.journal->compact().has_value());
  b.start();
  CHECK(b.q().depth().total() == 0);
  REQUIRE(b.q().send(request).has_value());
  CHECK(b.q().depth().total() == 1);
}

TEST_CASE("queue fifo: content based, the body's SHA-256 is the id, attributes aside") {
  Options options = fifo();
  options.content_based_deduplication = true;
  Bench b({options});
  const Sent first = b.q().send({.body = "abc", .group = "g"}).value();
  const Sent again =
      b.q().send({.body = "abc", .attributes = {{"n", "String", "v"}}, .group = "g"}).value();
  CHECK(again.id == first.id);
  CHECK(send(b.q(), "g", "abc", "given").id != first.id);  // A given id goes first.
  const auto got = b.q().receive(10);
  REQUIRE(bodies(got) == "abc abc");
  CHECK(got[0].message.deduplication_id ==  // FIPS 180-2, appendix B.1.
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(got[1].message.deduplication_id == "given");
}

TEST_CASE("queue fifo: by group, the same id counts once in each") {
  Options options = fifo();
  options.deduplicate_by_group = true;
  Bench b({options});
  const Sent first = send(b.q(), "a", "x", "1");
  CHECK(send(b.q(), "b", "y", "1").id != first.id);
  CHECK(send(b.q(), "a", "z", "1").id == first.id);
  CHECK(bodies(b.q().receive(10)) == "x y");
}

TEST_CASE("queue fifo: a full queue still knows its duplicates") {
  Options options = fifo();
  options.depth_max = 1;
  Bench b({options});
  const Sent first = send(b.q(), "a", "a1");
  CHECK(send(b.q(), "a", "a1").id == first.id);
  const auto full = b.q().send({.body = "a2", .group = "a", .deduplication_id = "a2"});
  CHECK(errc_of(full) == Errc::limit_exceeded);
  REQUIRE(b.q().remove(b.q().receive(1)[0].receipt).has_value());
  CHECK(send(b.q(), "a", "a2").id != first.id);  // What was refused is not remembered.
}

TEST_CASE("queue fifo: a delay is the queue's, and no message overtakes one of its group") {
  Options options = fifo();
  options.delay = 10s;
  Bench b({options});
  send(b.q(), "a", "a1");
  options.delay = 0s;
  REQUIRE(b.q().configure(options).has_value());
  send(b.q(), "a", "a2");
  send(b.q(), "b", "b1");
  CHECK(b.q().depth().delayed == 2);
  CHECK(bodies(b.q().receive(10)) == "b1");
  b.start();
  send(b.q(), "a", "a3");
  CHECK(b.q().depth().delayed == 3);
  b.world.scheduler.run_for(10s);
  CHECK(bodies(b.q().receive(10)) == "a1 a2 a3");
}

TEST_CASE("queue fifo: the same attempt gives the same deliveries, hidden anew") {
  Bench b({fifo()});
  for (const char* body : {"a1", "a2", "b1"}) send(b.q(), std::string(1, body[0]), body);
  const auto first = b.q().receive({.max = 2, .attempt_id = "t"});
  CHECK(bodies(first) == "a1 a2");
  b.world.scheduler.run_for(20s);
  const auto again = b.q().receive({.max = 10, .attempt_id = "t"});
  REQUIRE(bodies(again) == "a1 a2");
  CHECK(again[0].receipt == first[0].receipt);
  CHECK(again[0].message.receives == 1);
  CHECK(b.q().peek(1)[0].visible_at == b.world.scheduler.now() + 30s);
  CHECK(bodies(b.q().receive({.max = 10, .attempt_id = "other"})) == "b1");
  CHECK(b.q().remove(first[0].receipt).has_value());
}

TEST_CASE(
    "queue fifo: an attempt of which something was deleted, hidden or timed out is a new one") {
  Bench b({fifo()});
  for (const char* body : {"a1", "b1"}) send(b.q(), std::string(1, body[0]), body);
  SUBCASE("deleted") {
    const auto got = b.q().receive({.max = 2, .attempt_id = "t"});
    REQUIRE(b.q().remove(got[0].receipt).has_value());
    CHECK(b.q().receive({.max = 2, .attempt_id = "t"}).empty());
  }
  SUBCASE("hidden for another time") {
    const auto got = b.q().receive({.max = 2, .attempt_id = "t"});
    REQUIRE(b.q().change_visibility(got[0].receipt, 99s).has_value());
    CHECK(b.q().receive({.max = 2, .attempt_id = "t"}).empty());
  }
  SUBCASE("timed out") {
    const auto got = b.q().receive({.max = 1, .attempt_id = "t"});
    b.world.scheduler.run_for(30s);
    const auto again = b.q().receive({.max = 1, .attempt_id = "t"});
    REQUIRE(bodies(again) == "a1");
    CHECK(again[0].message.receives == 2);
    CHECK_FALSE(again[0].receipt == got[0].receipt);
  }
}

TEST_CASE("queue fifo: an attempt counts for five minutes, also behind one that was renewed") {
  Bench b({fifo()});
  for (const char* body : {"a1", "b1"}) send(b.q(), std::string(1, body[0]), body);
  CHECK(bodies(b.q().receive({.max = 1, .attempt_id = "one"})) == "a1");
  CHECK(bodies(b.q().receive({.max = 1, .visibility = 1h, .attempt_id = "two"})) == "b1");
  b.world.scheduler.run_for(1min);
  CHECK(bodies(b.q().receive({.max = 1, .attempt_id = "one"})) == "a1");
  b.world.scheduler.run_for(4min - 1s);
  CHECK(bodies(b.q().receive({.max = 1, .visibility = 1h, .attempt_id = "two"})) == "b1");
  b.world.scheduler.run_for(1s);
  CHECK(bodies(b.q().receive({.max = 1, .attempt_id = "two"})) == "a1");  // A new attempt.
}

TEST_CASE("queue fifo: a long poll answers a repeated attempt at once, and not inside the call") {
  Bench b({fifo()});
  send(b.q(), "a", "a1");
  CHECK(bodies(b.q().receive({.max = 1, .attempt_id = "t"})) == "a1");
  std::string served;
  const auto other = b.q().receive_wait({}, 20s, [&](auto) { served += "other;"; });
  const auto waiter = b.q().receive_wait({.max = 1, .attempt_id = "t"}, 20s,
                                         [&](auto got) { served += bodies(got) + ";"; });
  CHECK(served.empty());
  b.settle();
  CHECK(served == "a1;");
}

TEST_CASE("queue fifo: waiters and watchers hear of a group that is free again") {
  Bench b({fifo()});
  send(b.q(), "a", "a1");
  send(b.q(), "a", "a2");
  const auto got = b.q().receive(1);
  std::string served;
  int told = 0;
  const auto waiter = b.q().receive_wait({}, 20s, [&](auto d) { served = bodies(d); });
  b.settle();
  CHECK(served.empty());
  REQUIRE(b.q().remove(got[0].receipt).has_value());
  b.settle();
  CHECK(served == "a2");
  const auto watcher = b.q().watch([&] { ++told; });
  b.settle();
  CHECK(told == 0);
  b.world.scheduler.run_for(30s);  // "a2" is visible again.
  CHECK(told == 1);
}

TEST_CASE("queue fifo: dead letters keep id, group and count, and free their group") {
  Options options = fifo();
  options.dead_letter_queue = "dead";
  options.receives_max = 1;
  Bench b({options, fifo("dead")});
  const Sent poison = send(b.q(), "a", "poison");
  send(b.q(), "a", "next");
  CHECK(bodies(b.q().receive(1)) == "poison");
  b.world.scheduler.run_for(30s);
  CHECK(bodies(b.q().receive(1)) == "next");
  const auto dead = b.at("dead").receive(1);
  REQUIRE(bodies(dead) == "poison");
  CHECK(dead[0].message.id == poison.id);
  CHECK(dead[0].message.group == "a");
  CHECK(parse_id(dead[0].message.deduplication_id) == poison.id);
  CHECK(dead[0].message.deduplication_id.size() == 36);
  CHECK(dead[0].message.sent == b.world.scheduler.now());
  CHECK(dead[0].message.dead_letter_source == "q");
  CHECK(dead[0].message.receives == 2);
  CHECK(send(b.q(), "a", "poison").id == poison.id);  // Its old queue still knows it.
}

TEST_CASE("queue fifo: a dead letter overtakes no delayed message of its group") {
  Options options = fifo(), dead = fifo("dead");
  options.dead_letter_queue = "dead";
  options.receives_max = 1;
  dead.delay = 60s;
  Bench b({options, dead});
  send(b.q(), "a", "poison");
  CHECK(b.q().receive(1).size() == 1);
  b.world.scheduler.run_for(30s);
  send(b.at("dead"), "a", "first");
  CHECK(b.q().receive(1).empty());
  CHECK(b.at("dead").receive(10).empty());
  b.start();
  b.world.scheduler.run_for(60s);
  CHECK(bodies(b.at("dead").receive(10)) == "first poison");
}

TEST_CASE("queue fifo: peek says which messages wait for others of their group") {
  Bench b({fifo()});
  for (const char* body : {"a1", "a2", "b1"}) send(b.q(), std::string(1, body[0]), body);
  CHECK(b.q().receive(1).size() == 1);
  const auto seen = b.q().peek(10);
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].where == Where::in_flight);
  CHECK_FALSE(seen[0].blocked);
  CHECK(seen[1].where == Where::ready);
  CHECK(seen[1].blocked);
  CHECK_FALSE(seen[2].blocked);
  CHECK(b.q().depth().ready == 2);
}

TEST_CASE("queue fifo: at in_flight_max it gives nothing, and no error") {
  Options options = fifo();
  options.in_flight_max = 1;
  Bench b({options});
  send(b.q(), "a", "a1");
  send(b.q(), "b", "b1");
  const auto got = b.q().receive(10);
  CHECK(bodies(got) == "a1");
  CHECK(b.q().receive(10).empty());
  REQUIRE(b.q().remove(got[0].receipt).has_value());
  CHECK(bodies(b.q().receive(10)) == "b1");
}

TEST_CASE("queue fifo: retention ends a message in flight and frees its group") {
  Options options = fifo();
  options.retention = 60s;
  Bench b({options});
  send(b.q(), "a", "a1");
  CHECK(b.q().receive(1, 1h).size() == 1);
  b.world.scheduler.run_for(59s);
  send(b.q(), "a", "a2");
  CHECK(b.q().receive(1).empty());
  b.world.scheduler.run_for(1s);
  CHECK(bodies(b.q().receive(1)) == "a2");
}

TEST_CASE("queue fifo: order, locks and numbers survive a restart") {
  bool compacted = false;
  SUBCASE("from entries") { compacted = false; }
  SUBCASE("from a snapshot") { compacted = true; }
  Bench b({fifo()});
  std::uint64_t last = 0;
  for (const char* body : {"a1", "a2", "b1"}) {
    last = send(b.q(), std::string(1, body[0]), body).number;
  }
  const auto got = b.q().receive(1);
  if (compacted) REQUIRE(b.journal->compact().has_value());
  b.start();
  CHECK(bodies(b.q().receive(10)) == "b1");
  CHECK(send(b.q(), "a", "a3").number > last);
  REQUIRE(b.q().remove(got[0].receipt).has_value());
  CHECK(bodies(b.q().receive(10)) == "a2 a3");
}
