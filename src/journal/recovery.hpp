// Finds out what a data directory holds, without changing it.
#pragma once
#include <string>
#include <vector>

#include "journal/format.hpp"
#include "porteiro/base/files.hpp"

namespace porteiro::journal {

struct Recovered {
  bool fresh = true;                      // There is no log yet; the rest is empty.
  std::string log_bytes, snapshot_bytes;  // What the contents' views point into.
  LogContent log;
  SnapshotContent snapshot;            // Without sections for log 0.
  std::vector<std::string> removable;  // Names of files that no longer count.
};

// Errors: corrupt, with the file in `at`; unavailable.
Result<std::unique_ptr<Recovered>> recover(Files& files, const std::string& directory);

}  // namespace porteiro::journal
