#include "gateway/router.hpp"

#include <doctest/doctest.h>

namespace porteiro::gateway {
namespace {

Router example() {
  Router router;
  const std::pair<const char*, const char*> routes[] = {
      {"GET", "/"},                       // 0
      {"GET", "/v1/people"},              // 1
      {"POST", "/v1/people"},             // 2
      {"GET", "/v1/people/{cpf}"},        // 3
      {"GET", "/v1/people/me"},           // 4
      {"DELETE", "/v1/people/{id}"},      // 5
      {"GET", "/v1/people/{cpf}/trail"},  // 6
      {"PUT", "/v1/people/me/{field}"},   // 7
      {"GET", "/v1/{a}/{b}/{c}"},         // 8
      {"GET", "/v1/s\xC3\xA3o"},          // 9
  };
  std::size_t number = 0;
  for (const auto& [method, path] : routes) REQUIRE(router.add(method, path, number++).has_value());
  return router;
}

}  // namespace

// Goal: the table of what a request line means.
TEST_CASE("router: methods and paths find their route") {
  const Router router = example();
  constexpr int none = -1, other_method = -2, malformed = -3;
  const struct {
    const char* method;
    const char* path;
    int want;
    const char* detail;  // The first parameter, or Allow.
  } table[] = {
      {"GET", "/", 0, ""},
      {"GET", "/v1/people", 1, ""},
      {"HEAD", "/v1/people", 1, ""},
      {"POST", "/v1/people", 2, ""},
      {"GET", "/v1/people/111", 3, "111"},
      {"GET", "/v1/people/me", 4, ""},
      {"DELETE", "/v1/people/me", 5, "me"},  // The literal has no DELETE.
      {"GET", "/v1/people/me/trail", 6, "me"},
      {"PUT", "/v1/people/me/age", 7, "age"},
      {"GET", "/v1/people/x/y", 8, "people"},
      {"GET", "/v1/p%65ople", 1, ""},
      {"GET", "/v1/people/a%2Fb", 3, "a%2Fb"},
      {"GET", "/v1/s%C3%A3o", 9, ""},
      {"GET", "/v1/s\xC3\xA3o", 9, ""},
      {"GET", "http://host:80/v1/people", 1, ""},
      {"GET", "http://host", 0, ""},
      {"GET", "*", none, ""},
      {"GET", "", none, ""},
      {"GET", "/v1/people/", none, ""},
      {"GET", "//v1/people", none, ""},
      {"GET", "/v2", none, ""},
      {"GET", "/V1/people", none, ""},
      {"PATCH", "/v1/people", other_method, "GET, HEAD, POST"},
      {"POST", "/v1/people/me", other_method, "DELETE, GET, HEAD"},
      {"get", "/v1/people", other_method, "GET, HEAD, POST"},
      {"GET", "/v1/people/%zz", malformed, ""},
      {"GET", "/v1/people/%", malformed, ""},
      {"GET", "/v1/people/%ff", malformed, ""},
      {"GET", "/v1/people/\xff", malformed, ""},
  };
  for (const auto& row : table) {
    CAPTURE(row.method);
    CAPTURE(row.path);
    const Match match = router.match(row.method, row.path);
    if (row.want >= 0) {
      REQUIRE(match.kind == Match::Kind::found);
      CHECK(match.route == static_cast<std::size_t>(row.want));
      if (match.values.count > 0) CHECK(match.values.raw[0] == row.detail);
    }
    if (row.want == none) CHECK(match.kind == Match::Kind::not_found);
    if (row.want == other_method) {
      CHECK(match.kind == Match::Kind::method_not_allowed);
      CHECK(match.allow == row.detail);
    }
    if (row.want == malformed) CHECK(match.kind == Match::Kind::malformed);
  }
}

// Goal: what cannot be told apart, or read, is refused when it is set up.
TEST_CASE("router: bad and conflicting patterns are refused") {
  Router router = example();
  const std::pair<const char*, const char*> table[] = {
      {"GET", "/v1/people/{other}"},  // The same requests under another name.
      {"GET", "/v1/people"},
      {"GET", "v1"},
      {"GET", ""},
      {"", "/x"},
      {"GET", "/x//y"},
      {"GET", "/x/"},
      {"GET", "/x/{}"},
      {"GET", "/x/{a"},
      {"GET", "/x/a{b}"},
      {"GET", "/x/{a}/{a}"},
      {"GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"},
  };
  for (const auto& [method, path] : table) {
    CAPTURE(path);
    const auto added = router.add(method, path, 99);
    REQUIRE_FALSE(added.has_value());
    CHECK(added.error().code == Errc::invalid);
  }
  const auto names = router.add("GET", "/y/{one}/z/{two}", 99);
  REQUIRE(names.has_value());
  CHECK(names.value() == std::vector<std::string>{"one", "two"});
}

TEST_CASE("router: a path of endless segments is just not found") {
  const Router router = example();
  std::string path;
  for (int i = 0; i < 100'000; ++i) path += "/a";
  CHECK(router.match("GET", path).kind == Match::Kind::not_found);
}

}  // namespace porteiro::gateway
