#include "runtime/http_server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "runtime/http_connection.hpp"

namespace porteiro::runtime {
namespace {

using asio::ip::tcp;
using Local = asio::local::stream_protocol;

constexpr int backlog_max = 4096;
constexpr std::size_t turned_away_max = 256;  // More are closed without a word.
constexpr Duration accept_pause = std::chrono::milliseconds(50);
constexpr Duration sweep_pause_max = std::chrono::seconds(1);

std::string peer_text(const tcp::endpoint& peer) {
  const std::string address = peer.address().to_string();
  const std::string port = std::to_string(peer.port());
  return peer.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}
std::string peer_text(const Local::endpoint&) { return "unix"; }

void tune(asio::basic_stream_socket<tcp, Executor>& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
}
void tune(asio::basic_stream_socket<Local, Executor>&) {}

// Accepts until it is closed. Counted: its pending operation may outlive the server.
template <class Protocol>
class Acceptor final : public Counted<Acceptor<Protocol>> {
 public:
  using Native = asio::basic_socket_acceptor<Protocol, Executor>;
  using Endpoint = typename Protocol::endpoint;

  Acceptor(ServerCore& core, Native native)
      : core_(&core), native_(std::move(native)), socket_(core.loop.io().get_executor()) {}

  void close() {
    core_ = nullptr;
    error_code ignored;
    native_.close(ignored);
  }

  void accept() {
    native_.async_accept(socket_, peer_, [self = boost::intrusive_ptr(this)](error_code failed) {
      if (self->core_ == nullptr) return;
      self->core_->loop.entered();
      self->accepted(failed);
    });
  }

 private:
  void accepted(error_code failed) {
    if (failed == asio::error::connection_aborted) return accept();
    if (failed) {  // No descriptor or memory is left: until then accept would fail at once again.
      core_->loop.after(accept_pause, [self = boost::intrusive_ptr(this)] {
        if (self->core_ != nullptr) self->accept();
      });
      return;
    }
    error_code broken;
    socket_.non_blocking(true, broken);
    if (broken) {
      socket_.close(broken);
    } else {
      tune(socket_);
      admit(Socket(std::move(socket_)));
    }
    accept();
  }

  void admit(Socket socket) {
    const bool full =
        core_->connections.size() - core_->turned_away >= core_->options.connections_max;
    // To be told to go, a client of TLS would have to shake hands first.
    if (full && (core_->tls || core_->turned_away >= turned_away_max)) return;
    const boost::intrusive_ptr connection(
        new Connection(*core_, std::move(socket), peer_text(peer_)));
    connection->place = core_->connections.size();
    core_->connections.push_back(connection);
    if (!full) return connection->start();
    ++core_->turned_away;
    connection->turn_away();
  }

  ServerCore* core_;  // Null: closed.
  Native native_;
  asio::basic_stream_socket<Protocol, Executor> socket_;  // Of the next connection, and its peer.
  Endpoint peer_;
};

template <class Protocol>
class SocketServer final : public Server {
 public:
  SocketServer(Loop& loop, typename Acceptor<Protocol>::Native native, std::uint16_t port,
               std::string path, const ServerOptions& options, http::Handler handler,
               std::unique_ptr<TlsServer> tls = nullptr)
      : core_(loop, options, std::move(handler)),
        acceptor_(new Acceptor<Protocol>(core_, std::move(native))),
        sweeper_(loop),
        port_(port),
        path_(std::move(path)) {
    core_.tls = std::move(tls);
    acceptor_->accept();
    if (options.idle_timeout != Duration::max()) sweep_later();
  }
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;
  ~SocketServer() override {
    close_acceptor();
    core_.stopped = nullptr;
    while (!core_.connections.empty()) core_.connections.back()->close();
  }

  std::uint16_t port() const override { return port_; }
  std::size_t connections() const override { return core_.connections.size() - core_.turned_away; }

  void stop(Task done) override {
    close_acceptor();
    for_each([](Connection& connection) { connection.stop(); });
    if (core_.connections.empty()) return core_.loop.post(std::move(done));
    core_.stopped = std::move(done);
  }

 private:
  template <class Act>
  void for_each(Act act) {  // `act` may remove the one it is given.
    for (std::size_t i = core_.connections.size(); i-- > 0;) {
      const auto connection = core_.connections[i];
      act(*connection);
    }
  }

  void close_acceptor() {
    acceptor_->close();
    if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
  }

  void sweep_later() {
    const Duration pause = std::clamp(core_.options.idle_timeout / 4,
                                      Duration(std::chrono::milliseconds(5)), sweep_pause_max);
    sweeper_.start(pause, [this] {
      const Time now = core_.loop.now();
      for_each([now](Connection& connection) { connection.sweep(now); });
      sweep_later();
    });
  }

  ServerCore core_;
  boost::intrusive_ptr<Acceptor<Protocol>> acceptor_;
  Timer sweeper_;
  std::uint16_t port_;
  std::string path_;  // Of the socket's file; empty: none.
};

Error cannot_listen(const std::string& where, error_code reason) {
  Errc code = Errc::unavailable;
  if (reason == asio::error::address_in_use) code = Errc::conflict;
  if (reason == boost::system::errc::address_not_available) code = Errc::invalid;
  return error(code, "cannot listen on " + where + ": " + reason.message(), where);
}

// A file that nobody listens on is what a killed process left; anything else stays.
Result<void> clear_path(Loop& loop, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return success();
  if (!S_ISSOCK(status.st_mode)) {
    return error(Errc::conflict, path + " exists and is not a socket; give another path", path);
  }
  asio::basic_stream_socket<Local, Executor> probe(loop.io().get_executor());
  error_code failed;
  probe.connect(Local::endpoint(path), failed);
  if (failed != asio::error::connection_refused) {
    return error(Errc::conflict, "another process listens on " + path, path);
  }
  if (::unlink(path.c_str()) != 0) {
    return error(Errc::unavailable, "cannot remove the stale socket " + path, path);
  }
  return success();
}

}  // namespace

Result<std::unique_ptr<Server>> listen_tcp(Loop& loop, const std::string& address,
                                           std::uint16_t port, const ServerOptions& options,
                                           http::Handler handler, Offload* offload) {
  std::unique_ptr<TlsContext> context;
  if (options.tls != nullptr) {
    PORTEIRO_ASSERT(offload != nullptr);
    PORTEIRO_TRY(context, TlsContext::create(*options.tls));
  }
  const std::string where = address + ":" + std::to_string(port);
  error_code failed;
  const auto ip = asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, failed);
  if (failed) {
    return error(Errc::invalid,
                 "\"" + address + "\" is not an IP address; write one such as 127.0.0.1", where);
  }
  Acceptor<tcp>::Native native(loop.io().get_executor());
  const tcp::endpoint endpoint(ip, port);
  native.open(endpoint.protocol(), failed);
  if (!failed) native.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed) native.bind(endpoint, failed);
  if (!failed) native.listen(backlog_max, failed);
  if (failed) return cannot_listen(where, failed);
  const std::uint16_t bound = native.local_endpoint(failed).port();
  if (failed) return cannot_listen(where, failed);
  std::unique_ptr<TlsServer> tls;
  if (context) tls = std::make_unique<TlsServer>(std::move(context), *offload);
  return std::unique_ptr<Server>(std::make_unique<SocketServer<tcp>>(
      loop, std::move(native), bound, std::string(), options, std::move(handler), std::move(tls)));
}

Result<std::unique_ptr<Server>> listen_path(Loop& loop, const std::string& path,
                                            const ServerOptions& options, http::Handler handler) {
  constexpr std::size_t path_bytes_max = 107;  // Of sockaddr_un.
  if (path.empty() || path.size() > path_bytes_max) {
    return error(Errc::invalid, "a socket's path has from 1 to 107 bytes: \"" + path + "\"", path);
  }
  PORTEIRO_TRY(clear_path(loop, path));
  error_code failed;
  Acceptor<Local>::Native native(loop.io().get_executor());
  native.open(Local(), failed);
  if (!failed) native.bind(Local::endpoint(path), failed);
  if (!failed && ::chmod(path.c_str(), 0600) != 0) {
    failed.assign(errno, boost::system::system_category());
  }
  if (!failed) native.listen(backlog_max, failed);
  if (failed) return cannot_listen(path, failed);
  return std::unique_ptr<Server>(std::make_unique<SocketServer<Local>>(
      loop, std::move(native), std::uint16_t{0}, path, options, std::move(handler)));
}

}  // namespace porteiro::runtime
