// Whether queues, functions and sources fit together: each is valid alone.
#pragma once
#include "porteiro/emulator/options.hpp"

namespace porteiro::emulator {

// Errors: invalid, with `at` the config's pointer. A message must stay hidden while its function
// may still run, as AWS Lambda demands of its queues, and dead letters must come to rest somewhere.
Result<void> check_fit(const Options& options);

}  // namespace porteiro::emulator
