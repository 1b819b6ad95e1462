#include "porteiro/virtual_world/virtual_world.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace porteiro::virtual_world {

VirtualScheduler::VirtualScheduler(Time start) : now_(start) {}

void VirtualScheduler::post(Task task) { queue_.post(std::move(task)); }

TimerId VirtualScheduler::after(Duration delay, Task task) {
  const Duration room = Time::max() - now_;  // A delay beyond the end of time is the end of time.
  return queue_.add(now_ + std::clamp(delay, Duration::zero(), room), std::move(task));
}

bool VirtualScheduler::cancel(TimerId timer) { return queue_.cancel(timer); }

bool VirtualScheduler::step() {
  if (!queue_.has_posted()) {
    const auto due = queue_.next_due();
    if (!due) return false;
    now_ = std::max(now_, *due);
  }
  auto task = queue_.pop(now_);
  (*task)();
  return true;
}

void VirtualScheduler::run_until_idle() {
  while (step()) {
  }
}

void VirtualScheduler::run_for(Duration duration) {
  const Time end = now_ + duration;
  for (;;) {
    if (!queue_.has_posted()) {
      const auto due = queue_.next_due();
      if (!due || *due > end) break;
    }
    step();
  }
  now_ = end;
}

std::optional<Time> VirtualScheduler::next_due() const { return queue_.next_due(); }
bool VirtualScheduler::posted() const { return queue_.has_posted(); }

void InlineOffload::run(Lane lane, Task work, Task done) {
  PORTEIRO_ASSERT(lane < next_);
  work();
  if (done) scheduler_.post(std::move(done));
}

void SeededEntropy::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const std::uint64_t word = random_.next();
    const std::size_t size = std::min(out.size(), sizeof word);
    std::memcpy(out.data(), &word, size);
    out = out.subspan(size);
  }
}

namespace {

using Disk = MemoryFiles::Disk;

// Counts the operation and says whether it fails.
Result<void> attempt(Disk& disk) {
  ++disk.operations;
  if (disk.fail_at != 0 && disk.operations >= disk.fail_at) {
    return error(Errc::unavailable, "the disk in memory fails, as it was told to");
  }
  return success();
}

Error missing(const std::string& path) {
  return error(Errc::not_found, "there is no " + path, path);
}

void erase_below(Disk& disk, const std::string& from) {
  const auto is_below = [&](const std::string& path) {
    return path == from || path.starts_with(from + "/");
  };
  std::erase_if(disk.files, [&](const auto& file) { return is_below(file.first); });
  std::erase_if(disk.modes, [&](const auto& file) { return is_below(file.first); });
  std::erase_if(disk.directories, is_below);
}

class MemoryAppend final : public AppendFile {
 public:
  MemoryAppend(std::shared_ptr<Disk> disk, std::string path)
      : disk_(std::move(disk)), path_(std::move(path)) {}

  Result<void> append(std::string_view bytes) override {
    auto outcome = attempt(*disk_);
    if (!outcome) {  // The operation that breaks the disk leaves half of its bytes, as a crash may.
      if (disk_->operations != disk_->fail_at) return outcome;
      bytes = bytes.substr(0, bytes.size() / 2);
    }
    disk_->files[path_].append(bytes);
    return outcome;
  }
  Result<void> sync() override { return attempt(*disk_); }

 private:
  std::shared_ptr<Disk> disk_;
  std::string path_;
};

}  // namespace

MemoryFiles::MemoryFiles(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

Result<void> MemoryFiles::make_directory(const std::string& path) {
  PORTEIRO_TRY(attempt(*disk_));
  for (std::size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    disk_->directories.insert(path.substr(0, end));
  }
  disk_->directories.insert(path);
  return success();
}

Result<std::vector<std::string>> MemoryFiles::list(const std::string& directory) {
  PORTEIRO_TRY(attempt(*disk_));
  const std::string prefix = directory + "/";
  std::set<std::string> names;
  bool known = disk_->directories.contains(directory);
  const auto look = [&](const std::string& path) {
    if (!path.starts_with(prefix)) return;
    known = true;
    names.insert(path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size()));
  };
  for (const auto& [path, content] : disk_->files) look(path);
  for (const std::string& path : disk_->directories) look(path);
  if (!known) return missing(directory);
  return std::vector<std::string>(names.begin(), names.end());
}

Result<std::string> MemoryFiles::read(const std::string& path) {
  PORTEIRO_TRY(attempt(*disk_));
  const auto found = disk_->files.find(path);
  if (found == disk_->files.end()) return missing(path);
  return found->second;
}

Result<std::uint64_t> MemoryFiles::size(const std::string& path) {
  PORTEIRO_TRY(attempt(*disk_));
  const auto found = disk_->files.find(path);
  if (found == disk_->files.end()) return missing(path);
  return found->second.size();
}

Result<FileInfo> MemoryFiles::info(const std::string& path) {
  PORTEIRO_TRY(attempt(*disk_));
  const auto below = disk_->files.lower_bound(path + "/");
  const bool holds = below != disk_->files.end() && below->first.starts_with(path + "/");
  if (holds || disk_->directories.contains(path)) return FileInfo{true, 0700U, 0, {}};
  const auto found = disk_->files.find(path);
  if (found == disk_->files.end()) return missing(path);
  const auto mode = disk_->modes.find(path);
  const auto modified = disk_->modified.find(path);
  return FileInfo{false, mode == disk_->modes.end() ? 0600U : mode->second, found->second.size(),
                  modified == disk_->modified.end() ? Time{} : modified->second};
}

Result<unsigned> MemoryFiles::mode(const std::string& path) {
  PORTEIRO_TRY(attempt(*disk_));
  if (!disk_->files.contains(path)) return missing(path);
  const auto found = disk_->modes.find(path);
  return found == disk_->modes.end() ? 0600U : found->second;
}

Result<std::unique_ptr<AppendFile>> MemoryFiles::open_append(const std::string& path,
                                                             std::uint64_t keep) {
  PORTEIRO_TRY(attempt(*disk_));
  std::string& content = disk_->files[path];
  if (content.size() > keep) content.resize(keep);
  return std::unique_ptr<AppendFile>(std::make_unique<MemoryAppend>(disk_, path));
}

Result<void> MemoryFiles::replace(const std::string& path, std::string_view bytes) {
  PORTEIRO_TRY(attempt(*disk_));
  disk_->files[path] = bytes;
  disk_->modes.erase(path);  // A new file.
  return success();
}

Result<void> MemoryFiles::remove(const std::string& path) {
  PORTEIRO_TRY(attempt(*disk_));
  if (disk_->files.erase(path) == 0) return missing(path);
  return success();
}

Result<std::unique_ptr<AppendFile>> MemoryFiles::create(const std::string& path, bool executable) {
  PORTEIRO_TRY(attempt(*disk_));
  if (disk_->directories.contains(path) || !disk_->files.try_emplace(path).second) {
    return error(Errc::unavailable, "cannot make " + path + ": it exists", path);
  }
  if (executable) disk_->modes[path] = 0700;
  for (std::size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    disk_->directories.insert(path.substr(0, end));
  }
  return std::unique_ptr<AppendFile>(std::make_unique<MemoryAppend>(disk_, path));
}

Result<void> MemoryFiles::sync_all(const std::string& directory) {
  PORTEIRO_TRY(attempt(*disk_));
  if (!disk_->directories.contains(directory)) return missing(directory);
  return success();
}

Result<void> MemoryFiles::rename(const std::string& from, const std::string& to) {
  PORTEIRO_TRY(attempt(*disk_));
  if (!disk_->files.contains(from) && !disk_->directories.contains(from)) return missing(from);
  const auto moved = [&](const std::string& path) {
    const bool is_below = path == from || path.starts_with(from + "/");
    return is_below ? std::optional(to + path.substr(from.size())) : std::nullopt;
  };
  Disk next;
  for (auto& [path, content] : disk_->files) {
    if (const auto other = moved(path)) next.files[*other] = std::move(content);
  }
  for (auto& [path, mode] : disk_->modes) {
    if (const auto other = moved(path)) next.modes[*other] = mode;
  }
  for (const std::string& path : disk_->directories) {
    if (const auto other = moved(path)) next.directories.insert(*other);
  }
  erase_below(*disk_, from);
  erase_below(*disk_, to);
  disk_->files.merge(next.files);
  disk_->modes.merge(next.modes);
  disk_->directories.merge(next.directories);
  return success();
}

Result<void> MemoryFiles::remove_all(const std::string& path) {
  PORTEIRO_TRY(attempt(*disk_));
  erase_below(*disk_, path);
  return success();
}

Result<void> MemoryFiles::lock(const std::string&) { return attempt(*disk_); }

World::World(std::uint64_t seed)
    : offload(scheduler),
      entropy(seed),
      random(seed),
      environment{scheduler, offload, entropy, random, files} {}

}  // namespace porteiro::virtual_world
