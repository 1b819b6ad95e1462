#include "runtime/http_client.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>

#include "runtime/response_text.hpp"

namespace porteiro::runtime {
namespace {

using Endpoint = asio::generic::stream_protocol::endpoint;

constexpr std::size_t connections_per_origin_max = 256;  // More calls wait.
constexpr Duration idle_max = std::chrono::seconds(15);  // Kept longer, the other side may close.

struct Url {
  std::string_view origin;  // "http://127.0.0.1:8080", "unix:/run/porteiro.sock".
  std::string_view host;    // For the Host header.
  std::string_view target;
  Endpoint endpoint;
};

Error bad_url(std::string_view url) {
  return error(Errc::invalid,
               "a URL is http://ADDRESS:PORT/PATH (a numeric address or localhost) or "
               "unix:/SOCKET|/PATH, not: " +
                   std::string(url));
}

Result<Url> parse_unix(std::string_view url) {
  constexpr std::string_view scheme = "unix:";
  constexpr std::size_t path_bytes_max = 107;
  const std::size_t bar = url.find('|');
  const std::string_view path = url.substr(scheme.size(), bar - scheme.size());
  if (bar == std::string_view::npos || path.empty() || path.size() > path_bytes_max) {
    return bad_url(url);
  }
  return Url{url.substr(0, bar), "localhost", url.substr(bar + 1),
             asio::local::stream_protocol::endpoint(std::string(path))};
}

Result<Url> parse_http(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  const std::size_t slash = std::min(url.find('/', scheme.size()), url.size());
  const std::string_view host = url.substr(scheme.size(), slash - scheme.size());
  std::string_view address = host;
  std::uint16_t port = 80;
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    const std::string_view digits = host.substr(colon + 1);
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (failed != std::errc() || end != digits.data() + digits.size()) return bad_url(url);
    address = host.substr(0, colon);
  }
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  error_code failed;
  const auto ip = asio::ip::make_address(
      address == "localhost" ? std::string("127.0.0.1") : std::string(address), failed);
  if (failed) return bad_url(url);
  const std::string_view target = slash == url.size() ? "/" : url.substr(slash);
  return Url{url.substr(0, slash), host, target, asio::ip::tcp::endpoint(ip, port)};
}

Result<Url> parse_url(std::string_view url) {
  Result<Url> parsed = bad_url(url);
  if (url.starts_with("unix:")) parsed = parse_unix(url);
  if (url.starts_with("http://")) parsed = parse_http(url);
  if (!parsed) return parsed;
  const std::string_view target = parsed.value().target;
  const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), printable)) {
    return bad_url(url);
  }
  return parsed;
}

bool takes_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// Whether a request that may have been carried out can be sent again.
bool repeatable(std::string_view method) {
  constexpr std::array<std::string_view, 6> methods{"GET",    "HEAD",    "PUT",
                                                    "DELETE", "OPTIONS", "TRACE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

Result<std::string> request_text(const http::ClientRequest& request, std::string_view host,
                                 std::string_view target) {
  if (!header_is_sound(request.method, {})) {
    return error(Errc::invalid, "not an HTTP method: " + request.method);
  }
  std::string out;
  out.reserve(256 + target.size() + request.body.size());
  out.append(request.method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host);
  for (const http::Header& header : request.headers) {
    if (!header_is_sound(header.name, header.value)) {
      return error(Errc::invalid, "the header " + header.name + " cannot be sent");
    }
    out.append("\r\n").append(header.name).append(": ").append(header.value);
  }
  if (!request.body.empty() || takes_body(request.method)) {
    out.append("\r\nContent-Length: ").append(std::to_string(request.body.size()));
  }
  out.append("\r\n\r\n").append(request.body);
  return out;
}

}  // namespace

struct HttpClient::Call {
  Origin* origin = nullptr;
  std::string text;
  bool head = false;
  bool repeatable = false;
  TimerId timer = 0;
  ConnectionPointer connection;                       // Null: it waits for one.
  UniqueFunction<void(Result<http::Response>)> done;  // Empty: it is over.
};

struct HttpClient::Origin {
  asio::generic::stream_protocol::endpoint peer;
  std::vector<ConnectionPointer> connections;
  std::vector<ConnectionPointer> idle;  // Of these, the one used last at the end.
  std::deque<CallPointer> waiting;
};

HttpClient::HttpClient(Loop& loop) : loop_(loop) {}

HttpClient::~HttpClient() {
  for (const auto& [name, origin] : origins_) {
    for (const auto& connection : origin->connections) connection->close();
  }
}

void HttpClient::send(http::ClientRequest request,
                      UniqueFunction<void(Result<http::Response>)> done) {
  const auto refuse = [this, &done](Error reason) {
    loop_.post([done = std::move(done), reason = std::move(reason)]() mutable {
      done(std::move(reason));
    });
  };
  const auto url = parse_url(request.url);
  if (!url) return refuse(url.error());
  auto text = request_text(request, url.value().host, url.value().target);
  if (!text) return refuse(text.error());

  auto call = std::make_shared<Call>();
  call->origin = &origin_at(url.value().origin, url.value().endpoint);
  call->text = std::move(text).value();
  call->head = request.method == "HEAD";
  call->repeatable = repeatable(request.method);
  call->done = std::move(done);
  // When the client dies, so do its calls: then the timer finds nothing.
  call->timer = loop_.after(request.timeout, [this, weak = std::weak_ptr(call)] {
    if (const auto still = weak.lock()) timed_out(still);
  });
  start(std::move(call));
}

HttpClient::Origin& HttpClient::origin_at(std::string_view name,
                                          const asio::generic::stream_protocol::endpoint& peer) {
  auto found = origins_.find(name);
  if (found == origins_.end()) {
    found = origins_.emplace(std::string(name), std::make_unique<Origin>()).first;
    found->second->peer = peer;
  }
  return *found->second;
}

void HttpClient::start(CallPointer call) {
  Origin& origin = *call->origin;
  if (auto kept = take_idle(origin)) return run(std::move(call), std::move(kept), true);
  if (origin.connections.size() >= connections_per_origin_max) {
    origin.waiting.push_back(std::move(call));
    return;
  }
  run(std::move(call), connect(origin), false);
}

HttpClient::ConnectionPointer HttpClient::take_idle(Origin& origin) {
  while (!origin.idle.empty()) {
    ConnectionPointer kept = std::move(origin.idle.back());
    origin.idle.pop_back();
    if (loop_.now() - kept->idle_since < idle_max && kept->fresh()) return kept;
    drop(origin, kept);
  }
  return nullptr;
}

HttpClient::ConnectionPointer HttpClient::connect(Origin& origin) {
  ConnectionPointer connection(new ClientConnection(loop_));
  connection->place = origin.connections.size();
  origin.connections.push_back(connection);
  return connection;
}

void HttpClient::drop(Origin& origin, const ConnectionPointer& connection) {
  connection->close();
  const std::size_t place = connection->place;
  origin.connections.back()->place = place;
  origin.connections[place].swap(origin.connections.back());
  origin.connections.pop_back();
}

void HttpClient::run(CallPointer call, ConnectionPointer connection, bool reused) {
  call->connection = connection;
  std::string text = call->repeatable && reused ? call->text : std::move(call->text);
  connection->exchange(call->origin->peer, std::move(text), call->head,
                       [this, call, reused](ClientConnection::Outcome outcome) {
                         ended(call, reused, std::move(outcome));
                       });
}

void HttpClient::ended(const CallPointer& call, bool reused, ClientConnection::Outcome outcome) {
  Origin& origin = *call->origin;
  const ConnectionPointer connection = std::move(call->connection);
  if (outcome.reusable) {
    connection->idle_since = loop_.now();
    origin.idle.push_back(connection);
  } else {
    drop(origin, connection);
  }
  // A kept connection may end just as it is used again: that is no answer to a request that may
  // be repeated.
  if (!outcome.result && reused && outcome.untouched && call->repeatable) {
    return run(call, connect(origin), false);
  }
  start_waiting(origin);
  settle(call, std::move(outcome.result));
}

void HttpClient::start_waiting(Origin& origin) {
  while (!origin.waiting.empty()) {
    CallPointer waited = std::move(origin.waiting.front());
    origin.waiting.pop_front();
    if (!waited->done) continue;  // It timed out.
    return start(std::move(waited));
  }
}

void HttpClient::timed_out(const CallPointer& call) {
  call->timer = 0;
  if (call->connection) {
    const ConnectionPointer connection = std::move(call->connection);
    drop(*call->origin, connection);
    start_waiting(*call->origin);
  }
  settle(call, error(Errc::timeout, "no answer came in time"));
}

void HttpClient::settle(const CallPointer& call, Result<http::Response> result) {
  if (call->timer != 0) loop_.cancel(std::exchange(call->timer, 0));
  auto done = std::move(call->done);
  done(std::move(result));
}

}  // namespace porteiro::runtime
