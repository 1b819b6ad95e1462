#include "porteiro/base/id.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "porteiro/base/random.hpp"

using namespace porteiro;

namespace {

struct ZeroFirst final : Entropy {  // Gives zeros once, then ones.
  void fill(std::span<std::byte> out) override {
    std::fill(out.begin(), out.end(), next);
    next = std::byte{1};
  }
  std::byte next{0};
};

}  // namespace

TEST_CASE("id: text is 32 lower-case hexadecimal digits") {
  const Id id{0x0123456789abcdef, 0xfedcba9876543210};
  CHECK(to_text(id) == "0123456789abcdeffedcba9876543210");
  CHECK(parse_id(to_text(id)) == id);
  CHECK(parse_id("01234567-89AB-cdef-fedc-ba9876543210") == id);
  for (const std::string_view wrong :
       {"", "0123456789abcdeffedcba987654321", "0123456789abcdeffedcba98765432100",
        "0123456789abcdeffedcba987654321g", "01234567889ab-cdef-fedc-ba9876543210",
        "01234567-89ab-cdef-fedc-ba987654321-"}) {
    CHECK_FALSE(parse_id(wrong).has_value());
  }
}

TEST_CASE("id: a made id is never zero") {
  ZeroFirst entropy;
  CHECK(make_id(entropy) == Id{0x0101010101010101, 0x0101010101010101});
  CHECK_FALSE(Id{});
}
