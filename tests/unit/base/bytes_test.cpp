#include "porteiro/base/bytes.hpp"

#include <doctest/doctest.h>

#include "base/crc32c.hpp"

using namespace porteiro;

TEST_CASE("bytes: hexadecimal text goes both ways and refuses anything else") {
  const std::string bytes("\x00\x7f\xff\x10", 4);
  CHECK(to_hex(bytes) == "007fff10");
  CHECK(from_hex("007FfF10") == bytes);
  CHECK(from_hex("") == "");
  CHECK_FALSE(from_hex("0").has_value());
  CHECK_FALSE(from_hex("0g").has_value());
}

TEST_CASE("bytes: base64 follows RFC 4648's examples, strictly") {
  const std::pair<std::string_view, std::string_view> examples[] = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : examples) {
    CHECK(to_base64(plain) == text);
    CHECK(from_base64(text) == plain);
  }
  for (const std::string_view wrong :
       {"Zg", "Zg=", "Zh==", "Z===", "Zm9v\n", "Zm 9", "Zm-_", "===="}) {
    CAPTURE(wrong);
    CHECK_FALSE(from_base64(wrong).has_value());
  }
}

TEST_CASE("bytes: base64 of any bytes gives them back, and no changed digit goes unseen") {
  std::string bytes;
  for (int size = 0; size < 300; ++size) {
    const std::string text = to_base64(bytes);
    CHECK(from_base64(text) == bytes);
    CHECK(from_base64url(to_base64url(bytes)) == bytes);
    if (!text.empty()) {
      std::string wrong = text;
      wrong[static_cast<std::size_t>(size) * 7 % text.size()] = '\xff';
      CHECK_FALSE(from_base64(wrong).has_value());
    }
    bytes += static_cast<char>(size * 151 + 255);
  }
}

TEST_CASE("bytes: base64url has its own signs and no padding") {
  const std::string bytes("\xfb\xff\xfe\x01", 4);
  CHECK(to_base64url(bytes) == "-__-AQ");
  CHECK(from_base64url("-__-AQ") == bytes);
  CHECK_FALSE(from_base64url("-__-AQ==").has_value());
  CHECK_FALSE(from_base64url("+__-AQ").has_value());
  CHECK_FALSE(from_base64url("A").has_value());
  CHECK_FALSE(from_base64url("-__-AR").has_value());  // Bits beyond the last byte.
}

TEST_CASE("bytes: percent escapes") {
  CHECK(percent_encode("a b/ç~.-_%") == "a%20b%2F%C3%A7~.-_%25");
  CHECK(percent_decode("a%20b%2f%C3%A7") == "a b/ç");
  CHECK(percent_decode("a+b") == "a+b");
  for (const std::string_view wrong : {"%", "%2", "%2x", "abc%"}) {
    CHECK_FALSE(percent_decode(wrong).has_value());
  }
}

TEST_CASE("bytes: JSON strings are quoted and escaped, other text stays") {
  std::string out = "x";
  append_json_string(out, std::string_view("a\"\\\n\r\t\b\f\x01 ç\0z", 14));
  CHECK(out == R"(x"a\"\\\n\r\t\b\f\u0001 ç\u0000z")");
  out.clear();
  append_json_string(out, "");
  CHECK(out == R"("")");
}

TEST_CASE("bytes: UTF-8 is well formed or it is not") {
  for (const std::string_view good :
       {"", "plain ascii, longer than eight", "ç", "€", "😀", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    CHECK(valid_utf8(good));
  }
  for (const std::string_view wrong :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "eight or more and then \xff", "\xe2\x82"}) {
    CHECK_FALSE(valid_utf8(wrong));
  }
}

TEST_CASE("bytes: CRC-32C has the values of RFC 3720, and continues from a seed") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  CHECK(crc32c("6789", crc32c("12345")) == crc32c("123456789"));
  for (const std::string_view text : {"", "1", "1234567", "12345678", "1234567890abcdefg"}) {
    CHECK(crc32c_by_table(text, 7) == crc32c(text, 7));
  }
}

TEST_CASE("bytes: a reader gives back what was appended and then nothing") {
  std::string out;
  append_u32(out, 0x01020304);
  append_u64(out, 0xfedcba9876543210);
  append_sized(out, "order-7");
  append_sized(out, "");
  CHECK(out.substr(0, 4) == "\x04\x03\x02\x01");
  ByteReader reader(out);
  CHECK(reader.u32() == 0x01020304U);
  CHECK(reader.u64() == 0xfedcba9876543210U);
  CHECK(reader.sized() == "order-7");
  CHECK(reader.sized() == "");
  CHECK(reader.rest().empty());
  CHECK_FALSE(reader.u32().has_value());
}

TEST_CASE("bytes: a length beyond the end fails and takes nothing") {
  std::string out;
  append_u32(out, 9);
  out += "short";
  ByteReader reader(out);
  CHECK_FALSE(reader.sized().has_value());
  CHECK(reader.rest() == out);
}
