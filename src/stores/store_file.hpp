// Where an engine keeps its store: one file per store in the data directory.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "porteiro/stores/engine.hpp"

namespace porteiro::stores {

// Files up to this size are checked as a whole when they are opened.
inline constexpr std::uint64_t checked_bytes_max = 64 << 20;

// directory/store.engine, the directory made if need be, with all of its parents (mode 0700).
// Errors: invalid (a name that no file can have; the store's data is there from another engine),
// unavailable.
Result<std::string> store_file(const EngineOptions& options, std::string_view engine);

// With all of its parents, mode 0700. Errors: unavailable.
Result<void> make_directory(const std::string& path);

// The first `bytes` of a file, fewer when it is shorter; empty: no such file, or it is empty.
// Errors: unavailable.
Result<std::string> read_head(const std::string& path, std::size_t bytes);
Result<std::uint64_t> file_bytes(const std::string& path);  // 0: no such file.

// "…: what the system says": `number` is an errno.
Error system_failure(std::string_view what, int number);
Error damaged_file(const std::string& path);
Error foreign_file(const std::string& path);

}  // namespace porteiro::stores
