#include "config/values.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"

namespace porteiro::config {

TEST_CASE("config: quantities are read in their units") {
  using namespace std::chrono_literals;
  CHECK(duration_of("800ms") == 800ms);
  CHECK(duration_of("365d") == 24h * 365);
  CHECK(duration_of("0s") == 0s);
  CHECK(size_of("1MiB") == 1u << 20);
  CHECK(size_of("64KiB") == 64u << 10);
  CHECK(size_of("3GiB") == std::uint64_t{3} << 30);
  CHECK(size_of("7B") == 7);
  CHECK(size_of(nlohmann::json(12U)) == 12);
  CHECK(rate_of("2000/s") == 2000);
}

TEST_CASE("config: what is no quantity is told") {
  for (const char* text : {"", "1", "MiB", "1 MiB", "1mib", "-1B", "1.5MiB",
                           "18446744073709551616B", "17179869184GiB", "1MiBx"}) {
    CAPTURE(text);
    CHECK_FALSE(quantity("size", text).has_value());
  }
  CHECK(quantity("size", "17179869183GiB").has_value());
  for (const char* text : {"", "1", "/s", "1/m", "1.5/s", "-1/s", "1/s "}) {
    CAPTURE(text);
    CHECK_FALSE(quantity("rate", text).has_value());
  }
  for (const char* text : {"", "1", "-1s", "1 s", "1e3s", "300000d"}) {
    CAPTURE(text);
    CHECK_FALSE(quantity("duration", text).has_value());
  }
  CHECK_FALSE(quantity("duration", 5).has_value());
  CHECK(quantity("date", "2024-02-29").has_value());
  CHECK_FALSE(quantity("date", "2025-02-29").has_value());
}

TEST_CASE("config: the nearest name is one that differs by at most a third") {
  const std::vector<std::string> names{"visibility", "retention", "depth", "id"};
  CHECK(nearest("visibilty", names) == "visibility");
  CHECK(nearest("visiblity", names) == "visibility");  // Swapped and dropped.
  CHECK(nearest("retenshun", names) == "retention");
  CHECK(nearest("detph", names) == "depth");  // Neighbours swapped: one step.
  CHECK(nearest("di", names) == "id");
  CHECK(nearest("xyz", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest("B", {"A"}).empty());
  CHECK(nearest(std::string(1000, 'x'), names).empty());
  CHECK(nearest("depth", {}).empty());
}

}  // namespace porteiro::config
