#include "gateway/waiting.hpp"

#include <doctest/doctest.h>

#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::gateway {
namespace {

using namespace std::chrono_literals;

struct Room {
  Room() : waiting(scheduler, [this](Id event, Exchange) { out.push_back(event.low); }) {}
  void add(std::uint64_t event, Duration timeout) {
    waiting.add(Id{0, event}, waiting.lane(timeout), Exchange{});
  }
  virtual_world::VirtualScheduler scheduler;
  std::vector<std::uint64_t> out;
  WaitingRoom waiting;
};

}  // namespace

TEST_CASE("waiting: each times out after its own time, in order") {
  Room room;
  room.add(1, 2s);
  room.scheduler.run_for(1s);
  room.add(2, 2s);
  room.add(3, 500ms);
  room.scheduler.run_for(500ms);
  CHECK(room.out == std::vector<std::uint64_t>{3});
  room.scheduler.run_for(500ms - 1ns);
  CHECK(room.out.size() == 1);
  room.scheduler.run_for(1ns);
  CHECK(room.out == std::vector<std::uint64_t>{3, 1});
  room.scheduler.run_for(1s);
  CHECK(room.out == std::vector<std::uint64_t>{3, 1, 2});
  CHECK(room.waiting.size() == 0);
}

TEST_CASE("waiting: who is served does not time out, wherever they stand") {
  for (const std::uint64_t served : {1U, 2U, 3U}) {
    Room room;
    for (std::uint64_t event = 1; event <= 3; ++event) room.add(event, 1s);
    CHECK(room.waiting.take(Id{0, served}).has_value());
    CHECK_FALSE(room.waiting.take(Id{0, served}).has_value());
    room.scheduler.run_for(1s);
    CHECK(room.out.size() == 2);
    CHECK(std::find(room.out.begin(), room.out.end(), served) == room.out.end());
  }
}

TEST_CASE("waiting: several wait for one event, each with its own time-out") {
  Room room;
  room.add(7, 1s);
  room.scheduler.run_for(600ms);
  room.add(7, 1s);
  room.add(7, 5s);
  room.scheduler.run_for(400ms);
  CHECK(room.out.size() == 1);
  CHECK(room.waiting.take(Id{0, 7}).has_value());
  CHECK(room.waiting.take(Id{0, 7}).has_value());
  CHECK_FALSE(room.waiting.take(Id{0, 7}).has_value());
  CHECK_FALSE(room.waiting.take_any().has_value());
}

TEST_CASE("waiting: many requests need one timer") {
  Room room;
  for (std::uint64_t event = 1; event <= 1000; ++event) {
    room.add(event, 30s);
    CHECK(room.waiting.take(Id{0, event}).has_value());
    room.scheduler.run_for(1ms);
  }
  CHECK(room.scheduler.step());  // The one timer, which finds nobody.
  CHECK_FALSE(room.scheduler.step());
}

}  // namespace porteiro::gateway
