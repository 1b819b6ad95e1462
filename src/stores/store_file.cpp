#include "stores/store_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

}  // namespace

Result<void> make_directory(const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || ::mkdir(part.c_str(), 0700) == 0 || errno == EEXIST) continue;
    return system_failure("the directory " + part + " cannot be made", errno);
  }
  return success();
}

Error system_failure(std::string_view what, int number) {
  return error(Errc::unavailable,
               std::string(what) + ": " + std::generic_category().message(number));
}

Error damaged_file(const std::string& path) {
  return error(Errc::corrupt, path +
                                  " is damaged; restore it from a copy, or move it away to begin "
                                  "anew; nothing of it was changed");
}

Error foreign_file(const std::string& path) {
  return error(Errc::corrupt, path +
                                  " is not a store of this program; move it away or choose another "
                                  "data directory; nothing of it was changed");
}

Result<std::string> store_file(const EngineOptions& options, std::string_view engine) {
  const bool plain = !options.store.empty() && options.store[0] != '.' &&
                     options.store.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
  if (!plain) return error(Errc::invalid, "a store's name has to be usable as a file's name");
  PORTEIRO_TRY(make_directory(options.directory));
  const std::string stem = options.directory + "/" + options.store + ".";
  for (const std::string_view other : std::array<std::string_view, 2>{"sqlite", "lmdb"}) {
    if (other == engine) continue;
    if (::access((stem + std::string(other)).c_str(), F_OK) != 0) continue;
    return error(Errc::invalid, "store " + options.store + " was kept by the engine " +
                                    std::string(other) + " and is now configured for " +
                                    std::string(engine) +
                                    "; move the data directory away or change the config back");
  }
  return stem + std::string(engine);
}

Result<std::string> read_head(const std::string& path, std::size_t bytes) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    if (errno == ENOENT) return std::string();
    return system_failure(path + " cannot be read", errno);
  }
  std::string head(bytes, '\0');
  const ssize_t read = ::pread(file, head.data(), bytes, 0);
  const int failure = errno;
  ::close(file);
  if (read < 0) return system_failure(path + " cannot be read", failure);
  head.resize(static_cast<std::size_t>(read));
  return head;
}

Result<std::uint64_t> file_bytes(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return static_cast<std::uint64_t>(status.st_size);
  if (errno == ENOENT) return std::uint64_t{0};
  return system_failure(path + " cannot be read", errno);
}

}  // namespace porteiro::stores
