#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <optional>

namespace porteiro::test {

// A test executable that starts processes is their program, too: a definition of its own runs in
// place of the tests where it gives an exit status.
[[gnu::weak]] std::optional<int> run_instead(int, char**) { return std::nullopt; }

}  // namespace porteiro::test

int main(int argc, char** argv) {
  if (const auto status = porteiro::test::run_instead(argc, argv)) return *status;
  return doctest::Context(argc, argv).run();
}
