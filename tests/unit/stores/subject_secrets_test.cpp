// The secrets of subjects' sealed texts: durable before they are used, gone for good when
// destroyed.
#include "porteiro/stores/subject_secrets.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "unit/stores/store_support.hpp"

namespace porteiro::stores::test {
namespace {

namespace fs = std::filesystem;
using Entry = kms::SubjectSecrets::Entry;

struct SecretsFixture : Fixture {
  std::string directory;
  std::unique_ptr<SubjectSecrets> secrets;
  std::unique_ptr<kms::Sealer> sealer;

  explicit SecretsFixture(bool disk) {
    if (disk) {
      std::string pattern = (fs::temp_directory_path() / "secrets-XXXXXX").string();
      directory = ::mkdtemp(pattern.data());
    }
    open();
  }
  ~SecretsFixture() {
    secrets.reset();
    if (!directory.empty()) fs::remove_all(directory);
  }
  void open() {
    secrets.reset();
    auto opened = SubjectSecrets::open(directory, true, environment);
    REQUIRE(opened.has_value());
    secrets = std::move(opened).value();
    sealer = std::make_unique<kms::Sealer>(*keys, environment, secrets.get());
  }
  void run() {
    while (world.scheduler.step() || !lane.held.empty()) {
      if (lane.held.empty()) continue;
      lane.run_work();
      lane.tell_loop();
    }
  }
  Result<Entry> obtain(const std::string& subject) {
    std::optional<Result<Entry>> got;
    secrets->obtain(subject, [&](Result<Entry> entry) { got.emplace(std::move(entry)); });
    run();
    REQUIRE(got.has_value());
    return *got;
  }
  bool destroy(const std::string& subject) {
    std::optional<Result<bool>> got;
    secrets->destroy(subject, [&](Result<bool> done) { got.emplace(std::move(done)); });
    run();
    REQUIRE(got.has_value());
    REQUIRE(got->has_value());
    return got->value();
  }
  std::string seal(const std::string& subject) {
    std::string sealed;
    sealer->seal(
        "vault", {}, "canary", Id{}, [&](Result<std::string> r) { sealed = r.value(); }, subject);
    run();
    return sealed;
  }
  Result<std::string> unseal(const std::string& sealed) {
    std::optional<Result<std::string>> got;
    sealer->unseal(sealed, {}, Id{}, [&](Result<std::string> r) { got.emplace(std::move(r)); });
    run();
    REQUIRE(got.has_value());
    return *got;
  }
};

TEST_CASE("subject secrets: a text sealed for a subject opens until the subject is destroyed") {
  for (const bool disk : {false, true}) {
    CAPTURE(disk);
    SecretsFixture f(disk);
    const std::string ana = f.seal("cpf_ana"), again = f.seal("cpf_ana"), bia = f.seal("cpf_bia");
    CHECK(f.unseal(ana).value() == "canary");
    if (disk) f.open();
    CHECK(f.unseal(again).value() == "canary");
    CHECK(f.destroy("cpf_ana"));
    CHECK_FALSE(f.destroy("cpf_ana"));
    for (const bool restarted : {false, true}) {
      if (restarted && disk) f.open();
      CHECK(errc_of(f.unseal(ana)) == Errc::not_found);
      CHECK(errc_of(f.unseal(again)) == Errc::not_found);
      CHECK(f.unseal(bia).value() == "canary");
    }
    const std::string back = f.seal("cpf_ana");  // Who comes back gets another secret.
    CHECK(f.unseal(back).value() == "canary");
    CHECK(errc_of(f.unseal(ana)) == Errc::not_found);
    REQUIRE(f.secrets->reset().has_value());
    CHECK(errc_of(f.unseal(bia)) == Errc::not_found);
  }
}

TEST_CASE("subject secrets: nothing of a destroyed one is left in any file") {
  SecretsFixture f(true);
  const Entry entry = f.obtain("cpf_ana").value();
  f.obtain("cpf_bia").value();
  const auto all = [&] {
    std::string bytes;
    for (const auto& each : fs::recursive_directory_iterator(f.directory)) {
      if (!each.is_regular_file()) continue;
      std::ifstream file(each.path(), std::ios::binary);
      bytes.append(std::istreambuf_iterator<char>(file), {});
    }
    return bytes;
  };
  REQUIRE(all().find(entry.secret.view()) != std::string::npos);
  f.destroy("cpf_ana");
  CHECK(all().find(entry.secret.view()) == std::string::npos);
}

// Goal: no text is ever sealed with a secret that a crash could lose, and many share one commit.
TEST_CASE("subject secrets: they are durable before anybody has them; order is kept") {
  SecretsFixture f(true);
  int given = 0;
  for (const char* who : {"a", "b", "a"}) {
    f.secrets->obtain(who, [&](Result<Entry> entry) { given += entry.has_value() ? 1 : 0; });
  }
  std::optional<Result<bool>> destroyed;
  f.secrets->destroy("a", [&](Result<bool> done) { destroyed.emplace(std::move(done)); });
  std::optional<Entry> anew;
  f.secrets->obtain("a", [&](Result<Entry> entry) { anew = entry.value(); });
  f.world.scheduler.run_until_idle();
  CHECK(given == 0);
  REQUIRE(f.lane.held.size() == 1);
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.step();
  CHECK(given == 3);
  CHECK_FALSE(destroyed.has_value());
  f.run();
  CHECK(destroyed->value());
  REQUIRE(anew.has_value());
  CHECK(f.secrets->find("a", anew->number).value().has_value());
}

TEST_CASE("subject secrets: a reset amid a commit fails those who wait and forgets all") {
  SecretsFixture f(true);
  std::optional<Result<Entry>> first, second;
  f.secrets->obtain("a", [&](Result<Entry> entry) { first.emplace(std::move(entry)); });
  f.world.scheduler.run_until_idle();
  f.secrets->obtain("b", [&](Result<Entry> entry) { second.emplace(std::move(entry)); });
  REQUIRE(f.secrets->reset().has_value());
  f.run();
  CHECK(errc_of(*first) == Errc::unavailable);
  CHECK(errc_of(*second) == Errc::unavailable);
  CHECK(f.obtain("a").has_value());
}

}  // namespace
}  // namespace porteiro::stores::test
