#include "porteiro/base/json_scan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "porteiro/base/random.hpp"

using namespace porteiro;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

std::optional<Members> members_of(std::string_view text) {
  Members members;
  const bool good = scan_object(text, [&members](std::string_view name, std::string_view value) {
    members.emplace_back(name, value);
    return true;
  });
  return good ? std::optional(members) : std::nullopt;
}

}  // namespace

TEST_CASE("json_scan: gives each member's raw text, whatever the whitespace") {
  const auto members = members_of(
      " \n{ \"a\" :1 ,\t\"b\":\"x\\\"y\",\"c\\n\": [ 1, {\"d\":null} ] , \"e\":{\r\n\"f\" : "
      "-1.5e+3}} ");
  REQUIRE(members.has_value());
  CHECK(*members == Members{{"a", "1"},
                            {"b", "\"x\\\"y\""},
                            {"c\\n", "[ 1, {\"d\":null} ]"},
                            {"e", "{\r\n\"f\" : -1.5e+3}"}});
  CHECK(members_of("{}") == Members{});
}

TEST_CASE("json_scan: a string's text is passed up to its first special byte, wherever that is") {
  const auto special = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
  };
  Random random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint64_t i = random.below(40); i > 0; --i) {
      text += static_cast<char>(random.chance(30'000) ? random.below(256) : 0x20 + i * 5);
    }
    const char* const end = text.data() + text.size();
    CAPTURE(text);
    CHECK(plain_end(text.data(), end) - text.data() ==
          std::find_if(text.begin(), text.end(), special) - text.begin());
  }
}

TEST_CASE("json_scan: nesting is counted outside of strings, whatever they hold") {
  CHECK(nests_deeper("[[1]]", 1));
  CHECK_FALSE(nests_deeper("[[1]]", 2));
  CHECK_FALSE(nests_deeper(R"({"a[[[\\":"\"[[[[","b":[]})", 2));
  CHECK(nests_deeper(R"({"a":"\\","b":[[]]})", 2));
  CHECK_FALSE(nests_deeper("[\"[[\x01[[\n[[\"]", 1));
  CHECK_FALSE(nests_deeper("[\"[[", 1));
  CHECK_FALSE(nests_deeper("[\"[[\\", 1));
}

TEST_CASE("json_scan: refuses what is not one well-formed object") {
  for (const std::string_view wrong : {"",
                                       " ",
                                       "[]",
                                       "1",
                                       "{",
                                       "{}x",
                                       "{}{}",
                                       "{\"a\"}",
                                       "{\"a\":}",
                                       "{\"a\":1,}",
                                       "{,}",
                                       "{a:1}",
                                       "{\"a\":01}",
                                       "{\"a\":1.}",
                                       "{\"a\":.5}",
                                       "{\"a\":+1}",
                                       "{\"a\":1e}",
                                       "{\"a\":-}",
                                       "{\"a\":tru}",
                                       "{\"a\":nul",
                                       "{\"a\":\"x}",
                                       "{\"a\":\"\\x\"}",
                                       "{\"a\":\"\\u12g4\"}",
                                       "{\"a\":\"\\u12\"}",
                                       "{\"a\":\"\n\"}",
                                       "{\"a\":[1,]}",
                                       "{\"a\":[1 2]}",
                                       "{\"a\":[}",
                                       "{\"a\" 1}",
                                       "{\"a\":1 \"b\":2}",
                                       "{\"a\":NaN}",
                                       "{'a':1}"}) {
    CAPTURE(wrong);
    CHECK_FALSE(members_of(wrong).has_value());
  }
}

TEST_CASE("json_scan: nesting is bounded") {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  CHECK(members_of(nested(63)).has_value());
  CHECK_FALSE(members_of(nested(64)).has_value());
  CHECK_FALSE(members_of(nested(100'000)).has_value());
}

TEST_CASE("json_scan: a member that returns false ends the look") {
  int seen = 0;
  CHECK(scan_object(R"({"a":1,"b":2, broken)",
                    [&seen](std::string_view, std::string_view) { return ++seen < 2; }));
  CHECK(seen == 2);
}

TEST_CASE("json_scan: gives each element's raw text, and refuses what is not one array") {
  const auto elements_of = [](std::string_view text) -> std::optional<std::vector<std::string>> {
    std::vector<std::string> elements;
    const bool good = scan_array(text, [&elements](std::string_view value) {
      elements.emplace_back(value);
      return true;
    });
    return good ? std::optional(elements) : std::nullopt;
  };
  using Elements = std::vector<std::string>;
  CHECK(elements_of("[]") == Elements{});
  CHECK(elements_of(" [ 1 , {\"a\":[2,3]},\"x,]\" ] ") ==
        Elements{"1", "{\"a\":[2,3]}", "\"x,]\""});
  for (const std::string_view wrong :
       {"", "{}", "[", "[1", "[1,", "[1,]", "[,]", "[1 2]", "[]x", "[1}", "[{\"a\"}]", "null"}) {
    CAPTURE(wrong);
    CHECK_FALSE(elements_of(wrong).has_value());
  }
}

TEST_CASE("json_scan: find_member follows a path through objects") {
  constexpr std::string_view text =
      R"({"type":"t","data":{"path":{"cpf":"529"},"n":12},"data2":0})";
  CHECK(find_member(text, "data.path.cpf") == "\"529\"");
  CHECK(find_member(text, "data.n") == "12");
  CHECK(find_member(text, "data.path") == R"({"cpf":"529"})");
  CHECK(find_member(text, "data2") == "0");
  for (const std::string_view absent : {"x", "data.x", "data.n.x", "type.x", "", "data."}) {
    CAPTURE(absent);
    CHECK_FALSE(find_member(text, absent).has_value());
  }
  CHECK_FALSE(find_member("not json", "a").has_value());
}

TEST_CASE("json_scan: a string's value is unescaped") {
  CHECK(string_value(R"("plain")") == "plain");
  CHECK(string_value(R"("")") == "");
  CHECK(string_value(R"("a\"\\\/\b\f\n\r\t")") == "a\"\\/\b\f\n\r\t");
  CHECK(string_value(R"("\u0041\u00e7\u20AC\ud83d\ude00z")") == "Aç€😀z");
  for (const std::string_view wrong : {"12", "null", "\"a", "a\"", "\"\\ud83d\"", "\"\\ude00\"",
                                       "\"\\ud83d\\u0041\"", "\"a\" ", "\"\\ud83dx\"", ""}) {
    CAPTURE(wrong);
    CHECK_FALSE(string_value(wrong).has_value());
  }
}

TEST_CASE("json_scan: gives each element's raw text, and refuses what is no array") {
  std::vector<std::string> elements;
  const auto keep = [&elements](std::string_view element) {
    elements.emplace_back(element);
    return elements.size() < 3;
  };
  CHECK(scan_array(" [ 1 ,\"a]\", {\"b\":[2]} ,3] ", keep));
  CHECK(elements == std::vector<std::string>{"1", "\"a]\"", "{\"b\":[2]}"});  // Then it stopped.
  CHECK(scan_array("[]", [](std::string_view) { return true; }));
  for (const std::string_view wrong : {"", "{}", "[", "[1", "[1,]", "[,1]", "[1 2]", "[1]x"}) {
    CHECK_MESSAGE(!scan_array(wrong, [](std::string_view) { return true; }), wrong);
  }
}
