#include "integration/wire.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace porteiro::integration {

Wire::Wire(Loop& loop, std::uint16_t port) : loop_(loop) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(socket_ >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::fcntl(socket_, F_SETFL, O_NONBLOCK) == 0);
}

bool Wire::send(std::string_view bytes, Duration limit) {
  const auto push = [&] {
    received();  // A peer that waits to write may read nothing.
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno != EAGAIN;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  };
  loop_.until(push, limit);
  return bytes.empty();
}

void Wire::send_end() { ::shutdown(socket_, SHUT_WR); }

void Wire::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

const std::string& Wire::received() {
  std::array<char, 16384> part;
  while (socket_ >= 0 && !ended_) {
    const ssize_t got = ::recv(socket_, part.data(), part.size(), 0);
    if (got > 0) {
      received_.append(part.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EAGAIN) {
      ended_ = true;
    } else {
      break;
    }
  }
  return received_;
}

bool Wire::ended() {
  received();
  return ended_;
}

bool Wire::until_ended(Duration limit) {
  return loop_.until([this] { return ended(); }, limit);
}

bool Wire::until_received(std::string_view text, Duration limit) {
  loop_.until([&] { return received().find(text) != std::string::npos || ended_; }, limit);
  return received_.find(text) != std::string::npos;
}

std::size_t count_of(std::string_view in, std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = in.find(text); at != std::string_view::npos;
       at = in.find(text, at + text.size())) {
    ++count;
  }
  return count;
}

}  // namespace porteiro::integration
