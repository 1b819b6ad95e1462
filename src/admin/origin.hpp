// Whether a request comes from this machine's own side. Pure.
#pragma once
#include <string_view>

#include "porteiro/base/http.hpp"

namespace porteiro::admin {

// "localhost", "127.0.0.1:4566", "[::1]", "app.localhost:80".
bool is_local_host(std::string_view host);

// Every `Host` and `Origin` of the request is local. A browser always sends `Host`, so that a
// request without one is no rebound page.
bool is_local(const http::Request& request);

}  // namespace porteiro::admin
