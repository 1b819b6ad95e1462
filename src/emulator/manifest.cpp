#include "emulator/manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"

namespace porteiro::emulator {
namespace {

using nlohmann::json;

constexpr int version = 1;

std::string path_of(const std::string& directory) { return directory + "/manifest"; }

Error gone(const std::string& path) {
  return error(Errc::corrupt, path +
                                  " is missing or empty, and was there when porteiro last ran: "
                                  "put it back, or start with a new data directory");
}

Error shorter(const std::string& path) {
  return error(Errc::corrupt, path +
                                  " is missing or shorter than when porteiro last ran: put it "
                                  "back, or start with a new data directory");
}

bool is_there(Files& files, const std::string& path, bool may_be_empty) {
  if (!path.ends_with('-')) {
    const auto size = files.size(path);
    return size && (may_be_empty || size.value() > 0);
  }
  const std::size_t slash = path.rfind('/');
  const auto names = files.list(path.substr(0, slash));
  if (!names) return false;
  const auto begins = [&](const std::string& name) {
    return name.starts_with(path.substr(slash + 1));
  };
  return std::any_of(names.value().begin(), names.value().end(), begins);
}

// The text and its checksum: a line of JSON, a line of eight hexadecimal digits.
std::string sealed(const std::string& line) {
  std::string checksum;
  append_u32(checksum, crc32c(line));
  return line + "\n" + to_hex(checksum) + "\n";
}

}  // namespace

Result<void> begin_manifest(Files& files, const std::string& directory, bool boxes) {
  const auto there = files.size(path_of(directory));
  if (there) return ok();
  if (there.error().code != Errc::not_found) return there.error();
  PORTEIRO_TRY(files.make_directory(directory));
  PORTEIRO_TRY(const auto names, files.list(directory));
  const auto counts = [](const std::string& name) {
    // New file systems have the one, a start that was cut short leaves the other.
    return !name.starts_with('.') && name != "lost+found" && name != "manifest.new";
  };
  if (const auto found = std::find_if(names.begin(), names.end(), counts); found != names.end()) {
    return error(Errc::corrupt, directory + " has " + *found +
                                    " in it but no manifest: put the manifest back, or name a "
                                    "directory that is new or empty");
  }
  return write_manifest(files, directory, {.parts = {}, .open = {}, .boxes = boxes});
}

Result<void> check_manifest(Files& files, const std::string& directory, bool boxes) {
  PORTEIRO_TRY(const std::string text, files.read(path_of(directory)));
  const std::string line = text.substr(0, text.find('\n'));
  const json document = json::parse(line, nullptr, false);
  if (text != sealed(line) || document.value("version", 0) != version) {
    return error(Errc::corrupt, path_of(directory) +
                                    " is damaged or of a newer version: put it "
                                    "back, or start with a new data directory");
  }
  if (document.value("boxes", true) != boxes) {
    return error(Errc::invalid,
                 directory + (boxes ? " was made with boxes off, so that nothing in it is sealed: "
                                      "start with a new data directory"
                                    : " was made with boxes on: leave \"boxes\" out of "
                                      "\"off\", or start with a new data directory"),
                 "/security/off");
  }
  for (const char* list : {"parts", "open"}) {
    for (const json& part : document.at(list)) {
      const std::string path = directory + "/" + part.get<std::string>();
      if (!is_there(files, path, std::string_view(list) == "open")) return gone(path);
    }
  }
  const json sizes = document.value("sizes", json::object());
  for (const auto& [part, bytes] : sizes.items()) {
    const std::string path = directory + "/" + part;
    const auto size = files.size(path);
    if (!size || size.value() < bytes.get<std::uint64_t>()) return shorter(path);
  }
  return ok();
}

Result<void> write_manifest(Files& files, const std::string& directory, const Manifest& manifest) {
  json document{{"version", version}, {"parts", manifest.parts}, {"open", manifest.open}};
  json sizes = json::object();
  for (const std::string& part : manifest.growing) {
    const auto size = files.size(directory + "/" + part);
    if (size) sizes[part] = size.value();
  }
  document["sizes"] = std::move(sizes);
  if (!manifest.boxes) document["boxes"] = false;
  if (manifest.audit.number > 0) {
    document["audit"] = {{"number", manifest.audit.number}, {"hash", manifest.audit.hash}};
  }
  return files.replace(path_of(directory), sealed(document.dump()));
}

}  // namespace porteiro::emulator
