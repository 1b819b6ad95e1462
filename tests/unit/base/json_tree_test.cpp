#include "porteiro/base/json_tree.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "porteiro/base/random.hpp"

using namespace porteiro;
using nlohmann::json;

namespace {

// Equal in all that can be seen: 1 and 1.0 compare as equal, but are not the same to whoever asks.
void check_same(std::string_view text) {
  CAPTURE(text);
  const json wanted = json::parse(text, nullptr, false);
  const json got = json_tree(text);
  REQUIRE(got.is_discarded() == wanted.is_discarded());
  if (wanted.is_discarded()) return;
  CHECK(got == wanted);
  CHECK(got.type() == wanted.type());
  CHECK(json::to_cbor(got) == json::to_cbor(wanted));
}

}  // namespace

// Goal: whoever changes from nlohmann's parser to json_tree sees no difference.
TEST_CASE("json_tree: gives what nlohmann's parser gives") {
  for (const std::string_view text : {"",
                                      " ",
                                      "null",
                                      "true",
                                      "false",
                                      "tru",
                                      "nulll",
                                      "0",
                                      "-0",
                                      "-",
                                      "01",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "1e",
                                      "1e+",
                                      "-1.5E-3",
                                      "1e400",
                                      "-1e400",
                                      "1e-400",
                                      "5e-324",
                                      "0.1",
                                      "1.0",
                                      "-0.0",
                                      "123456789012345678",
                                      "-123456789012345678",
                                      "1234567890123456789",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "-9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "123456789012345678901234567890",
                                      "1 2",
                                      "\"\"",
                                      "\"a\"",
                                      "\"",
                                      "\"a",
                                      "\"\\\"",
                                      "\"a\\n\\t\\\\\\/\\b\\f\\r\\\"b\"",
                                      "\"\\x\"",
                                      "\"\\u00e9\\u0000\"",
                                      "\"\\u00g9\"",
                                      "\"\\ud83d\\ude00\"",
                                      "\"\\ud83d\"",
                                      "\"\\ude00\"",
                                      "\"\\ud83d\\u0041\"",
                                      "\"a\nb\"",
                                      "\"\x7f\"",
                                      "\"\x1f\"",
                                      "\"caf\xc3\xa9\"",
                                      "\"\xc3\"",
                                      "\"\xc0\xaf\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xc3\\u00a9\"",
                                      "\xef\xbb\xbf{}",
                                      "[]",
                                      "[ ]",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "[1",
                                      "{}",
                                      "{ }",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{\"a\":1",
                                      "{\"b\":1,\"a\":2}",
                                      "{\"a\":1,\"a\":{\"b\":[]}}",
                                      "{\"a\":{\"b\":[]},\"a\":null}",
                                      " \r\n\t{ \"a\" : [ 1 , { \"b\" : null } , \"\" ] } ",
                                      "// no\n1",
                                      "{\"a\":1}x",
                                      "{\"\\u0061\":1,\"a\":2}"}) {
    check_same(text);
  }
  check_same(std::string_view("1\0", 2));
  check_same(std::string_view("\"\0\"", 3));
  for (const std::size_t depth : {63, 64, 65, 200}) {
    check_same(std::string(depth, '[') + std::string(depth, ']'));
    check_same(std::string(depth, '['));
  }
}

TEST_CASE("json_tree: gives what nlohmann's parser gives, for texts with bytes changed") {
  const std::string text =
      R"({"cpf":"52998224725","debts":[{"amount":-12.50,"on":"2025-01-31"},{}],"n":[0,17,1e3],)"
      R"("t":true,"u":"\u00e9\n","x":null})";
  const std::string bytes = "\"\\{}[],:0-.eE+tu \xc3\xa9";
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = text;
    for (std::uint64_t i = random.below(3) + 1; i > 0; --i) {
      changed[random.below(changed.size())] = bytes[random.below(bytes.size())];
    }
    check_same(changed);
  }
}
