#include "lambda/archive.hpp"

#include <doctest/doctest.h>

#include <map>

#include "porteiro/base/random.hpp"
#include "unit/lambda/zip.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

struct Unpacked {
  std::map<std::string, std::string> files;
  std::map<std::string, bool> executable;
  Result<void> result = ok();
};

Unpacked unpacked(const std::string& archive, ArchiveLimits limits = {}) {
  Unpacked out;
  out.result = unpack(archive, limits, [&out](const ArchiveFile& file) -> Result<void> {
    const std::string path(file.path);
    CHECK(out.files.contains(path) != file.first);
    out.files[path] += file.bytes;
    out.executable[path] = file.executable;
    return ok();
  });
  return out;
}

Errc refusal(const std::string& archive, ArchiveLimits limits = {}) {
  const Unpacked out = unpacked(archive, limits);
  REQUIRE_FALSE(out.result);
  return out.result.error().code;
}

}  // namespace

TEST_CASE("archive: files come with their content and whether they are programs") {
  Random random(1);
  std::string large(900'000, '\0');
  for (char& c : large) c = static_cast<char>(random.below(200));
  Zip zip;
  zip.add("index.mjs", "export {};").add("bootstrap", "#!/bin/sh\n", program);
  zip.add("lib/", "", 040755).add("lib/data.bin", large).add("empty", "");
  const Unpacked out = unpacked(zip.close());
  REQUIRE(out.result);
  REQUIRE(out.files.size() == 4);
  CHECK(out.files.at("index.mjs") == "export {};");
  CHECK(out.files.at("lib/data.bin") == large);
  CHECK(out.files.at("empty").empty());
  CHECK(out.executable.at("bootstrap"));
  CHECK_FALSE(out.executable.at("index.mjs"));
}

TEST_CASE("archive: what leads out of the folder is refused before anything is handed out") {
  const std::string long_name(256, 'x');
  std::string deep_name = "x";
  for (int i = 0; i < 64; ++i) deep_name += "/x";
  for (const char* name : {"../up", "a/../../up", "/etc/passwd", "a//b", "a/./b", "..", "a\\..\\b",
                           "a/..", "\xff", long_name.c_str(), deep_name.c_str()}) {
    CAPTURE(name);
    const Unpacked out = unpacked(Zip().add("good", "1").add(name, "2").close());
    REQUIRE_FALSE(out.result);
    CHECK(out.result.error().code == Errc::invalid);
    CHECK(out.files.empty());
  }
  CHECK(refusal(Zip().add("link", "/etc/passwd", link_mode).close()) == Errc::invalid);
  CHECK(refusal(Zip().add("a", "1").add("a", "2").close()) == Errc::invalid);
  CHECK(refusal(Zip().add("a", "1").add("a/b", "2").close()) == Errc::invalid);
}

TEST_CASE("archive: names may begin with the folder itself") {
  const Unpacked out =
      unpacked(Zip().add("./", "").add("./app.py", "1").add("././lib/a", "2").close());
  REQUIRE(out.result);
  CHECK(out.files.size() == 2);
  CHECK(out.files.contains("app.py"));
  CHECK(out.files.contains("lib/a"));
  CHECK(refusal(Zip().add("./../up", "1").close()) == Errc::invalid);
}

TEST_CASE("archive: limits hold for what is unpacked") {
  const std::string zeros = Zip().add("zeros", std::string(1'000'000, '\0')).close();
  CHECK(zeros.size() < 10'000);
  CHECK(refusal(zeros, {.files_max = 10, .unpacked_bytes_max = 999'999}) == Errc::limit_exceeded);
  CHECK(unpacked(zeros, {.files_max = 1, .unpacked_bytes_max = 1'000'000}).result);
  Zip many;
  for (int i = 0; i < 11; ++i) many.add(std::to_string(i), "");
  CHECK(refusal(many.close(), {.files_max = 10}) == Errc::limit_exceeded);
  CHECK(refusal(Zip().add("a/b/c/d", "").close(), {.files_max = 3}) == Errc::limit_exceeded);
  CHECK(unpacked(Zip().add("a/b/c/d", "").close(), {.files_max = 4}).result);
}

TEST_CASE("archive: a bomb whose directory lies is cut off at the size it gave") {
  std::string zip = Zip().add("zeros", std::string(1'000'000, '\0')).close();
  const std::size_t directory = zip.rfind("PK\1\2");
  REQUIRE(directory != std::string::npos);
  const std::string small("\x10\0\0\0", 4);  // The size once unpacked.
  zip.replace(directory + 24, 4, small);
  std::size_t handed_out = 0;
  const auto result = unpack(zip, {}, [&](const ArchiveFile& file) -> Result<void> {
    handed_out += file.bytes.size();
    return ok();
  });
  CHECK_FALSE(result);
  CHECK(handed_out <= 256u << 10);
}

TEST_CASE("archive: whatever is cut or changed is refused or unpacked, never more") {
  const std::string zip =
      Zip().add("a.txt", std::string(300, 'a')).add("b/c", "content", program).close();
  const Unpacked whole = unpacked(zip);
  REQUIRE(whole.result);
  CHECK(refusal("") == Errc::invalid);
  CHECK(refusal("no archive") == Errc::invalid);
  CHECK(refusal(Zip().close()) == Errc::invalid);
  for (std::size_t size = 0; size < zip.size(); ++size) {
    CAPTURE(size);
    const Unpacked cut = unpacked(zip.substr(0, size));
    if (cut.result) {  // Of the end record some bytes mean nothing.
      CHECK(size + 22 >= zip.size());
      CHECK(cut.files == whole.files);
    } else {
      CHECK(cut.result.error().code == Errc::invalid);
    }
  }
  Random random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string changed = zip;
    for (std::uint64_t i = 0; i <= random.below(4); ++i) {
      changed[random.below(changed.size())] = static_cast<char>(random.next());
    }
    const auto result = unpack(changed, {}, [](const ArchiveFile& file) -> Result<void> {
      CHECK(file.path.find("..") == std::string_view::npos);
      return ok();
    });
    if (!result) CHECK(result.error().code != Errc::internal);
  }
}

TEST_CASE("archive: the error of whoever takes the files ends it") {
  const std::string zip = Zip().add("a", "1").add("b", "2").close();
  int calls = 0;
  const auto result = unpack(zip, {}, [&](const ArchiveFile&) -> Result<void> {
    ++calls;
    return error(Errc::unavailable, "the disk is full");
  });
  REQUIRE_FALSE(result);
  CHECK(result.error().detail == "the disk is full");
  CHECK(calls == 1);
}
