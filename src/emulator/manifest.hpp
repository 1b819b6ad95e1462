// What a data directory consists of, written down in the directory itself, so that a part that has
// gone missing or been emptied is noticed and never taken for a first start.
#pragma once
#include <string>
#include <vector>

#include "porteiro/audit/audit.hpp"
#include "porteiro/base/files.hpp"

namespace porteiro::emulator {

// Paths are relative to the directory. One that ends with '-' is what a file's name begins with.
struct Manifest {
  std::vector<std::string> parts;  // There from the first start on, never empty.
  std::vector<std::string> open;   // There while the process runs, maybe empty (SQLite's -wal).
  // Files that only ever grow, some of which may not be there yet: they are not shorter next time.
  std::vector<std::string> growing{};
  bool boxes = true;    // Protected fields are sealed in the stores.
  audit::Head audit{};  // How far the audit log goes at least; number 0: not known.
};

// To be called before anything is made in the directory: where there is no manifest yet it writes
// one without parts. Errors: corrupt (there are files, hidden ones aside, but no manifest: it has
// gone, or the directory is somebody else's); what the files give.
Result<void> begin_manifest(Files& files, const std::string& directory, bool boxes);

// Errors: corrupt, naming the part that is missing or has become shorter; invalid (the directory
// was made with another `boxes`).
Result<void> check_manifest(Files& files, const std::string& directory, bool boxes);

Result<void> write_manifest(Files& files, const std::string& directory, const Manifest& manifest);

}  // namespace porteiro::emulator
