#include "porteiro/kms/keyring.hpp"

#include <doctest/doctest.h>

#include "kms/key_file.hpp"
#include "unit/kms/support.hpp"

using namespace porteiro;
using namespace porteiro::kms;
using namespace porteiro::kms::test;

namespace {

constexpr auto day = 24h;

// Work off the loop that ends only when the test says so.
struct HeldOffload final : Offload {
  explicit HeldOffload(Scheduler& scheduler_given) : scheduler(scheduler_given) {}
  Lane lane(std::string_view) override { return 0; }
  void run(Lane, Task work, Task done) override {
    held.emplace_back(std::move(work), std::move(done));
  }
  void release() {
    auto [work, done] = std::move(held.front());
    held.pop_front();
    work();
    scheduler.post(std::move(done));
  }
  Scheduler& scheduler;
  std::deque<std::pair<Task, Task>> held;
};

struct Ring {
  explicit Ring(std::shared_ptr<virtual_world::MemoryFiles::Disk> disk =
                    std::make_shared<virtual_world::MemoryFiles::Disk>(),
                std::uint64_t seed = 1)
      : world(seed),
        files(disk),
        held(world.scheduler),
        environment{world.scheduler, held, world.entropy, world.random, files} {
    KeyringOptions options;
    options.directory = "data";
    options.keys = {{"vault"}};
    options.keys_max = 5;
    auto opened = Keyring::open(options, environment);
    REQUIRE(opened.has_value());
    ring = std::move(opened).value();
  }
  void settle() {
    while (!held.held.empty()) {
      held.release();
      world.scheduler.run_for(0s);
    }
    world.scheduler.run_for(0s);
  }
  Key& made(KeyData data = {}) {
    auto key = ring->create(std::move(data), nullptr);
    REQUIRE(key.has_value());
    const Id id = key.value()->id;
    REQUIRE(committed());
    return *ring->find(id);
  }
  bool committed() {
    std::optional<Result<void>> result;
    ring->commit([&](Result<void> r) { result = std::move(r); });
    settle();
    REQUIRE(result.has_value());
    return result->has_value();
  }
  std::size_t kept() {  // Keys on the disk.
    return KeyFile::open("data", {}, environment).value().content.keys.size();
  }

  virtual_world::World world;
  virtual_world::MemoryFiles files;
  HeldOffload held;
  Environment environment;
  std::unique_ptr<Keyring> ring;
};

}  // namespace

TEST_CASE("key ring: a client's key is found once it is durable, and survives") {
  auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  Ring first(disk);
  auto made = first.ring->create({.description = "orders"}, nullptr);
  REQUIRE(made.has_value());
  const Id id = made.value()->id;
  bool saved = false;
  first.ring->commit([&](const Result<void>& r) { saved = r.has_value(); });
  first.world.scheduler.run_for(0s);
  CHECK_FALSE(saved);
  CHECK(first.ring->find(id) == nullptr);
  first.settle();
  CHECK(saved);
  Key* const key = first.ring->find(id);
  REQUIRE(key != nullptr);
  first.ring->set_alias("alias/orders", id);
  REQUIRE(first.committed());
  const std::string blob = first.ring->seal(*key, "x", {{"a", "b"}});

  Ring second(disk, 2);
  Key* const kept = second.ring->find_alias("alias/orders");
  REQUIRE(kept != nullptr);
  CHECK(kept->id == id);
  CHECK(kept->description == "orders");
  CHECK(second.ring->key_of(blob) == kept);
  CHECK(second.ring->open(*kept, blob, {{"a", "b"}}).value() == "x");
  CHECK(errc_of(second.ring->open(*kept, blob, {})) == Errc::corrupt);
}

// Goal: the rate of changes is not that of the disk.
TEST_CASE("key ring: changes during a save share the next one") {
  Ring r;
  int saved = 0;
  const auto change = [&] {
    REQUIRE(r.ring->create({}, nullptr).has_value());
    r.ring->commit([&](const Result<void>& result) { saved += result.has_value() ? 1 : 0; });
  };
  change();
  change();
  change();
  CHECK(r.held.held.size() == 1);
  r.held.release();
  r.world.scheduler.run_for(0s);
  CHECK(saved == 1);
  CHECK(r.held.held.size() == 1);
  r.held.release();
  r.world.scheduler.run_for(0s);
  CHECK(saved == 3);
  CHECK(r.held.held.empty());
  CHECK(r.kept() == 4);
}

TEST_CASE("key ring: new material seals only once it is on the disk") {
  auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  Ring r(disk);
  Key& key = r.made();
  REQUIRE(r.ring->rotate(key, true).has_value());
  CHECK(errc_of(r.ring->rotate(key, true)) == Errc::conflict);
  r.ring->commit([](const Result<void>&) {});
  const std::string before = r.ring->seal(key, "before", {});
  Ring crashed(std::make_shared<virtual_world::MemoryFiles::Disk>(*disk), 2);
  CHECK(crashed.ring->open(**crashed.ring->key_of(before), before, {}).value() == "before");
  r.settle();
  const std::string after = r.ring->seal(key, "after", {});
  Ring again(disk, 3);
  for (const auto& [blob, text] : {std::pair(before, "before"), std::pair(after, "after")}) {
    CHECK(again.ring->open(**again.ring->key_of(blob), blob, {}).value() == text);
  }
  CHECK(again.ring->find(key.id)->versions.size() == 2);
}

TEST_CASE("key ring: a key rotates by itself, no sooner than it is due") {
  Ring r;
  Key& key = r.made();
  key.rotation_period = 90 * day;
  key.rotation_due = r.world.scheduler.now() + 90 * day;
  r.world.scheduler.run_for(89 * day);
  const std::string old = r.ring->seal(key, "old", {});
  CHECK(key.versions.size() == 1);
  r.world.scheduler.run_for(2 * day);
  static_cast<void>(r.ring->seal(key, "x", {}));
  r.settle();
  CHECK(key.versions.size() == 2);
  CHECK(key.current().number == 2);
  CHECK(r.ring->open(key, old, {}).value() == "old");
  static_cast<void>(r.ring->seal(key, "x", {}));
  CHECK(key.versions.size() == 2);
}

TEST_CASE("key ring: no more than 25 rotations on demand") {
  Ring r;
  Key& key = r.made();
  for (int i = 0; i < 25; ++i) {
    REQUIRE(r.ring->rotate(key, true).has_value());
    REQUIRE(r.committed());
  }
  CHECK(errc_of(r.ring->rotate(key, true)) == Errc::limit_exceeded);
}

// Goal: what was destroyed is in no file any more, neither by a timer nor after a restart.
TEST_CASE("key ring: a key whose time has come leaves the disk") {
  auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  Ring r(disk);
  Key& key = r.made();
  const Id id = key.id;
  r.ring->set_alias("alias/gone", id);
  const std::string blob = r.ring->seal(key, "x", {});
  key.state = KeyState::pending_deletion;
  key.deleted_at = r.world.scheduler.now() + 7 * day;
  r.ring->changed();
  r.ring->changed_dates();
  REQUIRE(r.committed());
  const auto waiting = std::make_shared<virtual_world::MemoryFiles::Disk>(*disk);
  r.world.scheduler.run_for(7 * day - 1s);
  CHECK(r.ring->find(id) != nullptr);
  r.world.scheduler.run_for(2s);
  r.settle();
  CHECK(r.ring->find(id) == nullptr);
  CHECK(r.ring->find_alias("alias/gone") == nullptr);
  CHECK(r.kept() == 1);
  CHECK(*r.ring->key_of(blob) == nullptr);

  Ring late(waiting, 2);  // Its time comes while nobody is here.
  CHECK(late.ring->find(id) != nullptr);
  late.world.scheduler.run_for(8 * day);
  late.settle();
  CHECK(late.kept() == 1);
}

TEST_CASE("key ring: imported material expires, and only the same comes back") {
  Ring r;
  Key& key = r.made({.origin = Origin::external});
  CHECK(key.state == KeyState::pending_import);
  CHECK(key.versions.front().material.empty());
  key.expires = true;
  key.expires_at = r.world.scheduler.now() + 3 * day;
  r.ring->import(key, SecretBytes(std::string(32, 'm')), nullptr);
  CHECK(key.importing);
  REQUIRE(r.committed());
  CHECK_FALSE(key.importing);
  CHECK(key.state == KeyState::enabled);
  const std::string blob = r.ring->seal(key, "x", {});
  r.world.scheduler.run_for(4 * day);
  r.settle();
  CHECK(key.state == KeyState::pending_import);
  CHECK(errc_of(r.ring->open(key, blob, {})) == Errc::corrupt);
  r.ring->import(key, SecretBytes(std::string(32, 'm')), nullptr);
  REQUIRE(r.committed());
  CHECK(r.ring->open(key, blob, {}).value() == "x");
}

TEST_CASE("key ring: keys and grants have bounds, and give their places back") {
  Ring r;
  for (int i = 0; i < 5; ++i) r.made();
  CHECK(errc_of(r.ring->create({}, nullptr)) == Errc::limit_exceeded);
  r.ring->reset();
  REQUIRE(r.committed());
  CHECK(r.kept() == 1);
  CHECK(r.ring->find_named("vault") != nullptr);
  CHECK(r.ring->find_alias("alias/vault") == r.ring->find_named("vault"));
  r.made();
}

TEST_CASE("key ring: a save that fails is told, and the next one has what it should have had") {
  auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  Ring r(disk);
  disk->fail_at = disk->operations + 1;
  const auto made = r.ring->create({}, nullptr);
  REQUIRE(made.has_value());
  const Id id = made.value()->id;
  CHECK_FALSE(r.committed());
  CHECK(r.ring->find(id) == nullptr);
  disk->fail_at = 0;
  CHECK(r.committed());
  CHECK(r.ring->find(id) != nullptr);
  CHECK(r.kept() == 2);
}

TEST_CASE("key ring: grants are found by their token until they are removed") {
  auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  Ring r(disk);
  Key& key = r.made();
  Grant grant;
  grant.id = "g1";
  grant.token = "t1";
  grant.grantee = "arn:aws:iam::000000000000:user/a";
  grant.operations = {"Decrypt"};
  grant.has_equals = true;
  grant.equals = {{"a", "b"}};
  REQUIRE(r.ring->add_grant(key, grant).has_value());
  REQUIRE(r.committed());
  Ring again(disk, 2);
  std::string id;
  Key* const found = again.ring->find_grant_token("t1", id);
  REQUIRE(found != nullptr);
  CHECK(id == "g1");
  const Grant& kept = found->grants.at("g1");
  CHECK(kept.operations == grant.operations);
  CHECK(kept.equals == grant.equals);
  CHECK(kept.has_equals);
  CHECK_FALSE(kept.has_subset);
  again.ring->remove_grant(*found, "g1");
  CHECK(again.ring->find_grant_token("t1", id) == nullptr);
}
