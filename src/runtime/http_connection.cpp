#include "runtime/http_connection.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

namespace porteiro::runtime {
namespace {

constexpr std::size_t input_bytes_min = 4096;         // A connection's first buffer.
constexpr std::size_t read_bytes_min = 1024;          // Less room is not worth a read.
constexpr std::size_t unsent_bytes_max = 256U << 10;  // Then no request is taken.
constexpr std::size_t chunk_bytes_slack = 64U << 10;  // For chunk headers and trailers.
constexpr Duration linger_max = std::chrono::seconds(2);

// The right to answer one request. Dropped unused, it answers 500: no client waits in vain.
class Answer {
 public:
  Answer(Connection& connection, std::uint64_t request)
      : connection_(&connection), request_(request) {}
  Answer(Answer&& other) noexcept = default;
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (connection_) {
      connection_->answer(request_, http::problem(500, "the request was dropped unanswered"));
    }
  }
  void operator()(http::Response response) {
    PORTEIRO_ASSERT(connection_);
    const auto connection = std::move(connection_);
    connection->answer(request_, std::move(response));
  }

 private:
  boost::intrusive_ptr<Connection> connection_;
  std::uint64_t request_;
};

std::string_view refusal_text(int status) {
  switch (status) {
    case 408:
      return "the request did not arrive in time";
    case 413:
      return "the body is larger than this server takes";
    case 417:
      return "the only expectation that is known is 100-continue";
    case 431:
      return "the request line and headers are larger than this server takes";
    case 501:
      return "the only transfer coding that is known is chunked";
    case 505:
      return "the only versions that are known are HTTP/1.1 and HTTP/1.0";
    default:
      return "the request is not well-formed HTTP/1.1";
  }
}

// A target in absolute form names the server too: what counts is what follows.
std::string_view origin_form(std::string_view target) {
  if (target.starts_with('/')) return target;
  constexpr std::string_view scheme = "http://";
  if (!target.starts_with(scheme)) return target;
  const std::size_t path = target.find('/', scheme.size());
  return path == std::string_view::npos ? "/" : target.substr(path);
}

}  // namespace

void ServerCore::remove(Connection& connection) {
  if (connection.turned_away()) --turned_away;
  const std::size_t place = connection.place;
  connections.back()->place = place;
  connections[place].swap(connections.back());
  connections.pop_back();
  if (connections.empty() && stopped) loop.post(std::move(stopped));
}

Connection::Connection(ServerCore& core, Socket socket, std::string peer)
    : core_(&core), socket_(std::move(socket)), peer_(std::move(peer)), since_(core.loop.now()) {
  if (core.tls) tls_ = std::make_unique<TlsSession>(*core.tls->context);
}

void Connection::start() { read(); }

void Connection::turn_away() {
  turned_away_ = true;
  refuse(503);
  flush();
  read();
}

void Connection::close() {
  if (core_ == nullptr) return;
  error_code ignored;
  if (tls_ && !shaking_ && tls_->established()) {
    tls_->end();
    const std::string_view last = tls_->outgoing();
    socket_.send(asio::buffer(last.data(), last.size()), 0, ignored);
  }
  socket_.close(ignored);
  client_.reset();
  parser_.reset();
  std::exchange(core_, nullptr)->remove(*this);  // May end this object.
}

void Connection::stop() {
  stopping_ = true;
  if (idle() && !lingering_) close();
}

void Connection::sweep(Time now) {
  if (lingering_) {
    if (now - since_ > linger_max) close();
    return;
  }
  if (tls_ && (shaking_ || !tls_->established())) {
    const ServerOptions& options = core_->options;
    if (now - since_ > std::min(options.handshake_timeout, options.idle_timeout)) close();
    return;
  }
  const bool ours = owed() > 0 && unsent() == 0;  // The client waits, not we.
  if (ours || now - since_ <= core_->options.idle_timeout) return;
  if (!parser_ || unsent() > 0) return close();
  refuse(408);
  flush();
}

void Connection::turn_ends() {
  scheduled_ = false;
  if (core_ == nullptr) return;
  flush();
  if (core_ == nullptr) return;
  take_requests();
  flush();
  read();
}

// ---- input ----

bool Connection::paused() const {
  return owed() >= core_->options.pipeline_max || unsent() > unsent_bytes_max;
}

void Connection::read() {
  if (core_ == nullptr || reading_ || at_eof_) return;
  if (last_taken_) {
    begin_ = parsed_ = end_ = 0;  // What comes now is drained, so that the answer gets through.
  } else if (paused()) {
    return;
  }
  if (!make_room()) {
    refuse(413);
    flush();
    return read();
  }
  reading_ = true;
  if (tls_) return read_tls();
  socket_.async_read_some(asio::buffer(in_.get() + end_, capacity_ - end_),
                          [self = boost::intrusive_ptr(this)](error_code failed, std::size_t size) {
                            self->on_read(failed, size);
                          });
}

void Connection::on_read(error_code failed, std::size_t size) {
  reading_ = false;
  if (core_ == nullptr) return;
  core_->loop.entered();
  if (failed && failed != asio::error::eof) return close();
  if (failed) {
    at_eof_ = true;
    client_.reset();                  // It may still read, but hardly ever does.
    if (parser_) last_taken_ = true;  // The rest of the message will not come.
    parser_.reset();
    return settle();
  }
  end_ += size;
  take_requests();
  flush();
  read();
}

// Makes room to read into. False: the message may not grow further.
bool Connection::make_room() {
  if (begin_ == end_) {
    begin_ = parsed_ = end_ = 0;
    if (capacity_ > core_->options.buffer_bytes_kept) {
      in_.reset();
      capacity_ = 0;
    }
  }
  if (capacity_ - end_ >= read_bytes_min) return true;
  if (parser_ && parser_->chunked() && map_.body.size > 0) {  // Drop the chunk headers behind us.
    const std::size_t body_end = begin_ + map_.body.at + map_.body.size;
    std::memmove(in_.get() + body_end, in_.get() + parsed_, end_ - parsed_);
    end_ -= parsed_ - body_end;
    parsed_ = body_end;
  }
  std::size_t wanted = end_ - begin_ + read_bytes_min;
  if (parser_ && parser_->is_header_done()) {
    wanted += static_cast<std::size_t>(parser_->content_length_remaining().value_or(0));
  }
  if (wanted <= capacity_ && begin_ > 0) {
    std::memmove(in_.get(), in_.get() + begin_, end_ - begin_);
  } else if (wanted > capacity_) {
    const ServerOptions& options = core_->options;
    const std::size_t body_most = parser_ ? parser_->body_bytes_max() : options.body_bytes_max;
    const std::size_t most = options.header_bytes_max + body_most + chunk_bytes_slack;
    if (wanted > most) return false;
    capacity_ = std::max({wanted, std::min(2 * capacity_, most), input_bytes_min});
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
    if (in_) std::memcpy(larger.get(), in_.get() + begin_, end_ - begin_);
    in_ = std::move(larger);
  }
  end_ -= begin_;
  parsed_ -= begin_;
  begin_ = 0;
  return true;
}

void Connection::take_requests() {
  taking_ = true;
  while (core_ != nullptr && !last_taken_ && !paused()) {
    if (!parser_) begin_message();
    if (!parser_ || parsed_ == end_) break;
    error_code ec;
    const std::size_t done =
        parser_->parse(in_.get() + begin_, parsed_ - begin_, end_ - parsed_, ec);
    parsed_ += done;
    if (!ec && parser_->is_done()) {
      dispatch();
    } else if (ec == boost::beast::http::error::need_more || (!ec && done == 0)) {
      break;
    } else if (ec) {
      refuse(parser_->refusal(ec));
    }
  }
  taking_ = false;
  if (core_ != nullptr) offer_continue();
}

void Connection::begin_message() {
  if (stopping_) return;
  while (begin_ != end_ && (in_[begin_] == '\r' || in_[begin_] == '\n')) ++begin_;
  parsed_ = begin_;
  if (begin_ == end_) return;
  const ServerOptions& options = core_->options;
  parser_.emplace(map_, options);
  continued_ = false;
  since_ = core_->loop.now();
}

void Connection::dispatch() {
  const char* message = in_.get() + begin_;
  auto& headers = core_->headers;
  headers.clear();
  for (const auto& [name, value] : map_.fields) {
    headers.push_back({name.in(message), value.in(message)});
  }
  last_taken_ = !parser_->keep_alive() || stopping_;
  pending_.push_back(
      {{.head = parser_->head(), .http_1_0 = parser_->http_1_0(), .close = last_taken_}, nullptr});
  parser_.reset();
  begin_ = parsed_;  // The bytes stay where they are until the next read.
  const http::Request request{.method = map_.method.in(message),
                              .target = origin_form(map_.target.in(message)),
                              .headers = headers,
                              .body = map_.body.in(message),
                              .peer = peer_,
                              .client = &client_,
                              .certificate = tls_ ? tls_->certificate() : nullptr};
  core_->handler(request, Answer(*this, front_number_ + owed() - 1));
}

void Connection::offer_continue() {
  if (!parser_ || continued_ || owed() > 0 || !parser_->waits_for_continue()) return;
  continued_ = true;
  out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

// ---- output ----

// The answer takes its turn behind those that are owed; after it the connection ends.
void Connection::refuse(int status) {
  last_taken_ = true;
  parser_.reset();
  pending_.push_back({{.close = true}, nullptr});
  const std::string_view text =
      status == 503 ? "too many connections; try again later" : refusal_text(status);
  answer(front_number_ + owed() - 1, http::problem(status, text));
}

void Connection::answer(std::uint64_t request, http::Response response) {
  if (core_ == nullptr) return;
  PORTEIRO_ASSERT(request >= front_number_ && request - front_number_ < owed());
  if (request != front_number_) {
    pending_[front_ + (request - front_number_)].response =
        std::make_unique<http::Response>(std::move(response));
    return;
  }
  write_front(response);
  while (owed() > 0 && pending_[front_].response) {
    const auto early = std::move(pending_[front_].response);
    write_front(*early);
  }
  if (taking_ || scheduled_) return;
  scheduled_ = true;
  core_->loop.at_turn_end(this);
}

void Connection::write_front(const http::Response& response) {
  ResponseTraits traits = pending_[front_].traits;
  if (stopping_ && owed() == 1 && !parser_) traits.close = true;
  append_response(out_, response, traits, core_->date.at(core_->loop.now()));
  if (traits.close) last_taken_ = ended_ = true;
  ++front_number_;
  ++front_;
  if (front_ == pending_.size()) {
    pending_.clear();
    front_ = 0;
  } else if (front_ > 2 * core_->options.pipeline_max) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(front_));
    front_ = 0;
  }
}

void Connection::flush() {
  if (core_ == nullptr || writing_) return;
  if (tls_) return flush_tls();
  if (unsent() > 0) {
    do {
      error_code failed;
      const std::size_t sent = socket_.send(asio::buffer(out_.data() + sent_, unsent()), 0, failed);
      if (failed == asio::error::would_block) return wait_writable();
      if (failed) return close();
      sent_ += sent;
    } while (unsent() > 0);
    // Not an assignment: that of an empty string leaves the memory where it is.
    if (out_.capacity() > core_->options.buffer_bytes_kept) std::string().swap(out_);
    out_.clear();
    sent_ = 0;
    since_ = core_->loop.now();
  }
  settle();
}

void Connection::wait_writable() {
  writing_ = true;
  since_ = core_->loop.now();
  socket_.async_wait(Socket::wait_write, [self = boost::intrusive_ptr(this)](error_code failed) {
    self->writing_ = false;
    if (self->core_ == nullptr) return;
    self->core_->loop.entered();
    if (failed) return self->close();
    self->turn_ends();
  });
}

// Ends the connection once nothing is owed and nothing more will come.
void Connection::settle() {
  if (core_ == nullptr || unsent() > 0 || taking_) return;
  if (at_eof_ && owed() == 0) return close();
  if (lingering_) return;
  if (ended_) return linger();
  if (stopping_ && idle()) close();
}

// Closing now could make the system throw the answer away at the client: it closes first.
void Connection::linger() {
  lingering_ = true;
  since_ = core_->loop.now();
  if (tls_) {
    tls_->end();
    send_outgoing();  // A few bytes: what does not fit now does not matter.
    if (core_ == nullptr) return;
  }
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

}  // namespace porteiro::runtime
