// Goal: a mask shows what its pattern says, never more than half of a short value, and no pattern
// lets a value through whole.
#include "porteiro/stores/mask.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/stores/schema.hpp"

using namespace porteiro;
using namespace porteiro::stores;

TEST_CASE("mask: the patterns") {
  const auto is = [](const char* pattern, const char* raw, const char* shown) {
    CAPTURE(pattern);
    CAPTURE(raw);
    CHECK(masked(pattern, raw) == shown);
  };
  is("all", R"("anything")", R"("***")");
  is("initials", R"("Ana  Maria Souza")", R"("A. M. S.")");
  is("initials", R"("Érica Ângelo")", R"("É. Â.")");
  is("initials", R"("")", R"("")");
  is("first:3", R"("Anastasia")", R"("Ana***")");
  is("first:4", R"("Ana")", R"("A***")");
  is("last:2", R"("11144477735")", R"("***35")");
  is("last:4", R"("ção")", R"("***o")");
  is("last:1", R"("x")", R"("***")");
  is("email", R"("ana@example.com")", R"("a***@example.com")");
  is("email", R"("a@example.com")", R"("***@example.com")");
  is("email", R"("none")", R"("***")");
  is("digits", R"("111.444.777-35")", R"("***.***.***-**")");
  is("digits", R"("+55 (11) 9é")", R"("+** (**) **")");
  is("last:2", "512345", R"("***45")");
  is("last:2", R"({"street":"x"})", R"("***")");
  is("first:2", R"(["x"])", R"("***")");
  is("all", "null", "null");
  is("unknown", R"("x")", R"("***")");
}

TEST_CASE("mask: patterns are these, and only protected fields have one") {
  for (const char* good : {"all", "initials", "email", "digits", "first:1", "last:4"}) {
    CAPTURE(good);
    CHECK(is_mask(good));
  }
  for (const char* bad :
       {"", "All", "first", "first:", "first:0", "last:5", "last:10", "last:x", "lasts:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_mask(bad));
  }
  const auto read = [](const char* field) {
    return fields_from_json(nlohmann::json{{"f", nlohmann::json::parse(field)}});
  };
  const auto made = read(R"({"type": "string", "class": "restricted", "mask": "last:2"})");
  REQUIRE(made.has_value());
  CHECK(made.value()[0].mask == "last:2");
  for (const char* wrong : {R"({"type": "string", "class": "restricted", "mask": "half"})",
                            R"({"type": "string", "class": "internal", "mask": "all"})"}) {
    const auto refused = read(wrong);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().at == "f.mask");
  }
}
