// Goal: a data directory that others could have prepared, or that lets others in, is not used, and
// nothing in it is touched.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

namespace fs = std::filesystem;

// Ends at once with the exit code for a refused environment, and says which path and what to do.
void check_refused(const std::string& data, std::string_view path, std::string_view advice) {
  Loop loop;
  const Finished ended = run(
      loop,
      {{"up", example_path(), "--data", data, "--public-port", "0", "--inside-port", "0"}, {}, {}});
  INFO("stderr: ", ended.err);
  CHECK(ended.code == 4);
  CHECK(ended.err.find(path) != std::string::npos);
  CHECK(ended.err.find(advice) != std::string::npos);
  CHECK(ended.out.find("Ready.") == std::string::npos);
}

// A data directory as an orderly run leaves it.
void prepare(const std::string& data) {
  Loop loop;
  Instance porteiro(loop, {.arguments = {"--data", data}});
  REQUIRE(porteiro.get("/v1/people/11144477735").status == 404);
  porteiro.stop();
}

}  // namespace

TEST_CASE("attack: the data directory is a link to somewhere else") {
  const TemporaryDirectory folder;
  const std::string elsewhere = folder.path("elsewhere"), data = folder.path("data");
  fs::create_directory(elsewhere);
  fs::create_directory_symlink(elsewhere, data);
  check_refused(data, data, "symbolic link");
  check_refused(data + "/", data, "symbolic link");
  CHECK(fs::is_empty(elsewhere));
}

TEST_CASE("attack: the data directory is a link to nowhere") {
  const TemporaryDirectory folder;
  fs::create_directory_symlink(folder.path("nowhere"), folder.path("data"));
  check_refused(folder.path("data"), folder.path("data"), "symbolic link");
  CHECK_FALSE(fs::exists(folder.path("nowhere")));
}

TEST_CASE("attack: a part of the data directory is a link to somewhere else") {
  for (const char* part : {"keys", "journal", "stores"}) {
    CAPTURE(part);
    const TemporaryDirectory folder;
    const std::string data = folder.path("data"), elsewhere = folder.path("elsewhere");
    prepare(data);
    fs::rename(data + "/" + part, elsewhere);
    fs::create_directory_symlink(elsewhere, data + "/" + part);
    check_refused(data, data + "/" + part, "symbolic link");
  }
}

TEST_CASE("attack: others may write to the data directory") {
  const TemporaryDirectory folder;
  const std::string data = folder.path("data");
  fs::create_directory(data);
  for (const mode_t mode : {0777U, 0722U, 0770U}) {
    CAPTURE(mode);
    REQUIRE(::chmod(data.c_str(), mode) == 0);
    check_refused(data, data, "chmod go-w");
    CHECK(fs::is_empty(data));
  }
}

TEST_CASE("attack: others may read the root key") {
  const TemporaryDirectory folder;
  const std::string data = folder.path("data");
  prepare(data);
  for (const mode_t mode : {0604U, 0640U, 0666U}) {
    CAPTURE(mode);
    REQUIRE(::chmod((data + "/keys/root.key").c_str(), mode) == 0);
    check_refused(data, "root.key", "chmod 600");
  }
}

TEST_CASE("attack: the root key is put in another's place, cut, or taken away") {
  const TemporaryDirectory folder;
  const std::string data = folder.path("data"), key = data + "/keys/root.key";
  prepare(data);
  const std::string good = read_file(key);
  write_file(key, std::string(32, 'x'));
  check_refused(data, "keys", "put back");
  write_file(key, good.substr(1));
  check_refused(data, "root.key", "backup");
  fs::remove(key);
  check_refused(data, "root.key", "");
  write_file(key, good);
  ::chmod(key.c_str(), 0600);
  prepare(data);  // As before: nothing was made anew in its place.
}

TEST_CASE("attack: the data directory is a file") {
  const TemporaryDirectory folder;
  write_file(folder.path("data"), "x");
  Loop loop;
  const Finished ended = run(loop, {{"up", example_path(), "--data", folder.path("data")}, {}, {}});
  CHECK(ended.code == 3);
  CHECK(ended.err.find("no directory") != std::string::npos);
}

}  // namespace porteiro::integration
