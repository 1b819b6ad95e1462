// Dead letters on their way back.
#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

std::vector<Options> three(bool fifo = false) {
  Options one{.name = "one", .visibility_timeout = 0s, .fifo = fifo};
  one.dead_letter_queue = "dead";
  one.receives_max = 1;
  Options two = one;
  two.name = "two";
  return {one, two, {.name = "dead", .fifo = fifo}};
}

// Sends it, receives it too often, and so has it dead.
void bury(Bench& b, std::string name, std::string body, std::string group = {}) {
  const std::string id = group.empty() ? "" : body;
  REQUIRE(b.at(name).send({.body = body, .group = group, .deduplication_id = id}).has_value());
  CHECK(b.at(name).receive(1).size() == 1);
  CHECK(b.at(name).receive(1).empty());
}

std::string held(Bench& b, std::string_view name) {
  std::string out;
  for (const Peeked& p : b.at(name).peek(1000)) out += (out.empty() ? "" : " ") + p.message.body;
  return out;
}

MoveTask last(Bench& b) { return b.queues->moves("dead", 1).at(0); }

}  // namespace

TEST_CASE("queue moves: each dead letter goes back to where it came from, as a new message") {
  Bench b(three());
  bury(b, "one", "a");
  bury(b, "two", "b");
  const Message dead = b.at("dead").peek(1)[0].message;
  CHECK(dead.dead_letter_source == "one");
  b.world.scheduler.run_for(9s);
  const auto started = b.queues->start_move("dead", "", 0);
  REQUIRE(started.has_value());
  CHECK(b.at("dead").depth().total() == 2);  // Not inside the call.
  b.settle();
  CHECK(held(b, "one") == "a");
  CHECK(held(b, "two") == "b");
  CHECK(b.at("dead").depth().total() == 0);
  const Message back = b.at("one").peek(1)[0].message;
  CHECK(back.id != dead.id);
  CHECK(back.sent == b.world.scheduler.now());
  CHECK(back.receives == 0);
  CHECK(back.first_received == Time{});
  CHECK(back.dead_letter_source.empty());
  const MoveTask task = last(b);
  CHECK(task.id == started.value().task);
  CHECK(task.status == MoveTask::Status::completed);
  CHECK(task.moved == 2);
  CHECK(task.to_move == 2);
  CHECK(task.started == b.world.scheduler.now());
  CHECK(b.at("one").receive(1)[0].message.receives == 1);  // It may be received again.
}

TEST_CASE("queue moves: to another queue, at a rate") {
  Bench b(three());
  for (const char* body : {"a", "b", "c"}) bury(b, "one", body);
  REQUIRE(b.queues->start_move("dead", "two", 2).has_value());
  b.settle();
  CHECK(held(b, "two") == "a");
  b.world.scheduler.run_for(499ms);
  CHECK(last(b).moved == 1);
  b.world.scheduler.run_for(1ms);
  CHECK(held(b, "two") == "a b");
  CHECK(last(b).status == MoveTask::Status::running);
  b.world.scheduler.run_for(1s);
  CHECK(held(b, "two") == "a b c");
  CHECK(last(b).status == MoveTask::Status::completed);
}

TEST_CASE("queue moves: thousands go in steps, and others have their turn between") {
  Bench b(three());
  b.at("dead").configure({.depth_max = 10'000}).value();
  for (int i = 0; i < 1000; ++i) bury(b, "one", "m" + std::to_string(i));
  REQUIRE(b.queues->start_move("dead", "", 0).has_value());
  b.settle();
  CHECK(last(b).status == MoveTask::Status::running);
  CHECK(last(b).moved > 0);
  CHECK(last(b).moved < 1000);
  b.world.scheduler.run_for(1s);
  CHECK(last(b).moved == 1000);
  CHECK(b.at("one").depth().ready == 1000);
}

TEST_CASE("queue moves: what is in flight stays, a FIFO group behind it, too") {
  Bench b(three(true));
  bury(b, "one", "a1", "a");
  bury(b, "one", "a2", "a");
  bury(b, "one", "b1", "b");
  const auto got = b.at("dead").receive(1);
  REQUIRE(got.size() == 1);
  REQUIRE(b.queues->start_move("dead", "", 0).has_value());
  b.settle();
  CHECK(held(b, "dead") == "a1 a2");
  CHECK(held(b, "one") == "b1");
  CHECK(last(b).status == MoveTask::Status::completed);
  CHECK(last(b).moved == 1);
}

TEST_CASE("queue moves: FIFO messages keep their groups and order; deduplication holds none back") {
  Bench b(three(true));
  for (const char* body : {"a1", "b1", "a2"}) bury(b, "one", body, std::string(1, body[0]));
  REQUIRE(b.queues->start_move("dead", "", 0).has_value());
  b.settle();
  CHECK(held(b, "one") == "a1 b1 a2");
  const auto seen = b.at("one").peek(9);
  CHECK(seen[0].message.group == "a");
  CHECK(seen[0].message.number < seen[1].message.number);
  CHECK(parse_id(seen[0].message.deduplication_id).has_value());  // Its id, as it was given up.
}

TEST_CASE("queue moves: a message without a known source, or whose queue has gone, ends the task") {
  Bench b(three());
  SUBCASE("sent there by a client") {
    REQUIRE(b.at("dead").send({.body = "x"}).has_value());
    REQUIRE(b.queues->start_move("dead", "", 0).has_value());
    b.settle();
    CHECK(last(b).failure == "CouldNotDetermineMessageSource");
    CHECK(held(b, "dead") == "x");
  }
  SUBCASE("the queue that gave it up was removed") {
    Options client = b.options[0];
    client.name = "client";
    REQUIRE(b.queues->create(client).has_value());
    bury(b, "one", "a");
    bury(b, "client", "b");
    REQUIRE(b.queues->remove("client").has_value());
    REQUIRE(b.queues->start_move("dead", "", 0).has_value());
    b.settle();
    CHECK(held(b, "one") == "a");
    CHECK(held(b, "dead") == "b");
    CHECK(last(b).moved == 1);
    CHECK_FALSE(last(b).failure.empty());
  }
  SUBCASE("the destination was removed meanwhile") {
    REQUIRE(b.queues->create({.name = "client"}).has_value());
    bury(b, "one", "a");
    bury(b, "one", "b");
    REQUIRE(b.queues->start_move("dead", "client", 1).has_value());
    b.settle();
    REQUIRE(b.queues->remove("client").has_value());
    b.world.scheduler.run_for(2s);
    CHECK(held(b, "dead") == "b");
  }
  CHECK(last(b).status == MoveTask::Status::failed);
}

TEST_CASE("queue moves: the source may be removed while its task runs") {
  Bench b(three());
  REQUIRE(b.queues->create({.name = "grave"}).has_value());
  Options one = b.options[0];
  one.dead_letter_queue = "grave";
  REQUIRE(b.at("one").configure(one).has_value());
  bury(b, "one", "a");
  bury(b, "one", "b");
  REQUIRE(b.queues->start_move("grave", "", 1).has_value());
  b.settle();
  REQUIRE(b.queues->remove("grave").has_value());
  REQUIRE(b.queues->create({.name = "grave"}).has_value());  // Another of the same name.
  REQUIRE(b.at("grave").send({.body = "fresh"}).has_value());
  b.world.scheduler.run_for(2s);
  CHECK(b.queues->moves("grave", 10).empty());
  CHECK(b.at("grave").depth().ready == 1);
}

TEST_CASE("queue moves: what is not right is refused, and moves nothing") {
  Bench b(three());
  REQUIRE(b.queues->create({.name = "ordered", .fifo = true}).has_value());
  bury(b, "one", "a");
  const auto start = [&](std::string_view from, std::string_view to, std::uint32_t rate) {
    return errc_of(b.queues->start_move(from, to, rate));
  };
  CHECK(start("nobody", "", 0) == Errc::not_found);
  CHECK(start("dead", "nobody", 0) == Errc::not_found);
  CHECK(start("one", "", 0) == Errc::invalid);       // Nobody's dead-letter queue.
  CHECK(start("dead", "dead", 0) == Errc::invalid);  // To itself.
  CHECK(start("dead", "ordered", 0) == Errc::invalid);
  CHECK(start("dead", "", 501) == Errc::invalid);
  CHECK(b.queues->start_move("dead", "", 500).has_value());
  CHECK(start("dead", "", 0) == Errc::conflict);
  b.world.scheduler.run_for(1s);
  CHECK(b.queues->moves("dead", 10).size() == 1);
}

TEST_CASE("queue moves: a cancelled task leaves the rest, and another may start") {
  Bench b(three());
  for (const char* body : {"a", "b", "c"}) bury(b, "one", body);
  const Id task = b.queues->start_move("dead", "two", 1).value().task;
  b.world.scheduler.run_for(1s);
  CHECK(b.queues->cancel_move(task).value() == 2);
  CHECK(errc_of(b.queues->cancel_move(task)) == Errc::conflict);
  CHECK(errc_of(b.queues->cancel_move({1, 2})) == Errc::not_found);
  b.world.scheduler.run_for(9s);
  CHECK(held(b, "dead") == "c");
  CHECK(last(b).status == MoveTask::Status::cancelled);
  REQUIRE(b.queues->start_move("dead", "", 0).has_value());
  b.settle();
  CHECK(held(b, "one") == "c");
}

TEST_CASE("queue moves: the ten newest of a source are known, newest first") {
  Bench b(three());
  std::vector<Id> ids;
  for (int i = 0; i < 12; ++i) {
    ids.push_back(b.queues->start_move("dead", "", 0).value().task);
    b.settle();
  }
  const auto moves = b.queues->moves("dead", 99);
  REQUIRE(moves.size() == 10);
  CHECK(moves[0].id == ids[11]);
  CHECK(moves[9].id == ids[2]);
  CHECK(b.queues->moves("dead", 1).size() == 1);
  CHECK(b.queues->moves("one", 9).empty());
  CHECK(b.queues->find_move(ids[1]) == nullptr);
  REQUIRE(b.queues->find_move(ids[2]) != nullptr);
}

TEST_CASE("queue moves: a running task survives a restart, and what it moved counts once") {
  bool compacted = false;
  SUBCASE("from entries") { compacted = false; }
  SUBCASE("from a snapshot") { compacted = true; }
  Bench b(three());
  for (const char* body : {"a", "b", "c", "d"}) bury(b, "one", body);
  const Id task = b.queues->start_move("dead", "two", 1).value().task;
  b.world.scheduler.run_for(1s);
  if (compacted) REQUIRE(b.journal->compact().has_value());
  b.start();
  REQUIRE(b.queues->find_move(task) != nullptr);
  CHECK(b.queues->find_move(task)->moved == 2);
  CHECK(b.queues->find_move(task)->to_move == 4);
  CHECK(held(b, "dead") == "c d");
  b.world.scheduler.run_for(5s);
  CHECK(held(b, "two") == "a b c d");
  if (compacted) REQUIRE(b.journal->compact().has_value());
  b.start();
  CHECK(last(b).status == MoveTask::Status::completed);
  CHECK(last(b).moved == 4);
  CHECK(b.at("two").depth().ready == 4);
}

// Goal: the journal's entry of a dead letter looks like that of a move, and is none.
TEST_CASE("queue moves: what the source itself gives up is not counted after a restart") {
  std::vector<Options> options = three();
  options[2].visibility_timeout = 0s;
  options[2].dead_letter_queue = "grave";
  options[2].receives_max = 1;
  options.push_back({.name = "grave"});
  Bench b(options);
  for (const char* body : {"a", "b", "c"}) bury(b, "one", body);
  const Id task = b.queues->start_move("dead", "two", 1).value().task;
  b.settle();
  CHECK(b.at("dead").receive(1).size() == 1);
  CHECK(b.at("dead").receive(1).size() == 1);  // "b" is given up, "c" comes.
  b.settle();
  CHECK(held(b, "grave") == "b");
  b.start();
  CHECK(b.queues->find_move(task)->moved == 1);
}
