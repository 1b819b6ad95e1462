#include "porteiro/base/function.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>

using namespace porteiro;

namespace {

struct Counted {  // Says how many of it are alive.
  explicit Counted(int& alive) : alive_(&alive) { ++*alive_; }
  Counted(Counted&& other) noexcept : alive_(other.alive_) { ++*alive_; }
  ~Counted() { --*alive_; }
  int* alive_;
};

}  // namespace

TEST_CASE("function: keeps move-only captures, in place or on the heap") {
  auto small = std::make_unique<int>(7);
  UniqueFunction<int(int)> add = [kept = std::move(small)](int x) { return *kept + x; };
  UniqueFunction<int(int)> moved = std::move(add);
  CHECK_FALSE(static_cast<bool>(add));
  CHECK(moved(1) == 8);

  std::array<int, 64> large{};
  large[63] = 5;
  UniqueFunction<int(int)> heap = [large](int x) { return large[63] + x; };
  moved = std::move(heap);
  CHECK(moved(2) == 7);
}

TEST_CASE("function: destroys its callable exactly once") {
  int alive = 0;
  {
    UniqueFunction<void()> f = [counted = Counted(alive)] {};
    UniqueFunction<void()> large = [counted = Counted(alive), pad = std::array<char, 100>{}] {
      static_cast<void>(pad);
    };
    CHECK(alive == 2);
    UniqueFunction<void()> g = std::move(f);
    g = std::move(large);
    CHECK(alive == 1);
    g = nullptr;
    CHECK(alive == 0);
  }
  CHECK(alive == 0);
}

TEST_CASE("function: passes references and move-only arguments through") {
  UniqueFunction<void(std::string&, std::unique_ptr<int>)> f =
      [](std::string& text, std::unique_ptr<int> value) { text += std::to_string(*value); };
  std::string text = "a";
  f(text, std::make_unique<int>(3));
  CHECK(text == "a3");
}
