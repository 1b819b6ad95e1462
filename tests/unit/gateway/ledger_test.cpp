#include "gateway/ledger.hpp"

#include <doctest/doctest.h>

#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::gateway {
namespace {

using namespace std::chrono_literals;

struct Books {
  explicit Books(std::size_t entries_max = 3)
      : telemetry(world.scheduler, {}),
        journal(journal::open({}, world.environment, telemetry).value()),
        ledger(world.environment, *journal, telemetry, entries_max) {
    REQUIRE(journal->start().has_value());
  }
  bool reserve(std::uint64_t id, std::uint64_t key = 0, Duration keep = 1h) {
    Ledger::Entry entry;
    entry.id = {1, id};
    entry.correlation = {2, id};
    entry.key = {0, key};
    entry.request.fill(static_cast<char>(id));
    entry.client = "lender";
    entry.route = telemetry.intern("POST /v1/people");
    entry.restricted = true;
    entry.at = world.scheduler.now();
    entry.expires = entry.at + keep;
    return ledger.reserve(std::move(entry));
  }
  virtual_world::World world;
  telemetry::Telemetry telemetry;
  std::unique_ptr<journal::Journal> journal;
  Ledger ledger;
};

Outcome outcome() { return {201, true, "", std::string("\0sealed", 7)}; }

}  // namespace

TEST_CASE("ledger: entries are bounded in number, and room comes with time") {
  Books books(2);
  CHECK(books.reserve(1, 0, 1h));
  CHECK(books.reserve(2, 0, 2h));
  CHECK_FALSE(books.reserve(3));
  CHECK(books.ledger.until_room() == 1h);
  books.world.scheduler.run_for(1h);
  CHECK(books.ledger.find({1, 1}) == nullptr);
  CHECK(books.reserve(3, 0, 3h));
  books.ledger.cancel({1, 2});
  CHECK(books.ledger.size() == 1);
  CHECK(books.reserve(4));
  books.ledger.reset();
  CHECK(books.ledger.size() == 0);
  CHECK(books.ledger.until_room() == 0ns);
}

// Goal: an outcome may expire before the pending command would have; the one timer follows.
TEST_CASE("ledger: an outcome is kept as long as it says, not as long as the pending entry was") {
  Books books;
  REQUIRE(books.reserve(1, 5, 96h));
  books.ledger.commit({1, 1});
  books.ledger.finish({1, 1}, outcome(), 1h);
  books.world.scheduler.run_for(1h - 1ns);
  CHECK(books.ledger.find_key({0, 5}) != nullptr);
  books.world.scheduler.run_for(1ns);
  CHECK(books.ledger.find_key({0, 5}) == nullptr);
  CHECK(books.ledger.size() == 0);
}

TEST_CASE("ledger: what was committed comes back from a snapshot and from entries") {
  Books books;
  REQUIRE(books.reserve(1, 11));
  REQUIRE(books.reserve(2, 12));
  REQUIRE(books.reserve(3, 13));  // Never committed.
  books.ledger.commit({1, 1});
  books.ledger.commit({1, 2});
  books.ledger.finish({1, 2}, outcome(), 2h);
  Books again;
  REQUIRE(again.ledger.restore(books.ledger.snapshot()).has_value());
  CHECK(again.ledger.size() == 2);
  const Ledger::Entry* pending = again.ledger.find_key({0, 11});
  REQUIRE(pending != nullptr);
  CHECK(pending->state == Ledger::State::pending);
  CHECK(pending->client == "lender");
  CHECK(again.telemetry.name(pending->route) == "POST /v1/people");
  CHECK(pending->restricted);
  CHECK(pending->correlation == Id{2, 1});
  CHECK(pending->request[31] == 1);
  const Ledger::Entry* done = again.ledger.find_key({0, 12});
  REQUIRE(done != nullptr);
  CHECK(done->state == Ledger::State::done);
  CHECK(done->outcome.status == 201);
  CHECK(done->outcome.sealed);
  CHECK(done->outcome.body == outcome().body);
  again.world.scheduler.run_for(2h);
  CHECK(again.ledger.size() == 0);
}

TEST_CASE(
    "ledger: an outcome on its way through sealing is pending to readers, done to a restart") {
  Books books;
  REQUIRE(books.reserve(1));
  books.ledger.commit({1, 1});
  books.ledger.finish({1, 1}, {500, false, {}, {}}, 1h, true);
  CHECK(books.ledger.find({1, 1})->state == Ledger::State::pending);
  CHECK(books.ledger.find({1, 1})->settled);
  Books again;
  REQUIRE(again.ledger.restore(books.ledger.snapshot()).has_value());
  CHECK(again.ledger.find({1, 1})->state == Ledger::State::done);
  CHECK(again.ledger.find({1, 1})->outcome.status == 500);
}

TEST_CASE("ledger: damage is told, not taken") {
  Books books;
  REQUIRE(books.reserve(1));
  books.ledger.commit({1, 1});
  const std::string whole = books.ledger.snapshot();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Books again;
    if (size == 1) continue;  // An empty ledger.
    const auto restored = again.ledger.restore(whole.substr(0, size));
    REQUIRE_FALSE(restored.has_value());
    CHECK(restored.error().code == Errc::corrupt);
  }
  Books again;
  CHECK_FALSE(again.ledger.replay("").has_value());
  CHECK_FALSE(again.ledger.replay("\x07rest").has_value());
}

TEST_CASE("ledger: key digests keep client, route and key apart") {
  CHECK(key_digest("a", "b", "c") == key_digest("a", "b", "c"));
  CHECK(key_digest("a", "b", "c") != key_digest("a", "bc", ""));
  CHECK(key_digest("a", "b", "c") != key_digest("ab", "", "c"));
  CHECK(key_digest("a", "b", "c") != key_digest("a", "b", "d"));
}

}  // namespace porteiro::gateway
