#include "runtime/nursery_link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "runtime/nursery_call.hpp"

namespace porteiro::runtime {
namespace {

constexpr int reports_per_turn_max = 64;
constexpr int end_patience_ms = 2000;
constexpr Duration retry_pause = std::chrono::milliseconds(1);

Error not_started(int reason) {
  return error(Errc::unavailable, "cannot start what supervises processes: " +
                                      std::generic_category().message(reason));
}

// /proc/self/exe is this very program, even if its file was replaced meanwhile.
int spawn_nursery(int socket, pid_t& pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, socket, NurseryProtocol::socket_fd);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&files, NurseryProtocol::socket_fd + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setsigmask(&attributes, &signals);  // It never takes one.
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::string name(NurseryProtocol::argument);
  std::string owner = std::to_string(::getpid());  // For people who read lists of processes.
  char* arguments[] = {name.data(), name.data(), owner.data(), nullptr};
  const int failed = ::posix_spawn(&pid, "/proc/self/exe", &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return failed;
}

}  // namespace

Result<boost::intrusive_ptr<NurseryLink>> NurseryLink::open(Loop& loop, Owner& owner) {
  if (!nursery_is_callable()) {
    return error(Errc::unavailable,
                 "this program cannot supervise processes: its main() does not call run_nursery()");
  }
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return not_started(errno);
  }
  Descriptor ours(pair[0]);
  const Descriptor theirs(pair[1]);
  pid_t pid = 0;
  if (const int failed = spawn_nursery(theirs.get(), pid); failed != 0) return not_started(failed);
  boost::intrusive_ptr link(new NurseryLink(loop, owner, ours.release(), pid));
  link->read();
  return link;
}

NurseryLink::NurseryLink(Loop& loop, Owner& owner, int socket, pid_t pid)
    : loop_(loop), owner_(&owner), socket_(loop.io().get_executor(), socket), pid_(pid) {}

void NurseryLink::close() {
  if (owner_ == nullptr) return;
  owner_ = nullptr;
  packets_.clear();
  error_code ignored;
  socket_.close(ignored);
  const Descriptor alive(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!alive.open()) {  // Before Linux 5.3. It ends in bounded time by itself.
    ::waitpid(pid_, nullptr, 0);
    return;
  }
  pollfd ended{alive.get(), POLLIN, 0};
  while (::poll(&ended, 1, end_patience_ms) < 0 && errno == EINTR) {
  }
  ::waitpid(pid_, nullptr, WNOHANG);
}

// ---- commands ----

void NurseryLink::send(const Command& command) { queue(command, {}, {}, {}); }

void NurseryLink::send_start(const Command& command, std::string_view text, Descriptor out,
                             Descriptor err) {
  constexpr std::size_t part = NurseryProtocol::packet_text_max;
  for (; text.size() > part; text.remove_prefix(part)) {
    queue({.act = NurseryProtocol::Act::more}, text.substr(0, part), {}, {});
  }
  queue(command, text, std::move(out), std::move(err));
}

void NurseryLink::queue(const Command& command, std::string_view text, Descriptor out,
                        Descriptor err) {
  if (owner_ == nullptr) return;
  std::string bytes(reinterpret_cast<const char*>(&command), sizeof command);
  bytes += text;
  packets_.push_back({std::move(bytes), std::move(out), std::move(err)});
  if (!waiting_) flush();
}

void NurseryLink::flush() {
  while (!packets_.empty() && send_front()) packets_.pop_front();
}

bool NurseryLink::send_front() {
  Packet& packet = packets_.front();
  iovec part{packet.bytes.data(), packet.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const std::array<int, 2> pipes{packet.out.get(), packet.err.get()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof pipes)] = {};
  if (packet.out.open()) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* carried = CMSG_FIRSTHDR(&message);
    carried->cmsg_level = SOL_SOCKET;
    carried->cmsg_type = SCM_RIGHTS;
    carried->cmsg_len = CMSG_LEN(sizeof pipes);
    std::memcpy(CMSG_DATA(carried), pipes.data(), sizeof pipes);
  }
  while (::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return true;  // The reading side sees that, too.
    waiting_ = true;
    const auto again = [self = boost::intrusive_ptr(this)] {
      self->waiting_ = false;
      if (self->owner_ != nullptr) self->flush();
    };
    if (errno == EAGAIN) {
      socket_.async_wait(StreamDescriptor::wait_write, [this, again](error_code) {
        loop_.entered();
        again();
      });
    } else {  // Memory, or too many descriptors on their way.
      loop_.after(retry_pause, again);
    }
    return false;
  }
  return true;
}

// ---- reports ----

void NurseryLink::read() {
  socket_.async_wait(StreamDescriptor::wait_read,
                     [self = boost::intrusive_ptr(this)](error_code failed) {
                       if (self->owner_ == nullptr) return;
                       self->loop_.entered();
                       if (failed) return self->lost();
                       self->take_reports();
                     });
}

void NurseryLink::take_reports() {
  for (int i = 0; i < reports_per_turn_max && owner_ != nullptr; ++i) {
    Report report;
    const ssize_t got = ::recv(socket_.native_handle(), &report, sizeof report, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got != static_cast<ssize_t>(sizeof report)) return lost();
    owner_->reported(report);
  }
  if (owner_ != nullptr) read();
}

void NurseryLink::lost() {
  Owner* const owner = std::exchange(owner_, nullptr);
  packets_.clear();
  error_code ignored;
  socket_.close(ignored);
  ::kill(pid_, SIGKILL);  // It is dying already; so the wait is short.
  ::waitpid(pid_, nullptr, 0);
  owner->lost();
}

}  // namespace porteiro::runtime
