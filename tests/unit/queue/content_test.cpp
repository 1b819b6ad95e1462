// The packed form of a message, which is the journal's, too.
#include "queue/content.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/random.hpp"

using namespace porteiro;
using namespace porteiro::queue;

namespace {

std::string random_bytes(Random& random, std::size_t max) {
  std::string out(random.below(max + 1), '\0');
  for (char& c : out) c = static_cast<char>(random.next());
  return out;
}

Message random_message(Random& random) {
  Message m;
  m.body = "b" + random_bytes(random, random.below(10) == 0 ? 70'000 : 40);
  if (random.below(2) == 0) m.trace = {random.next(), random.next()};
  if (random.below(2) == 0) m.group = random_bytes(random, 128);
  if (random.below(2) == 0) m.deduplication_id = random_bytes(random, 128);
  if (random.below(2) == 0) m.trace_header = random_bytes(random, 60);
  if (random.below(2) == 0) m.dead_letter_source = random_bytes(random, 80);
  for (std::uint64_t left = random.below(13); left > 0; --left) {
    m.attributes.push_back(
        {random_bytes(random, 9), random_bytes(random, 9), random_bytes(random, 99)});
  }
  return m;
}

Message unpacked(const Content& content) {
  Message m;
  content.unpack(m);
  return m;
}

bool equal(const Message& a, const Message& b) {
  return a.body == b.body && a.trace == b.trace && a.group == b.group &&
         a.deduplication_id == b.deduplication_id && a.trace_header == b.trace_header &&
         a.dead_letter_source == b.dead_letter_source && a.attributes == b.attributes;
}

}  // namespace

TEST_CASE("queue content: what is packed comes back, from its bytes, too") {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const Message message = random_message(random);
    const Content packed(message);
    CHECK(equal(unpacked(packed), message));
    CHECK(packed.body() == message.body);
    CHECK(packed.group() == message.group);
    CHECK(packed.deduplication_id() == message.deduplication_id);
    CHECK(packed.trace() == message.trace);
    const auto again = Content::from_bytes(packed.bytes());
    REQUIRE(again.has_value());
    CHECK(equal(unpacked(*again), message));
    CHECK(again->bytes() == packed.bytes());
  }
}

TEST_CASE("queue content: a million plain messages carry nothing but their bodies") {
  Message message;
  message.body = std::string(256, 'x');
  CHECK(Content(message).bytes().size() == 256 + 8);
}

TEST_CASE("queue content: bytes cut anywhere are refused") {
  Message message;
  message.body = "body";
  message.trace = {1, 2};
  message.group = "g";
  message.attributes = {{"name", "String", "value"}, {"more", "Number", "1"}};
  const Content packed(message);
  const std::string bytes(packed.bytes());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    CHECK_FALSE(Content::from_bytes(bytes.substr(0, cut)).has_value());
  }
  CHECK_FALSE(Content::from_bytes(bytes + "x").has_value());
}

TEST_CASE("queue content: damaged bytes are refused, or are still a message") {
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::string bytes(Content(random_message(random)).bytes());
    for (std::uint64_t left = 1 + random.below(3); left > 0; --left) {
      bytes[random.below(std::min<std::size_t>(bytes.size(), 300))] =
          static_cast<char>(random.below(4) == 0 ? random.next() : random.below(20));
    }
    const auto content = Content::from_bytes(bytes);
    if (!content) continue;
    CHECK(content->bytes() == bytes);
    CHECK_FALSE(unpacked(*content).body.empty());
  }
}

TEST_CASE("queue content: parts that nobody writes are refused") {
  const auto bytes = [](std::string_view body, std::string_view rest) {
    std::string out;
    append_u32(out, static_cast<std::uint32_t>(body.size()));
    append_u32(out, static_cast<std::uint32_t>(rest.size()));
    return out.append(body).append(rest);
  };
  const auto part = [](char letter, std::string_view value) {
    std::string out(1, letter);
    append_sized(out, value);
    return out;
  };
  CHECK(Content::from_bytes(bytes("b", part('g', "group"))).has_value());
  CHECK_FALSE(Content::from_bytes(bytes("", part('g', "group"))).has_value());  // No body.
  CHECK_FALSE(Content::from_bytes(bytes("b", part('x', "?"))).has_value());
  CHECK_FALSE(Content::from_bytes(bytes("b", part('t', "short"))).has_value());
  CHECK_FALSE(Content::from_bytes(bytes("b", part('a', "torn"))).has_value());
  CHECK_FALSE(Content::from_bytes(bytes("b", "g")).has_value());
  CHECK_FALSE(Content::from_bytes("\xff\xff\xff\xff\xff\xff\xff\xff").has_value());
}
