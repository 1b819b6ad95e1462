// Whether a data directory is one to trust: what stands in it is opened by name.
#pragma once
#include <string>

#include "porteiro/base/result.hpp"

namespace porteiro::app {

// Nothing there is fine: it will be made. Errors: denied (a symbolic link, itself or right below;
// of another user; others than its owner may write to it), invalid (no directory).
Result<void> check_data_folder(const std::string& path);

}  // namespace porteiro::app
