// Goal: a canary is found in every form the contract names, and nothing else is taken for one.
#include "simulation/canaries.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/bytes.hpp"

using porteiro::Place;
using porteiro::simulation::Canaries;

namespace {

std::uint64_t leaks_of(const std::string& bytes, std::string_view canary = "11144477735") {
  Canaries canaries;
  canaries.add(canary);
  canaries.wrote(Place::queue, bytes);
  return canaries.tally(Place::queue).leaks;
}

}  // namespace

TEST_CASE("canaries: found raw, escaped, percent-encoded and in hexadecimal") {
  CHECK(leaks_of(R"({"cpf":"11144477735"})") == 1);
  CHECK(leaks_of(porteiro::to_hex("xx11144477735yy")) == 1);
  const std::string name = "Ana \"Nani\" Gonçalves";
  std::string json;
  porteiro::append_json_string(json, name);
  CHECK(leaks_of(json, name) == 1);
  CHECK(leaks_of("/people?name=" + porteiro::percent_encode(name), name) == 1);
}

TEST_CASE("canaries: found in base64 at each alignment and in both alphabets") {
  for (const std::string before : {"", "a", "ab", "abc"}) {
    CAPTURE(before);
    CHECK(leaks_of(porteiro::to_base64(before + "11144477735" + "zzz")) == 1);
    CHECK(leaks_of(porteiro::to_base64url(before + "11144477735")) == 1);
  }
}

TEST_CASE("canaries: a longer number that holds the digits is not a leak") {
  CHECK(leaks_of("911144477735") == 0);
  CHECK(leaks_of("111444777350") == 0);
  CHECK(leaks_of("nothing here, 1114447773") == 0);
}

TEST_CASE("canaries: a leak is told by place and form, never by value") {
  Canaries canaries;
  canaries.add("11144477735");
  canaries.wrote(Place::logs, "cpf=11144477735");
  CHECK(canaries.tally(Place::disk).leaks == 0);
  const std::string& first = canaries.tally(Place::logs).first;
  CHECK(first.find("raw") != std::string::npos);
  CHECK(first.find("11144477735") == std::string::npos);
}

TEST_CASE("canaries: found wherever they begin, at both ends too") {
  for (std::size_t before = 0; before < 9; ++before) {
    for (std::size_t after = 0; after < 9; ++after) {
      CAPTURE(before);
      CAPTURE(after);
      CHECK(leaks_of(std::string(before, 'x') + "11144477735" + std::string(after, 'y')) == 1);
    }
  }
}
