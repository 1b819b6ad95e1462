#include "porteiro/runtime/nursery.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "runtime/nursery_call.hpp"
#include "runtime/nursery_spawn.hpp"

namespace porteiro::runtime {
namespace {

using Act = NurseryProtocol::Act;
using Command = NurseryProtocol::Command;
using Fact = NurseryProtocol::Fact;
using Report = NurseryProtocol::Report;
using Steady = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr int socket_fd = NurseryProtocol::socket_fd;
constexpr int commands_per_turn_max = 64;
constexpr int search_share = 4;  // A search for strays is followed by so many times its duration.
constexpr Milliseconds search_pause(2);  // After an end: a start that follows it goes first.
constexpr int end_pause_ms = 2;
constexpr std::chrono::seconds end_patience(10);  // For what cannot be killed, or not now.

// Of the process and, where it leads one, its group. A process that has not been reaped keeps its
// number, so this meets nobody else.
bool kill_with_group(pid_t pid) {
  if (::getpgid(pid) == pid) ::kill(-pid, SIGKILL);
  return ::kill(pid, SIGKILL) == 0;
}

// posix_spawn of glibc leaves the two signals that it keeps for itself ignored, and sigaction does
// not touch them. All zero is the default, on every architecture.
void reset_reserved_signals() {
  const unsigned long action[8] = {};
  for (const int number : {32, 33}) ::syscall(SYS_rt_sigaction, number, action, nullptr, _NSIG / 8);
}

class Nursery {
 public:
  bool prepare();
  int live();

 private:
  bool take_commands();  // False: the other side is gone.
  void obey(const Command& command, int out, int err);
  void start(const Command& command, int out, int err);
  bool read_text(const Command& command, Birth& birth);
  bool reap();  // False: there are no children at all.
  void kill_strays();
  void end_all();
  void report(const Report& report);

  int signals_ = -1;                                  // Tells of SIGCHLD.
  std::unordered_map<std::uint64_t, pid_t> workers_;  // Those that have not been reaped.
  std::unordered_map<pid_t, std::uint64_t> by_pid_;
  std::string text_;  // Of the start that is coming.
  std::uint64_t reaped_ = 0;
  bool search_due_ = false;  // Something was reaped: what it left behind is ours now.
  Steady::time_point next_search_{};
};

// The mask keeps every signal but SIGKILL away: a terminal's interrupt is for the emulator, whose
// end this process sees by itself.
bool Nursery::prepare() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  signals_ = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  reset_reserved_signals();  // The children have what this process has.
  ::prctl(PR_SET_NAME, NurseryProtocol::argument.data());
  ::fcntl(socket_fd, F_SETFD, FD_CLOEXEC);
  return signals_ >= 0 && ::chdir("/") == 0 && ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

int Nursery::live() {
  for (;;) {
    Milliseconds limit(-1);
    if (search_due_) {
      const auto left = std::chrono::ceil<Milliseconds>(next_search_ - Steady::now());
      limit = std::max(left, Milliseconds(0));
    }
    pollfd ready[] = {{socket_fd, POLLIN, 0}, {signals_, POLLIN, 0}};
    ::poll(ready, 2, static_cast<int>(limit.count()));
    if (ready[0].revents != 0 && !take_commands()) break;
    if (!reap()) search_due_ = false;
    if (search_due_ && Steady::now() >= next_search_) kill_strays();
  }
  end_all();
  return 0;
}

bool Nursery::take_commands() {
  alignas(Command) char packet[sizeof(Command) + NurseryProtocol::packet_text_max];
  for (int i = 0; i < commands_per_turn_max; ++i) {
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    iovec part{packet, sizeof packet};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got < static_cast<ssize_t>(sizeof(Command))) return false;
    int pipes[2] = {-1, -1};
    const cmsghdr* carried = CMSG_FIRSTHDR(&message);
    if (carried != nullptr && carried->cmsg_len == CMSG_LEN(sizeof pipes)) {
      std::memcpy(pipes, CMSG_DATA(carried), sizeof pipes);
    }
    Command command;
    std::memcpy(&command, packet, sizeof command);
    text_.append(packet + sizeof command, static_cast<std::size_t>(got) - sizeof command);
    obey(command, pipes[0], pipes[1]);
    for (const int fd : pipes) {
      if (fd >= 0) ::close(fd);
    }
  }
  return true;
}

void Nursery::obey(const Command& command, int out, int err) {
  if (command.act == Act::more) return;
  if (command.act == Act::start) {
    start(command, out, err);
    text_.clear();
    return;
  }
  const auto worker = workers_.find(command.worker);
  if (worker == workers_.end()) return;  // It has ended.
  if (command.act == Act::signal) {
    ::kill(-worker->second, command.signal);
  } else {  // Once it is reaped its orphans are found.
    kill_with_group(worker->second);
  }
}

void Nursery::start(const Command& command, int out, int err) {
  Report outcome{.worker = command.worker};
  Birth birth{.directory = {},
              .arguments = {},
              .variables = {},
              .out = out,
              .err = err,
              .worker = command.worker};
  BirthFailure failure{Fact::no_program, EAGAIN};
  if (workers_.size() < NurseryProtocol::workers_max) {
    failure.error = EINVAL;
    if (read_text(command, birth)) outcome.pid = give_birth(birth, failure);
  }
  if (outcome.pid == 0) {
    outcome.fact = failure.fact;
    outcome.error = failure.error;
  } else {
    workers_.emplace(command.worker, static_cast<pid_t>(outcome.pid));
    by_pid_.emplace(static_cast<pid_t>(outcome.pid), command.worker);
  }
  report(outcome);
}

bool Nursery::read_text(const Command& command, Birth& birth) {
  char* at = text_.data();
  char* const end = at + text_.size();
  const auto next = [&]() -> char* {
    char* const begin = at;
    char* const nul = std::find(at, end, '\0');
    if (nul == end) return nullptr;
    at = nul + 1;
    return begin;
  };
  const auto read = [&](std::vector<char*>& into, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      into.push_back(next());
      if (into.back() == nullptr) return false;
    }
    into.push_back(nullptr);
    return true;
  };
  const char* directory = next();
  if (directory == nullptr || command.arguments == 0) return false;
  birth.directory = directory;
  return read(birth.arguments, command.arguments) && read(birth.variables, command.variables);
}

bool Nursery::reap() {
  signalfd_siginfo told;
  while (::read(signals_, &told, sizeof told) > 0) {
  }
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
    const pid_t pid = ended.si_pid;
    if (pid == 0) return true;
    const auto found = by_pid_.find(pid);
    // The group's number is not given again as long as this one is not reaped.
    if (found != by_pid_.end()) ::kill(-pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    ++reaped_;
    if (!std::exchange(search_due_, true)) {
      next_search_ = std::max(next_search_, Steady::now() + search_pause);
    }
    if (found == by_pid_.end()) continue;
    report({.fact = Fact::ended,
            .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
            .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            .worker = found->second,
            .pid = pid});
    workers_.erase(found->second);
    by_pid_.erase(found);
  }
}

// Kills the adopted children whose worker has ended. Their children are adopted when they die, and
// their end is followed by another search, until none is left.
void Nursery::kill_strays() {
  search_due_ = false;
  const auto begin = Steady::now();
  for (const pid_t pid : children_now().value_or(std::vector<pid_t>())) {
    if (!by_pid_.contains(pid) && !workers_.contains(owner_of(pid))) kill_with_group(pid);
  }
  const auto now = Steady::now();
  next_search_ = now + search_share * (now - begin);
}

// What is killed may be forking: each end is followed by another look, until there is none.
void Nursery::end_all() {
  for (const auto& [worker, pid] : workers_) kill_with_group(pid);
  for (auto progress = Steady::now(); Steady::now() - progress < end_patience;) {
    const std::uint64_t before = reaped_;
    if (!reap()) return;
    if (reaped_ != before) progress = Steady::now();
    for (const pid_t pid : children_now().value_or(std::vector<pid_t>())) kill_with_group(pid);
    pollfd ready{signals_, POLLIN, 0};
    ::poll(&ready, 1, end_pause_ms);
  }
}

// Waits while the emulator is behind with its reading; it never waits for this process.
void Nursery::report(const Report& report) {
  while (::send(socket_fd, &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

bool called = false;

}  // namespace

bool nursery_is_callable() { return called; }

std::optional<int> run_nursery(int argc, char** argv) {
  called = true;
  if (argc < 2 || argv[1] != NurseryProtocol::argument) return std::nullopt;
  int type = 0;
  socklen_t size = sizeof type;
  Nursery nursery;
  const bool ours = ::getsockopt(socket_fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
  if (!ours || type != SOCK_SEQPACKET || !nursery.prepare()) return 2;
  return nursery.live();
}

}  // namespace porteiro::runtime
