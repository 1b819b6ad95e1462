#include "runtime/activity.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/descriptor.hpp"

namespace porteiro::runtime {
namespace {

constexpr std::size_t processes_max = 1000;  // That are looked at below one.

// A file of /proc, up to 8 KiB of it; empty: it is gone.
std::string read_all(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[8192];
  const ssize_t got = file.get() < 0 ? 0 : ::read(file.get(), buffer, sizeof buffer);
  return {buffer, static_cast<std::size_t>(got > 0 ? got : 0)};
}

// "State:\tS (sleeping)": what stands behind the name, on its line.
std::string_view value_of(std::string_view status, std::string_view name) {
  const std::size_t at = status.find(name);
  if (at == std::string_view::npos) return {};
  status.remove_prefix(at + name.size());
  status.remove_prefix(std::min(status.find_first_not_of(":\t "), status.size()));
  return status.substr(0, status.find('\n'));
}

std::uint64_t number_of(std::string_view status, std::string_view name) {
  return std::strtoull(std::string(value_of(status, name)).c_str(), nullptr, 10);
}

bool is_over(char state) { return std::strchr("ZXx", state) != nullptr; }
// Sleeping, stopped or over. Who waits for a disk is about to go on.
bool rests(char state) { return std::strchr("StT", state) != nullptr || is_over(state); }

// The state of the thread; 'X' if it is gone.
char add_thread(const std::string& folder, Activity& activity, std::vector<std::string>& below) {
  const std::string status = read_all(folder + "/status");
  const std::string_view state = value_of(status, "State");
  if (state.empty()) return 'X';
  activity.asleep = activity.asleep && rests(state.front());
  activity.runs += number_of(status, "\nvoluntary_ctxt_switches");
  activity.runs += number_of(status, "\nnonvoluntary_ctxt_switches");
  const std::string children = read_all(folder + "/children");
  const char* at = children.c_str();
  for (char* end = nullptr;; at = end) {
    const long child = std::strtol(at, &end, 10);
    if (end == at) return state.front();
    below.push_back(std::to_string(child));
  }
}

}  // namespace

Activity activity_of(std::int64_t pid) {
  Activity activity;
  std::vector<std::string> left{std::to_string(pid)};
  bool alive = false;  // A thread of the process itself.
  for (std::size_t i = 0; i < left.size() && i < processes_max; ++i) {
    const std::string threads = "/proc/" + left[i] + "/task";
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(threads.c_str()), ::closedir);
    if (!folder) continue;
    while (const dirent* entry = ::readdir(folder.get())) {
      if (entry->d_name[0] == '.') continue;
      const char state = add_thread(threads + "/" + entry->d_name, activity, left);
      alive = alive || (i == 0 && !is_over(state));
    }
  }
  activity.asleep = activity.asleep && alive;
  return activity;
}

}  // namespace porteiro::runtime
