// What the system tells of a process: whether its threads sleep, and whether they have run.
#pragma once
#include <cstdint>

#include "porteiro/base/activity.hpp"

namespace porteiro::runtime {

// Of the process and all below it. One that has ended, maybe untold, does not sleep.
Activity activity_of(std::int64_t pid);

}  // namespace porteiro::runtime
