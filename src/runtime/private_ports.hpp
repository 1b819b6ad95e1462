// Private ports as HTTP servers of their own, small when idle.
#pragma once
#include <memory>
#include <vector>

#include "porteiro/runtime/runtime.hpp"
#include "runtime/loop.hpp"

namespace porteiro::runtime {

class ServerPorts final : public http::PrivatePorts {
 public:
  explicit ServerPorts(Loop& loop) : loop_(loop) {}
  ServerPorts(const ServerPorts&) = delete;
  ServerPorts& operator=(const ServerPorts&) = delete;
  Result<std::unique_ptr<http::PrivatePort>> open(http::Handler handler,
                                                  const std::string& path) override;
  void close_later(std::unique_ptr<Server> server);  // It is in the middle of a request.

 private:
  Loop& loop_;
  std::vector<std::unique_ptr<Server>> closing_;
};

}  // namespace porteiro::runtime
