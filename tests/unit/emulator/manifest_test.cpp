// Goal: a part of a data directory that has gone is noticed at the next start, and never made anew.
#include "emulator/manifest.hpp"

#include <doctest/doctest.h>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::emulator;

namespace {

struct Directory {
  Directory() {
    for (const char* path : {"d/journal/log-0", "d/keys/keys", "d/stores/A.sqlite"}) {
      REQUIRE(world.files.replace(path, "x").has_value());
    }
    REQUIRE(world.files.replace("d/stores/A.sqlite-wal", "").has_value());
    const Manifest manifest{{"journal/log-", "keys/keys", "stores/A.sqlite"},
                            {"stores/A.sqlite-wal"}};
    REQUIRE(write_manifest(world.files, "d", manifest).has_value());
  }
  virtual_world::World world;
};

}  // namespace

TEST_CASE("manifest: a whole directory passes") {
  Directory directory;
  CHECK(begin_manifest(directory.world.files, "d", true).has_value());
  CHECK(check_manifest(directory.world.files, "d", true).has_value());
}

TEST_CASE("manifest: a new directory is begun, and one whose first start was cut short goes on") {
  Directory directory;
  Files& files = directory.world.files;
  REQUIRE(files.replace("new/.keep", "").has_value());
  for (const char* name : {"new", "elsewhere"}) {
    CHECK(begin_manifest(files, name, true).has_value());
    REQUIRE(files.replace(name + std::string("/keys/keys"), "x").has_value());
    CHECK(begin_manifest(files, name, true).has_value());
    CHECK(check_manifest(files, name, true).has_value());
  }
}

TEST_CASE("manifest: files without a manifest are left alone") {
  Directory directory;
  directory.world.files.disk().files.erase("d/manifest");
  const auto begun = begin_manifest(directory.world.files, "d", true);
  REQUIRE_FALSE(begun.has_value());
  CHECK(begun.error().code == Errc::corrupt);
  CHECK(begun.error().detail.starts_with("d has journal in it but no manifest"));
  CHECK_FALSE(directory.world.files.disk().files.contains("d/manifest"));
}

TEST_CASE("manifest: a missing part is refused by its name") {
  for (const char* path :
       {"d/journal/log-0", "d/keys/keys", "d/stores/A.sqlite", "d/stores/A.sqlite-wal"}) {
    CAPTURE(path);
    Directory directory;
    directory.world.files.disk().files.erase(path);
    const auto checked = check_manifest(directory.world.files, "d", true);
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().code == Errc::corrupt);
    const std::string part =
        checked.error().detail.substr(0, checked.error().detail.find(" is missing"));
    CHECK(std::string(path).starts_with(part));
  }
}

TEST_CASE("manifest: an emptied part is refused, a damaged manifest too") {
  Directory directory;
  directory.world.files.disk().files["d/stores/A.sqlite"].clear();
  CHECK_FALSE(check_manifest(directory.world.files, "d", true).has_value());
  directory.world.files.disk().files["d/stores/A.sqlite"] = "x";
  directory.world.files.disk().files["d/manifest"] = "{";
  CHECK_FALSE(check_manifest(directory.world.files, "d", true).has_value());
}

TEST_CASE("manifest: what only grows may not be shorter, or gone, and may not be there at first") {
  Directory directory;
  Files& files = directory.world.files;
  const Manifest manifest{{"keys/keys"}, {}, {"subjects/A.keys", "audit/later"}};
  REQUIRE(files.replace("d/subjects/A.keys", "1234").has_value());
  REQUIRE(write_manifest(files, "d", manifest).has_value());
  for (const char* good : {"1234", "12345"}) {
    REQUIRE(files.replace("d/subjects/A.keys", good).has_value());
    CHECK(check_manifest(files, "d", true).has_value());
  }
  REQUIRE(files.replace("d/audit/later", "x").has_value());
  CHECK(check_manifest(files, "d", true).has_value());
  REQUIRE(files.replace("d/subjects/A.keys", "123").has_value());
  const auto cut = check_manifest(files, "d", true);
  REQUIRE_FALSE(cut.has_value());
  CHECK(cut.error().detail.starts_with("d/subjects/A.keys is missing or shorter"));
  REQUIRE(files.remove("d/subjects/A.keys").has_value());
  CHECK_FALSE(check_manifest(files, "d", true).has_value());
}

TEST_CASE("manifest: what was made with boxes off is refused with boxes on, and the reverse") {
  virtual_world::World world;
  REQUIRE(world.files.replace("d/keys/keys", "x").has_value());
  for (const bool made : {true, false}) {
    REQUIRE(write_manifest(world.files, "d", {{"keys/keys"}, {}, {}, made}).has_value());
    CHECK(check_manifest(world.files, "d", made).has_value());
    const auto other = check_manifest(world.files, "d", !made);
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().code == Errc::invalid);
    CHECK(other.error().at == "/security/off");
  }
}
