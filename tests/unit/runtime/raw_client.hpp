// A client that sends bytes and collects bytes, on the loop of the runtime under test: without a
// thread, without HTTP. And the loop's turn until a condition holds.
#pragma once
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "porteiro/runtime/runtime.hpp"

namespace porteiro::runtime::test {

// Runs the loop until `done` says so; fails the test after ten seconds.
template <class Done>
void run_until(Runtime& runtime, Done done) {
  bool late = false;
  const TimerId limit = runtime.scheduler().after(std::chrono::seconds(10), [&] {
    late = true;
    runtime.quit();
  });
  UniqueFunction<void()> look;
  look = [&] {
    if (done()) return runtime.quit();
    runtime.scheduler().after(std::chrono::microseconds(200), [&look] { look(); });
  };
  look();
  runtime.run();
  runtime.scheduler().cancel(limit);
  REQUIRE_FALSE(late);
}

class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  explicit RawClient(const std::string& path);
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient();

  void send(std::string_view bytes);
  void send_what_goes(std::string_view bytes);    // The other side may have closed already.
  std::size_t send_some(std::string_view bytes);  // How much went.
  void end();                                     // Sends no more, still reads.
  const std::string& received();                  // All so far.
  void forget() { std::string().swap(received_); }
  bool closed();  // The other side has closed, and all it sent is received.
  std::size_t count(std::string_view text);  // How often it was received.

 private:
  void receive();

  int fd_;
  bool closed_ = false;
  std::string received_;
};

inline RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
}

inline RawClient::RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
}

inline RawClient::~RawClient() { ::close(fd_); }

inline void RawClient::send(std::string_view bytes) {
  const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  REQUIRE(sent == static_cast<ssize_t>(bytes.size()));
}

inline void RawClient::send_what_goes(std::string_view bytes) {
  static_cast<void>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

inline std::size_t RawClient::send_some(std::string_view bytes) {
  const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

inline void RawClient::end() { ::shutdown(fd_, SHUT_WR); }

inline void RawClient::receive() {
  char bytes[65536];
  while (!closed_) {
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got < 0) {
      REQUIRE((errno == EAGAIN || errno == ECONNRESET));
      closed_ = errno == ECONNRESET;
      return;
    }
    if (got == 0) closed_ = true;
    received_.append(bytes, static_cast<std::size_t>(got));
  }
}

inline const std::string& RawClient::received() {
  receive();
  return received_;
}

inline bool RawClient::closed() {
  receive();
  return closed_;
}

inline std::size_t RawClient::count(std::string_view text) {
  receive();
  std::size_t found = 0;
  for (std::size_t at = 0; (at = received_.find(text, at)) != std::string::npos; ++at) ++found;
  return found;
}

}  // namespace porteiro::runtime::test
