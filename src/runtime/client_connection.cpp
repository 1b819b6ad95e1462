#include "runtime/client_connection.hpp"

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

namespace porteiro::runtime {
namespace {

namespace beast_http = boost::beast::http;

constexpr std::uint32_t header_bytes_max = 64U << 10;
constexpr std::uint64_t body_bytes_max = 64U << 20;

http::Response to_response(beast_http::response<beast_http::string_body>&& message) {
  http::Response response;
  response.status = message.result_int();
  response.content_type.clear();
  for (const auto& field : message) {
    switch (field.name()) {
      case beast_http::field::content_type:
        response.content_type = field.value();
        break;
      case beast_http::field::content_length:
      case beast_http::field::connection:
      case beast_http::field::date:
      case beast_http::field::transfer_encoding:
        break;
      default:
        response.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
  }
  response.body = std::move(message.body());
  return response;
}

}  // namespace

bool ClientConnection::fresh() const {
  if (!socket_.is_open() || in_.size() > 0) return false;
  char byte = 0;
  const ssize_t got =
      ::recv(const_cast<Socket&>(socket_).native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void ClientConnection::close() {
  done_ = nullptr;
  error_code ignored;
  socket_.close(ignored);
}

void ClientConnection::exchange(const asio::generic::stream_protocol::endpoint& peer,
                                std::string request, bool head, Done done) {
  out_ = std::move(request);
  head_ = head;
  done_ = std::move(done);
  if (socket_.is_open()) return write();
  socket_.async_connect(peer, [self = boost::intrusive_ptr(this), peer](error_code failed) {
    self->loop_.entered();
    if (!self->done_) return;
    if (failed) return self->fail("connect", failed);
    if (peer.protocol().family() != AF_UNIX) {
      error_code ignored;
      self->socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    }
    self->write();
  });
}

// The answer is awaited at once: a server may refuse before it has read the whole request.
void ClientConnection::write() {
  writing_ = true;
  asio::async_write(socket_, asio::buffer(out_),
                    [self = boost::intrusive_ptr(this)](error_code failed, std::size_t) {
                      self->writing_ = static_cast<bool>(failed);  // Then it is not used again.
                    });
  read();
}

void ClientConnection::read() {
  parser_.emplace();
  parser_->header_limit(header_bytes_max);
  parser_->body_limit(body_bytes_max);
  if (head_) parser_->skip(true);
  beast_http::async_read(socket_, in_, *parser_,
                         [self = boost::intrusive_ptr(this)](error_code failed, std::size_t) {
                           self->loop_.entered();
                           if (self->done_) self->on_read(failed);
                         });
}

void ClientConnection::on_read(error_code failed) {
  if (failed) return fail("read the answer", failed);
  const unsigned status = parser_->get().result_int();
  if (status >= 100 && status < 200 && status != 101) return read();  // Only a word on the way.
  const bool reusable = parser_->keep_alive() && !parser_->need_eof() && !writing_;
  finish({to_response(parser_->release()), reusable, false});
}

void ClientConnection::fail(std::string_view doing, error_code reason) {
  const bool untouched = !parser_ || !parser_->got_some();
  finish({error(Errc::unavailable, "cannot " + std::string(doing) + ": " + reason.message()), false,
          untouched});
}

void ClientConnection::finish(Outcome outcome) {
  parser_.reset();
  Done done = std::move(done_);
  done(std::move(outcome));
}

}  // namespace porteiro::runtime
