#include "porteiro/virtual_world/virtual_world.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>

using namespace porteiro;
using namespace porteiro::virtual_world;
using namespace std::chrono_literals;

TEST_CASE("virtual_world: time moves only when nothing is due") {
  VirtualScheduler scheduler;
  const Time start = scheduler.now();
  std::string log;
  scheduler.after(2s, [&] { log += 'c'; });
  scheduler.after(1s, [&] {
    log += 'a';
    scheduler.post([&] { log += 'b'; });
    scheduler.after(-1s, [&] { log += '-'; });
  });
  CHECK_FALSE(scheduler.posted());
  CHECK(scheduler.step());
  CHECK(scheduler.posted());
  CHECK(scheduler.now() == start + 1s);
  scheduler.run_until_idle();
  CHECK(log == "ab-c");
  CHECK(scheduler.now() == start + 2s);
  CHECK_FALSE(scheduler.step());
}

TEST_CASE("virtual_world: run_for runs what is due within it and ends on time") {
  VirtualScheduler scheduler;
  const Time start = scheduler.now();
  int ran = 0;
  scheduler.after(1s, [&] { ++ran; });
  scheduler.after(5s, [&] { ++ran; });
  scheduler.after(5s + 1ns, [&] { ran += 100; });
  scheduler.run_for(5s);
  CHECK(ran == 2);
  CHECK(scheduler.now() == start + 5s);
  CHECK(scheduler.next_due() == start + 5s + 1ns);
  scheduler.after(Duration::max(), [] {});  // Does not overflow.
  CHECK(scheduler.now() < Time::max());
}

TEST_CASE("virtual_world: a Timer is replaced by a new start and cancelled by its death") {
  World world;
  std::string log;
  {
    Timer timer(world.scheduler);
    timer.start(1s, [&] { log += 'a'; });
    timer.start(2s, [&] { log += 'b'; });
    CHECK(timer.running());
    world.scheduler.run_for(3s);
    CHECK_FALSE(timer.running());
    timer.start(1s, [&] { log += 'c'; });
  }
  world.scheduler.run_until_idle();
  CHECK(log == "b");
}

TEST_CASE("virtual_world: a Timer's task may end the timer or start it again") {
  World world;
  int ran = 0;
  auto timer = std::make_unique<Timer>(world.scheduler);
  timer->start(1s, [&, kept = std::string(100, 'x')] {
    ++ran;
    timer->start(1s, [&] {
      ++ran;
      timer.reset();
    });
    CHECK(kept.size() == 100);
  });
  world.scheduler.run_until_idle();
  CHECK(ran == 2);
  CHECK(timer == nullptr);
}

TEST_CASE("virtual_world: work off the loop is done at once, its completion is posted") {
  World world;
  std::string log;
  const auto lane = world.offload.lane("disk");
  world.offload.run(
      lane, [&] { log += 'w'; }, [&] { log += 'd'; });
  world.offload.run(
      lane, [&] { log += 'w'; }, nullptr);
  CHECK(log == "ww");
  world.scheduler.run_until_idle();
  CHECK(log == "wwd");
}

TEST_CASE("virtual_world: entropy repeats with its seed") {
  SeededEntropy one(1);
  SeededEntropy same(1);
  SeededEntropy other(2);
  std::array<std::byte, 13> a{};
  std::array<std::byte, 13> b{};
  std::array<std::byte, 13> c{};
  one.fill(a);
  same.fill(b);
  other.fill(c);
  CHECK(a == b);
  CHECK(a != c);
}

TEST_CASE("virtual_world: files in memory append, cut, replace and list like the real ones") {
  World world;
  Files& files = world.files;
  CHECK(files.read("/d/f").error().code == Errc::not_found);
  CHECK(files.list("/d").error().code == Errc::not_found);
  REQUIRE(files.make_directory("/d/e").has_value());
  REQUIRE(files.lock("/d").has_value());
  auto file = files.open_append("/d/f", 0);
  REQUIRE(file.has_value());
  REQUIRE(file.value()->append("order-7").has_value());
  REQUIRE(file.value()->sync().has_value());
  CHECK(files.read("/d/f").value() == "order-7");
  REQUIRE(files.open_append("/d/f", 5).has_value());
  CHECK(files.read("/d/f").value() == "order");
  REQUIRE(files.replace("/d/a", "x").has_value());
  CHECK(files.list("/d").value() == std::vector<std::string>{"a", "e", "f"});
  REQUIRE(files.remove("/d/a").has_value());
  CHECK(files.remove("/d/a").error().code == Errc::not_found);
}

TEST_CASE("virtual_world: the disk fails from a given operation on and tears that append") {
  auto disk = std::make_shared<MemoryFiles::Disk>();
  MemoryFiles files(disk);
  auto file = files.open_append("log", std::numeric_limits<std::uint64_t>::max());
  REQUIRE(file.has_value());
  disk->fail_at = 3;
  CHECK(file.value()->append("abcd").has_value());
  CHECK(file.value()->append("efgh").error().code == Errc::unavailable);
  CHECK(file.value()->append("ijkl").error().code == Errc::unavailable);
  CHECK(file.value()->sync().error().code == Errc::unavailable);
  disk->fail_at = 0;
  MemoryFiles after_restart(disk);
  CHECK(after_restart.read("log").value() == "abcdef");
}

TEST_CASE("virtual_world: a folder in memory is moved and removed like a real one") {
  World world;
  Files& files = world.files;
  const std::string root = "/r";
  REQUIRE(files.make_directory(root + "/code").has_value());
  {
    auto file = files.create(root + "/code/a.new/bin/run", true);
    REQUIRE(file.has_value());
    REQUIRE(file.value()->append("#!").has_value());
    REQUIRE(file.value()->append("/bin/sh").has_value());
  }
  REQUIRE(files.create(root + "/code/a.new/data", false).has_value());
  CHECK(files.create(root + "/code/a.new/data", false).error().code == Errc::unavailable);
  CHECK(files.mode(root + "/code/a.new/bin/run").value() == 0700U);
  CHECK(files.mode(root + "/code/a.new/data").value() == 0600U);
  CHECK(files.sync_all(root + "/code").has_value());
  CHECK(files.sync_all(root + "/nowhere").error().code == Errc::not_found);
  REQUIRE(files.rename(root + "/code/a.new", root + "/code/a").has_value());
  CHECK(files.list(root + "/code").value() == std::vector<std::string>{"a"});
  CHECK(files.read(root + "/code/a/bin/run").value() == "#!/bin/sh");
  CHECK(files.mode(root + "/code/a/bin/run").value() == 0700U);
  CHECK(files.rename(root + "/code/b", root + "/code/c").error().code == Errc::not_found);
  REQUIRE(files.remove_all(root + "/code/a").has_value());
  CHECK(files.list(root + "/code").value().empty());
  CHECK(files.remove_all(root + "/code/a").has_value());
}
