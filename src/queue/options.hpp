// The bounds of a queue's options.
#pragma once
#include "porteiro/queue/queue.hpp"

namespace porteiro::queue {

// Errors: invalid, with the member's name in `at`.
Result<void> check(const Options& options);

}  // namespace porteiro::queue
