// Members of the parts of a config. The document is valid: what the schema requires, or has a
// default for, is there.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace porteiro::emulator {

inline const std::string& text(const nlohmann::json& object, const char* name) {
  return object.at(name).get_ref<const std::string&>();
}

inline std::string text_or_empty(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::string() : found->get<std::string>();
}

// A path of the config, which is relative to the config's directory; "." is that directory.
inline std::string path_in(const std::string& directory, std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path.starts_with('/')) return path;
  return path == "." ? directory : directory + "/" + path;
}

}  // namespace porteiro::emulator
