// Files of the operating system. Every call may block: those that matter are made off the loop.
#pragma once
#include <vector>

#include "porteiro/base/files.hpp"

namespace porteiro::runtime {

class SystemFiles final : public Files {
 public:
  SystemFiles() = default;
  SystemFiles(const SystemFiles&) = delete;
  SystemFiles& operator=(const SystemFiles&) = delete;
  ~SystemFiles() override;  // Gives the locks back.

  Result<void> make_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<std::string> read(const std::string& path) override;
  Result<unsigned> mode(const std::string& path) override;
  Result<std::uint64_t> size(const std::string& path) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                  std::uint64_t keep) override;
  Result<void> replace(const std::string& path, std::string_view bytes) override;
  Result<void> remove(const std::string& path) override;
  Result<std::unique_ptr<AppendFile>> create(const std::string& path, bool executable) override;
  Result<void> sync_all(const std::string& directory) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove_all(const std::string& path) override;
  Result<void> lock(const std::string& directory) override;  // Holds DIRECTORY/lock by flock.

 private:
  std::vector<int> locks_;
};

}  // namespace porteiro::runtime
