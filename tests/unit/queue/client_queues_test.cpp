// Queues that clients make, and the changes they make to those of the config.
#include "queue/entries.hpp"
#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

Options full(std::string name) {
  return {.name = std::move(name),
          .visibility_timeout = 11s,
          .delay = 12s,
          .retention = 13h,
          .wait = 14s,
          .message_bytes_max = 1500,
          .depth_max = 16,
          .in_flight_max = 17,
          .dead_letter_queue = "q",
          .receives_max = 18,
          .fifo = true,
          .content_based_deduplication = true,
          .deduplicate_by_group = true,
          .notes = {{"Policy", "{\"Version\":\"2012-10-17\"}"}, {"empty", ""}, {"", "nameless"}}};
}

void check_same(const Options& a, const Options& b) {
  std::string one, other;
  append_options(one, a);
  append_options(other, b);
  CHECK(a.name == b.name);
  CHECK(one == other);
}

struct Lives {  // Ends the process and starts the next, from entries or from a snapshot.
  Bench& b;
  bool compacts;
  void next() {
    if (compacts) REQUIRE(b.journal->compact().has_value());
    b.start();
  }
};

}  // namespace

TEST_CASE("queue clients: a queue, its options, notes, times and messages survive") {
  bool compacts = false;
  SUBCASE("from entries") { compacts = false; }
  SUBCASE("from a snapshot") { compacts = true; }
  Bench b({{.name = "q"}});
  Lives lives{b, compacts};
  b.world.scheduler.run_for(5s);
  const Time made = b.world.scheduler.now();
  const auto created = b.queues->create(full("c"));
  REQUIRE(created.has_value());
  CHECK(created.value().sequence > 0);
  CHECK_FALSE(created.value().queue->declared());
  CHECK(created.value().queue == b.queues->find("c"));
  const Sent sent = b.at("c").send({.body = "body", .group = "g"}).value();
  for (int life = 0; life < 2; ++life) {
    b.world.scheduler.run_for(1s);
    lives.next();
    check_same(b.at("c").options(), full("c"));
    CHECK(b.at("c").created() == made);
    CHECK(b.at("c").modified() == made);
    CHECK_FALSE(b.at("c").declared());
    REQUIRE(b.at("c").peek(9).size() == 1);
    CHECK(b.at("c").peek(9)[0].message.id == sent.id);
    CHECK(b.queues->names() == std::vector<std::string>{"q", "c"});
    CHECK(b.queues->sources_of("q") == std::vector<std::string>{"c"});
  }
}

TEST_CASE("queue clients: a removed queue stays removed, its name is free, its messages gone") {
  bool compacts = false;
  SUBCASE("from entries") { compacts = false; }
  SUBCASE("from a snapshot") { compacts = true; }
  Bench b({{.name = "q"}});
  Lives lives{b, compacts};
  REQUIRE(b.queues->create(full("c")).has_value());
  REQUIRE(b.at("c").send({.body = "old", .group = "g"}).has_value());
  REQUIRE(b.queues->remove("c").has_value());
  CHECK(errc_of(b.queues->remove("c")) == Errc::not_found);
  lives.next();
  CHECK(b.queues->find("c") == nullptr);
  REQUIRE(b.queues->create({.name = "c"}).has_value());
  REQUIRE(b.at("c").send({.body = "new"}).has_value());
  lives.next();
  CHECK_FALSE(b.at("c").options().fifo);
  REQUIRE(b.at("c").peek(9).size() == 1);
  CHECK(b.at("c").peek(9)[0].message.body == "new");
}

TEST_CASE("queue clients: who waits on a queue that is removed is told, if still interested") {
  Bench b({{.name = "q"}});
  REQUIRE(b.queues->create({.name = "c"}).has_value());
  int told = 0, other = 0;
  auto waiter = b.at("c").receive_wait({}, 20s, [&](auto got) { told += got.empty() ? 1 : 100; });
  auto gone = b.at("c").receive_wait({}, 20s, [&](auto) { ++other; });
  auto late = b.at("c").receive_wait({}, Duration::max(), [&](auto) { ++other; });
  auto watcher = b.at("c").watch([&] { ++other; });
  gone.reset();
  REQUIRE(b.queues->remove("c").has_value());
  CHECK(told == 0);
  late.reset();  // Between the removal and the end of its wait.
  b.settle();
  CHECK(told == 1);
  CHECK(other == 0);
  waiter.reset();
  watcher.reset();
  b.world.scheduler.run_for(1min);
  CHECK(told == 1);
}

TEST_CASE("queue clients: a queue of the config is not removed, and not made again") {
  Bench b({{.name = "q"}});
  CHECK(errc_of(b.queues->remove("q")) == Errc::denied);
  CHECK(errc_of(b.queues->create({.name = "q"})) == Errc::conflict);
  CHECK(errc_of(b.queues->create({.name = ""})) == Errc::invalid);
  CHECK(errc_of(b.queues->create({.name = "c", .retention = 59s})) == Errc::invalid);
  CHECK(b.queues->names() == std::vector<std::string>{"q"});
  CHECK(b.kept.entries.empty());
}

TEST_CASE("queue clients: a declared queue keeps what a client changed, until a reset") {
  bool compacts = false, at_once = false;
  SUBCASE("from entries") { compacts = false; }
  SUBCASE("from a snapshot") { compacts = true; }
  SUBCASE("from a snapshot, changed in the instant of the start") { compacts = at_once = true; }
  Bench b({{.name = "q"}, {.name = "untouched", .delay = 3s}});
  Lives lives{b, compacts};
  if (!at_once) b.world.scheduler.run_for(5s);
  Options changed{.name = "ignored", .delay = 9s, .notes = {{"tag", "value"}}};
  REQUIRE(b.q().configure(changed).has_value());
  const Time at = b.world.scheduler.now();
  changed.name = "q";
  b.options[1].delay = 4s;  // The config's new value, of what no client changed.
  for (int life = 0; life < 2; ++life) {
    b.world.scheduler.run_for(1s);
    lives.next();
    check_same(b.q().options(), changed);
    CHECK(b.q().modified() == at);
    CHECK(b.q().declared());
    CHECK(b.at("untouched").options().delay == 4s);
  }
  b.queues->reset();
  CHECK(b.q().options().delay == 0s);
  CHECK(b.q().options().notes.empty());
}

TEST_CASE("queue clients: options out of bounds change nothing; the kind never changes") {
  Bench b({{.name = "q", .delay = 1s}});
  const auto refused = [&](Options options, std::string_view at) {
    const auto result = b.q().configure(std::move(options));
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Errc::invalid);
    CHECK(result.error().at == at);
  };
  refused({.visibility_timeout = 12h + 1s}, "visibility_timeout");
  refused({.delay = 901s}, "delay");
  refused({.retention = 59s}, "retention");
  refused({.wait = 21s}, "wait");
  refused({.dead_letter_queue = "q"}, "dead_letter_queue");
  refused({.fifo = true}, "fifo");
  refused({.content_based_deduplication = true}, "content_based_deduplication");
  CHECK(b.q().options().delay == 1s);
  CHECK(b.q().modified() == b.q().created());
  CHECK(b.kept.entries.empty());
}

TEST_CASE("queue clients: new options count at once for who waits and what is kept") {
  Bench b({{.name = "q", .in_flight_max = 1}});
  for (const char* body : {"a", "b"}) REQUIRE(b.q().send({.body = body}).has_value());
  CHECK(b.q().receive(9).size() == 1);
  std::size_t served = 0;
  const auto waiter = b.q().receive_wait({}, 20s, [&](auto got) { served = got.size(); });
  b.settle();
  CHECK(served == 0);
  REQUIRE(b.q().configure({.in_flight_max = 2}).has_value());
  b.settle();
  CHECK(served == 1);
  b.world.scheduler.run_for(90s);
  REQUIRE(b.q().configure({.retention = 60s}).has_value());
  b.settle();
  CHECK(b.q().depth().total() == 0);
}

TEST_CASE("queue clients: a reset removes their queues and the tasks") {
  const Options q{.name = "q", .dead_letter_queue = "c"};
  Bench b({q});
  REQUIRE(b.queues->create({.name = "c"}).has_value());
  int told = 0;
  const auto waiter = b.at("c").receive_wait({}, 20s, [&](auto) { ++told; });
  REQUIRE(b.queues->start_move("c", "q", 1).has_value());
  b.queues->reset();
  CHECK(b.queues->names() == std::vector<std::string>{"q"});
  CHECK(b.queues->moves("c", 9).empty());
  b.world.scheduler.run_for(5s);
  CHECK(told == 1);
}

TEST_CASE(
    "queue clients: a queue the config has dropped goes when empty, and is asked for if not") {
  Bench b({{.name = "q"}, {.name = "old", .fifo = true}});
  bool configured = false;
  SUBCASE("as declared") { configured = false; }
  SUBCASE("changed by a client") { configured = true; }
  if (configured) REQUIRE(b.at("old").configure(full("old")).has_value());
  REQUIRE(b.at("old").send({.body = "a", .group = "g", .deduplication_id = "1"}).has_value());
  b.world.scheduler.run_for(20s);
  const auto got = b.at("old").receive(1);
  const std::string with_message = b.queues->snapshot();
  REQUIRE(b.at("old").remove(got[0].receipt).has_value());
  const std::string empty = b.queues->snapshot();

  Bench without({{.name = "q"}});
  const auto refused = without.queues->restore(with_message);
  CHECK(errc_of(refused) == Errc::invalid);
  CHECK(refused.error().detail.find("queue old") != std::string::npos);
  Bench fine({{.name = "q"}});
  REQUIRE(fine.queues->restore(empty).has_value());
  CHECK(fine.queues->names() == std::vector<std::string>{"q"});
}

TEST_CASE("queue clients: a queue that the config declares later is the config's") {
  bool compacts = false;
  SUBCASE("from entries") { compacts = false; }
  SUBCASE("from a snapshot") { compacts = true; }
  Bench b({{.name = "q"}});
  Lives lives{b, compacts};
  REQUIRE(b.queues->create({.name = "c", .delay = 7s}).has_value());
  REQUIRE(b.at("c").send({.body = "a"}).has_value());
  b.options.push_back({.name = "c", .delay = 8s});
  lives.next();
  CHECK(b.at("c").declared());
  CHECK(b.at("c").options().delay == 8s);
  CHECK(b.at("c").depth().total() == 1);
  lives.next();
  CHECK(b.at("c").options().delay == 8s);
}

TEST_CASE("queue clients: entries and snapshots cut anywhere are refused") {
  Bench b({{.name = "q"}, {.name = "dead"}});
  REQUIRE(b.queues->create(full("c")).has_value());
  REQUIRE(b.at("c").configure(full("c")).has_value());
  Options dying = full("c");
  dying.dead_letter_queue = "dead";
  dying.visibility_timeout = dying.delay = 0s;
  dying.receives_max = 1;
  REQUIRE(b.at("c").configure(dying).has_value());
  REQUIRE(b.at("c").send({.body = "a", .group = "g"}).has_value());
  CHECK(b.at("c").receive(1, 1s).size() == 1);
  b.world.scheduler.run_for(1s);
  CHECK(b.at("c").receive(1).empty());  // It is dead.
  REQUIRE(b.queues->start_move("dead", "q", 0).has_value());
  b.settle();
  b.q().purge();
  REQUIRE(b.queues->remove("c").has_value());

  Bench after({{.name = "q"}, {.name = "dead"}});
  const auto damaged = [&](std::string_view entry) {
    const auto result = after.queues->replay(entry);
    return !result.has_value() && result.error().code == Errc::corrupt;
  };
  for (const std::string& entry : b.kept.entries) {
    CAPTURE(static_cast<int>(entry[1]));
    for (std::size_t cut = 0; cut < entry.size(); ++cut) CHECK(damaged(entry.substr(0, cut)));
    const bool applied = after.queues->replay(entry).has_value();
    CHECK(applied);
    CHECK_FALSE(after.queues->replay(entry + "x").has_value());
  }
}

TEST_CASE("queue clients: snapshots cut anywhere are refused") {
  Bench b({{.name = "q", .fifo = true}, {.name = "dead", .fifo = true}});
  REQUIRE(b.queues->create(full("c")).has_value());
  REQUIRE(b.at("c").send({.body = "a", .group = "g"}).has_value());
  REQUIRE(b.q().configure({.dead_letter_queue = "dead", .fifo = true}).has_value());
  REQUIRE(b.queues->start_move("dead", "", 1).has_value());
  const std::string snapshot = b.queues->snapshot();
  const auto restored = [](std::string_view bytes) {
    Bench fresh({{.name = "q", .fifo = true}, {.name = "dead", .fifo = true}});
    const auto result = fresh.queues->restore(bytes);
    return result.has_value() ? std::nullopt : std::optional(result.error().code);
  };
  for (std::size_t cut = 0; cut < snapshot.size(); ++cut) {
    CAPTURE(cut);
    CHECK(restored(snapshot.substr(0, cut)) == Errc::corrupt);
  }
  CHECK(restored(snapshot + "x") == Errc::corrupt);
  CHECK_FALSE(restored(snapshot).has_value());
}
