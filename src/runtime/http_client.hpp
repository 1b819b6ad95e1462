// http::Client with kept-alive connections, for IP addresses, localhost and unix-domain sockets:
// it resolves no names.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/http.hpp"
#include "runtime/client_connection.hpp"

namespace porteiro::runtime {

class HttpClient final : public http::Client {
 public:
  explicit HttpClient(Loop& loop);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() override;  // Exchanges under way are cut and their `done` is not called.

  // Also invalid: a URL, method or header that cannot be sent.
  void send(http::ClientRequest request,
            UniqueFunction<void(Result<http::Response>)> done) override;

 private:
  struct Call;
  struct Origin;
  using CallPointer = std::shared_ptr<Call>;
  using ConnectionPointer = boost::intrusive_ptr<ClientConnection>;

  Origin& origin_at(std::string_view name, const asio::generic::stream_protocol::endpoint& peer);
  void start(CallPointer call);  // Now, or when a connection is free.
  void run(CallPointer call, ConnectionPointer connection, bool reused);
  void ended(const CallPointer& call, bool reused, ClientConnection::Outcome outcome);
  void timed_out(const CallPointer& call);
  void settle(const CallPointer& call, Result<http::Response> result);
  void start_waiting(Origin& origin);  // One call, as a connection is free.
  ConnectionPointer take_idle(Origin& origin);
  ConnectionPointer connect(Origin& origin);
  void drop(Origin& origin, const ConnectionPointer& connection);

  Loop& loop_;
  StringMap<std::unique_ptr<Origin>> origins_;
};

}  // namespace porteiro::runtime
