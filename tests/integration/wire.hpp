// A bare TCP connection to the program: for bytes that no HTTP client would send.
#pragma once
#include <string>
#include <string_view>

#include "integration/process.hpp"

namespace porteiro::integration {

class Wire {
 public:
  Wire(Loop& loop, std::uint16_t port);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(); }

  // As much as the other side takes within `limit`; false: not all of it.
  bool send(std::string_view bytes, Duration limit = patience);
  void send_end();  // No more is sent: the other side reads the end of the file.
  void close();

  // What has come so far; reads on without waiting.
  const std::string& received();
  bool ended();  // The other side has closed.
  bool until_ended(Duration limit = patience);
  bool until_received(std::string_view text, Duration limit = patience);

 private:
  Loop& loop_;
  int socket_ = -1;
  std::string received_;
  bool ended_ = false;
};

// How often `text` stands in `in`.
std::size_t count_of(std::string_view in, std::string_view text);

}  // namespace porteiro::integration
