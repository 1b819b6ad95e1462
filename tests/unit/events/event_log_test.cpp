#include "porteiro/events/event_log.hpp"

#include <doctest/doctest.h>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::events;

namespace {

struct Seen final : Witness {
  std::string traces;
  std::uint64_t disk_bytes = 0;
  void wrote(Place place, std::string_view bytes) override {
    if (place == Place::traces) traces += bytes;
    if (place == Place::disk) disk_bytes += bytes.size();
  }
};

struct Fixture {
  explicit Fixture(std::size_t events_max, std::string directory = {},
                   std::shared_ptr<virtual_world::MemoryFiles::Disk> disk =
                       std::make_shared<virtual_world::MemoryFiles::Disk>(),
                   std::uint64_t segment_bytes_max = 1 << 20)
      : files(std::move(disk)),
        environment{world.scheduler, world.offload, world.entropy, world.random,
                    files,           nullptr,       &witness},
        journal(journal::open(
                    {.directory = std::move(directory), .segment_bytes_max = segment_bytes_max},
                    environment, telemetry)
                    .value()),
        log(environment, *journal, events_max) {
    REQUIRE(journal->start());
  }
  std::string add(std::uint64_t correlation, std::string data = "1") {
    Event event;
    event.id = make_id(world.entropy);
    event.source = "/s";
    event.type = "t";
    event.correlation = Id{7, correlation};
    event.data = std::move(data);
    auto json = std::make_shared<const std::string>(to_json(event));
    log.append(json);
    world.scheduler.run_until_idle();
    return *json;
  }
  std::vector<std::uint64_t> numbers(std::uint64_t from, std::size_t limit, Id id = {}) const {
    std::vector<std::uint64_t> found;
    for (const auto& entry : log.read(from, limit, id)) found.push_back(entry.number);
    return found;
  }
  virtual_world::World world;
  virtual_world::MemoryFiles files;
  Seen witness;
  Environment environment;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  std::unique_ptr<journal::Journal> journal;
  EventLog log;
};

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("event log: numbers without gaps, the oldest go, reads are bounded") {
  Fixture fixture(5);
  CHECK(fixture.log.next() == 1);
  CHECK(fixture.numbers(0, 10).empty());
  for (std::uint64_t i = 1; i <= 7; ++i) fixture.add(i % 2);
  CHECK(fixture.log.next() == 8);
  CHECK(fixture.numbers(0, 10) == Numbers{3, 4, 5, 6, 7});
  CHECK(fixture.numbers(5, 2) == Numbers{5, 6});
  CHECK(fixture.numbers(8, 10).empty());
  CHECK(fixture.numbers(~std::uint64_t{0}, 10).empty());
  CHECK(fixture.numbers(0, 0).empty());
  fixture.log.reset();
  CHECK(fixture.log.next() == 1);
  CHECK(fixture.numbers(0, 10).empty());
}

TEST_CASE("event log: by correlation id, not by what data holds") {
  Fixture fixture(10);
  fixture.add(1);
  fixture.add(2);
  fixture.add(3, "{\"correlationid\":\"" + to_text(Id{7, 2}) + "\"}");
  fixture.add(2);
  CHECK(fixture.numbers(0, 10, Id{7, 2}) == Numbers{2, 4});
  CHECK(fixture.numbers(0, 1, Id{7, 2}) == Numbers{2});
  CHECK(fixture.numbers(3, 10, Id{7, 2}) == Numbers{4});
  CHECK(fixture.numbers(0, 10, Id{7, 9}).empty());
}

TEST_CASE("event log: in memory the witness sees the events, on disk the journal's bytes") {
  Fixture memory(10);
  const std::string json = memory.add(1);
  CHECK(memory.witness.traces == json);
  CHECK(memory.witness.disk_bytes == 0);
  Fixture disk(10, "data");
  disk.add(1);
  CHECK(disk.witness.traces.empty());
  CHECK(disk.witness.disk_bytes > json.size());
}

TEST_CASE("event log: comes back after a restart, from entries and from a snapshot") {
  for (const std::uint64_t segment : {std::uint64_t{1} << 20, std::uint64_t{1500}}) {
    CAPTURE(segment);
    auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
    std::vector<std::string> written;
    {
      Fixture fixture(6, "data", disk, segment);
      for (std::uint64_t i = 1; i <= 20; ++i) written.push_back(fixture.add(i));
      CHECK((fixture.telemetry.counter("porteiro_journal_compactions_total") > 0) ==
            (segment == 1500));
    }
    {
      Fixture fixture(6, "data", disk, segment);
      CHECK(fixture.log.next() == 21);
      const auto entries = fixture.log.read(0, 100);
      REQUIRE(entries.size() == 6);
      for (const auto& entry : entries) CHECK(*entry.json == written[entry.number - 1]);
      fixture.add(21);
    }
    Fixture smaller(3, "data", disk, segment);
    CHECK(smaller.numbers(0, 10) == Numbers{19, 20, 21});
  }
}

TEST_CASE("event log: after a reset with the journal cleared a restart begins anew") {
  auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  {
    Fixture fixture(6, "data", disk);
    fixture.add(1);
    REQUIRE(fixture.journal->clear());
    fixture.log.reset();
    fixture.add(2);
  }
  Fixture fixture(6, "data", disk);
  CHECK(fixture.numbers(0, 10) == Numbers{1});
  CHECK(fixture.numbers(0, 10, Id{7, 2}) == Numbers{1});
}

// Goal: what an event said of a person who was erased is gone, also from the journal's file.
TEST_CASE("event log: an erased subject's events say only that they were, after a restart too") {
  auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  const auto add = [](Fixture& fixture, const char* subject) {
    Event event;
    event.id = make_id(fixture.world.entropy);
    event.source = "/s";
    event.type = "moved";
    event.subject = subject;
    event.correlation = {7, 9};
    event.data = std::string(R"({"said":"cpf_ana","by":")") + subject + "\"}";
    fixture.log.append(std::make_shared<const std::string>(to_json(event)));
  };
  const auto check = [](Fixture& fixture) {
    const auto entries = fixture.log.read(0, 10);
    REQUIRE(entries.size() == 3);
    const auto erased = parse_event(*entries[0].json);
    REQUIRE(erased.has_value());
    CHECK(erased.value().subject.empty());
    CHECK(erased.value().type == "moved");
    CHECK(erased.value().correlation == Id{7, 9});
    CHECK(erased.value().data == R"({"erased":true})");
    CHECK(entries[1].json->find("cpf_bia") != std::string::npos);  // It only names the other.
  };
  {
    Fixture fixture(10, "data", disk);
    for (const char* subject : {"cpf_ana", "cpf_bia", "cpf_ana"}) add(fixture, subject);
    CHECK(fixture.log.erase_subject("cpf_ana") == 2);
    CHECK(fixture.log.erase_subject("cpf_ana") == 0);
    fixture.world.scheduler.run_until_idle();
    check(fixture);
  }
  {
    Fixture fixture(10, "data", disk);  // From entries.
    check(fixture);
    REQUIRE(fixture.journal->compact().has_value());
  }
  Fixture fixture(10, "data", disk);  // From a snapshot.
  check(fixture);
  const auto names = fixture.files.list("data");
  REQUIRE(names.has_value());
  bool some = false;
  for (const std::string& name : names.value()) {
    const auto bytes = fixture.files.read("data/" + name);
    if (!bytes) continue;  // The lock.
    some = some || bytes.value().find("cpf_bia") != std::string::npos;
    CHECK(bytes.value().find(R"("by":"cpf_ana")") == std::string::npos);
  }
  CHECK(some);
}

TEST_CASE("event log: a snapshot that cannot be read is an error") {
  Fixture fixture(6);
  fixture.add(1);
  fixture.add(2);
  const std::string snapshot = fixture.log.snapshot();
  for (std::size_t size = 0; size < snapshot.size(); ++size) {
    CHECK_FALSE(fixture.log.restore(snapshot.substr(0, size)));
  }
  CHECK_FALSE(fixture.log.restore(snapshot + "x"));
  REQUIRE(fixture.log.restore(snapshot));
  CHECK(fixture.numbers(0, 10) == Numbers{1, 2});
}
