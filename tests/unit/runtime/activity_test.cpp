// Goal: whether a process and what it started sleep, and have run, is what the system says; and a
// loop that is pumped does what one that runs does.
#include "runtime/activity.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <fstream>

#include "porteiro/runtime/runtime.hpp"

using namespace porteiro;
using namespace porteiro::runtime;
using namespace std::chrono_literals;

namespace {

struct Heard final : ProcessListener {
  void output(Stream, std::string_view bytes) override { out += bytes; }
  void ended(Result<ProcessEnd>) override { over = true; }
  std::string out;
  bool over = false;
};

char state_of(std::int64_t pid) {  // Of its first thread alone.
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  in >> number >> name >> state;
  return state.empty() ? '-' : state.front();
}

struct Pumped {
  template <class Done>
  void until(Done done) {
    for (int i = 0; i < 10'000 && !done(); ++i) runtime->pump(1ms);
    REQUIRE(done());
  }
  std::unique_ptr<Process> shell(const std::string& script) {
    return runtime->processes().start({.command = {"/bin/sh", "-c", script},
                                       .environment = {"PATH=/usr/bin:/bin"},
                                       .directory = "/"},
                                      heard);
  }
  std::unique_ptr<Runtime> runtime = Runtime::create(1);
  Heard heard;
};

}  // namespace

TEST_CASE("pump: runs what is ready, waits for what is not, and says if there was something") {
  Pumped p;
  int ran = 0;
  p.runtime->scheduler().post([&] { ++ran; });
  CHECK(p.runtime->pump(0ms));
  CHECK(ran == 1);
  CHECK_FALSE(p.runtime->pump(0ms));
  p.runtime->scheduler().after(5ms, [&] { ++ran; });
  CHECK_FALSE(p.runtime->pump(0ms));
  p.until([&] { return ran == 2; });
  p.runtime->scheduler().after(0ms, [&] { p.runtime->quit(); });
  p.runtime->run();  // It runs as before.
}

TEST_CASE("activity: of a process that works, sleeps and has ended") {
  Pumped p;
  const auto process = p.shell("while :; do :; done");
  p.until([&] { return process->pid() != 0; });
  const std::int64_t pid = process->pid();
  CHECK_FALSE(p.runtime->activity(pid).asleep);
  process->signal(SIGSTOP);
  p.until([&] { return p.runtime->activity(pid).asleep; });
  const std::uint64_t runs = p.runtime->activity(pid).runs;
  CHECK(runs > 0);
  process->signal(SIGCONT);
  p.until([&] { return p.runtime->activity(pid).runs != runs; });
  process->signal(SIGKILL);
  p.until([&] { return p.heard.over; });
  CHECK_FALSE(p.runtime->activity(pid).asleep);
  CHECK(p.runtime->activity(pid).runs == 0);
}

TEST_CASE("activity: who waits for a child that works does not sleep") {
  Pumped p;
  const auto process = p.shell("echo ready; (while :; do :; done); true");
  p.until([&] { return !p.heard.out.empty() && process->pid() != 0; });
  p.until([&] { return state_of(process->pid()) == 'S'; });
  CHECK_FALSE(p.runtime->activity(process->pid()).asleep);
  const auto sleeping = p.shell("(sleep 100); true");
  p.until([&] { return sleeping->pid() != 0 && p.runtime->activity(sleeping->pid()).asleep; });
}
