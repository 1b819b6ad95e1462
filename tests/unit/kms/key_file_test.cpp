#include "kms/key_file.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/bytes.hpp"
#include "unit/kms/support.hpp"

using namespace porteiro;
using namespace porteiro::kms;
using namespace porteiro::kms::test;

namespace {

Options in_directory(std::string passphrase = {}) {
  Options options;
  options.keys = {{"vault", KeySpec::symmetric_default}, {"tokens", KeySpec::hmac_256}};
  options.directory = "data";
  options.passphrase = std::move(passphrase);
  return options;
}

// A disk with a key directory on it, and a blob and a MAC made by its keys.
struct Kept {
  std::map<std::string, std::string> files;
  std::string blob, mac;

  explicit Kept(const std::string& passphrase = {}) {
    Fixture f;
    PORTEIRO_ASSERT(f.open(in_directory(passphrase)).has_value());
    blob = f.encrypt("vault", "kept").value();
    mac = f.mac("tokens", "kept").value();
    files = f.world.files.disk().files;
  }
};

// Opens `files` as another process would, and checks that a refusal leaves them as they were.
struct Reopened : Fixture {
  explicit Reopened(std::map<std::string, std::string> files) : Fixture(99) {
    world.files.disk().files = std::move(files);
  }
  std::optional<Errc> refused(Options options, std::string_view text) {
    const auto before = world.files.disk().files;
    const auto result = open(std::move(options));
    CHECK(world.files.disk().files == before);
    if (result) return std::nullopt;
    CAPTURE(result.error().detail);
    CHECK(result.error().detail.find(text) != std::string::npos);
    return result.error().code;
  }
};

}  // namespace

TEST_CASE("key file: keys survive a restart, with a root key file or a passphrase") {
  for (const std::string passphrase : {"", "correct horse"}) {
    const Kept kept(passphrase);
    CHECK(kept.files.contains("data/root.key") == passphrase.empty());
    Reopened f(kept.files);
    REQUIRE(f.open(in_directory(passphrase)).has_value());
    CHECK(f.decrypt(kept.blob).value() == "kept");
    CHECK(f.mac("tokens", "kept").value() == kept.mac);
    CHECK(f.world.files.disk().files == kept.files);  // Nothing new: nothing written.
  }
}

TEST_CASE("key file: without a directory no file is left") {
  Fixture f;
  f.open_default();
  CHECK(f.world.files.disk().files.empty());
  CHECK(f.world.files.disk().operations == 0);
}

TEST_CASE("key file: a new key of the config is added, one no longer named stays") {
  const Kept kept;
  Reopened f(kept.files);
  Options options = in_directory();
  options.keys = {{"another", KeySpec::symmetric_default}};
  REQUIRE(f.open(options).has_value());
  CHECK(f.decrypt(kept.blob).value() == "kept");
  const std::string blob = f.encrypt("another", "new").value();
  Reopened again(f.world.files.disk().files);
  REQUIRE(again.open(in_directory()).has_value());
  CHECK(again.decrypt(blob).value() == "new");
  CHECK(again.decrypt(kept.blob).value() == "kept");
}

TEST_CASE("key file: a key cannot change its spec") {
  Reopened f(Kept().files);
  Options options = in_directory();
  options.keys = {{"vault", KeySpec::hmac_256}};
  CHECK(f.refused(options, "'vault'") == Errc::invalid);
}

TEST_CASE("key file: another root key, a wrong passphrase or the wrong kind is refused") {
  const Kept kept;
  SUBCASE("another root key") {
    auto files = kept.files;
    files["data/root.key"][31] = static_cast<char>(files["data/root.key"][31] ^ 1);
    CHECK(Reopened(files).refused(in_directory(), "root.key") == Errc::corrupt);
  }
  SUBCASE("a root key of another size") {
    auto files = kept.files;
    files["data/root.key"].pop_back();
    CHECK(Reopened(files).refused(in_directory(), "data/root.key") == Errc::corrupt);
  }
  SUBCASE("a passphrase where there was none") {
    CHECK(Reopened(kept.files).refused(in_directory("horse"), "unset PORTEIRO_PASSPHRASE") ==
          Errc::corrupt);
  }
  const Kept secret("correct horse");
  SUBCASE("a wrong passphrase") {
    CHECK(Reopened(secret.files).refused(in_directory("wrong"), "passphrase") == Errc::corrupt);
  }
  SUBCASE("no passphrase where there was one") {
    CHECK(Reopened(secret.files).refused(in_directory(), "PORTEIRO_PASSPHRASE") == Errc::corrupt);
  }
}

TEST_CASE("key file: a missing root key is not made anew while keys need it") {
  auto files = Kept().files;
  files.erase("data/root.key");
  CHECK(Reopened(files).refused(in_directory(), "data/root.key") == Errc::corrupt);
}

TEST_CASE("key file: a root key that others may use is refused") {
  const Kept kept;
  for (const unsigned mode : {0640U, 0604U, 0620U, 0601U}) {
    Reopened f(kept.files);
    f.world.files.disk().modes["data/root.key"] = mode;
    CHECK(f.refused(in_directory(), "chmod 600") == Errc::denied);
  }
  Reopened f(kept.files);
  f.world.files.disk().modes["data/root.key"] = 0400;
  CHECK(f.open(in_directory()).has_value());
}

TEST_CASE("key file: a file damaged in any byte or cut anywhere is refused as damaged") {
  const Kept kept;
  const std::string& whole = kept.files.at("data/keys");
  const auto refused = [&](std::string content) {
    auto files = kept.files;
    files["data/keys"] = std::move(content);
    return Reopened(std::move(files)).refused(in_directory(), "data/keys") == Errc::corrupt;
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    CHECK(refused(changed));
    CHECK(refused(whole.substr(0, i)));
  }
  CHECK(refused(whole + '\0'));
}

// Goal: the check value is no protection; the seal is. Somebody who mends it gets no further.
TEST_CASE("key file: a changed file with a mended check value is still refused") {
  const Kept kept;
  const std::string& whole = kept.files.at("data/keys");
  for (std::size_t i = 0; i + 4 < whole.size(); ++i) {
    std::string changed = whole.substr(0, whole.size() - 4);
    changed[i] = static_cast<char>(changed[i] ^ 2);
    append_u32(changed, crc32c(changed));
    auto files = kept.files;
    files["data/keys"] = changed;
    CHECK(Reopened(std::move(files)).refused(in_directory(), "data/keys") == Errc::corrupt);
  }
}

TEST_CASE("key file: a failing disk fails the start and loses nothing") {
  const Kept kept;
  for (std::uint64_t operation = 1; operation <= 5; ++operation) {
    Reopened f(kept.files);
    f.world.files.disk().fail_at = operation;
    Options options = in_directory();
    options.keys.push_back({"another", KeySpec::symmetric_default});
    CHECK(f.refused(options, "disk") == Errc::unavailable);
    Reopened again(f.world.files.disk().files);
    REQUIRE(again.open(in_directory()).has_value());
    CHECK(again.decrypt(kept.blob).value() == "kept");
  }
}

TEST_CASE("key file: a first start that a crash cut short goes on with its root key") {
  Fixture f;
  f.world.files.disk().fail_at = 5;  // Saving `keys`, after root.key was written.
  REQUIRE(errc_of(f.open(in_directory())) == Errc::unavailable);
  const auto files = f.world.files.disk().files;
  REQUIRE(files.contains("data/root.key"));
  REQUIRE_FALSE(files.contains("data/keys"));
  Reopened again(files);
  REQUIRE(again.open(in_directory()).has_value());
  CHECK(again.world.files.disk().files.at("data/root.key") == files.at("data/root.key"));
}

TEST_CASE("key file: no key material, token key or passphrase is on the disk in clear") {
  for (const std::string passphrase : {"", "correct horse"}) {
    const Kept kept(passphrase);
    Reopened f(kept.files);
    auto file = KeyFile::open("data", passphrase, f.world.environment);
    REQUIRE(file.has_value());
    REQUIRE(file.value().content.keys.size() == 2);
    for (const auto& [path, content] : kept.files) {
      if (!passphrase.empty()) CHECK(content.find(passphrase) == std::string::npos);
      for (const KeyData& key : file.value().content.keys) {
        CHECK(content.find(key.name) == std::string::npos);
        for (const KeyVersion& version : key.versions) {
          CHECK(content.find(version.material.view().substr(0, 8)) == std::string::npos);
          CHECK(content.find(to_base64(version.material.view())) == std::string::npos);
        }
      }
    }
  }
}

TEST_CASE("key file: several versions of a key survive, and the last one seals") {
  Fixture f;
  REQUIRE(f.open(in_directory()).has_value());
  const std::string old = f.encrypt("vault", "old").value();
  REQUIRE(f.rotate("vault").has_value());
  const std::string fresh = f.encrypt("vault", "new").value();
  CHECK(fresh.substr(0, 14) != old.substr(0, 14));  // The header names the version.
  Reopened again(f.world.files.disk().files);
  REQUIRE(again.open(in_directory()).has_value());
  CHECK(again.decrypt(old).value() == "old");
  CHECK(again.decrypt(fresh).value() == "new");
  CHECK(again.encrypt("vault", "x").value().substr(0, 14) == fresh.substr(0, 14));
}

// Goal: what porteiro wrote before keys had ids is read, with its blobs, and written in the present
// form. The bytes below are put together as docs/kms-format.md describes version 1.
TEST_CASE("key file: a file of version 1 is read, and its blobs open") {
  Fixture f;
  const Secret root = Secret::random(f.world.entropy), vault = Secret::random(f.world.entropy),
               newer = Secret::random(f.world.entropy), tokens = Secret::random(f.world.entropy);
  std::string plain;
  append_u32(plain, 2);
  append_sized(plain, "vault");
  append_u32(plain, 0);
  append_u32(plain, 2);
  append_u32(plain, 1);
  append_sized(plain, vault.view());
  append_u32(plain, 2);
  append_sized(plain, newer.view());
  append_sized(plain, "tokens");
  append_u32(plain, 1);
  append_u32(plain, 1);
  append_u32(plain, 1);
  append_sized(plain, tokens.view());
  std::string header("PKEY\x01\x00\x00\x00\x00\x00", 10);
  std::string file = header + Cipher(root).seal(plain, header, f.world.entropy);
  append_u32(file, crc32c(file));
  std::string blob("\x01\x05\x00\x00\x00vault\x01\x00\x00\x00", 14);
  std::string aad = blob;
  append_canonical(aad, {{"store", "A"}});
  blob += Cipher(vault).seal("of old", aad, f.world.entropy);

  Reopened now({{"data/keys", file}, {"data/root.key", std::string(root.view())}});
  REQUIRE(now.open(in_directory()).has_value());
  CHECK(now.decrypt(blob, {{"store", "A"}}).value() == "of old");
  const auto mac = Hmac(tokens)("m");
  CHECK(now.mac("tokens", "m").value() == std::string_view(mac.data(), mac.size()));
  CHECK(now.world.files.disk().files.at("data/keys")[4] == 2);
  const Id id = now.kms->keyring().find_named("vault")->id;
  Reopened later(now.world.files.disk().files);
  REQUIRE(later.open(in_directory()).has_value());
  CHECK(later.decrypt(blob, {{"store", "A"}}).value() == "of old");
  CHECK(later.kms->keyring().find_named("vault")->id == id);
}
