// Listeners over TCP and unix-domain sockets.
#pragma once
#include "porteiro/runtime/runtime.hpp"
#include "runtime/loop.hpp"

namespace porteiro::runtime {

Result<std::unique_ptr<Server>> listen_tcp(Loop& loop, const std::string& address,
                                           std::uint16_t port, const ServerOptions& options,
                                           http::Handler handler);
Result<std::unique_ptr<Server>> listen_path(Loop& loop, const std::string& path,
                                            const ServerOptions& options, http::Handler handler);

}  // namespace porteiro::runtime
