#include "porteiro/kms/kms.hpp"

#include <algorithm>
#include <deque>
#include <optional>

#include "porteiro/base/bytes.hpp"

namespace porteiro::kms {
namespace {

constexpr std::size_t ops_count = static_cast<std::size_t>(Op::count_);
constexpr std::array<std::string_view, ops_count> op_names{
    "generate_data_key",    "encrypt",        "decrypt", "generate_mac",
    "verify_mac",           "sign",           "verify",  "generate_data_key_pair",
    "derive_shared_secret", "generate_random"};

// What calls are counted under. Key::counted is the place in the list.
struct Counted {
  std::string name;
  telemetry::Name recorded_as = 0;
  std::array<std::uint64_t*, ops_count> calls{};  // Null until the operation was asked for.
};
constexpr std::size_t of_clients = 0;  // Their keys together.
constexpr std::size_t of_nobody = 1;   // Calls that name no key of ours.

SigningAlgorithm algorithm_of(const Key& key) { return signing_algorithms(key.spec).front(); }

class Service final : public Kms {
 public:
  Service(std::unique_ptr<Keyring> ring, LatencyModel latency, Environment& environment,
          telemetry::Telemetry& telemetry)
      : ring_(std::move(ring)),
        latency_(latency),
        environment_(environment),
        telemetry_(telemetry) {
    telemetry.describe("porteiro_kms_calls_total",
                       "Calls to the key service, by key and operation; failed ones too.");
    for (std::size_t i = 0; i < ops_count; ++i) call_names_[i] = telemetry.intern(op_names[i]);
    add_counted("client-keys");
    add_counted("unknown");
    for (const auto& [id, key] : ring_->keys()) {
      if (!key->declared()) continue;
      key->counted = counted_.size();
      add_counted(key->name);
    }
  }

  void generate_data_key(std::string_view name, const EncryptionContext& context, Id trace,
                         Done<DataKey> done) override {
    Key* const key = ring_->find_named(name);
    run<DataKey>(Op::generate_data_key, key, trace, std::move(done), [&]() -> Result<DataKey> {
      PORTEIRO_TRY(check(key, name, KeyUsage::encrypt_decrypt));
      const Secret secret = Secret::random(environment_.entropy);
      return DataKey{secret, ring_->seal(*key, secret.view(), context)};
    });
  }

  void encrypt(std::string_view name, std::string_view plaintext, const EncryptionContext& context,
               Id trace, Done<std::string> done) override {
    Key* const key = ring_->find_named(name);
    run<std::string>(Op::encrypt, key, trace, std::move(done), [&]() -> Result<std::string> {
      PORTEIRO_TRY(check(key, name, KeyUsage::encrypt_decrypt));
      PORTEIRO_TRY(check_size(plaintext));
      return ring_->seal(*key, plaintext, context);
    });
  }

  void decrypt(std::string_view blob, const EncryptionContext& context, Id trace,
               Done<std::string> done) override {
    const auto named = ring_->key_of(blob);
    Key* const key = named.value_or(nullptr);
    run<std::string>(Op::decrypt, key, trace, std::move(done), [&]() -> Result<std::string> {
      if (!named) {
        return error(Errc::corrupt,
                     "the ciphertext is damaged, was not made here, or belongs to another "
                     "encryption context");
      }
      if (key == nullptr || !key->declared()) {  // The name comes from outside: not repeated.
        return error(Errc::not_found, "the ciphertext names a key that is not here");
      }
      return ring_->open(*key, blob, context);
    });
  }

  void generate_mac(std::string_view name, std::string_view message, Id trace,
                    Done<std::string> done) override {
    Key* const key = ring_->find_named(name);
    run<std::string>(Op::generate_mac, key, trace, std::move(done), [&]() -> Result<std::string> {
      PORTEIRO_TRY(check(key, name, KeyUsage::generate_verify_mac));
      PORTEIRO_TRY(check_size(message));
      return mac_of(hmac_digest(key->spec), key->current().material, message);
    });
  }

  void sign(std::string_view name, std::string_view message, Id trace,
            Done<std::string> done) override {
    apart<std::string>(Op::sign, name, message, trace, std::move(done),
                       [](const KeyPair& pair, SigningAlgorithm algorithm,
                          const std::string& text) { return pair.sign(algorithm, text); });
  }

  void verify(std::string_view name, std::string_view message, std::string_view signature, Id trace,
              Done<void> done) override {
    apart<void>(
        Op::verify, name, message, trace, std::move(done),
        [signature = std::string(signature)](const KeyPair& pair, SigningAlgorithm algorithm,
                                             const std::string& text) -> Result<void> {
          if (pair.verify(algorithm, text, signature)) return ok();
          return error(Errc::corrupt, "the signature is not good");
        });
  }

  KeyPair::Shared public_key(std::string_view name) const override {
    const Key* const key = ring_->find_named(name);
    return key == nullptr ? nullptr : key->pair;
  }

  bool has(std::string_view key) const override { return ring_->find_named(key) != nullptr; }

  std::uint64_t calls() const override {
    std::uint64_t sum = 0;
    for (const std::uint64_t* calls : counters_) sum += *calls;
    return sum;
  }

  // One call: counted, struck by faults, and given its latency.
  Ticket begin(Op op, const Key* key) override {
    Counted& counted = counted_[key == nullptr ? of_nobody : key->counted];
    count(counted, op);
    const Fault fault = environment_.strike(FaultPoint::kms_call, counted.name);
    Ticket ticket{counted.recorded_as, environment_.scheduler.now(), Duration(0), std::nullopt};
    ticket.call = call_names_[static_cast<std::size_t>(op)];
    if (environment_.modelled) ticket.delay = latency_.sample(environment_.random);
    if (fault.kind == Fault::Kind::delay || fault.kind == Fault::Kind::slow) {
      ticket.delay += fault.delay;
    } else if (fault.kind == Fault::Kind::throttle) {
      ticket.throttled = true;
      ticket.refused =
          error(Errc::unavailable, "throttled: too many calls for the key '" + counted.name +
                                       "'; retry later, or cache data keys");
    } else if (fault.kind == Fault::Kind::disable_key && key != nullptr) {
      ticket.disabled = true;
      ticket.refused = error(Errc::unavailable, "the key '" + counted.name + "' is disabled");
    } else if (fault.kind == Fault::Kind::rotate_key && key != nullptr) {
      rotate(key->id);
    } else if (fault.kind == Fault::Kind::error) {
      ticket.refused = error(Errc::unavailable, "the key service failed for the key '" +
                                                    counted.name + "'; retry later");
    }
    return ticket;
  }

  void end(const Ticket& ticket, Id trace, std::optional<Errc> failed) override {
    const auto took = environment_.scheduler.now() - ticket.since;
    const std::uint64_t outcome = failed ? 1 + static_cast<std::uint64_t>(*failed) : 0;
    telemetry_.record(telemetry::Kind::kms_called, trace, ticket.key,
                      outcome | std::uint64_t{ticket.call} << 32,
                      static_cast<std::uint64_t>(took.count()));
  }

  Keyring& keyring() override { return *ring_; }

 private:
  void add_counted(std::string_view name) {
    Counted& counted = counted_.emplace_back();
    counted.name = name;
    counted.recorded_as = telemetry_.intern(name);
  }

  // As an automatic rotation: what older material sealed opens as before.
  void rotate(Id id) {
    Key* const key = ring_->find(id);
    const bool rotates = key != nullptr && key->spec == KeySpec::symmetric_default &&
                         key->origin != Origin::external && key->state == KeyState::enabled;
    if (rotates && ring_->rotate(*key, false)) ring_->commit([](const Result<void>&) {});
  }

  static Result<void> check(const Key* key, std::string_view name, KeyUsage needed) {
    if (key == nullptr) {
      return error(Errc::not_found, "there is no key named '" + std::string(name) + "'");
    }
    if (key->usage == needed) return success();
    constexpr std::array<std::string_view, static_cast<std::size_t>(KeyUsage::count_)> wants{
        "does not encrypt: use one of SYMMETRIC_DEFAULT",
        "does not sign: use one of ECC_NIST_P256 or ECC_NIST_EDWARDS25519",
        "makes no MACs: use one of HMAC_256", "agrees on no secrets"};
    return error(Errc::invalid, "the key '" + key->name + "' " +
                                    std::string(wants[static_cast<std::size_t>(needed)]));
  }

  static Result<void> check_size(std::string_view input) {
    if (input.size() <= plaintext_bytes_max) return success();
    return error(Errc::invalid, "the input is longer than " + std::to_string(plaintext_bytes_max) +
                                    " bytes: use a data key");
  }

  // A call that `body` answers at once.
  template <class T, class Body>
  void run(Op op, Key* key, Id trace, Done<T> done, Body body) {
    const Ticket ticket = begin(op, key);
    Result<T> result = ticket.refused ? Result<T>(*ticket.refused) : body();
    complete<T>(ticket, trace, std::move(done), std::move(result));
  }

  // A call with a pair of keys: `work` runs off the loop.
  template <class T, class Work>
  void apart(Op op, std::string_view name, std::string_view message, Id trace, Done<T> done,
             Work work) {
    const Key* const key = ring_->find_named(name);
    const Ticket ticket = begin(op, key);
    if (ticket.refused) return complete<T>(ticket, trace, std::move(done), *ticket.refused);
    Result<void> good = check(key, name, KeyUsage::sign_verify);
    if (good) good = check_size(message);
    if (!good) return complete<T>(ticket, trace, std::move(done), good.error());
    struct Job {
      KeyPair::Shared pair;
      SigningAlgorithm algorithm;
      std::string message;
      Work work;
      std::optional<Result<T>> result{};
    };
    const auto job = std::make_shared<Job>(
        Job{key->pair, algorithm_of(*key), std::string(message), std::move(work)});
    if (!lane_) lane_ = environment_.offload.lane("kms-sign");
    environment_.offload.run(
        *lane_, [job] { job->result = job->work(*job->pair, job->algorithm, job->message); },
        [this, alive = std::weak_ptr<int>(alive_), ticket, trace, job,
         done = std::move(done)]() mutable {
          if (alive.expired()) return;
          complete<T>(ticket, trace, std::move(done), std::move(*job->result));
        });
  }

  template <class T>
  void complete(const Ticket& ticket, Id trace, Done<T> done, Result<T> result) {
    Task task = [this, alive = std::weak_ptr<int>(alive_), ticket, trace, done = std::move(done),
                 result = std::move(result)]() mutable {
      if (alive.expired()) return;
      const std::optional<Errc> failed = result ? std::nullopt : std::optional(result.error().code);
      end(ticket, trace, failed);
      done(std::move(result));
    };
    const Duration left = ticket.delay - (environment_.scheduler.now() - ticket.since);
    if (left <= Duration::zero()) {
      environment_.scheduler.post(std::move(task));
    } else {
      environment_.scheduler.after(left, std::move(task));
    }
  }

  void count(Counted& counted, Op op) {
    std::uint64_t*& calls = counted.calls[static_cast<std::size_t>(op)];
    if (calls == nullptr) {
      std::string labels = "key=\"" + counted.name + "\",op=\"";
      labels.append(op_names[static_cast<std::size_t>(op)]).append("\"");
      calls = &telemetry_.counter("porteiro_kms_calls_total", labels);
      counters_.push_back(calls);
    }
    ++*calls;
  }

  std::unique_ptr<Keyring> ring_;
  LatencyModel latency_;
  Environment& environment_;
  telemetry::Telemetry& telemetry_;
  std::array<telemetry::Name, ops_count> call_names_{};
  std::deque<Counted> counted_;
  std::vector<const std::uint64_t*> counters_;
  std::optional<Offload::Lane> lane_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace

Result<std::unique_ptr<Kms>> Kms::open(Options options, Environment& environment,
                                       telemetry::Telemetry& telemetry) {
  KeyringOptions kept;
  kept.keys = std::move(options.keys);
  kept.directory = std::move(options.directory);
  kept.passphrase = std::move(options.passphrase);
  PORTEIRO_TRY(auto ring, Keyring::open(std::move(kept), environment));
  return std::unique_ptr<Kms>(
      std::make_unique<Service>(std::move(ring), options.latency, environment, telemetry));
}

}  // namespace porteiro::kms
