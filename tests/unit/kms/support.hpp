// What the tests of this module share: a virtual world with a key service in it.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "porteiro/kms/kms.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::kms::test {

using namespace std::chrono_literals;

template <class T>
std::optional<Errc> errc_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

// Strikes calls with the faults given, in order; then with none.
struct ListedFaults final : Faults {
  std::deque<Fault> next;
  std::vector<std::string> targets;  // Of all calls asked for.
  Fault strike(FaultPoint point, std::string_view target) override {
    if (point != FaultPoint::kms_call) return {};
    targets.emplace_back(target);
    if (next.empty()) return {};
    const Fault fault = next.front();
    next.pop_front();
    return fault;
  }
};

struct Fixture {
  virtual_world::World world;
  ListedFaults faults;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  std::unique_ptr<Kms> kms;

  explicit Fixture(std::uint64_t seed = 1) : world(seed) { world.environment.faults = &faults; }

  Result<void> open(Options options) {
    auto opened = Kms::open(std::move(options), world.environment, telemetry);
    if (!opened) return opened.error();
    kms = std::move(opened).value();
    return success();
  }
  void open_default() {
    Options options;
    options.keys = {{"vault", KeySpec::symmetric_default}, {"tokens", KeySpec::hmac_256}};
    PORTEIRO_ASSERT(open(std::move(options)).has_value());
  }

  // Starts something that completes later, and waits for it.
  template <class T, class Start>
  Result<T> wait(Start start) {
    std::optional<Result<T>> result;
    start([&result](Result<T> r) { result.emplace(std::move(r)); });
    while (!result && world.scheduler.step()) {
    }
    PORTEIRO_ASSERT(result.has_value());
    return *std::move(result);
  }
  Result<DataKey> data_key(std::string_view key, const EncryptionContext& context = {}) {
    return wait<DataKey>(
        [&](auto done) { kms->generate_data_key(key, context, Id{}, std::move(done)); });
  }
  Result<std::string> encrypt(std::string_view key, std::string_view text,
                              const EncryptionContext& context = {}) {
    return wait<std::string>(
        [&](auto done) { kms->encrypt(key, text, context, Id{}, std::move(done)); });
  }
  Result<std::string> decrypt(std::string_view blob, const EncryptionContext& context = {}) {
    return wait<std::string>(
        [&](auto done) { kms->decrypt(blob, context, Id{}, std::move(done)); });
  }
  Result<void> rotate(std::string_view key) {
    Key* const found = kms->keyring().find_named(key);
    PORTEIRO_TRY(kms->keyring().rotate(*found, true));
    return commit();
  }
  Result<void> commit() {
    return wait<void>([&](auto done) { kms->keyring().commit(std::move(done)); });
  }
  Result<std::string> mac(std::string_view key, std::string_view message) {
    return wait<std::string>(
        [&](auto done) { kms->generate_mac(key, message, Id{}, std::move(done)); });
  }
};

}  // namespace porteiro::kms::test
