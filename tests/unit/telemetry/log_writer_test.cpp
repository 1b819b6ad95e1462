#include "porteiro/telemetry/log_writer.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::telemetry;

namespace {

struct Log {
  explicit Log(Options options) : telemetry(world.scheduler, options) {}
  std::vector<nlohmann::json> drain() {
    calls = 0;
    writer.drain();
    std::vector<nlohmann::json> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    text.clear();
    return lines;
  }
  virtual_world::World world;
  Telemetry telemetry;
  std::string text;
  int calls = 0;
  LogWriter writer{telemetry, [this](std::string_view lines) {
                     text += lines;
                     ++calls;
                   }};
};

}  // namespace

TEST_CASE("log writer: notes at or above the level, each once, one call of the sink") {
  Log log({.log_level = Level::info});
  CHECK(log.drain().empty());
  CHECK(log.calls == 0);
  log.telemetry.note(Level::debug, "hidden");
  log.telemetry.note(Level::info, "a\nb");
  log.telemetry.record(Kind::message_sent, {}, log.telemetry.intern("vault"), 1);
  log.telemetry.note(Level::error, "bad");
  const auto lines = log.drain();
  REQUIRE(lines.size() == 2);
  CHECK(log.calls == 1);
  CHECK(lines[0]["text"] == "a\nb");
  CHECK(lines[1]["level"] == "error");
  log.telemetry.record(Kind::message_sent, {}, 0, 1);
  CHECK(log.drain().empty());
  log.telemetry.note(Level::warning, "later");
  CHECK(log.drain().size() == 1);
}

TEST_CASE("log writer: at debug every record is a line") {
  Log log({.log_level = Level::debug});
  log.telemetry.note(Level::debug, "shown");
  log.telemetry.record(Kind::message_sent, {}, log.telemetry.intern("vault"), 1);
  const auto lines = log.drain();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["text"] == "shown");
  CHECK(lines[1]["kind"] == "message.sent");
  CHECK(lines[1]["depth"] == 1);
}

TEST_CASE("log writer: tells what was overwritten, and goes on after a reset") {
  Log log({.records_max = 4, .log_level = Level::info});
  log.telemetry.note(Level::info, "lost");
  for (int i = 0; i < 5; ++i) log.telemetry.record(Kind::event_created, {}, 0);
  log.telemetry.note(Level::info, "kept");
  const auto lines = log.drain();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["text"] == "kept");
  CHECK(lines[1]["level"] == "warning");
  log.telemetry.reset();
  log.telemetry.note(Level::info, "after");
  const auto after = log.drain();
  REQUIRE(after.size() == 1);
  CHECK(after[0]["text"] == "after");
}
