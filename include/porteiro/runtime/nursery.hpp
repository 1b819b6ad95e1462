// The nursery: a small process of the same executable, which starts, signals and reaps the children
// of Runtime::processes(). They are below it and not below the emulator, so that it can end them
// all when the emulator is gone, however that ended.
#pragma once
#include <optional>

namespace porteiro::runtime {

// Called first in main(): every executable that starts processes is the nursery's, too. Where the
// arguments say that this process is a nursery, this is its life, and gives its exit status;
// otherwise nullopt, at once. Without this call Processes::start gives `unavailable`.
std::optional<int> run_nursery(int argc, char** argv);

}  // namespace porteiro::runtime
