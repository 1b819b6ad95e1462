// Goal: virtual time stands while a worker is busy, and what workers do reaches it in an order that
// the host's speed does not change. The host is another virtual world here.
#include "simulation/lock_step.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "porteiro/virtual_world/children.hpp"

using namespace porteiro;
using namespace porteiro::simulation;
using namespace std::chrono_literals;
using virtual_world::VirtualChild;

namespace {

struct Bench;

// What the emulator has of a worker, and what it heard of it.
struct Emulated final : ProcessListener {
  Emulated(Bench& bench, const std::string& name);
  void output(Stream stream, std::string_view bytes) override {
    heard((stream == Stream::out ? "out: " : "err: ") + std::string(bytes));
  }
  void ended(Result<ProcessEnd> end) override {
    heard(end ? "ended " + std::to_string(end.value().status) + "/" +
                    std::to_string(end.value().signal)
              : std::string(to_string(end.error().code)));
  }
  void heard(const std::string& what);
  void answer(std::size_t i = 0) {
    http::Responder respond = std::move(responders.at(i));
    responders.erase(responders.begin() + static_cast<std::ptrdiff_t>(i));
    respond(http::Response{});
  }
  void kill() {
    process.reset();
    port.reset();
  }

  Bench& bench;
  const std::string name;
  std::vector<http::Responder> responders;
  std::unique_ptr<http::PrivatePort> port;
  std::unique_ptr<Process> process;
};

struct Bench {
  Bench() {
    children.processes.script = [this](VirtualChild& child) {
      scripts.at(std::string(child.variable("NAME")))(child);
    };
  }
  Host host() {
    return {.processes = children.processes,
            .private_ports = children.ports,
            .files = outer.files,
            .surround = {},
            .pump =
                [this](Duration wait_max) {
                  const auto due = outer.scheduler.next_due();
                  const bool soon = due && *due <= outer.scheduler.now() + wait_max;
                  if (outer.scheduler.posted() || soon) return ++steps, outer.scheduler.step();
                  outer.scheduler.run_for(wait_max);
                  return false;
                },
            .activity =
                [this](std::int64_t) {
                  return Activity{asleep, steps};
                }};
  }
  // Until nothing is left that happens by itself.
  bool run(Duration wall_max = 60s) {
    const Time until = outer.scheduler.now() + wall_max;
    for (;;) {
      const auto due = inner.next_due();
      const bool moves = !inner.posted() && (!due || *due > inner.now());
      if (moves && !lock_step.settle(until)) return false;
      if (!inner.step()) return true;
    }
  }
  Emulated& start(const std::string& name, std::function<void(VirtualChild&)> script) {
    scripts[name] = std::move(script);
    return *emulated.emplace_back(std::make_unique<Emulated>(*this, name));
  }
  void ask(VirtualChild& child, const std::string& target, const std::string& body = {},
           std::shared_ptr<const void> connection = {}, std::function<void()> then = {}) {
    children.ports.send(connection ? connection : child.connection(),
                        std::string(child.variable("API")),
                        {.method = "POST", .target = target, .headers = {}, .body = body},
                        [then = std::move(then)](const Result<http::Response>& reply) {
                          if (reply && then) then();
                        });
  }
  // Asks again whenever it is answered, after so long of the host's time.
  void serve(VirtualChild& child, Duration time) {
    outer.scheduler.after(time, [this, &child, time] {
      ask(child, "/next", {}, {}, [=, this, &child] { serve(child, time); });
    });
  }
  std::string log() {
    std::string all;
    for (const std::string& each : heard) all += each + "\n";
    heard.clear();
    return all;
  }

  virtual_world::World outer;
  virtual_world::Children children{outer};
  virtual_world::VirtualScheduler inner;
  bool asleep = true;
  std::uint64_t steps = 0;
  std::map<std::string, std::function<void(VirtualChild&)>> scripts;
  std::vector<std::string> heard;
  const Host host_ = host();
  LockStep lock_step{host_, outer.scheduler, inner, 5s};
  std::vector<std::unique_ptr<Emulated>> emulated;
};

Emulated::Emulated(Bench& bench_in, const std::string& name_in) : bench(bench_in), name(name_in) {
  auto opened = bench.lock_step.open(
      [this](const http::Request& request, http::Responder respond) {
        heard(std::string(request.target) + " " + std::string(request.body));
        responders.push_back(std::move(respond));
      },
      {});
  port = std::move(opened).value();
  process = bench.lock_step.start({.command = {"worker", "--api=" + port->address()},
                                   .environment = {"NAME=" + name, "API=" + port->address()},
                                   .directory = "/"},
                                  *this);
}

void Emulated::heard(const std::string& what) {
  const auto at = (bench.inner.now() - Time(1767225600s)) / 1ms;
  bench.heard.push_back(name + " at " + std::to_string(at) + ": " + what);
}

}  // namespace

TEST_CASE(
    "lock step: time stands while workers are busy, who are heard in the order of their start") {
  Bench b;
  Emulated& slow = b.start("a", [&](VirtualChild& child) { b.serve(child, 300ms); });
  b.start("b", [&](VirtualChild& child) { b.serve(child, 20ms); });
  b.inner.after(1ms, [&] { b.heard.push_back("later"); });
  REQUIRE(b.run());
  CHECK(b.log() == "a at 0: /next \nb at 0: /next \nlater\n");
  b.inner.after(10ms, [&] { slow.answer(); });
  b.inner.after(11ms, [&] { b.heard.push_back("later"); });
  REQUIRE(b.run());
  CHECK(b.log() == "a at 11: /next \nlater\n");
}

TEST_CASE("lock step: what a worker wrote comes before what it asked, whatever came first") {
  Bench b;
  b.start("a", [&](VirtualChild& child) {
    b.ask(child, "/first");
    b.outer.scheduler.after(2ms, [&] { child.write("two\n", VirtualChild::Stream::err); });
    b.outer.scheduler.after(3ms, [&] { child.write("on"); });
    b.outer.scheduler.after(4ms, [&] { child.write("e\n"); });
    b.asleep = false;
    b.outer.scheduler.after(5ms, [&] { b.asleep = true; });
  });
  REQUIRE(b.run());
  CHECK(b.log() == "a at 0: out: one\n\na at 0: err: two\n\na at 0: /first \n");
}

TEST_CASE("lock step: requests at a time come by what they ask, those of a connection in order") {
  for (const bool swapped : {false, true}) {
    CAPTURE(swapped);
    Bench b;
    const auto one = std::make_shared<char>(), two = std::make_shared<char>();
    b.start("a", [&](VirtualChild& child) {
      const auto first = [&, swapped] {
        b.ask(child, "/m", "1", one);
        b.ask(child, "/a", "2", one);
      };
      const auto second = [&] { b.ask(child, "/b", "3", two); };
      if (!swapped) first();
      second();
      if (swapped) first();
    });
    REQUIRE(b.run());
    CHECK(b.log() == "a at 0: /b 3\na at 0: /m 1\na at 0: /a 2\n");
  }
}

TEST_CASE("lock step: one of several answers is worked on before time moves") {
  Bench b;
  Emulated& worker = b.start("a", [&](VirtualChild& child) {
    b.ask(child, "/slow");
    b.ask(child, "/quick", {}, std::make_shared<char>());
    b.ask(child, "/quick", {}, child.connection(), [&] {
      b.asleep = false;
      b.outer.scheduler.after(40ms, [&] {
        b.asleep = true;
        b.ask(child, "/third");
      });
    });
  });
  REQUIRE(b.run());
  CHECK(b.log() == "a at 0: /slow \na at 0: /quick \n");
  b.inner.after(1ms, [&] { worker.answer(1); });
  b.inner.after(2ms, [&] { b.heard.push_back("later"); });
  REQUIRE(b.run());
  CHECK(b.log() == "a at 1: /third \nlater\n");
  // One that is answered and does nothing is waited for only so long.
  b.inner.after(3ms, [&] { worker.answer(1); });
  const Time before = b.outer.scheduler.now();
  REQUIRE(b.run());
  CHECK(b.outer.scheduler.now() - before < 2s);
}

TEST_CASE("lock step: addresses and process numbers are the same in each run") {
  Bench b;
  b.children.ports.open([](const http::Request&, http::Responder) {}, {}).value();  // Takes 40001.
  Emulated& worker = b.start("a", [&](VirtualChild& child) {
    CHECK(child.options().command[1] == "--api=127.0.0.1:40002");
    CHECK(child.variable("API") == "127.0.0.1:40002");
    child.write("127.0.0.1:40002 127.0.0.1:400021\n(node:1000) warning\n");
    b.ask(child, "/2018-06-01/runtime/init/error", "at 127.0.0.1:40002");
    b.ask(child, "/other", "at 127.0.0.1:40002");
  });
  CHECK(worker.port->address() == "127.0.0.1:10001");
  REQUIRE(b.run());
  CHECK(b.log() ==
        "a at 0: out: 127.0.0.1:10001 127.0.0.1:400021\n(node:1) warning\n\n"
        "a at 0: /2018-06-01/runtime/init/error at 127.0.0.1:10001\n"
        "a at 0: /other at 127.0.0.1:40002\n");
}

TEST_CASE("lock step: the end comes last, and a signal is waited for") {
  Bench b;
  b.start("a", [&](VirtualChild& child) {
    b.ask(child, "/bye");
    child.write("bye\n");
    b.outer.scheduler.after(1ms, [&] { child.exit(3); });
  });
  Emulated& other = b.start("b", [&](VirtualChild& child) {
    b.serve(child, 1ms);
    child.on_signal = [&](int number) {
      b.outer.scheduler.after(200ms, [&, number] { child.die(number); });
    };
  });
  REQUIRE(b.run());
  CHECK(b.log() ==
        "a at 0: out: bye\n\na at 0: /bye \na at 0: ended 3/0\n"
        "b at 0: /next \n");
  b.inner.after(1ms, [&] { other.process->signal(SIGTERM); });
  b.inner.after(2ms, [&] { b.heard.push_back("later"); });
  REQUIRE(b.run());
  CHECK(b.log() == "b at 1: ended 0/15\nlater\n");
}

TEST_CASE("lock step: a worker that asks for nothing counts as hanging, and disturbs no other") {
  Bench b;
  Emulated& hung = b.start("a", [&](VirtualChild& child) {
    b.outer.scheduler.after(1s, [&] { child.write("never heard\n"); });
  });
  b.start("b", [&](VirtualChild& child) { b.serve(child, 1ms); });
  b.inner.after(3s, [&] { hung.kill(); });
  REQUIRE(b.run());
  CHECK(
      b.log() ==
      "a at 0: err: porteiro: the worker was busy for 5s of the machine's time without asking for "
      "anything (limits.hang): it counts as hanging\n\nb at 0: /next \n");
  CHECK(b.children.processes.started().at(0)->killed());
  CHECK_FALSE(b.children.processes.started().at(1)->gone());
  // The wall clock's limit comes first where it is less.
  b.start("c", [](VirtualChild&) {});
  CHECK_FALSE(b.run(2s));
}

TEST_CASE("lock step: who is killed in virtual time is killed, and heard no more") {
  Bench b;
  Emulated& worker = b.start("a", [&](VirtualChild& child) { b.serve(child, 1ms); });
  REQUIRE(b.run());
  b.log();
  b.inner.after(1s, [&] {
    worker.answer();
    worker.kill();
  });
  REQUIRE(b.run());
  CHECK(b.log().empty());
  CHECK(b.children.processes.started().at(0)->killed());
  CHECK(b.children.ports.open_ports() == 0);
  CHECK(b.children.processes.running() == 0);
}
