#include "app/data_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace porteiro::app {

Result<void> check_data_folder(const std::string& given) {
  std::string path = given;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();  // Or a link would be followed.
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return ok();
  if (S_ISLNK(info.st_mode)) {
    return error(Errc::denied,
                 path +
                     " is a symbolic link, which somebody could point elsewhere; name the "
                     "directory itself",
                 path);
  }
  if (!S_ISDIR(info.st_mode)) return error(Errc::invalid, path + " is no directory", path);
  if (info.st_uid != ::geteuid()) {
    return error(Errc::denied, path + " belongs to another user; give porteiro one of its own",
                 path);
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return error(Errc::denied,
                 path + ": others than its owner may write to it; run: chmod go-w " + path, path);
  }
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(path, failed)) {
    if (!entry.is_symlink(failed)) continue;
    return error(Errc::denied,
                 entry.path().string() + " is a symbolic link; a data directory holds none",
                 entry.path().string());
  }
  return ok();
}

}  // namespace porteiro::app
