// What the test executable is when a test starts it as a process: the nursery, or a child that does
// what a shell cannot. And what a test needs to look at processes.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "porteiro/runtime/nursery.hpp"
#include "porteiro/runtime/runtime.hpp"

namespace porteiro::runtime::test {

inline std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

inline std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct ProcessState {
  char state;  // As in /proc: 'Z' is a zombie.
  pid_t parent;
};
inline std::optional<ProcessState> state_of(pid_t pid) {
  const std::string stat = slurp("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t paren = stat.rfind(')');
  if (paren == std::string::npos) return std::nullopt;
  ProcessState state{};
  std::sscanf(stat.c_str() + paren, ") %c %d", &state.state, &state.parent);
  return state;
}

inline bool gone(pid_t pid) {
  const auto state = state_of(pid);
  return !state || state->state == 'Z';
}
inline bool gone(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    if (!gone(pid)) return false;
  }
  return true;
}

inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    const auto state = state_of(pid);
    if (state && state->parent == parent) out.push_back(pid);
  }
  return out;
}

inline std::vector<pid_t> nurseries() {
  std::vector<pid_t> out;
  for (const pid_t pid : children_of(::getpid())) {
    if (slurp("/proc/" + std::to_string(pid) + "/comm") == "worker-nursery\n") out.push_back(pid);
  }
  return out;
}

// The numbers in "pid 1\npid 2\n…".
inline std::vector<pid_t> pids_in(const std::string& text) {
  std::vector<pid_t> out;
  std::istringstream in(text);
  std::string word;
  for (pid_t pid = 0; in >> word >> pid;) out.push_back(pid);
  return out;
}

inline void say_pid() {
  char line[32];
  const int size = std::snprintf(line, sizeof line, "pid %d\n", static_cast<int>(::getpid()));
  if (::write(STDOUT_FILENO, line, static_cast<std::size_t>(size)) < 0) ::_exit(3);
}

[[noreturn]] inline void pause_forever() {
  for (;;) ::pause();
}

// Leaves two daemons behind, each in a session of its own and child of nobody here, and says the
// three numbers. Then it goes on, or exits.
[[noreturn]] inline void daemonize(bool exits) {
  for (int i = 0; i < 2; ++i) {
    int said[2];
    if (::pipe(said) != 0) ::_exit(3);
    const pid_t middle = ::fork();
    if (middle == 0) {
      ::setsid();
      if (::fork() != 0) ::_exit(0);
      ::setsid();
      ::signal(SIGTERM, SIG_IGN);
      say_pid();
      ::close(said[0]);
      ::close(said[1]);
      pause_forever();
    }
    ::waitpid(middle, nullptr, 0);
    ::close(said[1]);
    char byte = 0;
    while (::read(said[0], &byte, 1) > 0) {
    }
    ::close(said[0]);
  }
  say_pid();
  if (exits) ::_exit(0);
  pause_forever();
}

// What it was born with: the descriptors, and the masks of signals.
[[noreturn]] inline void inventory() {
  std::string text;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) text += std::to_string(fd) + " ";
  }
  std::istringstream status(slurp("/proc/self/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigBlk") || line.starts_with("SigIgn")) text += line + "\n";
  }
  text += std::filesystem::read_symlink("/proc/self/fd/0");
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(3);
  ::_exit(0);
}

// An emulator in small: starts three children that daemonize, and passes on what they say.
struct Host final : ProcessListener {
  void output(Stream, std::string_view bytes) override {
    if (::write(STDOUT_FILENO, bytes.data(), bytes.size()) < 0) ::_exit(3);
  }
  void ended(Result<ProcessEnd>) override { ::_exit(4); }
  std::unique_ptr<Process> process;
};

[[noreturn]] inline void host() {
  const auto runtime = Runtime::create(1);
  Host hosts[3];
  for (Host& each : hosts) {
    each.process = runtime->processes().start(
        {.command = {own_program(), "role:daemonize"}, .directory = "/"}, each);
  }
  runtime->run();
  ::_exit(5);
}

}  // namespace porteiro::runtime::test

namespace porteiro::test {

std::optional<int> run_instead(int argc, char** argv) {
  if (const auto status = runtime::run_nursery(argc, argv)) return status;
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "role:daemonize") runtime::test::daemonize(false);
  if (role == "role:daemonize-and-exit") runtime::test::daemonize(true);
  if (role == "role:inventory") runtime::test::inventory();
  if (role == "role:host") runtime::test::host();
  return std::nullopt;
}

}  // namespace porteiro::test
