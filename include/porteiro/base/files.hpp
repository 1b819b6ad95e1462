// Files as the core sees them. Paths are UTF-8 text. Errors: not_found; unavailable, with the
// system's reason (no space, no permission, …).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro {

struct FileInfo {
  bool directory = false;
  unsigned mode = 0;  // The permission bits.
  std::uint64_t size = 0;
  Time modified{};  // By the system's clock.
};

class AppendFile {
 public:
  virtual ~AppendFile() = default;
  virtual Result<void> append(
      std::string_view bytes) = 0;  // All of it, or an error (maybe a part).
  virtual Result<void> sync() = 0;  // fdatasync. Blocks: call off the loop.
};

class Files {
 public:
  virtual ~Files() = default;
  virtual Result<void> make_directory(const std::string& path) = 0;  // And its parents; 0700.
  virtual Result<std::vector<std::string>> list(
      const std::string& directory) = 0;  // Names, sorted.
  virtual Result<std::string> read(const std::string& path) = 0;
  // The permission bits, e.g. 0600: what a secret's reader checks before it trusts the file.
  virtual Result<unsigned> mode(const std::string& path) = 0;
  virtual Result<std::uint64_t> size(const std::string& path) = 0;  // In bytes.
  virtual Result<FileInfo> info(const std::string& path) = 0;       // Links are followed.
  // Opens for append, creating it with mode 0600. `keep` bytes of an existing file stay, the rest
  // is cut.
  virtual Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                          std::uint64_t keep) = 0;
  // Writes, syncs and renames into place, mode 0600: afterwards the old or the new file is there.
  virtual Result<void> replace(const std::string& path, std::string_view bytes) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  // A new file, mode 0600 or (executable) 0700, and the directories it is in. Not durable, and not
  // in place of another: unavailable.
  virtual Result<std::unique_ptr<AppendFile>> create(const std::string& path, bool executable) = 0;
  // All that was written below `directory` is durable afterwards. Blocks for long.
  virtual Result<void> sync_all(const std::string& directory) = 0;
  // A file or a directory, durably; `to` is not there, or is a file that gives way to one.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // A file, or a directory with all below; links are removed, not followed. Nothing there is no
  // error.
  virtual Result<void> remove_all(const std::string& path) = 0;
  // Takes the directory for this process until it ends. Errors: conflict (another holds it).
  virtual Result<void> lock(const std::string& directory) = 0;
};

}  // namespace porteiro
