#include "porteiro/kms/kms.hpp"

#include <doctest/doctest.h>

#include "unit/kms/support.hpp"

using namespace porteiro;
using namespace porteiro::kms;
using namespace porteiro::kms::test;

namespace {
const EncryptionContext person{{"store", "A"}, {"collection", "person"}};

Fault throttle() { return {Fault::Kind::throttle, Duration(0)}; }
}  // namespace

TEST_CASE("kms: what a key encrypts it decrypts, in the same context only") {
  Fixture f;
  f.open_default();
  const auto blob = f.encrypt("vault", "52998224725", person);
  REQUIRE(blob.has_value());
  CHECK(blob.value().find("52998224725") == std::string::npos);
  CHECK(f.decrypt(blob.value(), person).value() == "52998224725");
  CHECK(errc_of(f.decrypt(blob.value(), {})) == Errc::corrupt);
  CHECK(errc_of(f.decrypt(blob.value(), {{"store", "A"}})) == Errc::corrupt);
  CHECK(errc_of(f.decrypt(blob.value(), {{"store", "B"}, {"collection", "person"}})) ==
        Errc::corrupt);
  CHECK(f.encrypt("vault", "").has_value());
}

// Goal: no two contexts share a canonical form, whatever their texts hold.
TEST_CASE("kms: contexts that look alike when joined are told apart") {
  const std::vector<EncryptionContext> contexts{
      {},
      {{"", ""}},
      {{"a", "b"}},
      {{"ab", ""}},
      {{"", "ab"}},
      {{"a", "bc"}},
      {{"ab", "c"}},
      {{"a", "b"}, {"c", "d"}},
      {{"a", ""}},
      {{"a", "b=c"}},
      {{"a=b", "c"}},
      {{"a", std::string("b\0c", 3)}},
      {{"b", "a"}},
      {{"a", "b,c=d"}},
      {{"a", std::string("b\x01\0\0\0c\x01\0\0\0d", 11)}}};
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    for (std::size_t j = 0; j < contexts.size(); ++j) {
      std::string left, right;
      append_canonical(left, contexts[i]);
      append_canonical(right, contexts[j]);
      CHECK((left == right) == (i == j));
    }
  }
}

TEST_CASE("kms: a blob changed in any byte or cut anywhere is refused") {
  Fixture f;
  f.open_default();
  const std::string blob = f.encrypt("vault", "secret", person).value();
  for (std::size_t i = 0; i < blob.size(); ++i) {
    for (const int bit : {1, 0x80}) {
      std::string changed = blob;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      const auto errc = errc_of(f.decrypt(changed, person));
      const bool refused = errc == Errc::corrupt || errc == Errc::not_found;  // Another name.
      CHECK(refused);
    }
    CHECK(errc_of(f.decrypt(std::string_view(blob).substr(0, i), person)) == Errc::corrupt);
  }
}

TEST_CASE("kms: a data key comes with a wrapped form that decrypts to it") {
  Fixture f;
  f.open_default();
  const auto first = f.data_key("vault", person);
  const auto second = f.data_key("vault", person);
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(first.value().plaintext.view() != second.value().plaintext.view());
  CHECK(f.decrypt(first.value().wrapped, person).value() == first.value().plaintext.view());
  CHECK(errc_of(f.decrypt(first.value().wrapped, {})) == Errc::corrupt);
}

TEST_CASE("kms: unknown keys, wrong specs and long inputs are refused by name, not by value") {
  Fixture f;
  f.open_default();
  CHECK(f.kms->has("vault"));
  CHECK_FALSE(f.kms->has("other"));
  CHECK(errc_of(f.data_key("other")) == Errc::not_found);
  CHECK(errc_of(f.encrypt("other", "x")) == Errc::not_found);
  CHECK(errc_of(f.mac("other", "x")) == Errc::not_found);
  CHECK(errc_of(f.data_key("tokens")) == Errc::invalid);
  CHECK(errc_of(f.encrypt("tokens", "x")) == Errc::invalid);
  CHECK(errc_of(f.mac("vault", "x")) == Errc::invalid);
  const std::string longest(plaintext_bytes_max, 'p');
  CHECK(f.encrypt("vault", longest).has_value());
  const auto refused = f.encrypt("vault", longest + "p");
  REQUIRE(errc_of(refused) == Errc::invalid);
  CHECK(refused.error().detail.find("pppp") == std::string::npos);

  Fixture elsewhere(2);
  Options options;
  options.keys = {{"elsewhere", KeySpec::symmetric_default}};
  REQUIRE(elsewhere.open(options).has_value());
  const std::string blob = elsewhere.encrypt("elsewhere", "x").value();
  CHECK(errc_of(f.decrypt(blob)) == Errc::not_found);
}

TEST_CASE("kms: MACs are the same for the same message, and differ between keys") {
  Fixture f;
  Options options;
  options.keys = {{"one", KeySpec::hmac_256}, {"two", KeySpec::hmac_256}};
  REQUIRE(f.open(options).has_value());
  const auto mac = f.mac("one", "message");
  REQUIRE(mac.has_value());
  CHECK(mac.value().size() == 32);
  CHECK(f.mac("one", "message").value() == mac.value());
  CHECK(f.mac("two", "message").value() != mac.value());
}

TEST_CASE("kms: completions come after the call has returned, modelled ones after their latency") {
  Fixture f;
  Options options;
  options.keys = {{"vault", KeySpec::symmetric_default}};
  options.latency = {27ms, 80ms};
  REQUIRE(f.open(options).has_value());
  const Time start = f.world.scheduler.now();
  bool done = false;
  f.kms->encrypt("vault", "x", {}, Id{}, [&](const Result<std::string>&) { done = true; });
  CHECK_FALSE(done);
  f.world.scheduler.run_until_idle();
  CHECK(done);
  CHECK(f.world.scheduler.now() == start);  // Live: no model.

  f.world.environment.modelled = true;
  CHECK(f.encrypt("vault", "x").has_value());
  const Duration took = f.world.scheduler.now() - start;
  CHECK(took >= 13ms);
  CHECK(took <= 120ms);
}

TEST_CASE("kms: faults throttle, fail or delay a call, and are asked for by the key's name") {
  Fixture f;
  f.open_default();
  f.faults.next = {throttle(), {Fault::Kind::error, 0ns}, {Fault::Kind::delay, 3s}};
  const auto throttled = f.encrypt("vault", "x");
  REQUIRE(errc_of(throttled) == Errc::unavailable);
  CHECK(throttled.error().detail.starts_with("throttled"));
  CHECK(errc_of(f.data_key("vault")) == Errc::unavailable);
  const Time before = f.world.scheduler.now();
  CHECK(f.mac("tokens", "x").has_value());
  CHECK(f.world.scheduler.now() - before == 3s);
  CHECK(f.faults.targets == std::vector<std::string>{"vault", "vault", "tokens"});
}

TEST_CASE("kms: a fault disables a key for a call, and another one rotates it before a call") {
  Fixture f;
  f.open_default();
  const std::string old = f.encrypt("vault", "x").value();
  f.faults.next = {{Fault::Kind::disable_key, 0ns}};
  const auto disabled = f.decrypt(old);
  CHECK(errc_of(disabled) == Errc::unavailable);
  CHECK(disabled.error().detail == "the key 'vault' is disabled");
  CHECK(f.decrypt(old).value() == "x");
  const auto version = [](std::string_view blob) { return blob.substr(0, blob.find("vault") + 9); };
  CHECK(version(f.encrypt("vault", "x").value()) == version(old));
  f.faults.next = {{Fault::Kind::rotate_key, 0ns}};
  const std::string fresh = f.encrypt("vault", "x").value();
  CHECK(version(fresh) != version(old));
  CHECK(f.decrypt(fresh).value() == "x");
  CHECK(f.decrypt(old).value() == "x");
  f.faults.next = {{Fault::Kind::rotate_key, 0ns}};  // A key for MACs stays what it is.
  const std::string mac = f.mac("tokens", "x").value();
  CHECK(f.mac("tokens", "x").value() == mac);
}

TEST_CASE("kms: every call is counted and recorded with its trace, outcome and duration") {
  Fixture f;
  f.open_default();
  std::vector<telemetry::Record> records;
  f.telemetry.listen([&](const telemetry::Record& r) { records.push_back(r); });
  f.faults.next = {{Fault::Kind::delay, 2ms}, throttle()};
  const Id trace{1, 2};
  f.kms->encrypt("vault", "x", {}, trace, [](const Result<std::string>&) {});
  f.world.scheduler.run_until_idle();
  CHECK_FALSE(f.data_key("vault").has_value());
  CHECK_FALSE(f.decrypt("nonsense").has_value());
  REQUIRE(records.size() == 3);
  CHECK(records[0].kind == telemetry::Kind::kms_called);
  CHECK(records[0].trace == trace);
  CHECK(f.telemetry.name(records[0].name) == "vault");
  const auto outcome = [&](std::size_t i) { return static_cast<std::uint32_t>(records[i].value); };
  CHECK(outcome(0) == 0);
  CHECK(records[0].extra == 2'000'000);
  CHECK(f.telemetry.name(telemetry::kms_call_of(records[0])) == "encrypt");
  CHECK(outcome(1) == 1 + static_cast<std::uint32_t>(Errc::unavailable));
  CHECK(outcome(2) == 1 + static_cast<std::uint32_t>(Errc::corrupt));
  CHECK(
      telemetry::to_json(f.telemetry, records[2]).find(R"("call":"decrypt","outcome":"corrupt")") !=
      std::string::npos);
  CHECK(f.kms->calls() == 3);
  CHECK(f.telemetry.counter("porteiro_kms_calls_total", "key=\"vault\",op=\"encrypt\"") == 1);
  CHECK(f.telemetry.counter("porteiro_kms_calls_total", "key=\"vault\",op=\"generate_data_key\"") ==
        1);
  f.telemetry.reset();
  CHECK(f.kms->calls() == 0);
}

TEST_CASE("kms: a service that ends calls nobody back") {
  Fixture f;
  f.open_default();
  bool called = false;
  f.kms->encrypt("vault", "x", {}, Id{}, [&](const Result<std::string>&) { called = true; });
  f.kms.reset();
  f.world.scheduler.run_until_idle();
  CHECK_FALSE(called);
}

TEST_CASE("kms: keys that sign do, and anybody with the public key can check it") {
  Fixture f;
  Options options;
  options.keys = {{"curve", KeySpec::ecc_nist_p256},
                  {"edwards", KeySpec::ecc_nist_edwards25519},
                  {"vault", KeySpec::symmetric_default}};
  REQUIRE(f.open(options).has_value());
  const auto sign = [&](std::string_view key, std::string_view message) {
    return f.wait<std::string>(
        [&](auto done) { f.kms->sign(key, message, Id{}, std::move(done)); });
  };
  const auto verify = [&](std::string_view key, std::string_view message, std::string_view with) {
    return f.wait<void>(
        [&](auto done) { f.kms->verify(key, message, with, Id{}, std::move(done)); });
  };
  for (const auto& [key, algorithm] : {std::pair("curve", SigningAlgorithm::ecdsa_sha_256),
                                       std::pair("edwards", SigningAlgorithm::ed25519_sha_512)}) {
    const auto signature = sign(key, "an event");
    REQUIRE(signature.has_value());
    CHECK(verify(key, "an event", signature.value()).has_value());
    CHECK(errc_of(verify(key, "another", signature.value())) == Errc::corrupt);
    CHECK(f.kms->public_key(key)->verify(algorithm, "an event", signature.value()));
  }
  CHECK(errc_of(sign("vault", "x")) == Errc::invalid);
  CHECK(errc_of(sign("other", "x")) == Errc::not_found);
  CHECK(errc_of(sign("curve", std::string(plaintext_bytes_max + 1, 'x'))) == Errc::invalid);
  CHECK(f.kms->public_key("vault") == nullptr);
  f.faults.next = {throttle()};
  CHECK(errc_of(sign("curve", "x")) == Errc::unavailable);
  CHECK(f.telemetry.counter("porteiro_kms_calls_total", "key=\"edwards\",op=\"sign\"") == 1);
}

TEST_CASE("kms: a key of the config rotates as it says, and nothing that it sealed is lost") {
  Fixture f;
  Options options;
  options.keys = {{"vault", KeySpec::symmetric_default, 365 * 24h}};
  options.directory = "data";
  REQUIRE(f.open(options).has_value());
  const std::string old = f.encrypt("vault", "old").value();
  f.world.scheduler.run_for(366 * 24h);
  static_cast<void>(f.encrypt("vault", "first"));  // Begins the rotation.
  const std::string fresh = f.encrypt("vault", "fresh").value();
  CHECK(f.kms->keyring().find_named("vault")->versions.size() == 2);
  CHECK(fresh.substr(0, 14) != old.substr(0, 14));
  CHECK(f.decrypt(old).value() == "old");
  REQUIRE(f.open(options).has_value());
  CHECK(f.decrypt(old).value() == "old");
  CHECK(f.decrypt(fresh).value() == "fresh");
}
