#include "porteiro/base/origin.hpp"

#include <doctest/doctest.h>

namespace porteiro::http {

TEST_CASE("origin: which hosts are this machine's own") {
  for (const char* host :
       {"localhost", "localhost:4566", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:4566", "[::1]",
        "[::1]:4566", "app.localhost", "a.b-c.localhost:80", "localhost:"}) {
    CAPTURE(host);
    CHECK(is_local_host(host));
  }
  for (const char* host :
       {"", "example.com", "localhost.example.com", "127.0.0.1.example.com", "evil-localhost",
        ".localhost", "x.localhost.", "127.0.0.2", "[::2]", "::1", "localhost:80:80", "localhost:x",
        "localhost:123456", "evil.com#.localhost", "user@x.localhost", "evil.com/.localhost",
        " localhost", "0.0.0.0"}) {
    CAPTURE(host);
    CHECK_FALSE(is_local_host(host));
  }
}

TEST_CASE("origin: a page of elsewhere is known by its Origin") {
  const auto foreign = [](std::vector<http::HeaderView> headers) {
    return is_foreign_page(
        {.method = "POST", .target = "/", .headers = headers, .body = {}, .peer = {}});
  };
  CHECK_FALSE(foreign({}));
  CHECK_FALSE(foreign({{"Host", "porteiro:4566"}}));
  CHECK_FALSE(foreign({{"Origin", "http://localhost:3000"}}));
  CHECK(foreign({{"Origin", "https://example.com"}}));
  CHECK(foreign({{"Origin", "null"}}));
  CHECK(foreign({{"Host", "localhost:4566"}, {"Sec-Fetch-Site", "cross-site"}}));
  CHECK(foreign({{"Host", "evil.example:4566"}, {"Sec-Fetch-Site", "same-origin"}}));
  CHECK_FALSE(foreign({{"Host", "localhost:4566"}, {"Sec-Fetch-Site", "same-site"}}));
}

TEST_CASE("origin: every Host and Origin of a request counts") {
  const auto local = [](std::vector<http::HeaderView> headers) {
    return is_local({.method = "GET", .target = "/", .headers = headers, .body = {}, .peer = {}});
  };
  CHECK(local({}));
  CHECK(local({{"Host", "localhost"}, {"Origin", "http://localhost:4566"}}));
  CHECK(local({{"host", "localhost"}, {"ORIGIN", "https://app.localhost"}}));
  CHECK_FALSE(local({{"Host", "localhost"}, {"Host", "example.com"}}));
  CHECK_FALSE(local({{"Host", "localhost"}, {"Origin", "http://example.com"}}));
  CHECK_FALSE(local({{"Host", "localhost"}, {"Origin", "null"}}));
  CHECK_FALSE(local({{"Host", "localhost"}, {"Origin", "file://localhost"}}));
  CHECK_FALSE(local({{"Host", "localhost"}, {"Origin", ""}}));
  CHECK_FALSE(local({{"Host", ""}}));
}

}  // namespace porteiro::http
