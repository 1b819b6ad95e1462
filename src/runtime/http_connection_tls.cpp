// A connection's way through TLS: what stands between its buffers and its socket.
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include "runtime/http_connection.hpp"

namespace porteiro::runtime {

// What was fed and not read yet comes first; it comes through the loop, so that nobody's long body
// keeps others waiting.
void Connection::read_tls() {
  const boost::intrusive_ptr self(this);
  if (!shaking_ && tls_->established() && tls_->fed()) {
    return core_->loop.post([self] { self->read_plain(); });
  }
  socket_.async_wait(Socket::wait_read, [self](error_code failed) { self->on_readable(failed); });
}

void Connection::on_readable(error_code failed) {
  if (core_ == nullptr) return;
  core_->loop.entered();
  std::array<char, 16u << 10>& received = core_->tls->received;
  std::size_t size = 0;
  if (!failed) size = socket_.receive(asio::buffer(received), 0, failed);
  if (failed == asio::error::would_block) {
    reading_ = false;
    return read();
  }
  if (failed && !tls_->established()) return close();
  if (failed) return on_read(failed, 0);
  tls_->feed({received.data(), size});
  if (tls_->established()) return read_plain();
  shake_hands();
}

// Until the handshake is back nothing else touches the session: `reading_` stays.
void Connection::shake_hands() {
  shaking_ = true;
  auto state = std::make_shared<TlsSession::State>(TlsSession::State::failed);
  core_->tls->offload.run(
      core_->tls->lane, [session = tls_.get(), state] { *state = session->handshake(); },
      [self = boost::intrusive_ptr(this), state] {
        self->shaking_ = false;
        if (self->core_ != nullptr) self->on_handshake(*state);
      });
}

void Connection::on_handshake(TlsSession::State state) {
  if (!writing_) send_outgoing();
  if (core_ == nullptr) return;
  switch (state) {
    case TlsSession::State::open:
      since_ = core_->loop.now();
      return read_plain();
    case TlsSession::State::hungry:
      reading_ = false;
      return read();
    case TlsSession::State::ended:
    case TlsSession::State::failed:
      return close();
  }
}

void Connection::read_plain() {
  if (core_ == nullptr) return;
  std::size_t size = 0;
  switch (tls_->read(in_.get() + end_, capacity_ - end_, size)) {
    case TlsSession::State::open:
      return on_read({}, size);
    case TlsSession::State::hungry:
      reading_ = false;
      flush();  // An answer to a change of keys.
      return read();
    case TlsSession::State::ended:
      return on_read(asio::error::eof, 0);
    case TlsSession::State::failed:
      if (!writing_) send_outgoing();
      return close();
  }
}

void Connection::flush_tls() {
  if (shaking_) return;
  if (out_.size() > sent_) {
    if (!tls_->write(std::string_view(out_).substr(sent_))) return close();
    if (out_.capacity() > core_->options.buffer_bytes_kept) std::string().swap(out_);
    out_.clear();
    sent_ = 0;
  }
  if (!tls_->outgoing().empty()) {
    send_outgoing();
    if (core_ == nullptr || writing_) return;
    since_ = core_->loop.now();
  }
  settle();
}

// What the socket does not take now goes when it does: then it calls.
void Connection::send_outgoing() {
  for (std::string_view rest = tls_->outgoing(); !rest.empty(); rest = tls_->outgoing()) {
    error_code failed;
    const std::size_t sent = socket_.send(asio::buffer(rest.data(), rest.size()), 0, failed);
    if (failed == asio::error::would_block) return wait_writable();
    if (failed) return close();
    tls_->sent(sent);
  }
}

}  // namespace porteiro::runtime
