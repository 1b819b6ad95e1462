// A server's connection: reads, parses, hands requests over, and writes the answers in the order of
// the requests, whatever the order in which they come. Counted: responders keep it alive, closed.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/runtime/runtime.hpp"
#include "runtime/loop.hpp"
#include "runtime/request_parser.hpp"
#include "runtime/response_text.hpp"
#include "runtime/tls.hpp"

namespace porteiro::runtime {

class Connection;

// What the connections of a server that speaks TLS share.
struct TlsServer {
  TlsServer(std::unique_ptr<TlsContext> context_, Offload& offload_)
      : context(std::move(context_)), offload(offload_), lane(offload.lane("tls")) {}
  const std::unique_ptr<TlsContext> context;
  Offload& offload;  // Handshakes are carried out there.
  const Offload::Lane lane;
  std::array<char, 16u << 10> received;  // What a connection has just taken from its socket.
};

// What a server shares with its connections, which forget it when they close.
struct ServerCore {
  ServerCore(Loop& loop_, const ServerOptions& options_, http::Handler handler_)
      : loop(loop_), options(options_), handler(std::move(handler_)) {}
  void remove(Connection& connection);

  Loop& loop;
  const ServerOptions options;
  http::Handler handler;
  DateText date;
  std::vector<http::HeaderView> headers;  // Of the request that is being handed over.
  std::vector<boost::intrusive_ptr<Connection>> connections;
  std::size_t turned_away = 0;  // Of the connections: those that are only told to go.
  Task stopped;                 // Posted when the last connection goes.

  std::unique_ptr<TlsServer> tls;  // Null: plain.
};

class Connection final : public TurnEnd {
 public:
  Connection(ServerCore& core, Socket socket, std::string peer);

  void start();
  void turn_away();                                             // Answers 503 and closes.
  void answer(std::uint64_t request, http::Response response);  // No effect once closed.
  void stop();                                                  // Closes when nothing is owed.
  void close();
  void sweep(Time now);  // Closes or refuses what has taken too long.
  void turn_ends() override;
  bool turned_away() const { return turned_away_; }

  std::size_t place = 0;  // In the core's list.

 private:
  struct Pending {  // A request that is owed an answer.
    ResponseTraits traits;
    std::unique_ptr<http::Response> response;  // Came before its turn.
  };

  // http_connection_tls.cpp
  void read_tls();
  void on_readable(error_code failed);
  void shake_hands();
  void on_handshake(TlsSession::State state);
  void read_plain();
  void flush_tls();
  void send_outgoing();  // May close.

  void on_read(error_code failed, std::size_t size);
  void read();
  bool make_room();
  void take_requests();
  void begin_message();
  void dispatch();
  void offer_continue();
  void refuse(int status);
  void write_front(const http::Response& response);
  void flush();
  void wait_writable();
  void settle();
  void linger();

  std::size_t owed() const { return pending_.size() - front_; }
  std::size_t unsent() const {
    const std::size_t plain = out_.size() - sent_;
    return tls_ == nullptr || shaking_ ? plain : plain + tls_->outgoing().size();
  }
  bool paused() const;
  bool idle() const { return owed() == 0 && !parser_ && unsent() == 0 && !taking_; }

  ServerCore* core_;  // Null: closed.
  Socket socket_;
  const std::string peer_;
  std::shared_ptr<const void> client_ = std::make_shared<char>();  // For Request::client.
  Time
      since_;  // When the present waiting began: for a message, its bytes, or the client's reading.

  // Input: [begin_, end_) of `in_` is here, of it [begin_, parsed_) is parsed.
  std::unique_ptr<char[]> in_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t parsed_ = 0;
  std::size_t end_ = 0;
  MessageMap map_;
  std::optional<RequestParser> parser_;  // Of a message that has begun.

  std::vector<Pending> pending_;  // From `front_` on.
  std::size_t front_ = 0;
  std::uint64_t front_number_ = 0;  // The number of the request at `front_`.

  std::string out_;
  std::size_t sent_ = 0;

  std::unique_ptr<TlsSession> tls_;  // Null: plain.
  bool shaking_ = false;             // Another thread has `tls_`.

  bool reading_ = false;     // A read is under way.
  bool writing_ = false;     // The socket is full; it calls when it is not.
  bool taking_ = false;      // take_requests is running.
  bool scheduled_ = false;   // turn_ends will be called.
  bool continued_ = false;   // This message was told to continue.
  bool last_taken_ = false;  // No request is taken after those that were.
  bool ended_ = false;       // The last answer is in `out_` or sent.
  bool at_eof_ = false;      // The client sends no more.
  bool lingering_ = false;   // All is sent; the client has to close.
  bool stopping_ = false;
  bool turned_away_ = false;
};

}  // namespace porteiro::runtime
