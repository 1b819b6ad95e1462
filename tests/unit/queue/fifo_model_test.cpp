// FIFO queues beside a plain model of them.
#include "unit/queue/model_run.hpp"

using namespace porteiro::queue::test;

TEST_CASE("queue model: FIFO queues show what a plain model shows") {
  run_models("queue model: FIFO queues show what a plain model shows", true, 2500);
}
