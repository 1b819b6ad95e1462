#include "porteiro/base/http.hpp"

#include <doctest/doctest.h>

using namespace porteiro;

TEST_CASE("http: a target's parts") {
  const http::Request request{
      .method = "GET", .target = "/a/b?x=1&flag&xy=2&x=3", .headers = {}, .body = {}, .peer = {}};
  CHECK(request.path() == "/a/b");
  CHECK(request.query() == "x=1&flag&xy=2&x=3");
  CHECK(request.query_value("x") == "1");
  CHECK(request.query_value("xy") == "2");
  CHECK(request.query_value("flag") == "");
  CHECK(request.query_value("y") == "");
  const http::Request plain{.method = "GET", .target = "/a", .headers = {}, .body = {}, .peer = {}};
  CHECK(plain.path() == "/a");
  CHECK(plain.query() == "");
}

TEST_CASE("http: headers are found whatever their case") {
  const http::HeaderView headers[] = {{"Content-Type", "a"}, {"X-Key", "b"}};
  const http::Request request{
      .method = "GET", .target = "/", .headers = headers, .body = {}, .peer = {}};
  CHECK(request.header("x-kEY") == "b");
  CHECK(request.header("content-typ") == "");
}

TEST_CASE("http: a problem names its field and hides nothing it was given") {
  const auto response = http::problem(error(Errc::invalid, "has to be a \"CPF\"", "body.cpf"));
  CHECK(response.status == 400);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.body == R"({"type":"about:blank","title":"Bad Request","status":400,)"
                         R"("detail":"has to be a \"CPF\"","field":"body.cpf"})");
  CHECK(http::problem(404, "").body ==
        R"({"type":"about:blank","title":"Not Found","status":404})");
}

TEST_CASE("http: each error code has its status") {
  const std::pair<Errc, int> table[] = {{Errc::invalid, 400},     {Errc::denied, 403},
                                        {Errc::not_found, 404},   {Errc::conflict, 409},
                                        {Errc::stale, 409},       {Errc::limit_exceeded, 429},
                                        {Errc::unavailable, 503}, {Errc::timeout, 504},
                                        {Errc::corrupt, 500},     {Errc::internal, 500}};
  for (const auto& [code, status] : table) {
    CHECK(http::status_of(code) == status);
    CHECK_FALSE(to_string(code).empty());
  }
}
