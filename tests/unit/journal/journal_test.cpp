#include "porteiro/journal/journal.hpp"

#include "journal/format.hpp"
#include "unit/journal/fixture.hpp"

using namespace porteiro;
using namespace porteiro::journal;

namespace {

using Texts = std::vector<std::string>;

// What a completion was told.
struct Outcome {
  int calls = 0;
  std::optional<Errc> failure;
  auto listen() {
    return [this](const Result<void>& result) {
      ++calls;
      if (!result) failure = result.error().code;
    };
  }
};

Texts names(const Life::Disk& disk) {
  Texts found;
  for (const auto& [path, content] : disk.files) found.push_back(path);
  return found;
}

}  // namespace

TEST_CASE("journal: without a directory all is durable at once and nothing is written") {
  Life life(new_disk());
  life.options.directory.clear();
  REQUIRE(life.start());
  CHECK_FALSE(life.journal->on_disk());
  const Sequence sequence = life.add_to(life.first, "x");
  CHECK(sequence == 1);
  CHECK(life.journal->durable() == 1);
  Outcome outcome;
  life.journal->when_durable(sequence, outcome.listen());
  CHECK(outcome.calls == 0);  // Never before the call has returned.
  int closed = 0;
  life.journal->close([&] { ++closed; });
  CHECK(closed == 0);
  life.turn();
  CHECK(outcome.calls == 1);
  CHECK_FALSE(outcome.failure);
  CHECK(closed == 1);
  CHECK(life.journal->clear());
  CHECK(life.disk->files.empty());
  CHECK(life.witness.bytes == 0);
}

TEST_CASE("journal: entries come back in order, to their streams") {
  const auto disk = new_disk();
  {
    Life life(disk);
    REQUIRE(life.start());
    life.add_to(life.first, "1");
    life.add_to(life.second, "2");
    life.add_to(life.first, "");
    life.add_to(life.first, std::string(100'000, 'x'));
    life.turn();
    CHECK(life.journal->durable() == 4);
  }
  Life life(disk);
  REQUIRE(life.start());
  CHECK(life.journal->on_disk());
  CHECK(life.journal->last() == 4);
  CHECK(life.journal->durable() == 4);
  CHECK(life.first.items == Texts{"1", "", std::string(100'000, 'x')});
  CHECK(life.second.items == Texts{"2"});
  CHECK(life.first.restored == 0);
  CHECK(life.telemetry.notes() == 0);
}

TEST_CASE("journal: the entries of a loop turn are one write") {
  Life life(new_disk());
  REQUIRE(life.start());
  const std::uint64_t before = life.disk->operations;
  const std::uint64_t header = life.witness.bytes;
  Texts order;
  for (int i = 1; i <= 5; ++i) {
    const Sequence sequence = life.add_to(life.first, "12345678");
    life.journal->when_durable(sequence, [&order, i](const Result<void>& result) {
      CHECK(result);
      order.push_back(std::to_string(i));
    });
  }
  CHECK(life.journal->durable() == 0);
  CHECK(life.disk->operations == before);
  life.turn();
  CHECK(life.disk->operations == before + 1);
  CHECK(life.journal->durable() == 5);
  CHECK(order == Texts{"1", "2", "3", "4", "5"});
  CHECK(life.witness.bytes - header == 5 * (frame_header_bytes + 8));
  CHECK(header + 5 * (frame_header_bytes + 8) == life.disk->files.at("data/log-0").size());
}

TEST_CASE("journal: completions run by sequence, whatever the order in which they came") {
  Life life(new_disk());
  REQUIRE(life.start());
  for (int i = 0; i < 3; ++i) life.add_to(life.first, "x");
  Texts order;
  for (const Sequence sequence : {3, 1, 2, 1, 0}) {
    life.journal->when_durable(sequence, [&order, sequence](const Result<void>&) {
      order.push_back(std::to_string(sequence));
    });
  }
  life.turn();
  CHECK(order == Texts{"0", "1", "1", "2", "3"});
}

TEST_CASE("journal: streams are known by name, so that joins may change order and number") {
  const auto disk = new_disk();
  {
    Life life(disk);
    REQUIRE(life.start());
    life.add_to(life.first, "1");
    life.add_to(life.second, "2");
    life.turn();
  }
  for (int round = 0; round < 2; ++round) {  // The second reads what the first has added.
    Life life(disk);
    REQUIRE(life.open());
    List newcomer;
    const Stream c = life.journal->join("c", newcomer);
    life.b = life.journal->join("b", life.second);
    life.a = life.journal->join("a", life.first);
    REQUIRE(life.journal->start());
    CHECK(life.first.items == Texts{"1"});
    CHECK(life.second.items.size() == static_cast<std::size_t>(1 + round));
    CHECK(newcomer.items.size() == static_cast<std::size_t>(round));
    life.journal->append(c, "new");
    life.journal->append(life.b, "more");
    life.turn();
  }
  Life old(disk);
  const auto started = old.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == Errc::corrupt);
  CHECK(started.error().at == "data/log-0");
  CHECK(started.error().detail.find("\"c\"") != std::string::npos);
  CHECK(old.first.items.empty());
}

TEST_CASE("journal: a stream that is gone is no hindrance while it has no entries") {
  const auto disk = new_disk();
  {
    Life life(disk);
    REQUIRE(life.start());
    life.add_to(life.second, "2");
    life.turn();
  }
  Life life(disk);
  REQUIRE(life.open());
  life.journal->join("b", life.second);
  REQUIRE(life.journal->start());
  CHECK(life.second.items == Texts{"2"});
}

TEST_CASE("journal: what a participant refuses is an error with file and entry") {
  const auto disk = new_disk();
  {
    Life life(disk);
    REQUIRE(life.start());
    life.add_to(life.first, "1");
    life.turn();
  }
  Life life(disk);
  life.first.refuses = true;
  const auto started = life.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == Errc::invalid);
  CHECK(started.error().at == "data/log-0, entry 1");
}

TEST_CASE("journal: a large log is replaced by a snapshot") {
  const auto disk = new_disk();
  {
    Life life(disk, {.segment_bytes_max = 1000});
    REQUIRE(life.start());
    for (int i = 0; i < 7; ++i) {
      life.add_to(i % 2 == 0 ? life.first : life.second,
                  std::string(100, static_cast<char>('a' + i)));
      life.turn();
    }
    CHECK(names(*disk) == Texts{"data/log-0"});
    life.add_to(life.second, std::string(100, 'z'));
    life.turn();
    CHECK(names(*disk) == Texts{"data/log-1", "data/snapshot-1"});
    CHECK(life.telemetry.counter("porteiro_journal_compactions_total") == 1);
    life.add_to(life.first, "after");
    life.turn();
    CHECK(life.journal->durable() == 9);
  }
  Life life(disk);
  REQUIRE(life.start());
  CHECK(life.first.restored == 1);
  CHECK(life.first.items.size() == 5);
  CHECK(life.first.items.back() == "after");
  CHECK(life.second.items.size() == 4);
  CHECK(life.journal->last() == 9);
}

TEST_CASE("journal: no snapshot before the log is twice as large as the last one") {
  Life life(new_disk(), {.segment_bytes_max = 100});
  REQUIRE(life.start());
  for (int i = 0; i < 200; ++i) {
    life.add_to(life.first, std::string(100, 'x'));
    life.turn();
  }
  // Each time the state has grown to about three times its size.
  CHECK(life.telemetry.counter("porteiro_journal_compactions_total") <= 7);
}

TEST_CASE("journal: when a snapshot cannot be written the log goes on") {
  // Fails the one write of a snapshot, as a full disk may: the next one works.
  struct NoSnapshot final : FilesOver {
    using FilesOver::FilesOver;
    Result<void> replace(const std::string& path, std::string_view bytes) override {
      if (path.find(refused) != std::string::npos) {
        (void)files.replace(path, bytes.substr(0, placed));
        return error(Errc::unavailable, "no space left on device");
      }
      return files.replace(path, bytes);
    }
    std::string refused = "snapshot-1";
    std::size_t placed = std::string::npos;  // Renamed into place all the same.
  };
  const auto disk = new_disk();
  {
    Life life(disk, {.segment_bytes_max = 500});
    NoSnapshot files(life.files);
    Environment environment{life.world.scheduler, life.world.offload, life.world.entropy,
                            life.world.random, files};
    life.journal = open(life.options, environment, life.telemetry).value();
    life.a = life.journal->join("a", life.first);
    REQUIRE(life.journal->start());
    for (int i = 0; i < 6; ++i) {
      life.add_to(life.first, std::string(100, 'x'));
      life.turn();
    }
    CHECK(life.note().find("cannot be written") != std::string::npos);
    CHECK_FALSE(life.journal->full());
    CHECK(life.journal->durable() == 6);
    CHECK_FALSE(life.journal->clear());
    life.add_to(life.first, "and on");
    life.turn();
    CHECK(life.journal->durable() == 7);
    SUBCASE("and is left as it is") {}
    SUBCASE("until it can") {
      files.refused = "nothing";
      for (int i = 0; i < 6; ++i) {
        life.add_to(life.first, std::string(100, 'x'));
        life.turn();
      }
      CHECK(names(*disk) == Texts{"data/log-1", "data/snapshot-1"});
    }
    SUBCASE("and fails when the log's fate is uncertain") {
      files.refused = "log-1";
      for (int i = 0; i < 6; ++i) {
        life.add_to(life.first, std::string(100, 'x'));
        life.turn();
      }
      CHECK(life.journal->full());
    }
  }
  Life life(disk);
  REQUIRE(life.open());
  life.journal->join("a", life.first);
  REQUIRE(life.journal->start());
  CHECK(life.first.items.size() >= 7);
  CHECK(life.first.items[6] == "and on");
  CHECK(names(*disk).size() == (life.first.restored == 0 ? 1 : 2));  // The leftovers are gone.
}

TEST_CASE("journal: clear leaves an empty state and goes on") {
  const auto disk = new_disk();
  for (const Durability durability : {Durability::process, Durability::power}) {
    disk->files.clear();
    {
      Life life(disk, {.durability = durability});
      REQUIRE(life.start());
      life.add_to(life.first, "1");
      life.turn();
      const Sequence pending = life.add_to(life.second, "2");
      Outcome outcome;
      life.journal->when_durable(pending, outcome.listen());
      REQUIRE(life.journal->clear());
      life.first.items.clear();
      life.second.items.clear();
      life.turn();
      CHECK(outcome.calls == 1);
      CHECK_FALSE(outcome.failure);
      CHECK(life.add_to(life.second, "3") == 3);
      life.turn();
      CHECK(names(*disk) == Texts{"data/log-1", "data/snapshot-1"});
    }
    Life life(disk, {.durability = durability});
    REQUIRE(life.start());
    CHECK(life.first.items.empty());
    CHECK(life.second.items == Texts{"3"});
    CHECK(life.journal->last() == 3);
  }
}

TEST_CASE("journal: power durability has one sync in flight and groups what comes meanwhile") {
  Life life(new_disk(), {.durability = Durability::power, .pending_bytes_max = 200});
  life.options.directory = "data";
  Environment environment{life.world.scheduler, life.held, life.world.entropy, life.world.random,
                          life.files};
  life.journal = open(life.options, environment, life.telemetry).value();
  life.a = life.journal->join("a", life.first);
  REQUIRE(life.journal->start());
  Outcome one, three, closed_after;
  life.journal->when_durable(life.add_to(life.first, "1"), one.listen());
  life.turn();
  CHECK(life.held.held.size() == 1);
  life.add_to(life.first, "2");
  life.turn();
  life.journal->when_durable(life.add_to(life.first, "3"), three.listen());
  life.turn();
  CHECK(life.held.held.size() == 1);
  CHECK(one.calls == 0);
  CHECK_FALSE(life.journal->full());
  life.add_to(life.first, std::string(200, 'x'));
  CHECK(life.journal->full());

  const std::uint64_t before = life.disk->operations;
  life.held.release_one();
  CHECK(life.disk->operations == before + 2);  // One append, one sync.
  life.turn();
  CHECK(one.calls == 1);
  CHECK(three.calls == 0);
  CHECK(life.journal->durable() == 1);
  CHECK(life.held.held.size() == 1);  // The next group: 2, 3 and 4.
  bool closed = false;
  life.journal->close([&] { closed = true; });
  life.turn();
  CHECK_FALSE(closed);
  life.held.release_one();
  life.turn();
  CHECK(three.calls == 1);
  CHECK(closed);
  CHECK(life.journal->durable() == 4);
  CHECK_FALSE(life.journal->full());
  CHECK(life.held.held.empty());
  CHECK(life.telemetry.counter("porteiro_journal_writes_total") == 2);
}

TEST_CASE("journal: a clear while a group is in flight makes it harmless") {
  const auto disk = new_disk();
  {
    Life life(disk, {.durability = Durability::power});
    Environment environment{life.world.scheduler, life.held, life.world.entropy, life.world.random,
                            life.files};
    life.journal = open(life.options, environment, life.telemetry).value();
    life.a = life.journal->join("a", life.first);
    REQUIRE(life.journal->start());
    life.add_to(life.first, "1");
    life.turn();
    REQUIRE(life.journal->clear());
    Outcome outcome;
    life.journal->when_durable(life.add_to(life.first, "2"), outcome.listen());
    life.turn();
    CHECK(outcome.calls == 0);
    life.held.release_one();
    life.turn();
    life.held.release_one();
    life.turn();
    CHECK(outcome.calls == 1);
  }
  disk->files.erase("data/log-0");  // In memory an append brings back a removed file.
  Life life(disk);
  REQUIRE(life.start());
  CHECK(life.first.items == Texts{"2"});
}

TEST_CASE("journal: after a write error nothing later becomes durable") {
  for (const Durability durability : {Durability::process, Durability::power}) {
    Life life(new_disk(), {.durability = durability});
    REQUIRE(life.start());
    Outcome before, during, after, early;
    life.journal->when_durable(life.add_to(life.first, "1"), before.listen());
    life.turn();
    life.disk->fail_at = life.disk->operations + 1;
    life.journal->when_durable(life.add_to(life.first, "2"), during.listen());
    life.turn();
    CHECK(before.calls == 1);
    CHECK_FALSE(before.failure);
    CHECK(during.calls == 1);
    CHECK(during.failure == Errc::unavailable);
    CHECK(life.journal->full());
    CHECK(life.journal->durable() == 1);
    CHECK(life.note().find("as it was told to") != std::string::npos);
    life.disk->fail_at = 0;
    life.journal->when_durable(life.add_to(life.first, "3"), after.listen());
    life.journal->when_durable(1, early.listen());
    CHECK(after.calls == 0);
    bool closed = false;
    life.journal->close([&] { closed = true; });
    life.turn();
    CHECK(after.failure == Errc::unavailable);
    CHECK(early.calls == 1);
    CHECK_FALSE(early.failure);
    CHECK(closed);
    const auto cleared = life.journal->clear();
    REQUIRE_FALSE(cleared);
    CHECK(cleared.error().code == Errc::unavailable);
    Life again(life.disk);
    REQUIRE(again.start());
    REQUIRE_FALSE(again.first.items.empty());
    CHECK(again.first.items.size() <= 2);
  }
}

TEST_CASE("journal: tasks that are still posted do no harm once it is gone") {
  Life life(new_disk());
  REQUIRE(life.start());
  Outcome outcome;
  life.journal->when_durable(life.add_to(life.first, "1"), outcome.listen());
  life.journal->when_durable(0, outcome.listen());
  life.journal.reset();
  life.turn();
  CHECK(outcome.calls == 0);
}

TEST_CASE("journal: files it cannot read or does not know are refused and left alone") {
  const auto disk = new_disk();
  {
    Life life(disk, {.segment_bytes_max = 100});
    REQUIRE(life.start());
    life.add_to(life.first, std::string(200, 'x'));
    life.turn();
    life.add_to(life.first, "y");
    life.turn();
  }
  REQUIRE(names(*disk) == Texts{"data/log-1", "data/snapshot-1"});
  std::string at = "data/log-1";
  SUBCASE("an older version") { disk->files[at][8] = static_cast<char>(format_version - 1); }
  SUBCASE("a newer version") { disk->files[at][8] = static_cast<char>(format_version + 1); }
  SUBCASE("another file of the same name") { disk->files[at] = "2026-01-01 started\n"; }
  SUBCASE("an empty file") { disk->files[at].clear(); }
  SUBCASE("a foreign older log") { disk->files[at = "data/log-0"] = "2026-01-01 started\n"; }
  SUBCASE("a foreign newer snapshot") { disk->files[at = "data/snapshot-2"] = "PORTSNP?"; }
  SUBCASE("a snapshot without its log") {
    disk->files[at = "data/snapshot-7"] = "x";
    at = "data/log-7";
  }
  SUBCASE("a missing snapshot") { disk->files.erase(at = "data/snapshot-1"); }
  SUBCASE("a missing log") { disk->files.erase("data/log-1"); }
  SUBCASE("a log under another number") {
    disk->files["data/log-2"] = disk->files.at("data/log-1");
    at = "data/log-2";
  }
  SUBCASE("a snapshot of another journal") {
    std::string other;
    append_file_header(other, {{FileKind::snapshot, 1}, 77, 0});
    disk->files[at = "data/snapshot-1"] = other;
  }
  SUBCASE("a snapshot with a stream that is not known") {
    std::string newer;
    append_file_header(newer, {{FileKind::snapshot, 1}, 1, 1});
    append_section(newer, "audit", "state");
    disk->files[at = "data/snapshot-1"] = newer;
  }
  const auto before = disk->files;
  Life life(disk);
  const auto started = life.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == Errc::corrupt);
  CHECK(started.error().at == at);
  CHECK(disk->files == before);
  CHECK(life.first.items.empty());
}

TEST_CASE("journal: other files of the directory are left alone, half-written ones are removed") {
  const auto disk = new_disk();
  for (const char* name : {"logs", "log-", "log-x", "log-01", "snapshot-1.json", "vault.db"}) {
    disk->files[std::string("data/") + name] = "theirs";
  }
  disk->files["data/snapshot-3.tmp"] = "half";
  disk->files["data/log-3.tmp"] = "half";
  Life life(disk);
  REQUIRE(life.start());
  CHECK(names(*disk) == Texts{"data/log-", "data/log-0", "data/log-01", "data/log-x", "data/logs",
                              "data/snapshot-1.json", "data/vault.db"});
}
