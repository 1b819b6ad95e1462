#include "porteiro/lambda/pattern.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace porteiro;
using namespace porteiro::lambda;
using nlohmann::json;

namespace {

bool matches(const std::string& pattern, const std::string& event) {
  const auto parsed = Pattern::parse(pattern);
  REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().detail));
  return parsed.value().matches(json::parse(event));
}

std::string refusal(const std::string& pattern) {
  const auto parsed = Pattern::parse(pattern);
  if (parsed) return "accepted";
  CHECK(parsed.error().code == Errc::invalid);
  return parsed.error().at;
}

}  // namespace

TEST_CASE("pattern: values are equal in type and value") {
  CHECK(matches(R"({"a":["x"]})", R"({"a":"x","b":1})"));
  CHECK_FALSE(matches(R"({"a":["x"]})", R"({"a":"X"})"));
  CHECK_FALSE(matches(R"({"a":["x"]})", R"({"b":"x"})"));
  CHECK_FALSE(matches(R"({"a":["1"]})", R"({"a":1})"));
  CHECK(matches(R"({"a":[1]})", R"({"a":1.0})"));
  CHECK(matches(R"({"a":[null]})", R"({"a":null})"));
  CHECK_FALSE(matches(R"({"a":[null]})", R"({})"));
  CHECK(matches(R"({"a":[true]})", R"({"a":true})"));
  CHECK(matches(R"({"a":[""]})", R"({"a":""})"));
}

TEST_CASE("pattern: members are joined by and, items by or, $or joins alternatives") {
  const std::string both = R"({"a":["x","y"],"b":["z"]})";
  CHECK(matches(both, R"({"a":"y","b":"z"})"));
  CHECK_FALSE(matches(both, R"({"a":"y","b":"x"})"));
  const std::string either = R"({"c":[1],"$or":[{"a":["x"]},{"b":["y"]}]})";
  CHECK(matches(either, R"({"a":"x","b":"no","c":1})"));
  CHECK(matches(either, R"({"b":"y","c":1})"));
  CHECK_FALSE(matches(either, R"({"a":"no","b":"no","c":1})"));
  CHECK_FALSE(matches(either, R"({"a":"x","c":2})"));
}

TEST_CASE("pattern: comparisons") {
  CHECK(matches(R"({"a":[{"prefix":"us-"}]})", R"({"a":"us-east"})"));
  CHECK_FALSE(matches(R"({"a":[{"prefix":"us-"}]})", R"({"a":"eu-us-"})"));
  CHECK_FALSE(matches(R"({"a":[{"prefix":"1"}]})", R"({"a":12})"));
  CHECK(matches(R"({"a":[{"suffix":".png"}]})", R"({"a":"x.png"})"));
  CHECK_FALSE(matches(R"({"a":[{"suffix":".png"}]})", R"({"a":"png"})"));
  CHECK(matches(R"({"a":[{"equals-ignore-case":"New York"}]})", R"({"a":"NEW yORK"})"));
  CHECK_FALSE(matches(R"({"a":[{"equals-ignore-case":"New York"}]})", R"({"a":"New Yorks"})"));
  CHECK(matches(R"({"a":[{"numeric":["=",100]}]})", R"({"a":100})"));
  CHECK(matches(R"({"a":[{"numeric":[">",10,"<=",20]}]})", R"({"a":20})"));
  CHECK_FALSE(matches(R"({"a":[{"numeric":[">",10,"<=",20]}]})", R"({"a":10})"));
  CHECK_FALSE(matches(R"({"a":[{"numeric":["<",10]}]})", R"({"a":"5"})"));
  CHECK(matches(R"({"a":[{"anything-but":["x","y"]}]})", R"({"a":"z"})"));
  CHECK_FALSE(matches(R"({"a":[{"anything-but":["x","y"]}]})", R"({"a":"y"})"));
  CHECK_FALSE(matches(R"({"a":[{"anything-but":"x"}]})", R"({})"));
  CHECK(matches(R"({"a":[{"anything-but":{"prefix":"us-"}}]})", R"({"a":"eu"})"));
  CHECK_FALSE(matches(R"({"a":[{"anything-but":{"prefix":"us-"}}]})", R"({"a":"us-1"})"));
}

TEST_CASE("pattern: existence is a matter of leaves") {
  CHECK(matches(R"({"a":[{"exists":true}]})", R"({"a":null})"));
  CHECK_FALSE(matches(R"({"a":[{"exists":true}]})", R"({"a":{"b":1}})"));
  CHECK(matches(R"({"a":{"b":[{"exists":false}]}})", R"({"c":1})"));
  CHECK_FALSE(matches(R"({"a":{"b":[{"exists":false}]}})", R"({"a":{"b":1}})"));
  CHECK(matches(R"({"a":["x",{"exists":false}]})", R"({})"));
}

TEST_CASE("pattern: objects within, and arrays of the event") {
  CHECK(matches(R"({"a":{"b":{"c":[1]}}})", R"({"a":{"b":{"c":1}}})"));
  CHECK_FALSE(matches(R"({"a":{"b":[1]}})", R"({"a":1})"));
  CHECK(matches(R"({"a":["x"]})", R"({"a":["y","x"]})"));
  CHECK_FALSE(matches(R"({"a":["x"]})", R"({"a":["y"]})"));
  CHECK_FALSE(matches(R"({"a":["x"]})", R"({"a":[]})"));
  CHECK(matches(R"({"a":{"b":[2]}})", R"({"a":[{"b":1},{"b":2}]})"));
  CHECK_FALSE(matches(R"({"a":{"b":[2],"c":[1]}})", R"({"a":[{"b":2},{"c":1}]})"));
}

TEST_CASE("pattern: messages by their body, of the form that the pattern wants") {
  const auto members = Pattern::parse(R"({"body":{"code":["B"]}})").value();
  CHECK(members.matches_message(R"({"code":"B"})"));
  CHECK_FALSE(members.matches_message(R"({"code":"A"})"));
  CHECK_FALSE(members.matches_message("code B"));
  CHECK_FALSE(members.matches_message(R"(["code"])"));
  const auto text = Pattern::parse(R"({"body":[{"prefix":"Result: "}]})").value();
  CHECK(text.matches_message("Result: good"));
  CHECK_FALSE(text.matches_message("good"));
  CHECK(any_matches({}, "whatever"));
  CHECK(any_matches({members, text}, "Result: 1"));
  CHECK_FALSE(any_matches({members, text}, "other"));
  const auto either = Pattern::parse(R"({"$or":[{"body":{"a":[1]}},{"body":{"b":[1]}}]})").value();
  CHECK(either.matches_message(R"({"b":1})"));
}

TEST_CASE("pattern: what is wrong is told with its place") {
  CHECK(refusal("{") == "");
  CHECK(refusal("[]") == "");
  CHECK(refusal("{}") == "");
  CHECK(refusal(R"({"a":"x"})") == "/a");
  CHECK(refusal(R"({"a":[]})") == "/a");
  CHECK(refusal(R"({"a":{}})") == "/a");
  CHECK(refusal(R"({"a":[["x"]]})") == "/a/0");
  CHECK(refusal(R"({"a":[1,{"wildcard":"*"}]})") == "/a/1/wildcard");
  CHECK(refusal(R"({"a":[{"prefix":1}]})") == "/a/0/prefix");
  CHECK(refusal(R"({"a":[{"numeric":["~",1]}]})") == "/a/0/numeric");
  CHECK(refusal(R"({"a":[{"numeric":["<"]}]})") == "/a/0/numeric");
  CHECK(refusal(R"({"a":[{"exists":1}]})") == "/a/0/exists");
  CHECK(refusal(R"({"a":[{"anything-but":[]}]})") == "/a/0/anything-but");
  CHECK(refusal(R"({"$or":[{"a":"x"}]})") == "/$or/0/a");
  std::string deep = "[1]";
  for (int i = 0; i < 40; ++i) deep = R"({"a":)" + deep + "}";
  CHECK(refusal(deep) != "accepted");
  CHECK(refusal(R"({"a":[")" + std::string(5000, 'x') + "\"]}") == "");
}
