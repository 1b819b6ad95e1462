#include "porteiro/base/format.hpp"

#include <doctest/doctest.h>

using namespace porteiro;

namespace {

std::string form(std::string_view format, std::string_view text) {
  auto result = canonical(format, text);
  return result ? std::move(result).value() : "error";
}

}  // namespace

TEST_CASE("format: a CPF is its 11 digits, with both check digits right") {
  CHECK(form("cpf", "52998224725") == "52998224725");
  CHECK(form("cpf", "529.982.247-25") == "52998224725");
  CHECK(form("cpf", "11144477735") == "11144477735");
  for (const std::string_view wrong :
       {"52998224724", "52998224715", "11111111111", "00000000000", "5299822472", "529982247250",
        "529-982-247.25", "529.982.24725", "5299822472a", "", " 52998224725"}) {
    CAPTURE(wrong);
    CHECK(form("cpf", wrong) == "error");
  }
}

TEST_CASE("format: the other formats and their canonical forms") {
  CHECK(form("uuid", "01234567-89AB-CDEF-0123-456789abcdef") ==
        "01234567-89ab-cdef-0123-456789abcdef");
  CHECK(form("uuid", "0123456789abcdef0123456789abcdef") == "error");
  CHECK(form("date", "2024-02-29") == "2024-02-29");
  CHECK(form("date", "2023-02-29") == "error");
  CHECK(form("date", "2023-02-2") == "error");
  CHECK(form("date-time", "2026-01-01T00:00:00-03:00") == "2026-01-01T03:00:00.000Z");
  CHECK(form("date-time", "2026-01-01") == "error");
  CHECK(form("email", "Maria.Silva+x@Example.COM.br") == "maria.silva+x@example.com.br");
  for (const std::string_view wrong :
       {"a", "@b.c", "a@", "a@b", "a b@c.d", "a@b..c", ".a@b.c", "a@b.c."}) {
    CHECK(form("email", wrong) == "error");
  }
  CHECK(form("digits", "00123") == "00123");
  CHECK(form("digits", "") == "error");
  CHECK(form("digits", "1a") == "error");
}

TEST_CASE("format: the error names the format and never the value") {
  const auto result = canonical("cpf", "12345678900");
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Errc::invalid);
  CHECK(result.error().detail.find("CPF") != std::string::npos);
  CHECK(result.error().detail.find("12345678900") == std::string::npos);
}

TEST_CASE("format: unknown names are refused") {
  CHECK(is_format("cpf"));
  CHECK(is_format("date-time"));
  CHECK_FALSE(is_format("CPF"));
  CHECK(canonical("phone", "1").error().code == Errc::invalid);
}
