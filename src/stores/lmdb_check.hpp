// LMDB trusts its file: a damaged one makes it read beyond the end of the file, which ends the
// process. So the structure of a file is checked before LMDB gets it.
#pragma once
#include <string>

#include "porteiro/base/result.hpp"

namespace porteiro::stores {

// Reads only. A missing or empty file is fine. Checks the two heads, and of files up to
// checked_bytes_max every page that can be reached. Errors: corrupt (no LMDB file, or a damaged
// one), unavailable.
Result<void> check_lmdb_file(const std::string& path);

}  // namespace porteiro::stores
