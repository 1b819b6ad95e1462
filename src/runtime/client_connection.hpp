// One connection of the HTTP client: one exchange at a time, kept alive between them.
#pragma once
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>

#include "porteiro/base/http.hpp"
#include "runtime/loop.hpp"

namespace porteiro::runtime {

class ClientConnection final : public Counted<ClientConnection> {
 public:
  struct Outcome {
    Result<http::Response> result;
    bool reusable;   // The connection can take another exchange.
    bool untouched;  // It broke before the first byte of the answer.
  };
  using Done = UniqueFunction<void(Outcome)>;

  explicit ClientConnection(Loop& loop) : loop_(loop), socket_(loop.io().get_executor()) {}

  // Connects first where it is not yet. `head`: the answer will have no body. `done` is not called
  // after close().
  void exchange(const asio::generic::stream_protocol::endpoint& peer, std::string request,
                bool head, Done done);
  bool fresh() const;  // Kept alive, and nothing has come since: neither an end nor stray bytes.
  void close();

  std::size_t place = 0;  // In its origin's list.
  Time idle_since{};

 private:
  using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

  void write();
  void read();
  void on_read(error_code failed);
  void fail(std::string_view doing, error_code reason);
  void finish(Outcome outcome);

  Loop& loop_;
  Socket socket_;
  std::string out_;
  boost::beast::flat_buffer in_;
  std::optional<Parser> parser_;
  bool head_ = false;
  bool writing_ = false;
  Done done_;  // Empty: no exchange is under way.
};

}  // namespace porteiro::runtime
