// Goal: what is signed verifies as long as nothing of it changed, over restarts and new keys; what
// is not is told apart by why.
#include "porteiro/events/envelopes.hpp"

#include <doctest/doctest.h>

#include <deque>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::events;
using namespace std::chrono_literals;

namespace {

struct Throttling final : Faults {
  int left = 0;
  Fault strike(FaultPoint, std::string_view) override {
    if (left == 0) return {};
    --left;
    return {Fault::Kind::throttle};
  }
};

struct Bench {
  explicit Bench(EnvelopeOptions options = {"events", 1h, 24h}, std::string directory = {},
                 std::shared_ptr<virtual_world::MemoryFiles::Disk> disk = nullptr,
                 std::uint64_t seed = 1, kms::KeySpec spec = kms::KeySpec::hmac_256)
      : world(seed) {
    if (disk != nullptr) world.files = virtual_world::MemoryFiles(std::move(disk));
    world.environment.faults = &faults;
    kms::Options keys;
    keys.keys = {{"events", spec}};
    keys.directory = std::move(directory);
    kms = kms::Kms::open(std::move(keys), world.environment, telemetry).value();
    envelopes.emplace(*kms, world.environment, guard, telemetry, std::move(options));
  }
  Result<void> start() {
    std::optional<Result<void>> result;
    envelopes->start([&result](Result<void> done) { result.emplace(std::move(done)); });
    world.scheduler.run_until_idle();
    REQUIRE(result.has_value());
    return std::move(*result);
  }
  Result<Event> sign_later(Event event) {
    std::optional<Result<Event>> result;
    envelopes->sign_later(std::move(event),
                          [&result](Result<Event> done) { result.emplace(std::move(done)); });
    world.scheduler.run_until_idle();
    REQUIRE(result.has_value());
    return std::move(*result);
  }
  Result<void> ready(Time at) {  // The key of that time is there afterwards.
    Event event;
    event.time = at;
    const auto done = sign_later(std::move(event));
    if (!done) return done.error();
    return success();
  }
  Verdict later(const Event& event, std::string_view queue = "vault", bool sent_here = true) {
    std::optional<Result<Verdict>> result;
    envelopes->verify_later(event, queue, sent_here, [&result](Result<Verdict> verdict) {
      result.emplace(std::move(verdict));
    });
    world.scheduler.run_until_idle();
    REQUIRE(result.has_value());
    return result->value();
  }
  Event usual() {
    Event event;
    event.id = {1, 2};
    event.source = "/porteiro/gateway/v1/people/{cpf}";
    event.type = "person.requested";
    event.subject = "cpf_AAAAAAAAAAAAAAAAAAAAAA";
    event.time = world.scheduler.now();
    event.correlation = {3, 4};
    event.principal = "lender";
    event.purpose = "credit-protection";
    event.audience = "vault";
    event.data = R"({"path":{"cpf":"cpf_AAAAAAAAAAAAAAAAAAAAAA"}})";
    return event;
  }
  Event signed_now() {
    Event event = usual();
    REQUIRE(envelopes->sign(event));
    return event;
  }
  Verdict verdict(const Event& event, std::string_view queue = "vault", bool sent_here = true) {
    const auto verdict = envelopes->verify(event, queue, sent_here);
    REQUIRE(verdict.has_value());
    return *verdict;
  }

  virtual_world::World world;
  Throttling faults;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  access::Guard guard{{}, world.scheduler, telemetry};
  std::unique_ptr<kms::Kms> kms;
  std::optional<Envelopes> envelopes;
};

}  // namespace

TEST_CASE("envelopes: a signed event verifies, also after it was text, and costs no call") {
  Bench b;
  REQUIRE(b.start());
  const std::uint64_t calls = b.kms->calls();
  b.world.scheduler.run_for(std::chrono::nanoseconds(1'234'567));  // Real clocks have such times.
  const Event event = b.signed_now();
  CHECK(b.verdict(event) == Verdict::valid);
  CHECK(b.verdict(parse_event(to_json(event)).value()) == Verdict::valid);
  CHECK(b.kms->calls() == calls);
  CHECK(calls == 1);
}

TEST_CASE("envelopes: what changed in an event shows") {
  Bench b;
  REQUIRE(b.start());
  const Event good = b.signed_now();
  const std::vector<std::function<void(Event&)>> changes{
      [](Event& e) { e.id.low ^= 1; }, [](Event& e) { e.source += 'x'; },
      [](Event& e) { e.type += 'x'; }, [](Event& e) { e.subject.clear(); },
      [](Event& e) { e.time += 1ms; }, [](Event& e) { e.correlation.high ^= 1; },
      [](Event& e) {
        e.causation = {1, 1};
      },
      [](Event& e) { e.classification = "restricted"; }, [](Event& e) { e.principal = "shop"; },
      [](Event& e) { e.purpose.clear(); }, [](Event& e) { e.audience = "fast"; },
      [](Event& e) { e.masked = true; }, [](Event& e) { e.data += ' '; },
      [](Event& e) { e.signature.back() ^= 1; },
      // A byte that goes from one text to the next one.
      [](Event& e) {
        e.source += e.type.front();
        e.type.erase(0, 1);
      }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    Event event = good;
    changes[i](event);
    CHECK(b.verdict(event) == Verdict::forged);
  }
  Event event = good;
  event.signature.clear();
  CHECK(b.verdict(event) == Verdict::unsigned_event);
}

TEST_CASE("envelopes: a good signature in the wrong place, too late, or on a copy is refused") {
  Bench b({"events", 1h, 30min});
  REQUIRE(b.start());
  const Event event = b.signed_now();
  CHECK(b.verdict(event, "fast") == Verdict::wrong_origin);
  CHECK(b.verdict(event, "vault", false) == Verdict::replayed);
  b.world.scheduler.run_for(30min);
  CHECK(b.verdict(event) == Verdict::valid);
  b.world.scheduler.run_for(1ms);
  CHECK(b.verdict(event) == Verdict::expired);
}

TEST_CASE("envelopes: an event from the future is refused, but clocks may differ a little") {
  Bench b;
  REQUIRE(b.start());
  Event event = b.signed_now();
  event.time += Envelopes::ahead_max;
  REQUIRE(b.ready(event.time));
  REQUIRE(b.envelopes->sign(event));
  CHECK(b.verdict(event) == Verdict::valid);
  event.time += 1s;
  REQUIRE(b.envelopes->sign(event));
  CHECK(b.verdict(event) == Verdict::expired);
}

TEST_CASE("envelopes: a new period has its own key, and events of the last one stay good") {
  Bench b({"events", 1min, 24h});
  REQUIRE(b.start());
  Event first = b.signed_now();
  b.world.scheduler.run_for(61s);
  Event second = first;
  second.time = b.world.scheduler.now();
  CHECK_FALSE(b.envelopes->sign(second));
  REQUIRE(b.ready(second.time));
  REQUIRE(b.envelopes->sign(second));
  CHECK(b.verdict(first) == Verdict::valid);
  CHECK(b.verdict(second) == Verdict::valid);
  // The time says which key signs: another period's does not.
  Event mixed = first;
  mixed.signature = second.signature;
  CHECK(b.verdict(mixed) == Verdict::forged);
}

TEST_CASE("envelopes: after a restart the key of what waits is asked for, for our messages only") {
  const auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
  Event event;
  {
    Bench b({"events", 1min, 24h}, "keys", disk);
    REQUIRE(b.start());
    event = b.signed_now();
  }
  Bench b({"events", 1min, 24h}, "keys", disk);
  b.world.scheduler.run_for(10min);
  REQUIRE(b.start());
  CHECK(b.verdict(event, "vault", false) == Verdict::forged);
  CHECK_FALSE(b.envelopes->verify(event, "vault", true).has_value());
  CHECK(b.later(event) == Verdict::valid);
  CHECK(b.verdict(event) == Verdict::valid);
}

TEST_CASE("envelopes: another key service's signatures are worth nothing here") {
  Bench here, there({"events", 1h, 24h}, {}, nullptr, 2);
  REQUIRE(here.start());
  REQUIRE(there.start());
  const Event event = there.signed_now();
  CHECK(there.verdict(event) == Verdict::valid);
  CHECK(here.verdict(event) == Verdict::forged);
}

TEST_CASE("envelopes: a throttled key service delays, and fails in the end with its error") {
  Bench b;
  b.faults.left = 5;
  const Time before = b.world.scheduler.now();
  REQUIRE(b.start());
  CHECK(b.world.scheduler.now() - before == 50ms + 100ms + 200ms + 400ms + 800ms);
  b.world.scheduler.run_for(24h);
  b.faults.left = 3;
  const Result<void> failed = b.ready(b.world.scheduler.now());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Errc::unavailable);
  CHECK(b.ready(b.world.scheduler.now()).has_value());
}

TEST_CASE("envelopes: the keys of many periods are bounded, and the nearest stay") {
  Bench b({"events", 1s, 24h});
  REQUIRE(b.start());
  const Event event = b.signed_now();
  const Time now = b.world.scheduler.now();
  for (int i = 1; i <= 500; ++i) REQUIRE(b.ready(now - i * 1s));
  CHECK(b.verdict(event) == Verdict::valid);
  const std::uint64_t calls = b.kms->calls();
  REQUIRE(b.ready(now - 10s));
  CHECK(b.kms->calls() == calls);
  REQUIRE(b.ready(now - 400s));
  CHECK(b.kms->calls() == calls + 1);
}

TEST_CASE("envelopes: a refusal is counted by queue and reason, and told") {
  Bench b;
  Event event;
  event.correlation = {3, 4};
  event.data = "\"secret\"";
  b.envelopes->refused(Verdict::forged, event, "vault");
  const std::string metrics = b.telemetry.metrics();
  CHECK(metrics.find("porteiro_events_refused_total{queue=\"vault\",reason=\"forged\"} 1") !=
        std::string::npos);
  CHECK(metrics.find("porteiro_access_denied_total{principal=\"anonymous\"} 1") !=
        std::string::npos);
  std::string told(b.telemetry.note_text(0));
  CHECK(told.find("vault") != std::string::npos);
  CHECK(told.find("secret") == std::string::npos);
}

TEST_CASE("envelopes: with a pair of keys each event costs a call to sign, and none to verify") {
  for (const auto spec : {kms::KeySpec::ecc_nist_p256, kms::KeySpec::ecc_nist_edwards25519}) {
    Bench b({"events", 1h, 30min}, {}, nullptr, 1, spec);
    REQUIRE(b.start());
    Event event = b.usual();
    CHECK_FALSE(b.envelopes->sign(event));
    const std::uint64_t before = b.kms->calls();
    event = b.sign_later(event).value();
    CHECK(b.kms->calls() == before + 1);
    CHECK_FALSE(b.envelopes->verify(event, "vault", true).has_value());
    CHECK(b.later(event) == Verdict::valid);
    CHECK(b.later(parse_event(to_json(event)).value()) == Verdict::valid);
    CHECK(b.later(event, "fast") == Verdict::wrong_origin);
    CHECK(b.later(event, "vault", false) == Verdict::replayed);
    Event changed = event;
    changed.principal = "shop";
    CHECK(b.later(changed) == Verdict::forged);
    changed = event;
    changed.signature.back() = '!';
    CHECK(b.later(changed) == Verdict::forged);
    changed.signature = "h1.0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    CHECK(b.verdict(changed) == Verdict::forged);
    CHECK(b.kms->calls() == before + 1);
    b.world.scheduler.run_for(31min);
    CHECK(b.later(event) == Verdict::expired);
  }
}

TEST_CASE("envelopes: a signature that the key service refuses for now is asked for again") {
  Bench b({"events", 1h, 30min}, {}, nullptr, 1, kms::KeySpec::ecc_nist_p256);
  REQUIRE(b.start());
  b.faults.left = 2;
  CHECK(b.sign_later(b.usual()).has_value());
  b.faults.left = 3;
  CHECK(b.sign_later(b.usual()).error().code == Errc::unavailable);
}
