#include "porteiro/telemetry/telemetry.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/telemetry/log_writer.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::telemetry;
using namespace std::chrono_literals;

namespace {

struct Listener final : Witness {
  std::string seen;
  void wrote(Place place, std::string_view bytes) override {
    if (place == Place::logs) seen += bytes;
  }
};

std::vector<std::uint64_t> values(const Telemetry& telemetry, std::uint64_t from,
                                  std::uint64_t* dropped = nullptr) {
  std::vector<std::uint64_t> found;
  telemetry.read(
      from, [&](const Record& record) { found.push_back(record.value); }, dropped);
  return found;
}

}  // namespace

// Goal: the ring holds the newest records_max, tells what was lost, and grows only as used.
TEST_CASE("telemetry: the ring keeps the newest records and counts the overwritten ones") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {.records_max = 5});  // Becomes 8.
  for (std::uint64_t i = 0; i < 6; ++i) telemetry.record(Kind::message_sent, {}, 0, i);
  CHECK(values(telemetry, 0) == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5});
  CHECK(values(telemetry, 4) == std::vector<std::uint64_t>{4, 5});
  CHECK(values(telemetry, 6).empty());
  for (std::uint64_t i = 6; i < 19; ++i) telemetry.record(Kind::message_sent, {}, 0, i);
  std::uint64_t dropped = 100;
  CHECK(values(telemetry, 2, &dropped) ==
        std::vector<std::uint64_t>{11, 12, 13, 14, 15, 16, 17, 18});
  CHECK(dropped == 109);
  CHECK(telemetry.next() == 19);
  CHECK(telemetry.oldest() == 11);
}

TEST_CASE("telemetry: after a reset the numbers go on and the hash begins anew") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {.records_max = 4});
  const std::uint64_t fresh = telemetry.hash();
  const Name vault = telemetry.intern("vault");
  auto& sent = telemetry.counter("porteiro_sent_total");
  for (std::uint64_t i = 0; i < 6; ++i) telemetry.record(Kind::message_sent, {}, vault, i);
  telemetry.note(Level::info, "hello");
  sent = 7;
  telemetry.reset();
  CHECK(telemetry.hash() == fresh);
  CHECK(sent == 0);
  CHECK(telemetry.next() == 7);
  CHECK(telemetry.note_text(0).empty());
  CHECK(values(telemetry, 0).empty());
  CHECK(telemetry.intern("vault") == vault);
  for (std::uint64_t i = 0; i < 6; ++i) telemetry.record(Kind::message_sent, {}, vault, i);
  CHECK(values(telemetry, 7) == std::vector<std::uint64_t>{2, 3, 4, 5});
  telemetry.note(Level::info, "again");
  CHECK(telemetry.note_text(1) == "again");
}

// Goal: the hash depends on every field and on the order, but not on the numbers of names.
TEST_CASE("telemetry: the history hash") {
  const auto run = [](auto steps, std::string_view interned_first = "x") {
    virtual_world::World world;
    Telemetry telemetry(world.scheduler, {});
    telemetry.intern(interned_first);
    steps(telemetry, world);
    return telemetry.hash();
  };
  const auto base = [](Telemetry& t, virtual_world::World&) {
    t.record(Kind::store_read, Id{1, 2}, t.intern("vault"), 3, 4);
    t.record(Kind::store_written, Id{1, 2}, t.intern("trail"), 3, 4);
  };
  const std::uint64_t expected = run(base);
  CHECK(run(base, "y") == expected);
  CHECK(run(base, "trail") == expected);
  const auto one = [](Kind kind, Id id, std::string_view name, std::uint64_t value,
                      std::uint64_t extra, Duration later = 0ns) {
    return [=](Telemetry& t, virtual_world::World& world) {
      world.scheduler.run_for(later);
      t.record(kind, id, t.intern(name), value, extra);
      t.record(Kind::store_written, Id{1, 2}, t.intern("trail"), 3, 4);
    };
  };
  CHECK(run(one(Kind::store_read, {1, 2}, "vault", 3, 4)) == expected);
  CHECK(run(one(Kind::store_written, {1, 2}, "vault", 3, 4)) != expected);
  CHECK(run(one(Kind::store_read, {1, 3}, "vault", 3, 4)) != expected);
  CHECK(run(one(Kind::store_read, {2, 2}, "vault", 3, 4)) != expected);
  CHECK(run(one(Kind::store_read, {1, 2}, "score", 3, 4)) != expected);
  CHECK(run(one(Kind::store_read, {1, 2}, "vault", 5, 4)) != expected);
  CHECK(run(one(Kind::store_read, {1, 2}, "vault", 3, 5)) != expected);
  CHECK(run(one(Kind::store_read, {1, 2}, "vault", 3, 4, 1ns)) != expected);
  CHECK(run([](Telemetry& t, virtual_world::World&) {
          t.record(Kind::store_written, Id{1, 2}, t.intern("trail"), 3, 4);
          t.record(Kind::store_read, Id{1, 2}, t.intern("vault"), 3, 4);
        }) != expected);
}

TEST_CASE("telemetry: a listener gets every record at once, in order") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {.records_max = 2});
  std::vector<std::uint64_t> heard;
  telemetry.listen([&](const Record& record) { heard.push_back(record.value); });
  for (std::uint64_t i = 0; i < 5; ++i) telemetry.record(Kind::event_created, {}, 0, i);
  CHECK(heard == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
}

TEST_CASE("telemetry: records are shown with the meaning of their numbers") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {});
  const Id id{0x0123456789abcdefU, 0xfedcba9876543210U};
  std::vector<std::string> lines;
  telemetry.listen([&](const Record& record) { lines.push_back(to_json(telemetry, record)); });
  world.scheduler.run_for(1234567ns);
  telemetry.record(Kind::invocation_ended, id, telemetry.intern("score"), 0, 1500000);
  telemetry.record(Kind::invocation_ended, id, telemetry.intern("score"),
                   1 + static_cast<std::uint64_t>(Errc::timeout), 1001);
  telemetry.record(Kind::reply_sent, id, telemetry.intern("GET /a\"b"), 200, 0);
  telemetry.record(Kind::invocation_started, {}, telemetry.intern("score"), 1);
  telemetry.record(Kind::fault_struck, {}, telemetry.intern("f1"),
                   static_cast<std::uint64_t>(FaultPoint::kms_call),
                   static_cast<std::uint64_t>(Fault::Kind::throttle));
  telemetry.note(Level::warning, "tail cut", id);
  REQUIRE(lines.size() == 6);
  CHECK(lines[0] ==
        R"({"at":"2026-01-01T00:00:00.001234Z","kind":"invocation.ended",)"
        R"("trace":"0123456789abcdeffedcba9876543210","name":"score","outcome":"success",)"
        R"("duration_us":1500})");
  CHECK(nlohmann::json::parse(lines[1])["outcome"] == "timeout");
  CHECK(nlohmann::json::parse(lines[1])["duration_us"] == 1.001);
  CHECK(nlohmann::json::parse(lines[2])["name"] == "GET /a\"b");
  CHECK(nlohmann::json::parse(lines[2])["status"] == 200);
  CHECK(nlohmann::json::parse(lines[3])["cold"] == true);
  CHECK_FALSE(nlohmann::json::parse(lines[3]).contains("trace"));
  CHECK(nlohmann::json::parse(lines[4])["point"] == to_string(FaultPoint::kms_call));
  CHECK(nlohmann::json::parse(lines[4])["fault"] == "throttle");
  CHECK(lines[5] == R"({"at":"2026-01-01T00:00:00.001234Z","level":"warning","text":"tail cut",)"
                    R"("trace":"0123456789abcdeffedcba9876543210"})");
}

TEST_CASE("telemetry: every kind has a name and JSON of its own, whatever the numbers") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {});
  for (std::uint16_t kind = 0; kind < static_cast<std::uint16_t>(Kind::count_); ++kind) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
      if (static_cast<Kind>(kind) == Kind::note) continue;
      const Record record{
          world.scheduler.now(), Id{1, 1}, static_cast<Kind>(kind), 0, value, value};
      const auto json = nlohmann::json::parse(to_json(telemetry, record));
      CHECK(json["kind"] == to_string(static_cast<Kind>(kind)));
    }
  }
}

TEST_CASE("telemetry: a trace is the records of one id") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {});
  for (std::uint64_t i = 0; i < 10; ++i) {
    telemetry.record(Kind::message_sent, Id{0, 1 + i % 2}, 0, i);
  }
  const auto records = trace(telemetry, Id{0, 2});
  REQUIRE(records.size() == 5);
  CHECK(records[0].value == 1);
  CHECK(records[4].value == 9);
}

TEST_CASE("telemetry: notes are bounded and pass the witness") {
  virtual_world::World world;
  Listener witness;
  Telemetry telemetry(world.scheduler, {.notes_max = 2}, &witness);
  for (const char* text : {"one.", "two.", "three."}) telemetry.note(Level::info, text);
  CHECK(witness.seen == "one.two.three.");
  CHECK(telemetry.note_text(0).empty());
  CHECK(telemetry.note_text(1) == "two.");
  CHECK(telemetry.note_text(2) == "three.");
  CHECK(telemetry.note_text(3).empty());
}

TEST_CASE("telemetry: forgotten metrics leave the page, and their places serve others") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {});
  ++telemetry.counter("porteiro_a_total", "queue=\"a\"");
  telemetry.gauge("porteiro_depth", "queue=\"a\"", [] { return 1.0; });
  std::uint64_t& kept = telemetry.counter("porteiro_a_total", "queue=\"b\"");
  telemetry.forget("queue=\"a\"");
  CHECK(telemetry.metrics().find("queue=\"a\"") == std::string::npos);
  ++telemetry.counter("porteiro_a_total", "queue=\"c\"");
  ++kept;
  CHECK(telemetry.metrics().find("porteiro_a_total{queue=\"b\"} 1\n") != std::string::npos);
  CHECK(telemetry.metrics().find("porteiro_a_total{queue=\"c\"} 1\n") != std::string::npos);
}

TEST_CASE("telemetry: the metrics page groups samples under HELP and TYPE") {
  virtual_world::World world;
  Telemetry telemetry(world.scheduler, {});
  telemetry.record(Kind::event_created, {}, 0);
  telemetry.counter("porteiro_sends_total", "queue=\"b\"") = 2;
  telemetry.gauge("porteiro_depth", "queue=\"b\"", [] { return 1.5; });
  telemetry.counter("porteiro_sends_total", "queue=\"a\"") += 3;
  telemetry.describe("porteiro_sends_total", "messages sent\nby clients");
  CHECK(&telemetry.counter("porteiro_sends_total", "queue=\"b\"") ==
        &telemetry.counter("porteiro_sends_total", "queue=\"b\""));
  CHECK(telemetry.metrics() ==
        "# HELP porteiro_telemetry_records_total telemetry records made\n"
        "# TYPE porteiro_telemetry_records_total counter\n"
        "porteiro_telemetry_records_total 1\n"
        "# HELP porteiro_depth depth\n"
        "# TYPE porteiro_depth gauge\n"
        "porteiro_depth{queue=\"b\"} 1.5\n"
        "# HELP porteiro_sends_total messages sent\\nby clients\n"
        "# TYPE porteiro_sends_total counter\n"
        "porteiro_sends_total{queue=\"b\"} 2\n"
        "porteiro_sends_total{queue=\"a\"} 3\n");
  telemetry.gauge("porteiro_depth", "queue=\"b\"", [] { return 1.0 / 0.0; });
  CHECK(telemetry.metrics().find("porteiro_depth{queue=\"b\"} +Inf\n") != std::string::npos);
}
