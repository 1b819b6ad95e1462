// A worker's output: lines, their bounds, and the log tail.
#include "lambda/output.hpp"

#include <doctest/doctest.h>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace std::chrono_literals;
using Stream = ProcessListener::Stream;

namespace {

struct Written {
  std::vector<std::string> notes() const {
    std::vector<std::string> out;
    telemetry.read(0, [&](const telemetry::Record& record) {
      if (record.kind != telemetry::Kind::note) return;
      out.emplace_back(telemetry.note_text(record.extra));
      traces.push_back(record.trace);
    });
    return out;
  }
  virtual_world::World world;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  Mask mask{{"secret-key"}};
  Output output{world.scheduler, telemetry, "f", mask};
  mutable std::vector<Id> traces;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("output: whole lines go to the log, masked, with the request they are of") {
  Written w;
  w.output.write(Stream::out, "star");
  w.output.write(Stream::err, "careful\r\n");
  w.output.write(Stream::out, "ting\n");
  w.output.begin("r-1", Id{1, 2});
  w.output.write(Stream::out, "11144477735 with secret-key\n\xff\xfe\nrest");
  CHECK(w.notes() == Lines{"f: careful", "f: starting", "f r-1: *** with ***", "f r-1: ??"});
  CHECK(w.traces[3] == Id{1, 2});
  CHECK(w.output.tail("END\n") == "*** with ***\n??\nrest\nEND\n");
  w.output.begin("r-2", {});
  w.output.end();
  CHECK(w.notes().back() == "f r-2: rest");
}

TEST_CASE("output: a long line is cut, and what is left out is told") {
  Written w;
  for (int i = 0; i < 100; ++i) w.output.write(Stream::out, std::string(1000, 'x'));
  w.output.write(Stream::out, "\nshort\n");
  const Lines notes = w.notes();
  REQUIRE(notes.size() == 2);
  CHECK(notes[0] == "f: " + std::string(line_bytes_max, 'x') + " … 91808 more bytes");
  CHECK(notes[1] == "f: short");
  w.output.write(Stream::err, std::string(line_bytes_max, 'x'));
  CHECK(w.output.tail("END\n") == std::string(tail_bytes_max - 5, 'x') + "\nEND\n");
}

TEST_CASE("output: lines that come too fast are counted, the tail keeps the last") {
  Written w;
  w.output.begin("r", {});
  std::string flood;
  for (int i = 0; i < 2000; ++i) flood += "line " + std::to_string(i) + "\n";
  w.output.write(Stream::out, flood);
  CHECK(w.notes().size() == lines_per_second_max + 1);
  CHECK(w.notes().back() == "f r: writes more than 500 lines a second; the rest is left out");
  const std::string tail = w.output.tail({});
  CHECK(tail.size() == tail_bytes_max);
  CHECK(tail.ends_with("line 1998\nline 1999\n"));
  w.world.scheduler.run_for(1s);
  w.output.write(Stream::out, "after\n");
  const Lines notes = w.notes();
  CHECK(notes[notes.size() - 2] == "f r: 1500 lines came too fast and were left out");
  CHECK(notes.back() == "f r: after");
  CHECK(w.telemetry.metrics().find(
            "porteiro_function_log_lines_dropped_total{function=\"f\"} 1500") != std::string::npos);
}
