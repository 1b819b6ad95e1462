// A function's code as a zip archive: what clients upload. Pure: it hands out files, and knows no
// disk. Slow for large archives: to be run off the loop.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "porteiro/base/result.hpp"

namespace porteiro::lambda {

struct ArchiveLimits {
  std::size_t files_max = 20'000;                 // With their folders.
  std::uint64_t unpacked_bytes_max = 250u << 20;  // AWS Lambda: 250 MB.
};

struct ArchiveFile {
  std::string_view path;   // Relative, within the folder, '/' between its parts, no "." and "..".
  bool executable;         // By the mode that Unix's zip keeps; such an archive says so.
  std::string_view bytes;  // A part of the content; the parts of a file come one after another.
  bool first;              // It is the first part; an empty file has one.
};

// Calls `take` for the files (not for folders) in the archive's order, and stops at its first
// error. All names and sizes are checked before the first call. Errors: invalid (no archive,
// truncated or damaged, an entry that is encrypted, a link, or leads out of the folder),
// limit_exceeded; take's.
Result<void> unpack(std::string_view archive, const ArchiveLimits& limits,
                    const std::function<Result<void>(const ArchiveFile&)>& take);

}  // namespace porteiro::lambda
