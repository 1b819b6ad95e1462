// What is blotted out of a function's output.
#include "porteiro/lambda/mask.hpp"

#include <doctest/doctest.h>

using porteiro::lambda::Mask;

namespace {
std::string masked(const Mask& mask, std::string text) {
  mask.apply(text);
  return text;
}
}  // namespace

TEST_CASE("mask: CPFs in both forms, only with right check digits and as whole numbers") {
  const Mask mask;
  CHECK(masked(mask, "cpf 11144477735.") == "cpf ***.");
  CHECK(masked(mask, "{\"cpf\":\"111.444.777-35\"}") == "{\"cpf\":\"***\"}");
  CHECK(masked(mask, "11144477735,11144477735") == "***,***");
  for (const char* other : {"11144477734", "111444777350", "011144477735", "1114447773", "", "1"}) {
    CHECK(masked(mask, other) == other);
  }
}

TEST_CASE("mask: secrets, the longer ones first; e-mail addresses when asked for") {
  const Mask mask({"key-1", "", "key-1-long"}, true);
  CHECK(masked(mask, "key-1-long key-1 key-1key-1") == "*** *** ******");
  CHECK(masked(mask, "to <maria.silva+x@mail.example.com>, and @home") == "to <***>, and @home");
  CHECK(masked(mask, "a@b, c@d.e.") == "a@b, ***.");
  CHECK(masked(Mask(), "c@d.example") == "c@d.example");
}
