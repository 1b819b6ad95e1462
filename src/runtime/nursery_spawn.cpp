#include "runtime/nursery_spawn.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unordered_set>

namespace porteiro::runtime {
namespace {

constexpr const char* default_path = "/bin:/usr/bin";  // confstr(_CS_PATH) of glibc.

// What the child does between vfork and exec. It shares this process's memory: it changes nothing
// but `failure` and calls nothing that could.
struct Plan {
  const Birth& birth;
  const std::vector<std::string>& programs;  // Tried in this order.
  pid_t nursery;
  rlim_t limit_max;  // The hard limit that stays.
  BirthFailure& failure;
};

[[noreturn]] void fail(const Plan& plan, NurseryProtocol::Fact fact, int reason) {
  plan.failure = {fact, reason};
  ::_exit(127);
}

// As execvp goes on to the next place.
bool goes_on(int reason) {
  return reason == ENOENT || reason == ENOTDIR || reason == EACCES || reason == ESTALE ||
         reason == ENODEV || reason == ETIMEDOUT;
}

[[noreturn]] void become(const Plan& plan) {
  using enum NurseryProtocol::Fact;
  const Birth& birth = plan.birth;
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.nursery) ::_exit(127);  // It died before that.
  if (::dup2(birth.out, STDOUT_FILENO) < 0 || ::dup2(birth.err, STDERR_FILENO) < 0) {
    fail(plan, no_program, errno);
  }
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  if (::chdir(birth.directory.c_str()) != 0) fail(plan, no_directory, errno);
  const rlimit mark{birth.worker, plan.limit_max};
  ::setrlimit(RLIMIT_LOCKS, &mark);  // Unmarked it is a stray earlier, that is all.
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int reason = ENOENT;
  for (const std::string& program : plan.programs) {
    ::execve(program.c_str(), birth.arguments.data(), birth.variables.data());
    if (!goes_on(errno)) fail(plan, no_program, errno);
    if (reason == ENOENT || errno == EACCES) reason = errno;
  }
  fail(plan, no_program, reason);
}

[[gnu::noinline]] pid_t fork_into(const Plan& plan) {
  const pid_t pid = ::vfork();
  if (pid == 0) become(plan);
  return pid;  // The child has its own memory by now, or has ended.
}

std::string_view variable(const std::vector<char*>& variables, std::string_view name,
                          std::string_view absent) {
  for (const char* entry : variables) {
    if (entry == nullptr) break;
    const std::string_view text(entry);
    if (text.starts_with(name) && text.substr(name.size()).starts_with('=')) {
      return text.substr(name.size() + 1);
    }
  }
  return absent;
}

std::vector<std::string> programs_of(const Birth& birth) {
  const std::string_view name = birth.arguments.front();
  if (name.empty() || name.find('/') != std::string_view::npos) return {std::string(name)};
  std::vector<std::string> programs;
  std::string_view rest = variable(birth.variables, "PATH", default_path);
  for (bool last = false; !last;) {
    const std::size_t colon = rest.find(':');
    last = colon == std::string_view::npos;
    std::string place(rest.substr(0, colon));
    if (!last) rest.remove_prefix(colon + 1);
    if (!place.empty()) place += '/';  // An empty place is the working directory.
    programs.push_back(place.append(name));
  }
  return programs;
}

// Reads a small file of /proc whole, or its first 4095 bytes; empty: it is gone.
std::string_view read_small(const char* path, char (&buffer)[4096]) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t got = ::read(fd, buffer, sizeof buffer - 1);
  ::close(fd);
  return {buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

// "pid (name) state parent …", where the name may hold anything.
pid_t parent_in(std::string_view stat) {
  const std::size_t paren = stat.rfind(')');
  if (paren == std::string_view::npos || stat.size() < paren + 5) return 0;
  pid_t parent = 0;
  std::from_chars(stat.data() + paren + 4, stat.data() + stat.size(), parent);
  return parent;
}

// All that /proc shows. False: it is not there.
template <class Visit>
bool for_each_process(Visit visit) {
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return false;
  while (const dirent* entry = ::readdir(proc)) {
    const char* name = entry->d_name;
    if (*name >= '1' && *name <= '9') visit(static_cast<pid_t>(std::strtol(name, nullptr, 10)));
  }
  ::closedir(proc);
  return true;
}

// Kernels built without CONFIG_PROC_CHILDREN: everything is looked at.
std::optional<std::vector<pid_t>> children_by_search() {
  std::vector<pid_t> children;
  const pid_t self = ::getpid();
  char buffer[4096];
  const bool there = for_each_process([&](pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    if (parent_in(read_small(path.c_str(), buffer)) == self) children.push_back(pid);
  });
  if (!there) return std::nullopt;
  return children;
}

}  // namespace

pid_t give_birth(const Birth& birth, BirthFailure& failure) {
  rlimit limit{};
  ::getrlimit(RLIMIT_LOCKS, &limit);
  const std::vector<std::string> programs = programs_of(birth);
  failure = {};
  const pid_t pid = fork_into({birth, programs, ::getpid(), limit.rlim_max, failure});
  if (pid < 0) failure.error = errno;
  if (failure.error == 0) return pid;
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return 0;
}

std::uint64_t owner_of(pid_t pid) {
  rlimit mark{};
  if (::prlimit(pid, RLIMIT_LOCKS, nullptr, &mark) != 0) return 0;
  return mark.rlim_cur == RLIM_INFINITY ? 0 : mark.rlim_cur;
}

void kill_owned(std::uint64_t first, std::uint64_t last) {
  std::unordered_set<pid_t> killed;
  for (std::size_t before = 1; killed.size() != before;) {  // Until a look finds no new ones.
    before = killed.size();
    for_each_process([&](pid_t pid) {
      const std::uint64_t owner = owner_of(pid);
      if (owner < first || owner > last || killed.contains(pid)) return;
      if (::kill(pid, SIGKILL) == 0) killed.insert(pid);
    });
  }
}

std::optional<std::vector<pid_t>> children_now() {
  static const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return children_by_search();
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(fd);
  std::vector<pid_t> children;
  const char* at = text.c_str();
  for (char* end = nullptr;; at = end) {
    const long pid = std::strtol(at, &end, 10);
    if (end == at) return children;
    children.push_back(static_cast<pid_t>(pid));
  }
}

}  // namespace porteiro::runtime
