// Standard queues beside a plain model of them.
#include "unit/queue/model_run.hpp"

using namespace porteiro::queue::test;

TEST_CASE("queue model: standard queues show what a plain model shows") {
  run_models("queue model: standard queues show what a plain model shows", false, 2000);
}

// Goal: the search itself finds what matters.
TEST_CASE("queue model: of a failing sequence the shortest list is found") {
  std::vector<int> all;
  for (int i = 0; i < 100; ++i) all.push_back(i);
  const auto fails = [](const std::vector<int>& ops) {
    const auto seven = std::find(ops.begin(), ops.end(), 7);
    return std::find(seven, ops.end(), 63) != ops.end() &&
           std::find(ops.begin(), ops.end(), 98) != ops.end();
  };
  CHECK(shortest<int>(all, fails) == std::vector<int>{7, 63, 98});
}
