// Plain HTTP request and response: what front-ends see. Sockets and parsing are the runtime's.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/function.hpp"
#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::http {

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

// Whom a client's certificate names, once it was verified against the listener's authority.
struct PeerCertificate {
  std::string subject;      // As RFC 4514 writes it: "CN=lender,O=Example".
  std::string fingerprint;  // SHA-256 of its DER form, in lower-case hexadecimal digits.
};

// Views into the parser's buffer, valid during the call of the handler only.
struct Request {
  std::string_view method;  // Upper case, as sent.
  std::string_view target;  // As sent: path and query, not decoded.
  std::span<const HeaderView> headers;
  std::string_view body;
  std::string_view peer;  // "127.0.0.1:50612", "unix", "simulation".
  // What it points to dies when the client goes away: who answers late keeps a weak pointer to it.
  // Null: nobody can tell.
  const std::shared_ptr<const void>* client = nullptr;
  const PeerCertificate* certificate = nullptr;  // Null: the client showed none.

  std::string_view path() const { return target.substr(0, target.find('?')); }
  std::string_view query() const;                             // Without '?'; may be empty.
  std::string_view header(std::string_view name) const;       // Case-insensitive; empty if absent.
  std::string_view query_value(std::string_view name) const;  // As sent; empty if absent.
};

struct Header {
  std::string name;
  std::string value;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";  // Sent when the body is not empty.
  std::string body{};
  std::vector<Header> headers{};  // Beside Content-Type, Content-Length, Date and Connection.
};

// Called exactly once. The completion may run at once, on the loop.
using Responder = UniqueFunction<void(Response)>;
using Handler = UniqueFunction<void(const Request&, Responder)>;

// A listener of the private side, for one worker; its death closes it and its connections.
class PrivatePort {
 public:
  virtual ~PrivatePort() = default;
  virtual std::string address() const = 0;  // "127.0.0.1:41234", or the path of its socket.
};

class PrivatePorts {
 public:
  virtual ~PrivatePorts() = default;
  // On any free port of the loopback address; with `path`, on that unix-domain socket instead.
  // A request may stay unanswered without limit. Errors: conflict, unavailable.
  virtual Result<std::unique_ptr<PrivatePort>> open(Handler handler, const std::string& path) = 0;
};

std::string_view reason(int status);

// RFC 9457 application/problem+json: type, title, status, detail and, where known, the field.
Response problem(int status, std::string_view detail, std::string_view field = {});
int status_of(Errc code);  // The one table from reactions to HTTP statuses.
Response problem(const Error& error);

// An outgoing request and its reply, which own their bytes.
struct ClientRequest {
  std::string method = "GET";
  std::string url{};  // http://host:port/path or unix:/path/to.sock|/path
  std::vector<Header> headers{};
  std::string body{};
  Duration timeout = std::chrono::seconds(30);
};

class Client {
 public:
  virtual ~Client() = default;
  // Errors: unavailable (not connected or cut), timeout.
  virtual void send(ClientRequest request, UniqueFunction<void(Result<Response>)> done) = 0;
};

}  // namespace porteiro::http
