#include "gateway/wanted.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace porteiro::gateway {
namespace {

using Kind = Shown::Kind;

Shown shown(const std::vector<http::HeaderView>& headers, bool with_signatures = true,
            std::string_view target = "/") {
  const http::Request request{.method = "GET", .target = target, .headers = headers};
  return shown_by(request, Wanted(request), with_signatures);
}

}  // namespace

TEST_CASE("wanted: where a credential is looked for") {
  const struct {
    const char* api_key;
    const char* authorization;
    Kind kind;
    const char* text;
  } table[] = {
      {"a", "", Kind::key, "a"},
      {"", "Bearer b", Kind::bearer, "b"},
      {"", "bearer  b", Kind::bearer, "b"},
      {"", "ApiKey b", Kind::key, "b"},
      {"", "Basic b", Kind::nothing, ""},
      {"", "Bearer", Kind::nothing, ""},
      {"", "Bearer ", Kind::nothing, ""},
      {"", "Bearerb", Kind::nothing, ""},
      {"", "", Kind::nothing, ""},
      {"", "AWS4-HMAC-SHA256 Credential=x", Kind::signature, ""},
      {"a", "Bearer a", Kind::bearer, "a"},
  };
  for (const auto& row : table) {
    CAPTURE(row.authorization);
    const Shown found = shown({{"X-API-Key", row.api_key}, {"AUTHORIZATION", row.authorization}});
    CHECK(found.kind == row.kind);
    CHECK(found.text == row.text);
  }
  CHECK(shown({}, true, "/?X-Amz-Signature=0a").kind == Kind::signature);
  CHECK(shown({}, false, "/?X-Amz-Signature=0a").kind == Kind::nothing);
  CHECK(shown({{"Authorization", "AWS4-HMAC-SHA256 x"}}, false).kind == Kind::nothing);
}

// Goal: whoever stands before us and reads another one of two credentials decides for nobody.
TEST_CASE("wanted: two credentials that differ are none") {
  const std::vector<std::vector<http::HeaderView>> both{
      {{"X-Api-Key", "a"}, {"X-Api-Key", "b"}},
      {{"X-Api-Key", "a"}, {"x-api-key", "A"}},
      {{"Authorization", "Bearer a"}, {"Authorization", "Bearer b"}},
      {{"Authorization", "Bearer a"}, {"authorization", "ApiKey a"}},
      {{"X-Api-Key", "a"}, {"Authorization", "Bearer b"}},
      {{"Authorization", "Bearer b"}, {"X-Api-Key", "a"}},
      {{"X-Api-Key", "a"}, {"Authorization", "Basic a"}},
      {{"X-Api-Key", "a"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=x"}},
  };
  for (const auto& headers : both) CHECK(shown(headers).kind == Kind::confused);
  CHECK(shown({{"X-Api-Key", "a"}}, true, "/?X-Amz-Signature=0a").kind == Kind::confused);
  CHECK(shown({{"Authorization", "Bearer a"}}, true, "/?X-Amz-Signature=0a").kind ==
        Kind::confused);
  CHECK(shown({{"X-Api-Key", "a"}, {"X-Api-Key", "a"}}).kind == Kind::key);
}

}  // namespace porteiro::gateway
