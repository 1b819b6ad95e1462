#include "porteiro/virtual_world/children.hpp"

#include <doctest/doctest.h>

#include <csignal>

using namespace porteiro;
using namespace porteiro::virtual_world;
using namespace std::chrono_literals;

namespace {

struct Listener final : ProcessListener {
  void output(Stream stream, std::string_view bytes) override {
    (stream == Stream::out ? out : err) += bytes;
    largest = std::max(largest, bytes.size());
  }
  void ended(Result<ProcessEnd> end) override {
    ++ends;
    if (end) {
      status = end.value().status;
      signal = end.value().signal;
    } else {
      failure = end.error().code;
    }
    process.reset();
  }
  std::unique_ptr<Process> process;
  std::string out, err;
  std::size_t largest = 0;
  int ends = 0, status = -1, signal = -1;
  std::optional<Errc> failure;
};

struct Fixture {
  World world;
  Children children{world};
  Listener listener;
  VirtualChild& start(ProcessOptions options = {}) {
    listener.process = world.environment.processes->start(std::move(options), listener);
    return *children.processes.started().back();
  }
};

}  // namespace

TEST_CASE("virtual_world: a child's output comes in order, and its end after it, once") {
  Fixture fixture;
  fixture.children.processes.script = [&](VirtualChild& child) {
    child.write("one ");
    child.write("oops", VirtualChild::Stream::err);
    fixture.world.scheduler.after(3s, [&child] {
      child.write(std::string(100'000, 'x'));
      child.exit(7);
      child.write("never heard");
      child.exit(8);
    });
  };
  const VirtualChild& child = fixture.start({.environment = {"A=b=c", "AB="}});
  CHECK(child.variable("A") == "b=c");
  CHECK(child.variable("B").empty());
  CHECK(fixture.listener.process->pid() == 0);
  fixture.world.scheduler.run_for(1s);
  CHECK(fixture.listener.process->pid() == child.pid());
  CHECK(fixture.listener.out == "one ");
  CHECK(fixture.children.processes.running() == 1);
  fixture.world.scheduler.run_for(2s);
  CHECK(fixture.listener.out == "one " + std::string(100'000, 'x'));
  CHECK(fixture.listener.largest == 65536);
  CHECK(fixture.listener.err == "oops");
  CHECK(fixture.listener.ends == 1);
  CHECK(fixture.listener.status == 7);
  CHECK(fixture.listener.signal == 0);
  CHECK(fixture.children.processes.running() == 0);
  CHECK_FALSE(child.killed());
}

TEST_CASE("virtual_world: a child that fails to start, and one whose process is dropped") {
  Fixture fixture;
  fixture.children.processes.script = [](VirtualChild& child) { child.fail(Errc::denied); };
  fixture.start();
  fixture.world.scheduler.run_until_idle();
  CHECK(fixture.listener.failure == Errc::denied);

  fixture.children.processes.script = [](VirtualChild& child) { child.write("said before"); };
  const VirtualChild& child = fixture.start();
  fixture.world.scheduler.step();
  fixture.listener.process.reset();
  fixture.world.scheduler.run_until_idle();
  CHECK(fixture.listener.ends == 1);
  CHECK(fixture.listener.out.empty());
  CHECK(child.killed());
}

TEST_CASE("virtual_world: a signal ends a child unless its script takes it") {
  Fixture fixture;
  VirtualChild& child = fixture.start();
  child.on_signal = [](int) {};
  fixture.world.scheduler.run_until_idle();
  fixture.listener.process->signal(SIGTERM);
  fixture.world.scheduler.run_until_idle();
  CHECK(fixture.listener.ends == 0);
  fixture.listener.process->signal(SIGKILL);
  fixture.world.scheduler.run_until_idle();
  CHECK(fixture.listener.signal == SIGKILL);
  CHECK(child.signals() == std::vector<int>{SIGTERM, SIGKILL});

  fixture.start();
  fixture.world.scheduler.run_until_idle();
  fixture.listener.process->signal(SIGTERM);
  fixture.world.scheduler.run_until_idle();
  CHECK(fixture.listener.signal == SIGTERM);
}

TEST_CASE("virtual_world: requests to a private port, answered now, later, or never") {
  Fixture fixture;
  VirtualPorts& ports = fixture.children.ports;
  http::Responder held;
  std::weak_ptr<const void> seen;
  auto port = ports.open(
      [&](const http::Request& request, http::Responder respond) {
        seen = *request.client;
        if (request.target == "/hold") return void(held = std::move(respond));
        respond({.body = std::string(request.method) + std::string(request.header("x-a")) +
                         std::string(request.body)});
      },
      "");
  REQUIRE(port.has_value());
  const std::string address = port.value()->address();
  CHECK(address == "127.0.0.1:40001");
  std::vector<std::string> replies;
  const auto done = [&](Result<http::Response> reply) {
    replies.push_back(reply ? reply.value().body : "cut");
  };
  VirtualChild& child = fixture.start();
  ports.send(child.connection(), address,
             {.method = "POST", .target = "/x", .headers = {{"X-A", "1"}}, .body = "b"}, done);
  ports.send(child.connection(), "127.0.0.1:1", {}, done);
  CHECK(replies.empty());
  fixture.world.scheduler.run_until_idle();
  CHECK(replies == std::vector<std::string>{"cut", "POST1b"});

  ports.send(child.connection(), address, {.target = "/hold"}, done);
  fixture.world.scheduler.run_until_idle();
  held({.body = "late"});
  fixture.world.scheduler.run_until_idle();
  CHECK(replies.back() == "late");

  ports.send(child.connection(), address, {.target = "/hold"}, done);
  fixture.world.scheduler.run_until_idle();
  port.value().reset();
  held({.body = "nobody hears"});
  fixture.world.scheduler.run_until_idle();
  CHECK(replies.back() == "cut");
  CHECK(replies.size() == 4);
  CHECK(ports.open_ports() == 0);
}

TEST_CASE("virtual_world: a child that is gone is heard no more, nor does it hear") {
  Fixture fixture;
  VirtualPorts& ports = fixture.children.ports;
  std::weak_ptr<const void> seen;
  http::Responder held;
  const auto port = ports.open(
      [&](const http::Request& request, http::Responder respond) {
        seen = *request.client;
        held = std::move(respond);
      },
      "/run/w.sock");
  REQUIRE(port.has_value());
  CHECK(ports.open([](const http::Request&, http::Responder) {}, "/run/w.sock").error().code ==
        Errc::conflict);
  int heard = 0;
  VirtualChild& child = fixture.start();
  ports.send(child.connection(), "/run/w.sock", {}, [&](Result<http::Response>) { ++heard; });
  fixture.world.scheduler.run_until_idle();
  CHECK_FALSE(seen.expired());
  fixture.listener.process.reset();
  CHECK(seen.expired());
  held({});
  ports.send(child.connection(), "/run/w.sock", {}, [&](Result<http::Response>) { ++heard; });
  fixture.world.scheduler.run_until_idle();
  CHECK(heard == 0);
}
