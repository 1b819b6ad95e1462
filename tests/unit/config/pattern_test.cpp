#include "config/pattern.hpp"

#include <doctest/doctest.h>

#include <string>

namespace porteiro::config {

TEST_CASE("pattern: what schemas use matches as in regular expressions") {
  CHECK(matches("^[A-Za-z0-9][A-Za-z0-9_.-]{0,3}$", "a-_."));
  CHECK_FALSE(matches("^[A-Za-z0-9][A-Za-z0-9_.-]{0,3}$", "a-_.b"));
  CHECK_FALSE(matches("^[A-Za-z0-9][A-Za-z0-9_.-]{0,3}$", ""));
  CHECK_FALSE(matches("^[A-Za-z0-9][A-Za-z0-9_.-]{0,3}$", "-a"));
  CHECK(matches("^(GET|PUT) /\\S*$", "PUT /a/{b}"));
  CHECK_FALSE(matches("^(GET|PUT) /\\S*$", "PUT /a b"));
  CHECK_FALSE(matches("^(GET|PUT) /\\S*$", "POST /"));
  CHECK(matches("^(count\\(|last\\()?[a-z]+\\.[a-z]+\\)?$", "count(a.b)"));
  CHECK(matches("^(count\\(|last\\()?[a-z]+\\.[a-z]+\\)?$", "a.b"));
  CHECK_FALSE(matches("^(count\\(|last\\()?[a-z]+\\.[a-z]+\\)?$", "sum(a.b)"));
  CHECK(matches("^[1-5][0-9x]{2}$", "2xx"));
  CHECK_FALSE(matches("^[1-5][0-9x]{2}$", "2x"));
  CHECK(matches("^a.\\d{1,}", "ab12 and more"));
  CHECK(matches("^[^/]+$", "abc"));
  CHECK_FALSE(matches("^[^/]+$", "a/c"));
  CHECK(matches("^", "anything"));
}

TEST_CASE("pattern: what is beyond the subset is told") {
  for (const char* good : {"^$", "^", "^a{2}$", "^(a|b)?c*$", "^\\.$", "^[]a]$", "^(\\)|x)$"}) {
    CAPTURE(good);
    CHECK(is_pattern(good));
  }
  for (const char* bad : {"", "a", "^(", "^(a", "^[a", "^a{", "^a{x}", "^a{3,2}", "^a|b$", "^(a+)$",
                          "^(a)*$", "^$a", "^*", "^\\", "^((a))$", "^a{2}}$"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_pattern(bad));
  }
}

TEST_CASE("pattern: a long text costs linear time and no stack") {
  const std::string text(8 << 20, 'a');
  CHECK(matches("^\\S*$", text));
  CHECK_FALSE(matches("^[a-z]{0,79}$", text));
}

}  // namespace porteiro::config
