#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

#include "porteiro/runtime/runtime.hpp"

using namespace porteiro;
using porteiro::runtime::Runtime;

namespace {

struct Fixture {  // A directory that goes with it.
  Fixture() {
    char name[] = "/tmp/porteiro-files-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    root = name;
  }
  ~Fixture() { std::filesystem::remove_all(root); }
  Files& files() { return runtime->files(); }

  std::unique_ptr<Runtime> runtime = Runtime::create(1);
  std::string root;
};

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

}  // namespace

TEST_CASE("files: directories are made with their parents, for the owner only") {
  Fixture fixture;
  const std::string path = fixture.root + "/a/b/c";
  REQUIRE(fixture.files().make_directory(path).has_value());
  REQUIRE(fixture.files().make_directory(path).has_value());
  CHECK(mode_of(path) == 0700);
  CHECK(fixture.files().list(fixture.root + "/a").value() == std::vector<std::string>{"b"});
  REQUIRE(fixture.files().replace(fixture.root + "/file", "x").has_value());
  CHECK(fixture.files().make_directory(fixture.root + "/file").error().code == Errc::unavailable);
}

TEST_CASE("files: appends keep what they are told to keep") {
  Fixture fixture;
  const std::string path = fixture.root + "/log";
  {
    auto file = fixture.files().open_append(path, 0);
    REQUIRE(file.has_value());
    REQUIRE(file.value()->append("order-").has_value());
    REQUIRE(file.value()->append("7").has_value());
    REQUIRE(file.value()->sync().has_value());
  }
  CHECK(mode_of(path) == 0600);
  CHECK(fixture.files().mode(path).value() == 0600U);
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  CHECK(fixture.files().mode(path).value() == 0644U);
  CHECK(fixture.files().read(path).value() == "order-7");
  {
    auto file = fixture.files().open_append(path, std::numeric_limits<std::uint64_t>::max());
    REQUIRE(file.value()->append("8").has_value());
  }
  CHECK(fixture.files().read(path).value() == "order-78");
  {
    auto file = fixture.files().open_append(path, 5);
    REQUIRE(file.value()->append("!").has_value());
  }
  CHECK(fixture.files().read(path).value() == "order!");
}

TEST_CASE("files: a replacement is whole and leaves nothing beside it") {
  Fixture fixture;
  const std::string path = fixture.root + "/keys";
  REQUIRE(fixture.files().replace(path + ".new", "left by a crash").has_value());
  REQUIRE(fixture.files().replace(path, "one").has_value());
  const std::string large(300'000, 'x');
  REQUIRE(fixture.files().replace(path, large).has_value());
  CHECK(fixture.files().read(path).value() == large);
  CHECK(mode_of(path) == 0600);
  CHECK(fixture.files().list(fixture.root).value() == std::vector<std::string>{"keys"});
  REQUIRE(fixture.files().remove(path).has_value());
  CHECK(fixture.files().list(fixture.root).value().empty());
}

TEST_CASE("files: what is not there, or may not be, is an error that names it") {
  Fixture fixture;
  const std::string path = fixture.root + "/none";
  CHECK(fixture.files().read(path).error().code == Errc::not_found);
  CHECK(fixture.files().list(path).error().code == Errc::not_found);
  CHECK(fixture.files().remove(path).error().code == Errc::not_found);
  CHECK(fixture.files().mode(path).error().code == Errc::not_found);
  CHECK(fixture.files().open_append(path + "/x", 0).error().code == Errc::not_found);
  CHECK(fixture.files().read(fixture.root).error().code == Errc::unavailable);
  CHECK(fixture.files().read(path).error().detail.find(path) != std::string::npos);
}

TEST_CASE("files: a directory is one process's until that ends") {
  Fixture fixture;
  auto other = Runtime::create(1);
  REQUIRE(fixture.files().lock(fixture.root).has_value());
  const auto refused = other->files().lock(fixture.root);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::conflict);
  fixture.runtime.reset();
  CHECK(other->files().lock(fixture.root).has_value());
  fixture.runtime = Runtime::create(1);
}

TEST_CASE("files: a folder of new files is moved into place, and goes as a whole") {
  Fixture fixture;
  Files& files = fixture.files();
  REQUIRE(files.make_directory(fixture.root + "/code").has_value());
  {
    auto file = files.create(fixture.root + "/code/a.new/bin/run", true);
    REQUIRE(file.has_value());
    REQUIRE(file.value()->append("#!").has_value());
    REQUIRE(file.value()->append("/bin/sh").has_value());
  }
  REQUIRE(files.create(fixture.root + "/code/a.new/data", false).has_value());
  CHECK(files.create(fixture.root + "/code/a.new/data", false).error().code == Errc::unavailable);
  CHECK(files.mode(fixture.root + "/code/a.new/bin/run").value() == 0700U);
  CHECK(files.mode(fixture.root + "/code/a.new/data").value() == 0600U);
  CHECK(files.sync_all(fixture.root + "/code").has_value());
  CHECK(files.sync_all(fixture.root + "/nowhere").error().code == Errc::not_found);
  REQUIRE(files.rename(fixture.root + "/code/a.new", fixture.root + "/code/a").has_value());
  CHECK(files.list(fixture.root + "/code").value() == std::vector<std::string>{"a"});
  CHECK(files.read(fixture.root + "/code/a/bin/run").value() == "#!/bin/sh");
  CHECK(files.mode(fixture.root + "/code/a/bin/run").value() == 0700U);
  CHECK(files.rename(fixture.root + "/code/b", fixture.root + "/code/c").error().code ==
        Errc::not_found);
  REQUIRE(files.remove_all(fixture.root + "/code/a").has_value());
  CHECK(files.list(fixture.root + "/code").value().empty());
  CHECK(files.remove_all(fixture.root + "/code/a").has_value());
}
