// The floor for functions outside: the same worker program under a Runtime API that does nothing
// else, over plain blocking sockets. Prints the median time from the start of the program to its
// first `next`, and from giving an invocation to its response, in microseconds.
//   worker_floor STARTS INVOCATIONS PROGRAM [WORD…]     The environment goes on to the program.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double micros(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

// Reads requests off one connection; the first line of each.
class Reader {
 public:
  explicit Reader(int socket) : socket_(socket) {}
  std::string request() {
    std::size_t head = 0;
    while ((head = buffer_.find("\r\n\r\n")) == std::string::npos) more();
    std::string lower = buffer_.substr(0, head);
    std::transform(lower.begin(), lower.end(), lower.begin(), ::tolower);
    const std::size_t at = lower.find("content-length: ");
    const std::size_t length =
        at == std::string::npos ? 0 : std::strtoul(lower.c_str() + at + 16, nullptr, 10);
    while (buffer_.size() < head + 4 + length) more();
    std::string line = buffer_.substr(0, buffer_.find("\r\n"));
    buffer_.erase(0, head + 4 + length);
    return line;
  }

 private:
  void more() {
    char bytes[65536];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) fail("the worker went away");
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
  int socket_;
  std::string buffer_;
};

void send_all(int socket, const std::string& text) {
  if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
    fail("send");
  }
}

std::string given(int number) {
  char id[40];
  std::snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", number);
  const std::string payload = "{\"a\":1}";
  return std::string("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n") +
         "Lambda-Runtime-Aws-Request-Id: " + id +
         "\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\n"
         "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n"
         "Content-Length: " +
         std::to_string(payload.size()) + "\r\n\r\n" + payload;
}

struct Times {
  double start = 0;
  std::vector<double> invocations;
};

// One worker from its start to its end.
Times serve(int listener, int invocations, char** program) {
  Times times;
  const auto born = Clock::now();
  const pid_t child = ::fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    ::execvp(program[0], program);
    fail(program[0]);
  }
  const int socket = ::accept(listener, nullptr, nullptr);
  if (socket < 0) fail("accept");
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Reader reader(socket);
  reader.request();
  times.start = micros(born);
  for (int i = 0; i < invocations; ++i) {
    const auto begun = Clock::now();
    send_all(socket, given(i));
    reader.request();
    times.invocations.push_back(micros(begun));
    send_all(socket, "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n");
    reader.request();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(socket);
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "worker_floor STARTS INVOCATIONS PROGRAM [WORD...]\n");
    return 2;
  }
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 8) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail("listen");
  }
  const std::string api = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  ::setenv("AWS_LAMBDA_RUNTIME_API", api.c_str(), 1);
  std::vector<double> starts, invocations;
  const int times = std::atoi(argv[1]);
  for (int i = 0; i < times; ++i) {
    const bool last = i + 1 == times;
    const Times seen = serve(listener, last ? std::atoi(argv[2]) : 1, argv + 3);
    starts.push_back(seen.start);
    if (last) invocations = seen.invocations;
  }
  std::printf("%.0f %.1f\n", median(starts), median(invocations));
}
