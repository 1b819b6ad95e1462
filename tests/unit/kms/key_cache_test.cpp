#include "porteiro/kms/key_cache.hpp"

#include <doctest/doctest.h>

#include "unit/kms/support.hpp"

using namespace porteiro;
using namespace porteiro::kms;
using namespace porteiro::kms::test;

namespace {

const EncryptionContext person{{"collection", "person"}};
const EncryptionContext debt{{"collection", "debt"}};

struct CacheFixture : Fixture {
  std::unique_ptr<KeyCache> cache;
  std::unique_ptr<Sealer> sealer;

  explicit CacheFixture(CacheOptions options = {}) {
    open_default();
    cache = std::make_unique<KeyCache>(*kms, world.environment, options);
    sealer = std::make_unique<Sealer>(*cache, world.environment);
  }
  Result<KeyCache::Shared> current(const EncryptionContext& context = person) {
    return wait<KeyCache::Shared>(
        [&](auto done) { cache->current("vault", context, Id{}, std::move(done)); });
  }
  Result<KeyCache::Shared> unwrap(std::string_view wrapped,
                                  const EncryptionContext& context = person) {
    return wait<KeyCache::Shared>(
        [&](auto done) { cache->unwrap(wrapped, context, Id{}, std::move(done)); });
  }
  Result<std::string> seal(std::string text, const EncryptionContext& context = person) {
    return wait<std::string>(
        [&](auto done) { sealer->seal("vault", context, std::move(text), Id{}, std::move(done)); });
  }
  Result<std::string> unseal(std::string text, const EncryptionContext& context = person) {
    return wait<std::string>(
        [&](auto done) { sealer->unseal(std::move(text), context, Id{}, std::move(done)); });
  }
};

CacheOptions with_uses(std::uint64_t uses) {
  CacheOptions options;
  options.uses_max = uses;
  return options;
}

CacheOptions with_entries(std::size_t entries) {
  CacheOptions options;
  options.entries_max = entries;
  return options;
}

}  // namespace

// Goal: the promise of the cache. Without it 1,000 sealings are 1,000 calls.
TEST_CASE("key cache: 100 uses a key leave 1 % of the KMS calls") {
  CacheFixture f(with_uses(100));
  std::vector<std::string> sealed;
  for (int i = 0; i < 1000; ++i) sealed.push_back(f.seal("text").value());
  CHECK(f.kms->calls() == 10);
  CHECK(f.cache->misses() == 10);
  CHECK(f.cache->hits() == 990);
  for (const std::string& text : sealed) CHECK(f.unseal(text).value() == "text");
  CHECK(f.kms->calls() == 10);  // What we sealed ourselves is still at hand.

  f.cache->clear();  // As after a restart: each wrapped key is unwrapped once.
  for (const std::string& text : sealed) CHECK(f.unseal(text).value() == "text");
  CHECK(f.kms->calls() == 20);
}

TEST_CASE("key cache: a key seals until it was used uses_max times, and opens on") {
  CacheFixture f(with_uses(3));
  const auto first = f.current().value();
  CHECK(f.current().value() == first);
  CHECK(f.current().value() == first);
  CHECK(f.current().value() != first);
  CHECK(f.kms->calls() == 2);
  CHECK(f.cache->cached(first->wrapped) == first);
}

TEST_CASE("key cache: a key is given up at its greatest age, for sealing and for opening") {
  CacheFixture f;
  const auto first = f.current().value();
  f.world.scheduler.run_for(5min - 1ns);
  CHECK(f.current().value() == first);
  CHECK(f.cache->cached(first->wrapped) == first);
  f.world.scheduler.run_for(1ns);  // Use has not made it younger.
  CHECK(f.cache->cached(first->wrapped) == nullptr);
  CHECK(f.current().value() != first);
  const auto unwrapped = f.unwrap(first->wrapped).value();
  CHECK(unwrapped->secret.view() == first->secret.view());
  CHECK(f.kms->calls() == 3);
}

TEST_CASE("key cache: keys of other contexts and keys are kept apart") {
  CacheFixture f;
  const auto a = f.current(person).value();
  const auto b = f.current(debt).value();
  CHECK(a->secret.view() != b->secret.view());
  CHECK(f.current(person).value() == a);
  CHECK(f.cache->cached_current("vault", debt) == b);
  CHECK(f.cache->cached_current("vault", {}) == nullptr);
  CHECK(f.cache->cached_current("tokens", debt) == nullptr);
  CHECK(f.kms->calls() == 2);
}

TEST_CASE("key cache: a key in the cache does not open for another context") {
  CacheFixture f;
  const auto entry = f.current(person).value();
  CHECK(f.unwrap(entry->wrapped, person).value() == entry);
  CHECK(errc_of(f.unwrap(entry->wrapped, debt)) == Errc::corrupt);
  CHECK(f.kms->calls() == 2);  // KMS refused it.
  CHECK(f.unwrap(entry->wrapped, person).value() == entry);
  CHECK(f.kms->calls() == 2);
}

TEST_CASE("key cache: the least recently used entry goes first, at any bound") {
  CacheFixture f(with_entries(2));
  const auto one = f.current({{"n", "1"}}).value();
  const auto two = f.current({{"n", "2"}}).value();
  CHECK(f.current({{"n", "1"}}).value() == one);
  const auto three = f.current({{"n", "3"}}).value();
  CHECK(f.cache->entries() == 2);
  CHECK(f.cache->cached(one->wrapped) == one);
  CHECK(f.cache->cached(two->wrapped) == nullptr);
  CHECK(f.cache->cached(three->wrapped) == three);
  CHECK(two->cipher.seal("", "", f.world.entropy).size() == sealed_overhead_bytes);  // Ours still.

  CacheFixture none(with_entries(0));
  CHECK(none.unseal(none.seal("text").value()).value() == "text");
  CHECK(none.cache->entries() == 0);
}

TEST_CASE("key cache: one call serves all who wait for it, up to the uses of a key") {
  CacheFixture f(with_uses(10));
  std::map<std::string, int> uses;
  for (int i = 0; i < 25; ++i) {
    f.cache->current("vault", person, Id{}, [&](const Result<KeyCache::Shared>& entry) {
      ++uses[entry.value()->wrapped];
    });
  }
  CHECK(uses.empty());
  f.world.scheduler.run_until_idle();
  CHECK(f.kms->calls() == 3);
  CHECK(uses.size() == 3);
  for (int i = 0; i < 5; ++i) ++uses[f.current().value()->wrapped];  // The third has 5 uses left.
  CHECK(f.kms->calls() == 3);
  for (const auto& [wrapped, count] : uses) CHECK(count == 10);
  CHECK(f.current().has_value());
  CHECK(f.kms->calls() == 4);
}

TEST_CASE("key cache: unwrapping a key is one call for all who wait") {
  CacheFixture f;
  const std::string wrapped = f.current().value()->wrapped;
  f.cache->clear();
  int served = 0;
  for (int i = 0; i < 50; ++i) {
    f.cache->unwrap(wrapped, person, Id{},
                    [&](const Result<KeyCache::Shared>& entry) { served += entry.has_value(); });
  }
  f.world.scheduler.run_until_idle();
  CHECK(served == 50);
  CHECK(f.kms->calls() == 2);
}

// What KMS refuses for now is asked again after 50 ms and 100 ms, as AWS SDKs do; then it is an
// error.
const std::deque<Fault> three_refusals(3, Fault{Fault::Kind::throttle, 0ns});

TEST_CASE("key cache: a throttled call is made again a little later") {
  CacheFixture f;
  f.faults.next = {{Fault::Kind::throttle, 0ns}, {Fault::Kind::throttle, 0ns}};
  const Time start = f.world.scheduler.now();
  CHECK(f.current().has_value());
  CHECK(f.kms->calls() == 3);
  CHECK(f.world.scheduler.now() - start >= 150ms);
}

TEST_CASE("key cache: a call that fails three times fails all who wait and is not remembered") {
  CacheFixture f;
  f.faults.next = three_refusals;
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    f.cache->current("vault", person, Id{}, [&](const Result<KeyCache::Shared>& entry) {
      failed += errc_of(entry) == Errc::unavailable;
    });
  }
  f.world.scheduler.run_until_idle();
  CHECK(failed == 3);
  CHECK(f.kms->calls() == 3);
  CHECK(f.current().has_value());
  CHECK(f.kms->calls() == 4);
}

TEST_CASE("key cache: clear() with calls under way serves those who wait and keeps nothing") {
  CacheFixture f;
  const std::string wrapped = f.current().value()->wrapped;
  f.cache->clear();
  KeyCache::Shared sealing, opening;
  f.cache->current("vault", person, Id{},
                   [&](Result<KeyCache::Shared> entry) { sealing = entry.value(); });
  f.cache->unwrap(wrapped, person, Id{},
                  [&](Result<KeyCache::Shared> entry) { opening = entry.value(); });
  f.cache->clear();
  KeyCache::Shared later;  // Does not join the call from before.
  f.cache->current("vault", person, Id{},
                   [&](Result<KeyCache::Shared> entry) { later = entry.value(); });
  f.world.scheduler.run_until_idle();
  REQUIRE(sealing != nullptr);
  REQUIRE(opening != nullptr);
  CHECK(later != sealing);
  CHECK(f.cache->entries() == 1);
  CHECK(f.cache->cached(sealing->wrapped) == nullptr);
  CHECK(f.cache->cached(wrapped) == nullptr);
  CHECK(f.current().value() == later);
}

TEST_CASE("key cache: one who waits may ask again, clear or end the cache") {
  CacheFixture f(with_uses(1));
  bool again = false, after_end = false;
  f.cache->current("vault", person, Id{}, [&](const Result<KeyCache::Shared>&) {
    f.cache->clear();
    f.cache->current("vault", person, Id{}, [&](const Result<KeyCache::Shared>& entry) {
      again = entry.has_value();
      f.cache->current("vault", debt, Id{},
                       [&](const Result<KeyCache::Shared>&) { after_end = true; });
      f.cache.reset();
    });
  });
  f.world.scheduler.run_until_idle();
  CHECK(again);
  CHECK_FALSE(after_end);
}

TEST_CASE("key cache: a blob that holds no data key is refused as one") {
  CacheFixture f;
  const std::string blob = f.encrypt("vault", "not a key", person).value();
  CHECK(errc_of(f.unwrap(blob)) == Errc::corrupt);
  CHECK(f.cache->entries() == 0);
}

TEST_CASE("sealer: a sealed text opens in its own context only, from the cache or from KMS") {
  CacheFixture f;
  const std::string sealed = f.seal("52998224725").value();
  CHECK(sealed.find("52998224725") == std::string::npos);
  for (int round = 0; round < 2; ++round) {
    CHECK(errc_of(f.unseal(sealed, debt)) == Errc::corrupt);
    CHECK(errc_of(f.unseal(sealed, {})) == Errc::corrupt);
    CHECK(f.unseal(sealed).value() == "52998224725");
    f.cache->clear();
  }
  CHECK(f.unseal(f.seal("").value()).value().empty());
}

TEST_CASE("sealer: a text changed in any byte or cut anywhere is refused, cached or not") {
  CacheFixture f;
  const std::string sealed = f.seal("secret").value();
  for (const bool cached : {true, false}) {
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      if (!cached) f.cache->clear();
      std::string changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ 4);
      const auto errc = errc_of(f.unseal(changed));
      const bool refused = errc == Errc::corrupt || errc == Errc::not_found;
      CHECK(refused);
      CHECK(errc_of(f.unseal(sealed.substr(0, i))) == Errc::corrupt);
    }
  }
}

// Goal: with nothing kept, each use is a call, those at the same time, too.
TEST_CASE("key cache: without age every use is a call of its own") {
  CacheOptions none;
  none.age_max = Duration::zero();
  none.uses_max = 1;
  CacheFixture f(none);
  const std::string wrapped = f.current().value()->wrapped;
  const std::uint64_t before = f.kms->calls();
  int opened = 0, made = 0;
  for (int i = 0; i < 3; ++i) {
    f.cache->unwrap(wrapped, person, Id{}, [&](auto key) { opened += key.has_value() ? 1 : 0; });
    f.cache->current("vault", person, Id{}, [&](auto key) { made += key.has_value() ? 1 : 0; });
  }
  f.world.scheduler.run_until_idle();
  CHECK(opened == 3);
  CHECK(made == 3);
  CHECK(f.kms->calls() == before + 6);
  CHECK(f.cache->entries() == 0);
}

TEST_CASE("sealer: completes at once when the key is cached, later when it is not") {
  CacheFixture f;
  std::string sealed;
  f.sealer->seal("vault", person, "text", Id{}, [&](Result<std::string> r) { sealed = r.value(); });
  CHECK(sealed.empty());
  f.world.scheduler.run_until_idle();
  REQUIRE_FALSE(sealed.empty());
  std::string opened;
  f.sealer->unseal(sealed, person, Id{}, [&](Result<std::string> r) { opened = r.value(); });
  CHECK(opened == "text");
}

TEST_CASE("sealer: KMS's refusals reach the caller") {
  CacheFixture f;
  f.faults.next = three_refusals;
  CHECK(errc_of(f.seal("text")) == Errc::unavailable);
  const std::string sealed = f.seal("text").value();
  f.cache->clear();
  f.faults.next = three_refusals;
  CHECK(errc_of(f.unseal(sealed)) == Errc::unavailable);
  CHECK(f.unseal(sealed).value() == "text");
}
