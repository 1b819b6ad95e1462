// Whether a request comes from this machine's own side. Pure.
#pragma once
#include <string_view>

#include "porteiro/base/http.hpp"

namespace porteiro::http {

// "localhost", "127.0.0.1:4566", "[::1]", "app.localhost:80".
bool is_local_host(std::string_view host);

// Every `Host` and `Origin` of the request is local. A browser always sends `Host`, so that a
// request without one is no rebound page.
bool is_local(const Request& request);

// A browser sent it, from a page that is not of this machine. Forms need no leave to post anywhere:
// what they would do to a local service, this is to stop.
bool is_foreign_page(const Request& request);

}  // namespace porteiro::http
