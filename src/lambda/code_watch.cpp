#include "lambda/code_watch.hpp"

#include <utility>

namespace porteiro::lambda {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ hash >> 29;
}

bool ignored(const std::string& name) {
  return name.empty() || name.front() == '.' || name == "node_modules" || name == "__pycache__";
}

}  // namespace

CodeWatch::CodeWatch(Files& files, const Clock& clock, std::vector<std::string> roots)
    : files_(files), clock_(clock), roots_(std::move(roots)) {}

std::uint64_t CodeWatch::version() {
  if (clock_.now() < next_) return version_;
  Sum sum{1, 0};
  for (const std::string& root : roots_) add(root, 0, sum);
  next_ = clock_.now() + pause_per_file * (1 + sum.files);
  return version_ = sum.hash;
}

void CodeWatch::add(const std::string& path, std::size_t depth, Sum& sum) {
  if (sum.files >= files_max) return;
  ++sum.files;
  const auto info = files_.info(path);
  if (!info) return;
  if (!info.value().directory) {
    for (const char c : path)
      sum.hash = (sum.hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    sum.hash = mix(sum.hash, info.value().size);
    sum.hash =
        mix(sum.hash, static_cast<std::uint64_t>(info.value().modified.time_since_epoch().count()));
    sum.hash = mix(sum.hash, info.value().mode);
    return;
  }
  if (depth == depth_max) return;
  const auto names = files_.list(path);
  if (!names) return;
  for (const std::string& name : names.value()) {
    if (!ignored(name)) add(path + "/" + name, depth + 1, sum);
  }
}

}  // namespace porteiro::lambda
