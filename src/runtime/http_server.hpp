// Listeners over TCP, with TLS or without, and over unix-domain sockets.
#pragma once
#include "porteiro/runtime/runtime.hpp"
#include "runtime/loop.hpp"

namespace porteiro::runtime {

// `offload` carries out the handshakes of TLS; without TLS it may be null.
Result<std::unique_ptr<Server>> listen_tcp(Loop& loop, const std::string& address,
                                           std::uint16_t port, const ServerOptions& options,
                                           http::Handler handler, Offload* offload = nullptr);
Result<std::unique_ptr<Server>> listen_path(Loop& loop, const std::string& path,
                                            const ServerOptions& options, http::Handler handler);

}  // namespace porteiro::runtime
