#include "runtime/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/descriptor.hpp"

namespace porteiro::runtime {
namespace {

Error failed(const std::string& what, const std::string& path) {
  const int reason = errno;
  const Errc code = reason == ENOENT ? Errc::not_found : Errc::unavailable;
  return error(code, "cannot " + what + " " + path + ": " + std::generic_category().message(reason),
               path);
}

int open_again(const char* path, int flags, mode_t mode = 0) {
  for (;;) {
    const int fd = ::open(path, flags | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes the names in a directory durable.
Result<void> sync_directory(const std::string& path) {
  const Descriptor directory(open_again(path.c_str(), O_RDONLY | O_DIRECTORY));
  if (!directory.open() || ::fsync(directory.get()) != 0) return failed("sync", path);
  return success();
}

class SystemAppend final : public AppendFile {
 public:
  SystemAppend(int fd, std::string path) : file_(fd), path_(std::move(path)) {}
  Result<void> append(std::string_view bytes) override {
    if (!write_all(file_.get(), bytes)) return failed("write to", path_);
    return success();
  }
  Result<void> sync() override {
    if (::fdatasync(file_.get()) != 0) return failed("sync", path_);
    return success();
  }

 private:
  Descriptor file_;
  std::string path_;
};

}  // namespace

SystemFiles::~SystemFiles() {
  for (const int fd : locks_) ::close(fd);
}

Result<void> SystemFiles::make_directory(const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) == 0) {
      PORTEIRO_TRY(sync_directory(parent_of(part)));
    } else if (errno != EEXIST) {
      return failed("make the directory", part);
    }
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return failed("look at", path);
  if (!S_ISDIR(status.st_mode)) {
    return error(Errc::unavailable, path + " exists and is not a directory", path);
  }
  return success();
}

Result<std::vector<std::string>> SystemFiles::list(const std::string& directory) {
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) return failed("list", directory);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int reason = errno;
  ::closedir(open);
  errno = reason;
  if (reason != 0) return failed("list", directory);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> SystemFiles::read(const std::string& path) {
  const Descriptor file(open_again(path.c_str(), O_RDONLY));
  if (!file.open()) return failed("read", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed("read", path);
  std::string bytes;
  std::size_t size = 0;
  for (;;) {
    const std::size_t expected = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)) + 1;
    if (bytes.size() - size < 4096) bytes.resize(std::max(expected, size + 64U * 1024));
    const ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

Result<std::uint64_t> SystemFiles::size(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return failed("look at", path);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<FileInfo> SystemFiles::info(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return failed("look at", path);
  return FileInfo{S_ISDIR(status.st_mode), static_cast<unsigned>(status.st_mode & 07777U),
                  static_cast<std::uint64_t>(status.st_size),
                  Time(std::chrono::seconds(status.st_mtim.tv_sec) +
                       std::chrono::nanoseconds(status.st_mtim.tv_nsec))};
}

Result<unsigned> SystemFiles::mode(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return failed("look at", path);
  return static_cast<unsigned>(status.st_mode & 07777U);
}

Result<std::unique_ptr<AppendFile>> SystemFiles::open_append(const std::string& path,
                                                             std::uint64_t keep) {
  Descriptor file(open_again(path.c_str(), O_WRONLY | O_APPEND));
  if (!file.open()) {
    if (errno != ENOENT) return failed("open", path);
    Descriptor made(open_again(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600));
    if (!made.open()) return failed("make", path);
    PORTEIRO_TRY(sync_directory(parent_of(path)));
    return std::unique_ptr<AppendFile>(std::make_unique<SystemAppend>(made.release(), path));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed("open", path);
  if (static_cast<std::uint64_t>(status.st_size) > keep) {
    if (::ftruncate(file.get(), static_cast<off_t>(keep)) != 0) return failed("cut", path);
    if (::fsync(file.get()) != 0) return failed("sync", path);
  }
  return std::unique_ptr<AppendFile>(std::make_unique<SystemAppend>(file.release(), path));
}

Result<void> SystemFiles::replace(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());  // Of a replacement that was cut short.
  {
    const Descriptor file(open_again(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600));
    if (!file.open()) return failed("make", temporary);
    if (!write_all(file.get(), bytes) || ::fsync(file.get()) != 0) {
      const Error reason = failed("write to", temporary);
      ::unlink(temporary.c_str());
      return reason;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const Error reason = failed("rename into place", path);
    ::unlink(temporary.c_str());
    return reason;
  }
  return sync_directory(parent_of(path));
}

Result<void> SystemFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return failed("remove", path);
  return success();
}

Result<std::unique_ptr<AppendFile>> SystemFiles::create(const std::string& path, bool executable) {
  const mode_t mode = executable ? 0700 : 0600;
  int fd = open_again(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL, mode);
  if (fd < 0 && errno == ENOENT) {
    std::error_code ignored;  // The next open tells.
    std::filesystem::create_directories(parent_of(path), ignored);
    fd = open_again(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL, mode);
  }
  if (fd < 0) return failed("make", path);
  return std::unique_ptr<AppendFile>(std::make_unique<SystemAppend>(fd, path));
}

Result<void> SystemFiles::sync_all(const std::string& directory) {
  const Descriptor opened(open_again(directory.c_str(), O_RDONLY | O_DIRECTORY));
  if (!opened.open() || ::syncfs(opened.get()) != 0) return failed("sync", directory);
  return success();
}

Result<void> SystemFiles::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
  PORTEIRO_TRY(sync_directory(parent_of(from)));
  return sync_directory(parent_of(to));
}

Result<void> SystemFiles::remove_all(const std::string& path) {
  std::error_code reason;
  std::filesystem::remove_all(path, reason);
  if (!reason) return success();
  errno = reason.value();
  return failed("remove", path);
}

Result<void> SystemFiles::lock(const std::string& directory) {
  const std::string path = directory + "/lock";
  Descriptor file(open_again(path.c_str(), O_RDWR | O_CREAT, 0600));
  if (!file.open()) return failed("make", path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("lock", path);
    return error(Errc::conflict,
                 "another process uses the directory " + directory +
                     ": end it, or give this one a directory of its own",
                 directory);
  }
  locks_.push_back(file.release());
  return success();
}

}  // namespace porteiro::runtime
