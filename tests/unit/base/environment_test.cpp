#include "porteiro/base/environment.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace porteiro;

TEST_CASE("environment: without faults nothing strikes, and every point and place has a name") {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(FaultPoint::count_); ++i) {
    names.insert(to_string(static_cast<FaultPoint>(i)));
  }
  CHECK(names.size() == static_cast<std::size_t>(FaultPoint::count_));
  names.clear();
  for (int i = 0; i < static_cast<int>(Place::count_); ++i) {
    names.insert(to_string(static_cast<Place>(i)));
  }
  CHECK(names.size() == static_cast<std::size_t>(Place::count_));
  CHECK(to_string(FaultPoint::worker_effect_done_ack_pending) == "worker.effect_done_ack_pending");
  CHECK_FALSE(Fault{});
}
