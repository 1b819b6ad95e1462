#include "runtime/private_ports.hpp"

#include "runtime/http_server.hpp"

namespace porteiro::runtime {
namespace {

// One client: a streamed response has up to 20 MiB, and a longer one has to arrive to be told so.
// Runtime clients send a stack trace of up to 1 MiB in a header
// (Lambda-Runtime-Function-XRay-Error-Cause).
constexpr ServerOptions private_options{.connections_max = 64,
                                        .header_bytes_max = (1U << 20) + (64U << 10),
                                        .body_bytes_max = 32U << 20,
                                        .pipeline_max = 8,
                                        .idle_timeout = Duration::max(),
                                        .buffer_bytes_kept = 16U << 10,
                                        .trailers = true};

class ServerPort final : public http::PrivatePort {
 public:
  // Lives as long as the server, which outlives the port while this runs.
  struct Call {
    http::Handler handler;
    int running = 0;
    bool open = true;
  };

  ServerPort(ServerPorts& ports, std::shared_ptr<Call> call, std::unique_ptr<Server> server,
             std::string address)
      : ports_(ports),
        call_(std::move(call)),
        server_(std::move(server)),
        address_(std::move(address)) {}
  ServerPort(const ServerPort&) = delete;
  ServerPort& operator=(const ServerPort&) = delete;
  ~ServerPort() override {
    call_->open = false;
    if (call_->running > 0) ports_.close_later(std::move(server_));
  }
  std::string address() const override { return address_; }

 private:
  ServerPorts& ports_;
  std::shared_ptr<Call> call_;
  std::unique_ptr<Server> server_;
  std::string address_;
};

}  // namespace

Result<std::unique_ptr<http::PrivatePort>> ServerPorts::open(http::Handler handler,
                                                             const std::string& path) {
  const auto call = std::make_shared<ServerPort::Call>(ServerPort::Call{std::move(handler)});
  const auto hand_over = [call](const http::Request& request, http::Responder respond) {
    if (!call->open) return;
    ++call->running;
    call->handler(request, std::move(respond));
    --call->running;
  };
  PORTEIRO_TRY(auto server, path.empty()
                                ? listen_tcp(loop_, "127.0.0.1", 0, private_options, hand_over)
                                : listen_path(loop_, path, private_options, hand_over));
  std::string address = path.empty() ? "127.0.0.1:" + std::to_string(server->port()) : path;
  return std::unique_ptr<http::PrivatePort>(
      std::make_unique<ServerPort>(*this, call, std::move(server), std::move(address)));
}

void ServerPorts::close_later(std::unique_ptr<Server> server) {
  closing_.push_back(std::move(server));
  if (closing_.size() == 1) loop_.post([this] { closing_.clear(); });
}

}  // namespace porteiro::runtime
