// echo_floor PORT: the HTTP server that others are compared with. Beast with callbacks over a plain
// socket and a concrete executor, string bodies, keep-alive, one thread. Echoes POST bodies;
// answers GET with 400 bytes of JSON. Nothing else: no limits, no time-outs, no pipelining.
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using boost::system::error_code;

namespace {

const std::string& fixed_body() {
  static const std::string body = "{\"fixed\":\"" + std::string(388, 'x') + "\"}";
  return body;
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Socket socket) : socket_(std::move(socket)) {}

  void read() {
    parser_.emplace();
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](error_code failed, std::size_t) {
                       if (!failed) self->answer();
                     });
  }

 private:
  void answer() {
    auto request = parser_->release();
    response_ = {};
    response_.version(request.version());
    response_.keep_alive(request.keep_alive());
    response_.set(http::field::content_type, "application/json");
    response_.body() =
        request.method() == http::verb::post ? std::move(request.body()) : fixed_body();
    response_.prepare_payload();
    serializer_.emplace(response_);
    http::async_write(socket_, *serializer_,
                      [self = shared_from_this()](error_code failed, std::size_t) {
                        if (!failed && self->response_.keep_alive()) self->read();
                      });
  }

  Socket socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
};

void accept(Acceptor& acceptor, Socket& next) {
  acceptor.async_accept(next, [&acceptor, &next](error_code failed) {
    if (!failed) {
      next.set_option(tcp::no_delay(true), failed);
      std::make_shared<Session>(std::move(next))->read();
    }
    accept(acceptor, next);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: echo_floor PORT\n", stderr);
    return 2;
  }
  asio::io_context io(1);
  const auto port = static_cast<unsigned short>(std::atoi(argv[1]));
  Acceptor acceptor(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
  Socket next(io);
  accept(acceptor, next);
  io.run();
}
