#include "stores/decimal.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "porteiro/base/random.hpp"

using namespace porteiro;
using namespace porteiro::stores;

TEST_CASE("decimal: the canonical form keeps the digits after the point and drops leading zeros") {
  CHECK(canonical_decimal("12.50") == "12.50");
  CHECK(canonical_decimal("0012") == "12");
  CHECK(canonical_decimal("000.10") == "0.10");
  CHECK(canonical_decimal("-0.00") == "0.00");
  CHECK(canonical_decimal("-7") == "-7");
  CHECK(canonical_decimal(std::string(30, '9') + "." + std::string(30, '9')));
  for (const char* wrong :
       {"", "-", ".5", "5.", "+1", "1e3", "1,5", " 1", "1 ", "--1", "1.2.3", "x"}) {
    CAPTURE(wrong);
    CHECK_FALSE(canonical_decimal(wrong));
  }
  CHECK_FALSE(canonical_decimal(std::string(31, '9')));
  CHECK_FALSE(canonical_decimal("0." + std::string(31, '1')));
}

TEST_CASE("decimal: the bytes order as the numbers do") {
  const std::vector<std::string> ascending{"-" + std::string(30, '9'),
                                           "-100.5",
                                           "-100.05",
                                           "-100",
                                           "-99.999",
                                           "-1",
                                           "-0.1",
                                           "-0.09",
                                           "-0." + std::string(29, '0') + "1",
                                           "0",
                                           "0." + std::string(29, '0') + "1",
                                           "0.09",
                                           "0.1",
                                           "0.11",
                                           "0.9",
                                           "1",
                                           "1.5",
                                           "2",
                                           "9.9",
                                           "10",
                                           "10.25",
                                           "99",
                                           "100",
                                           std::string(30, '9')};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      CAPTURE(ascending[i]);
      CAPTURE(ascending[k]);
      const int order = compare_decimals(ascending[i], ascending[k]);
      CHECK((order < 0) == (i < k));
      CHECK((order == 0) == (i == k));
    }
  }
  CHECK(compare_decimals("1.50", "1.5") == 0);
  CHECK(compare_decimals("-0.0", "0") == 0);
}

TEST_CASE("decimal: the bytes give the number back and end by themselves") {
  for (const char* text :
       {"0", "1", "-1", "100", "-120", "0.5", "-0.005", "12.25", "-12.25", "1000.001"}) {
    std::string bytes;
    REQUIRE(append_ordered_decimal(bytes, text));
    bytes += "rest";
    std::string_view view = bytes;
    CHECK(take_ordered_decimal(view) == text);
    CHECK(view == "rest");
  }
  std::string none;
  CHECK_FALSE(append_ordered_decimal(none, "no"));
  CHECK(none.empty());
}

TEST_CASE("decimal: any bytes are read without harm") {
  Random random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (std::uint64_t left = random.below(12); left > 0; --left) {
      bytes.push_back(
          static_cast<char>(random.below(4) == 0 ? 0x7f + random.below(3) : random.below(256)));
    }
    std::string_view view = bytes;
    const auto number = take_ordered_decimal(view);
    if (number) CHECK(canonical_decimal(*number));
  }
}
