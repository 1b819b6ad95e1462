#include <doctest/doctest.h>
#include <spawn.h>

#include "unit/runtime/child_roles.hpp"
#include "unit/runtime/raw_client.hpp"

using namespace porteiro;
using namespace porteiro::runtime;
using namespace porteiro::runtime::test;
using namespace std::chrono_literals;

namespace {

struct Watched final : ProcessListener {
  void output(Stream stream, std::string_view bytes) override {
    (stream == Stream::out ? out : err) += bytes;
    largest = std::max(largest, bytes.size());
    late = late || ends > 0;
  }
  void ended(Result<ProcessEnd> end) override {
    ++ends;
    if (end) {
      status = end.value().status;
      signal = end.value().signal;
    } else {
      failure = end.error();
    }
  }
  Errc code() const { return failure ? failure->code : Errc::internal; }

  std::unique_ptr<Process> process;
  std::string out, err;
  std::size_t largest = 0;
  bool late = false;
  int ends = 0, status = -1, signal = -1;
  std::optional<Error> failure;
};

struct Fixture {
  void start(Watched& watched, ProcessOptions options) {
    if (options.directory.empty()) options.directory = "/";
    watched.process = runtime->processes().start(std::move(options), watched);
  }
  void finish(Watched& watched) {
    run_until(*runtime, [&] { return watched.ends > 0; });
    CHECK(watched.ends == 1);
    CHECK_FALSE(watched.late);
  }
  Watched run(ProcessOptions options) {
    Watched watched;
    start(watched, std::move(options));
    finish(watched);
    watched.process.reset();
    return watched;
  }
  Watched shell(const std::string& script, std::vector<std::string> environment = {}) {
    return run({.command = {"/bin/sh", "-c", script}, .environment = std::move(environment)});
  }
  void start_shell(Watched& watched, const std::string& script) {
    start(watched, {.command = {"/bin/sh", "-c", script}});
  }
  void until(UniqueFunction<bool()> done) {
    run_until(*runtime, [&] { return done(); });
  }

  std::unique_ptr<Runtime> runtime = Runtime::create(1);
};

}  // namespace

TEST_CASE("processes: arguments, working directory, output and exit status") {
  Fixture fixture;
  const Watched echo = fixture.run({.command = {"/bin/echo", "a b", "", "c\n"}});
  CHECK(echo.out == "a b  c\n\n");
  CHECK(echo.err.empty());
  CHECK(echo.status == 0);
  CHECK(echo.signal == 0);
  const Watched place = fixture.run(
      {.command = {"/bin/sh", "-c", "pwd; echo no >&2; cat; exit 42"}, .directory = "/usr/bin"});
  CHECK(place.out == "/usr/bin\n");
  CHECK(place.err == "no\n");
  CHECK(place.status == 42);
}

TEST_CASE("processes: nothing is told before start returns, and the pid comes and goes") {
  Fixture fixture;
  Watched watched;
  fixture.start_shell(watched, "echo $$; read never; exec sleep 1000");
  CHECK(watched.process->pid() == 0);
  fixture.until([&] { return !watched.out.empty() && watched.process->pid() != 0; });
  CHECK(watched.out == std::to_string(watched.process->pid()) + "\n");
  watched.process->signal(SIGINT);
  fixture.finish(watched);
  CHECK(watched.signal == SIGINT);
  CHECK(watched.status == 0);
  CHECK(watched.process->pid() == 0);
  watched.process->signal(SIGKILL);  // Nobody is there.
}

TEST_CASE("processes: what cannot be started says why") {
  Fixture fixture;
  const Watched none = fixture.run({.command = {"/no/such/program"}});
  CHECK(none.code() == Errc::not_found);
  CHECK(none.failure->detail.find("/no/such/program") != std::string::npos);
  CHECK(fixture.run({.command = {"no-such"}, .environment = {"PATH=/bin"}}).code() ==
        Errc::not_found);
  CHECK(fixture.run({.command = {"/etc/passwd"}}).code() == Errc::denied);
  CHECK(fixture.run({.command = {"/etc"}}).code() == Errc::denied);
  const Watched place = fixture.run({.command = {"/bin/true"}, .directory = "/no/such"});
  CHECK(place.code() == Errc::not_found);
  CHECK(place.failure->at == "/no/such");
  CHECK(fixture.run({.command = {"/bin/true"}, .directory = "/etc/passwd"}).code() ==
        Errc::not_found);
  CHECK(fixture.run({}).code() == Errc::invalid);
  CHECK(fixture.run({.command = {"/bin/true", std::string("a\0b", 3)}}).code() == Errc::invalid);
  CHECK(fixture.run({.command = {"/bin/true", std::string(200'000, 'x')}}).code() == Errc::invalid);
  CHECK(fixture.run({.command = {"/bin/true", std::string(5U << 20, 'x')}}).code() ==
        Errc::invalid);
  CHECK(fixture.run({.command = {"/bin/true"}}).status == 0);
}

TEST_CASE("processes: a bare name is looked up in the child's own PATH") {
  Fixture fixture;
  CHECK(fixture.run({.command = {"echo", "x"}}).out == "x\n");  // Without one in the system's.
  CHECK(fixture.run({.command = {"echo", "x"}, .environment = {"PATH=/no:/etc/passwd:/bin"}}).out ==
        "x\n");
  CHECK(
      fixture.run({.command = {"echo", "x"}, .environment = {"PATH="}, .directory = "/bin"}).out ==
      "x\n");
  CHECK(fixture.run({.command = {"bin/echo", "x"}}).out == "x\n");
  CHECK(fixture.run({.command = {"passwd"}, .environment = {"PATH=/etc:/no"}}).code() ==
        Errc::denied);
}

TEST_CASE("processes: the environment is exactly what was given, however long") {
  Fixture fixture;
  CHECK(fixture.run({.command = {"/usr/bin/env"}, .environment = {"B=2", "A=1 x", "C="}}).out ==
        "B=2\nA=1 x\nC=\n");
  CHECK(fixture.run({.command = {"/usr/bin/env"}}).out.empty());
  std::vector<std::string> large;
  std::string expected;
  for (int i = 0; i < 10; ++i) {
    large.push_back("V" + std::to_string(i) + "=" + std::string(100'000, 'x'));
    expected += large.back() + "\n";
  }
  const Watched watched = fixture.run({.command = {"/usr/bin/env"}, .environment = large});
  CHECK((watched.out == expected));
}

TEST_CASE("processes: a child inherits neither descriptors nor what is set for signals") {
  const int open = ::open("/dev/null", O_RDONLY);  // Not closed on exec.
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  {
    Fixture fixture;
    const Watched watched = fixture.run({.command = {own_program(), "role:inventory"}});
    CHECK(watched.out == "0 1 2 SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n/dev/null");
    const auto found = nurseries();
    REQUIRE(found.size() == 1);
    const std::filesystem::directory_iterator descriptors("/proc/" + std::to_string(found[0]) +
                                                          "/fd");
    // The standard ones, its socket, and what tells it of SIGCHLD.
    CHECK(std::distance(begin(descriptors), end(descriptors)) == 5);
  }
  ::signal(SIGPIPE, before);
  ::close(open);
}

TEST_CASE("processes: a flood of output arrives whole, in order, and starves nobody") {
  Fixture fixture;
  Watched watched;
  fixture.start_shell(watched, "seq 1 1500000; echo done >&2");
  int ticks = 0;
  UniqueFunction<void()> tick;
  tick = [&] {
    ++ticks;
    if (watched.ends == 0) fixture.runtime->scheduler().after(1ms, [&tick] { tick(); });
  };
  tick();
  fixture.finish(watched);
  CHECK(ticks > 3);
  CHECK(watched.largest <= 65536);
  CHECK(watched.err == "done\n");
  std::string expected;
  for (int i = 1; i <= 1'500'000; ++i) expected += std::to_string(i) + "\n";
  CHECK((watched.out == expected));
}

TEST_CASE("processes: one that writes without end is stopped by dropping it") {
  Fixture fixture;
  Watched watched;
  fixture.start_shell(watched, "yes; true");
  fixture.until([&] { return watched.out.size() > 1'000'000; });
  const auto pid = static_cast<pid_t>(watched.process->pid());
  watched.process.reset();
  const std::size_t heard = watched.out.size();
  fixture.until([&] { return gone(pid); });
  CHECK(watched.out.size() == heard);
  CHECK(watched.ends == 0);
}

TEST_CASE("processes: signals reach the whole group; one that is ignored does not end it") {
  Fixture fixture;
  Watched watched;
  fixture.start_shell(watched,
                      "trap '' TERM; trap 'echo alive' USR1; echo ready; "
                      "while :; do sleep 1000 & wait; done");
  fixture.until([&] { return watched.out == "ready\n"; });
  watched.process->signal(SIGTERM);
  watched.process->signal(SIGUSR1);
  fixture.until([&] { return watched.out == "ready\nalive\n"; });
  CHECK(watched.ends == 0);
  watched.process->signal(SIGKILL);
  fixture.finish(watched);
  CHECK(watched.signal == SIGKILL);
}

TEST_CASE("processes: a dropped one is killed though it ignores SIGTERM, with its children") {
  Fixture fixture;
  Watched watched;
  fixture.start_shell(watched,
                      "trap '' TERM; sh -c 'trap \"\" TERM; echo pid $$; sleep 1000' & "
                      "while [ -z \"$x\" ]; do sleep 1000; done");
  fixture.until([&] { return !watched.out.empty(); });
  std::vector<pid_t> pids = pids_in(watched.out);
  pids.push_back(static_cast<pid_t>(watched.process->pid()));
  watched.process.reset();
  fixture.until([&] { return gone(pids); });
  CHECK(watched.ends == 0);
}

TEST_CASE("processes: what one leaves behind is killed after its end, and delays it not") {
  Fixture fixture;
  const Watched watched = fixture.run({.command = {own_program(), "role:daemonize-and-exit"}});
  CHECK(watched.status == 0);
  const auto pids = pids_in(watched.out);
  CHECK(pids.size() == 3);
  fixture.until([&] { return gone(pids); });
}

TEST_CASE("processes: the end of one leaves the orphans of another alone") {
  Fixture fixture;
  Watched stays;
  fixture.start(stays, {.command = {own_program(), "role:daemonize"}});
  fixture.until([&] { return pids_in(stays.out).size() == 3; });
  const auto kept = pids_in(stays.out);
  for (int i = 0; i < 3; ++i) {
    const Watched left = fixture.run({.command = {own_program(), "role:daemonize-and-exit"}});
    const auto pids = pids_in(left.out);
    CHECK(pids.size() == 3);
    fixture.until([&] { return gone(pids); });
  }
  for (const pid_t pid : kept) CHECK_FALSE(gone(pid));
  stays.process.reset();
  fixture.until([&] { return gone(kept); });
}

TEST_CASE("processes: two hundred at once, and no zombie is left") {
  Fixture fixture;
  std::vector<Watched> all(200);
  for (std::size_t i = 0; i < all.size(); ++i) {
    fixture.start_shell(all[i], "echo " + std::to_string(i) + "; exit " + std::to_string(i % 7));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    fixture.finish(all[i]);
    CHECK(all[i].out == std::to_string(i) + "\n");
    CHECK(all[i].status == static_cast<int>(i % 7));
  }
  const auto found = nurseries();
  REQUIRE(found.size() == 1);
  CHECK(children_of(found[0]).empty());
  CHECK(children_of(::getpid()).size() == 1);
}

TEST_CASE("processes: the listener may drop the process from either call") {
  struct Dropping final : ProcessListener {
    void output(Stream, std::string_view) override {
      ++calls;
      if (at_output) process.reset();
    }
    void ended(Result<ProcessEnd>) override {
      ++calls;
      process.reset();
    }
    std::unique_ptr<Process> process;
    bool at_output = false;
    int calls = 0;
  };
  Fixture fixture;
  Dropping first;
  first.at_output = true;
  Dropping second;
  Dropping third;
  const auto shell = [&](Dropping& dropping, const char* script) {
    dropping.process = fixture.runtime->processes().start(
        {.command = {"/bin/sh", "-c", script}, .directory = "/"}, dropping);
  };
  shell(first, "echo x; echo y >&2; sleep 1000");
  shell(second, "exit 0");
  shell(third, "exit 0");
  third.process.reset();  // Before it has begun.
  fixture.until([&] { return first.process == nullptr && second.process == nullptr; });
  CHECK(first.calls == 1);
  CHECK(second.calls == 1);
  CHECK(third.calls == 0);
}

TEST_CASE("processes: the loss of the nursery ends all; the next start makes a new one") {
  Fixture fixture;
  Watched one;
  Watched two;
  fixture.start(one, {.command = {own_program(), "role:daemonize"}});
  fixture.start_shell(two, "echo pid $$; sleep 1000; true");
  fixture.until([&] { return pids_in(one.out).size() == 3 && !pids_in(two.out).empty(); });
  const auto first = nurseries();
  REQUIRE(first.size() == 1);
  ::kill(first[0], SIGTERM);  // It takes none of these.
  ::kill(first[0], SIGINT);
  CHECK(fixture.shell("exit 3").status == 3);
  ::kill(first[0], SIGKILL);
  fixture.finish(one);
  fixture.finish(two);
  CHECK(one.code() == Errc::unavailable);
  CHECK(two.code() == Errc::unavailable);
  fixture.until([&] { return gone(pids_in(one.out)) && gone(pids_in(two.out)); });
  CHECK(fixture.shell("exit 4").status == 4);
  CHECK(nurseries().size() == 1);
  CHECK(nurseries() != first);
}

TEST_CASE("processes: the death of the runtime leaves nobody") {
  Watched watched;
  std::vector<pid_t> pids;
  {
    Fixture fixture;
    fixture.start(watched, {.command = {own_program(), "role:daemonize"}});
    fixture.until([&] { return pids_in(watched.out).size() == 3; });
    pids = pids_in(watched.out);
    pids.push_back(nurseries().at(0));
  }
  CHECK(gone(pids));  // At once: it waited.
  CHECK(children_of(::getpid()).empty());
  CHECK(watched.ends == 0);
  watched.process.reset();  // After the runtime, which is allowed once it was detached.
}

TEST_CASE("processes: kill -9 of the emulator leaves nobody") {
  Fixture fixture;
  int pair[2];
  REQUIRE(::pipe(pair) == 0);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, pair[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&files, pair[0]);
  posix_spawn_file_actions_addclose(&files, pair[1]);
  std::string program = own_program();
  std::string role = "role:host";
  char* arguments[] = {program.data(), role.data(), nullptr};
  pid_t host = 0;
  REQUIRE(::posix_spawn(&host, program.c_str(), &files, nullptr, arguments, environ) == 0);
  posix_spawn_file_actions_destroy(&files);
  ::close(pair[1]);
  std::string said;
  char bytes[256];
  while (pids_in(said).size() < 9) {
    const ssize_t got = ::read(pair[0], bytes, sizeof bytes);
    REQUIRE(got > 0);
    said.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(pair[0]);
  std::vector<pid_t> pids = pids_in(said);
  for (const pid_t pid : pids) CHECK_FALSE(gone(pid));
  const auto below = children_of(host);
  CHECK(below.size() == 1);
  pids.insert(pids.end(), below.begin(), below.end());
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  fixture.until([&] { return gone(pids); });
}
