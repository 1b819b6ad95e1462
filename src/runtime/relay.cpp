#include "porteiro/runtime/relay.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/asio.hpp"

namespace porteiro::runtime {
namespace {

using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

constexpr int no_relay = 125;  // Its exit status when it cannot do its work, as env and nice have.

// A connection of the program, and the one to the socket that it is carried over.
class Pair : public std::enable_shared_from_this<Pair> {
 public:
  Pair(Socket inner, Socket outer) : inner_(std::move(inner)), outer_(std::move(outer)) {}
  void run() {
    carry(inner_, outer_, to_outer_);
    carry(outer_, inner_, to_inner_);
  }

 private:
  using Buffer = std::array<char, 16U << 10>;

  // The end of what one side says is the end of what the other hears.
  void carry(Socket& from, Socket& to, Buffer& buffer) {
    from.async_read_some(asio::buffer(buffer), [self = shared_from_this(), &from, &to, &buffer](
                                                   error_code failed, std::size_t bytes) {
      if (failed) return finish(to);
      asio::async_write(to, asio::buffer(buffer.data(), bytes),
                        [self, &from, &to, &buffer](error_code cut, std::size_t) {
                          if (cut) return finish(from);
                          self->carry(from, to, buffer);
                        });
    });
  }
  static void finish(Socket& socket) {
    error_code ignored;
    socket.shutdown(Socket::shutdown_both, ignored);
  }

  Socket inner_, outer_;
  Buffer to_outer_{}, to_inner_{};
};

class Relay {
 public:
  explicit Relay(const char* socket) : socket_(socket) {}

  // False: nothing can listen there.
  bool listen(std::string_view address) {
    const std::size_t colon = address.rfind(':');
    std::uint16_t port = 0;
    if (colon == std::string_view::npos) return false;
    const std::string_view digits = address.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    error_code failed;
    const auto host = asio::ip::make_address(std::string(address.substr(0, colon)), failed);
    if (!failed) acceptor_.open(Tcp::v4(), failed);
    if (!failed) acceptor_.bind({host, port}, failed);
    if (!failed) acceptor_.listen(Acceptor::max_listen_connections, failed);
    return !failed;
  }

  // Carries until the child has ended; its exit status.
  int run(pid_t child) {
    accept();
    watch(child);
    io_.run();
    return status_;
  }

 private:
  using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;

  void accept() {
    acceptor_.async_accept([this](error_code failed, asio::basic_stream_socket<Tcp, Executor> in) {
      if (failed == asio::error::operation_aborted) return;
      if (!failed) connect(std::move(in));
      accept();
    });
  }

  void connect(asio::basic_stream_socket<Tcp, Executor> inner) {
    Socket outer(io_.get_executor());
    error_code failed;
    outer.connect(Local::endpoint(socket_), failed);
    if (failed) return;
    inner.set_option(Tcp::no_delay(true), failed);
    std::make_shared<Pair>(Socket(std::move(inner)), std::move(outer))->run();
  }

  // Looks first: the child may have ended before anybody waited for its signal.
  void watch(pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return io_.stop();
    }
    signals_.async_wait([this, child](error_code, int) { watch(child); });
  }

  const char* socket_;
  asio::io_context io_{1};
  Acceptor acceptor_{io_.get_executor()};
  asio::signal_set signals_{io_, SIGCHLD};
  int status_ = 0;
};

[[noreturn]] void become(char** program) {
  ::execvp(program[0], program);
  const int reason = errno;
  std::fprintf(stderr, "cannot start %s: %s\n", program[0], std::strerror(reason));
  ::_exit(reason == ENOENT ? 127 : 126);
}

}  // namespace

std::optional<int> run_relay(int argc, char** argv) {
  if (argc < 5 || std::string_view(argv[1]) != relay_argument) return std::nullopt;
  Relay relay(argv[2]);
  if (!relay.listen(argv[3])) {
    std::fprintf(stderr, "the relay cannot listen on %s\n", argv[3]);
    return no_relay;
  }
  const pid_t child = ::fork();
  if (child < 0) return no_relay;
  if (child == 0) become(argv + 4);
  return relay.run(child);
}

}  // namespace porteiro::runtime
