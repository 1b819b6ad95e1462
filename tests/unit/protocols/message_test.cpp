// Goal: what a message may hold, and the digests that clients check, are SQS's.
#include "protocols/sqs/message.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/bytes.hpp"
#include "protocols/sqs/receipt.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::sqs;

namespace {

// The code of the refusal; empty: taken.
std::string outcome(const MessageInput& input, const queue::Options& queue = {}) {
  const auto request = send_request(input, queue);
  return request ? "" : std::string(request.error().kind->query_code);
}

MessageInput with_attribute(std::string_view name, std::string_view type, Text value,
                            bool binary = false) {
  MessageInput input;
  input.body = "b";
  AttributeInput attribute;
  attribute.name = name;
  attribute.type = type;
  (binary ? attribute.binary_value : attribute.string_value) = value;
  input.attributes.push_back(attribute);
  return input;
}

std::string digest(std::vector<queue::Attribute> attributes) {
  aws::Md5 md5;
  return std::string(aws::view(digest_of(md5, attributes)));
}

}  // namespace

TEST_CASE("message: the digests of attributes are those of clients") {
  CHECK(digest({{"attribName1", "String", "attribValue 1"}}) == "19e27d4e946b072f3f58da80d94fd778");
  // Recorded at the service.
  CHECK(digest({{"Hello", "String", "There"}}) == "a311262e065454b75da111d535b8dacd");
  CHECK(digest({{"Hello", "String", "There"}, {"General", "String", "Kenobi"}}) ==
        "fca026605781cb4126a1e9044df24232");
  CHECK(digest({{"attr1", "Binary",
                 "traceparent\x1e"
                 "00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"}}) ==
        "8cbe4db156db8a94db8b801b7addb984");
}

TEST_CASE("message: MD5 with its context used again") {
  aws::Md5 md5;
  CHECK(aws::view(md5.of("")) == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(aws::view(md5.of("abc")) == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(aws::view(md5.of("msg")) == "6e2baaf3b97dbeef01c0043275f9a0e7");
}

TEST_CASE("message: the characters SQS allows") {
  for (const std::string_view good :
       {"a", "\t\n\r", "12345678", "\x7f", "\xc2\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbd", "\xf0\x90\x80\x80", "0123456789abcdef \xe2\x82\xac"}) {
    CHECK_MESSAGE(valid_contents(good), to_hex(good));
  }
  for (std::string bad :
       {std::string(1, '\0'), std::string("\x01"), std::string("\x1f"), std::string("\x0b"),
        std::string("\xef\xbf\xbe"), std::string("\xef\xbf\xbf")}) {
    for (std::size_t before = 0; before < 17; ++before) {  // At each place of a word.
      const std::string text = std::string(before, 'a') + bad + "bbbbbbbbb";
      CHECK_MESSAGE(!valid_contents(text), to_hex(text));
    }
  }
}

TEST_CASE("message: names and types of attributes") {
  CHECK(outcome(with_attribute("a.B-c_9", "String", "x")) == "");
  CHECK(outcome(with_attribute("a", "String.custom type", "x")) == "");
  CHECK(outcome(with_attribute(std::string(256, 'n'), "String", "x")) == "");
  for (const std::string& name :
       {std::string(), std::string(".a"), std::string("a."), std::string("a..b"),
        std::string("AWS.x"), std::string("amazon.x"), std::string("a b"), std::string(257, 'n')}) {
    CHECK(outcome(with_attribute(name, "String", "x")) == "InvalidParameterValue");
  }
  for (const std::string& type : {std::string(), std::string("string"), std::string("Strings"),
                                  std::string("Text"), "String." + std::string(250, 't')}) {
    CHECK(outcome(with_attribute("a", type, "x")) == "InvalidParameterValue");
  }
  CHECK(outcome(with_attribute("a", "String", "")) == "InvalidParameterValue");
  CHECK(outcome(with_attribute("a", "String", std::nullopt)) == "InvalidParameterValue");
  CHECK(outcome(with_attribute("a", "String", "\x01")) == "InvalidParameterValue");
  CHECK(outcome(with_attribute("a", "String", "eA==", true)) == "InvalidParameterValue");
  CHECK(outcome(with_attribute("a", "Binary", "eA==", true)) == "");
  CHECK(outcome(with_attribute("a", "Binary", "e", true)) == "InvalidParameterValue");
  CHECK(outcome(with_attribute("a", "Binary", "eA==")) == "InvalidParameterValue");
}

TEST_CASE("message: a Number is one") {
  for (const std::string& good :
       {std::string("0"), std::string("-1.5"), std::string("+7"), std::string("1e126"),
        std::string("1E-128"), std::string(".5"), std::string("000"), std::string(38, '9'),
        std::string("100000000000000000000000000000000000000000000")}) {
    CHECK_MESSAGE(outcome(with_attribute("n", "Number.int", good)) == "", good);
  }
  for (const std::string& bad :
       {std::string("x"), std::string("1x"), std::string("--1"), std::string("."),
        std::string("1e"), std::string("1.2.3"), std::string(" 1"), std::string("NaN"),
        std::string("1e127"), std::string("1e-129"), std::string(39, '9'),
        std::string("1e99999999999"), std::string("1e+-5"), std::string("1e-+5"),
        std::string("1e+")}) {
    CHECK_MESSAGE(outcome(with_attribute("n", "Number", bad)) == "InvalidParameterValue", bad);
  }
}

TEST_CASE("message: the size counts names, types and decoded values of attributes") {
  queue::Options queue;
  queue.message_bytes_max = 1024;
  MessageInput input = with_attribute("name", "Binary", "AAAAAA==", true);  // 4 + 6 + 4 bytes.
  std::string body(1010, 'x');
  input.body = body;
  CHECK(size_of(input) == 1024);
  CHECK(outcome(input, queue) == "");
  body += 'x';
  input.body = body;
  CHECK(size_of(input) == 1025);
  CHECK(outcome(input, queue) == "InvalidParameterValue");
}

TEST_CASE("message: a sequence number has 20 digits and grows") {
  CHECK(sequence_text(1) == "10000000000000000001");
  CHECK(sequence_text(1234567890) == "10000000001234567890");
}

TEST_CASE("receipt: comes back as it was; altered or of another queue, it does not") {
  const queue::Receipt receipt{7, 1u << 30, {0x0123456789abcdefU, 42}};
  std::string handle;
  append_handle(handle, "orders", receipt);
  CHECK(handle.size() == handle_size);
  CHECK(parse_handle(handle, "orders") == receipt);
  CHECK_FALSE(parse_handle(handle, "other").has_value());
  for (std::size_t at = 0; at < handle.size(); ++at) {
    std::string altered = handle;
    altered[at] = altered[at] == 'A' ? 'B' : 'A';
    CHECK_FALSE(parse_handle(altered, "orders").has_value());
  }
  CHECK_FALSE(parse_handle("", "orders").has_value());
  CHECK_FALSE(parse_handle(handle + "AAAA", "orders").has_value());
}
