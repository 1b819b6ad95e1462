// A function in C++ as a program of its own: this header is all it needs, and it runs on AWS Lambda
// (provided.al2023) as well as here. It speaks the Lambda Runtime API over one connection.
//
//   #include <porteiro/worker.hpp>
//   int main() {
//     return porteiro::worker::run([](const porteiro::worker::Invocation& invocation) {
//       return "{\"bytes\":" + std::to_string(invocation.payload.size()) + "}";
//     });
//   }
//
// Build it as `bootstrap` into the code folder of a `provided` function, or name it in `command`.
// One thread, one invocation at a time; an invocation may use other threads while it runs.
#pragma once
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace porteiro::worker {

struct Invocation {
  std::string id;                                  // AWS's request id, a UUID.
  std::string function;                            // Its ARN.
  std::string trace;                               // X-Ray's header.
  std::chrono::system_clock::time_point deadline;  // The worker is killed then.
  std::string payload;                             // JSON: the event.
  // A function that takes its time and its chance from here does the same again when porteiro
  // replays a scenario. AWS Lambda gives neither: then it is the machine's time, and 0.
  std::chrono::system_clock::time_point now;
  std::uint64_t seed = 0;  // Below 2^53.
};

// What a handler throws to fail its invocation under a type of its own. Any other exception fails
// it, too, as "Runtime.Exception".
class Failure : public std::runtime_error {
 public:
  Failure(std::string type, const std::string& message)
      : std::runtime_error(message), type_(std::move(type)) {}
  const std::string& type() const { return type_; }

 private:
  std::string type_;
};

// The answer: JSON, up to 6 MB.
using Handler = std::function<std::string(const Invocation&)>;

struct Answer {  // Of the emulator, over HTTP.
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
};

namespace detail {

[[noreturn]] inline void broken(const char* what) {
  throw std::runtime_error(std::string("porteiro's port: ") + what);
}

inline const std::string base_path = "/2018-06-01/runtime/";

class Connection {
 public:
  explicit Connection(const std::string& address) : address_(address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string::npos) broken("AWS_LAMBDA_RUNTIME_API is not HOST:PORT");
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    const std::string host = address.substr(0, colon), port = address.substr(colon + 1);
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) broken("no such address");
    for (addrinfo* at = found; at != nullptr && socket_ < 0; at = at->ai_next) {
      socket_ = ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
      if (socket_ < 0 || ::connect(socket_, at->ai_addr, at->ai_addrlen) == 0) continue;
      ::close(socket_);
      socket_ = -1;
    }
    ::freeaddrinfo(found);
    if (socket_ < 0) broken("nobody answers at its address");
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  // `more` are further header lines, each with its line end.
  Answer ask(std::string_view method, const std::string& path, std::string_view more = {},
             std::string_view body = {}) {
    std::string text;
    text.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: ");
    text.append(address_).append("\r\n").append(more);
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    text.append(body);
    send(text);
    return receive();
  }

 private:
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR) broken("the connection was cut");
      if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void read_more() {
    char bytes[16384];
    ssize_t got = 0;
    do got = ::recv(socket_, bytes, sizeof bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0) broken("the connection was cut");
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
  std::string line() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) read_more();
    std::string text = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return text;
  }
  std::string bytes(std::size_t count) {
    while (buffer_.size() < count) read_more();
    std::string text = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return text;
  }

  Answer receive() {
    Answer answer;
    const std::string first = line();
    if (first.size() < 12) broken("an answer that is not HTTP");
    std::from_chars(first.data() + 9, first.data() + 12, answer.status);
    for (std::string text = line(); !text.empty(); text = line()) {
      const std::size_t colon = std::min(text.find(':'), text.size());
      const std::size_t value = std::min(text.find_first_not_of(" \t", colon + 1), text.size());
      std::string name = text.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      answer.headers[name] = text.substr(value);
    }
    if (answer.headers["transfer-encoding"] == "chunked") {
      answer.body = chunks();
    } else {
      answer.body = bytes(number(answer.headers["content-length"], 10));
    }
    return answer;
  }
  std::string chunks() {
    std::string body;
    while (const std::size_t size = number(line(), 16)) {
      body += bytes(size);
      line();
    }
    while (!line().empty()) {
    }
    return body;
  }
  static std::size_t number(const std::string& text, int base) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
  }

  const std::string address_;
  int socket_ = -1;
  std::string buffer_;
};

inline std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    char escape[8];
    if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out += '"';
}

inline void tell_error(Connection& api, const std::string& id, const std::string& type,
                       const char* message) {
  const std::string plain = type.substr(0, type.find_first_of("\r\n"));
  api.ask("POST", base_path + "invocation/" + id + "/error",
          "Lambda-Runtime-Function-Error-Type: " + plain + "\r\n",
          "{\"errorType\":" + json_text(plain) + ",\"errorMessage\":" + json_text(message) + "}");
}

inline Invocation next(Connection& api) {
  Answer answer = api.ask("GET", base_path + "invocation/next");
  if (answer.status != 200) broken("no invocation was given");
  const auto number = [&answer](const char* name) {
    const std::string& text = answer.headers[name];
    long long value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  using Clock = std::chrono::system_clock;
  const auto time = [](long long value) {
    return Clock::time_point(std::chrono::milliseconds(value));
  };
  Invocation invocation;
  invocation.id = answer.headers["lambda-runtime-aws-request-id"];
  invocation.function = answer.headers["lambda-runtime-invoked-function-arn"];
  invocation.trace = answer.headers["lambda-runtime-trace-id"];
  invocation.deadline = time(number("lambda-runtime-deadline-ms"));
  const long long now = number("porteiro-now-ms");
  invocation.now = now == 0 ? Clock::now() : time(now);
  invocation.seed = static_cast<std::uint64_t>(number("porteiro-seed"));
  invocation.payload = std::move(answer.body);
  return invocation;
}

}  // namespace detail

// Serves invocations until the Runtime API goes away; then it says why on stderr and gives 1.
inline int run(const Handler& handler) {
  try {
    const char* address = std::getenv("AWS_LAMBDA_RUNTIME_API");
    if (address == nullptr) detail::broken("AWS_LAMBDA_RUNTIME_API is not set");
    detail::Connection api(address);
    while (true) {
      const Invocation invocation = detail::next(api);
      std::string answer;
      try {
        answer = handler(invocation);
      } catch (const Failure& failure) {
        detail::tell_error(api, invocation.id, failure.type(), failure.what());
        continue;
      } catch (const std::exception& failure) {
        detail::tell_error(api, invocation.id, "Runtime.Exception", failure.what());
        continue;
      }
      api.ask("POST", detail::base_path + "invocation/" + invocation.id + "/response",
              "Content-Type: application/json\r\n", answer);
    }
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}

// A request to the stores, under the function's role (docs/data.md): ask_data("GET",
// "/B/profile/7"). `more` are further header lines, each with its line end. Throws where there is
// no data API.
inline Answer ask_data(std::string_view method, const std::string& path, std::string_view body = {},
                       std::string_view more = {}) {
  const char* url = std::getenv("PORTEIRO_DATA_URL");
  const char* token = std::getenv("PORTEIRO_DATA_TOKEN");
  if (url == nullptr || token == nullptr) detail::broken("there is no PORTEIRO_DATA_URL");
  const std::string place = std::string(url).substr(std::string_view("http://").size());
  const std::size_t slash = std::min(place.find('/'), place.size());
  std::string headers = "Authorization: Bearer " + std::string(token) + "\r\n";
  thread_local std::unique_ptr<detail::Connection> api;
  try {
    if (!api) api = std::make_unique<detail::Connection>(place.substr(0, slash));
    return api->ask(method, place.substr(slash) + path, headers.append(more), body);
  } catch (...) {
    api.reset();  // The next request connects again.
    throw;
  }
}

}  // namespace porteiro::worker
