// The file with one half of each key: what is destroyed is nowhere in it, whenever a run ended.
#include "stores/key_shares.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "temporary_directory.hpp"
#include "unit/stores/store_support.hpp"

namespace porteiro::stores::test {
namespace {

struct Folder {
  TemporaryDirectory temporary;
  const std::string path = temporary.path();
  std::string file() const { return path + "/subjects/A.keys"; }
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

KeyShare share(std::uint64_t slot, char fill) {
  return {slot, std::string(key_number_bytes, fill), kms::Secret(std::string(32, fill))};
}
std::string number(char fill) { return std::string(key_number_bytes, fill); }

std::unique_ptr<KeyShares> open(const std::string& path) {
  auto opened = KeyShares::open(path, true);
  REQUIRE(opened.has_value());
  return std::move(opened).value();
}

TEST_CASE("key shares: written, read back after a restart, in memory as on disk") {
  const Folder folder;
  for (const std::string& path : {std::string(), folder.file()}) {
    auto shares = open(path);
    CHECK(shares->empty());
    for (std::uint64_t slot = 0; slot < 3; ++slot) CHECK(shares->allocate() == slot);
    REQUIRE(shares->append({share(2, 'c'), share(0, 'a'), share(1, 'b')}).has_value());
    if (!path.empty()) shares = open(path);
    CHECK_FALSE(shares->empty());
    CHECK(shares->read(1, number('b')).value()->view() == std::string(32, 'b'));
    CHECK_FALSE(shares->read(1, number('a')).value().has_value());  // Another key's.
    CHECK(errc_of(shares->read(3, number('d'))) == Errc::corrupt);
    CHECK(shares->allocate() == 3);  // Read as none until it is written.
    CHECK_FALSE(shares->has(4));
  }
  namespace fs = std::filesystem;
  CHECK((fs::status(folder.file()).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("key shares: a destroyed one is overwritten where it stood, the others stay") {
  const Folder folder;
  auto shares = open(folder.file());
  for (int i = 0; i < 3; ++i) shares->allocate();
  REQUIRE(shares->append({share(0, 'a'), share(1, 'b'), share(2, 'c')}).has_value());
  REQUIRE(shares->condemn({{"subject", "s", 1}}).has_value());
  REQUIRE(shares->destroy().has_value());
  CHECK_FALSE(shares->read(1, number('b')).value().has_value());
  CHECK(shares->read(2, number('c')).value().has_value());
  CHECK(bytes_of(folder.file()).find("bbbb") == std::string::npos);
  CHECK(shares->allocate() == 3);  // The slot is not used again.
  REQUIRE(shares->clear().has_value());
  CHECK(bytes_of(folder.file()) == "porteiro keys 1\n");
  CHECK(shares->empty());
}

TEST_CASE("key shares: a run that ended between the commit and the overwriting is made good") {
  const Folder folder;
  auto shares = open(folder.file());
  for (int i = 0; i < 2; ++i) shares->allocate();
  REQUIRE(shares->append({share(0, 'a'), share(1, 'b')}).has_value());
  REQUIRE(shares->condemn({{"subject", "gone", 0}, {"subject", "there", 1}}).has_value());
  shares = open(folder.file());
  const auto in_use = [](const Doomed& each) -> Result<bool> { return each.name == "there"; };
  REQUIRE(shares->recover(in_use).has_value());
  CHECK_FALSE(shares->read(0, number('a')).value().has_value());
  CHECK(shares->read(1, number('b')).value().has_value());
  shares = open(folder.file());
  REQUIRE(shares->recover([](const Doomed&) -> Result<bool> { return false; }).has_value());
  CHECK(shares->read(1, number('b')).value().has_value());  // It was noted once.
}

TEST_CASE("key shares: a commit that failed spares them; a note cut short is none") {
  const Folder folder;
  auto shares = open(folder.file());
  shares->allocate();
  REQUIRE(shares->append({share(0, 'a')}).has_value());
  REQUIRE(shares->condemn({{"subject", "s", 0}}).has_value());
  shares->spare();
  REQUIRE(shares->destroy().has_value());
  CHECK(shares->read(0, number('a')).value().has_value());

  REQUIRE(shares->condemn({{"subject", "s", 0}}).has_value());
  std::filesystem::resize_file(folder.file() + "-doomed",
                               std::filesystem::file_size(folder.file() + "-doomed") - 1);
  shares = open(folder.file());
  REQUIRE(shares->recover([](const Doomed&) -> Result<bool> { return false; }).has_value());
  CHECK(shares->read(0, number('a')).value().has_value());
}

TEST_CASE("key shares: a file of something else is refused and stays as it is") {
  const Folder folder;
  std::filesystem::create_directories(folder.path + "/subjects");
  std::ofstream(folder.file()) << "a letter to somebody, not keys";
  CHECK(errc_of(KeyShares::open(folder.file(), false)) == Errc::corrupt);
  CHECK(bytes_of(folder.file()) == "a letter to somebody, not keys");
}

}  // namespace
}  // namespace porteiro::stores::test
