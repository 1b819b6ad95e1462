#include "app/passing_folder.hpp"

#include <cstdlib>
#include <filesystem>

#include "porteiro/base/id.hpp"
#include "porteiro/runtime/relay.hpp"

namespace porteiro::app {

PassingFolder::PassingFolder(Files& files, Entropy& entropy) : files_(files) {
  std::error_code failure;
  const auto folder = std::filesystem::temp_directory_path(failure);
  path_ = (failure ? std::filesystem::path("/tmp") : folder) /
          ("porteiro-" + to_text(make_id(entropy)));
}

PassingFolder::~PassingFolder() { static_cast<void>(files_.remove_all(path_)); }

void surround(lambda::Surroundings& surroundings, const PassingFolder& passing) {
  if (const char* path = std::getenv("PATH")) surroundings.path = path;
  std::error_code failure;
  surroundings.program = std::filesystem::read_symlink("/proc/self/exe", failure);
  surroundings.relay_argument = runtime::relay_argument;
  surroundings.sockets = passing.path() + "/s";
}

}  // namespace porteiro::app
