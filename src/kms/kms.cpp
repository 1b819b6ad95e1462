#include "porteiro/kms/kms.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>

#include "kms/key_file.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::kms {
namespace {

constexpr char blob_version = 1;

enum class Op : std::uint8_t { generate_data_key, encrypt, decrypt, generate_mac };
constexpr std::array<std::string_view, 4> op_names{"generate_data_key", "encrypt", "decrypt",
                                                   "generate_mac"};

struct Version {
  std::uint32_t number;
  Cipher cipher;  // Used by symmetric keys,
  Hmac hmac;      // and this one by HMAC keys. Either makes its schedule on first use.
};

struct Key {
  std::string name;
  KeySpec spec;
  std::vector<Version> versions;
  telemetry::Name recorded_as;
  std::array<std::uint64_t*, op_names.size()> calls{};  // Null until the operation was asked for.
};

struct Blob {
  std::string_view key, header, sealed;
  std::uint32_t version;
};

std::string blob_header(const Key& key) {
  std::string header(1, blob_version);
  append_sized(header, key.name);
  append_u32(header, key.versions.back().number);
  return header;
}

std::optional<Blob> parse_blob(std::string_view blob) {
  if (blob.empty() || blob.front() != blob_version) return std::nullopt;
  ByteReader reader(blob.substr(1));
  const auto key = reader.sized();
  const auto version = reader.u32();
  if (!key || !version) return std::nullopt;
  const std::string_view sealed = reader.rest();
  return Blob{*key, blob.substr(0, blob.size() - sealed.size()), sealed, *version};
}

Error bad_ciphertext() {
  return error(Errc::corrupt,
               "the ciphertext is damaged, was not made here, or belongs to another encryption "
               "context");
}

class Service final : public Kms {
 public:
  Service(LatencyModel latency, Environment& environment, telemetry::Telemetry& telemetry)
      : latency_(latency), environment_(environment), telemetry_(telemetry) {
    telemetry.describe("porteiro_kms_calls_total",
                       "Calls to the key service, by key and operation; failed ones too.");
    nobodys_.name = "unknown";
    nobodys_.spec = KeySpec::symmetric_default;
    nobodys_.recorded_as = telemetry.intern(nobodys_.name);
  }

  void add(const StoredKey& stored) {
    Key& key = keys_.emplace_back();
    key.name = stored.name;
    key.spec = stored.spec;
    key.recorded_as = telemetry_.intern(stored.name);
    for (const KeyVersion& version : stored.versions) {
      key.versions.push_back({version.number, Cipher(version.material), Hmac(version.material)});
    }
    by_name_.emplace(stored.name, &key);
  }

  void generate_data_key(std::string_view name, const EncryptionContext& context, Id trace,
                         Done<DataKey> done) override {
    Key* const key = find(name);
    run<DataKey>(Op::generate_data_key, key, trace, std::move(done), [&]() -> Result<DataKey> {
      PORTEIRO_TRY(check(key, name, KeySpec::symmetric_default));
      PORTEIRO_ASSERT(key != nullptr);
      const Secret secret = Secret::random(environment_.entropy);
      return DataKey{secret, seal(*key, secret.view(), context)};
    });
  }

  void encrypt(std::string_view name, std::string_view plaintext, const EncryptionContext& context,
               Id trace, Done<std::string> done) override {
    Key* const key = find(name);
    run<std::string>(Op::encrypt, key, trace, std::move(done), [&]() -> Result<std::string> {
      PORTEIRO_TRY(check(key, name, KeySpec::symmetric_default));
      PORTEIRO_ASSERT(key != nullptr);
      PORTEIRO_TRY(check_size(plaintext));
      return seal(*key, plaintext, context);
    });
  }

  void decrypt(std::string_view text, const EncryptionContext& context, Id trace,
               Done<std::string> done) override {
    const auto blob = parse_blob(text);
    Key* const key = blob ? find(blob->key) : nullptr;
    run<std::string>(Op::decrypt, key, trace, std::move(done), [&]() -> Result<std::string> {
      if (!blob) return bad_ciphertext();
      if (key == nullptr) {  // The name comes from outside: not repeated.
        return error(Errc::not_found, "the ciphertext names a key that is not here");
      }
      return unseal(*key, *blob, context);
    });
  }

  void generate_mac(std::string_view name, std::string_view message, Id trace,
                    Done<std::string> done) override {
    Key* const key = find(name);
    run<std::string>(Op::generate_mac, key, trace, std::move(done), [&]() -> Result<std::string> {
      PORTEIRO_TRY(check(key, name, KeySpec::hmac_256));
      PORTEIRO_ASSERT(key != nullptr);
      PORTEIRO_TRY(check_size(message));
      const auto mac = key->versions.back().hmac(message);
      return std::string(mac.data(), mac.size());
    });
  }

  bool has(std::string_view key) const override { return by_name_.contains(key); }

  std::uint64_t calls() const override {
    std::uint64_t sum = 0;
    for (const std::uint64_t* calls : counters_) sum += *calls;
    return sum;
  }

 private:
  Key* find(std::string_view name) {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  static Result<void> check(const Key* key, std::string_view name, KeySpec needed) {
    if (key == nullptr) {
      return error(Errc::not_found, "there is no key named '" + std::string(name) + "'");
    }
    if (key->spec != needed) {
      return error(Errc::invalid, "the key '" + key->name + "' " +
                                      (needed == KeySpec::hmac_256
                                           ? "encrypts, it makes no MACs: use a key of HMAC_256"
                                           : "makes MACs, it does not encrypt: use a key of "
                                             "SYMMETRIC_DEFAULT"));
    }
    return success();
  }

  static Result<void> check_size(std::string_view input) {
    if (input.size() <= plaintext_bytes_max) return success();
    return error(Errc::invalid, "the input is longer than " + std::to_string(plaintext_bytes_max) +
                                    " bytes: use a data key");
  }

  std::string seal(Key& key, std::string_view plaintext, const EncryptionContext& context) {
    std::string blob = blob_header(key);
    std::string aad = blob;
    append_canonical(aad, context);
    blob += key.versions.back().cipher.seal(plaintext, aad, environment_.entropy);
    return blob;
  }

  static Result<std::string> unseal(Key& key, const Blob& blob, const EncryptionContext& context) {
    const auto version = std::find_if(key.versions.begin(), key.versions.end(),
                                      [&](const Version& v) { return v.number == blob.version; });
    if (key.spec != KeySpec::symmetric_default || version == key.versions.end()) {
      return bad_ciphertext();
    }
    std::string aad(blob.header);
    append_canonical(aad, context);
    auto plaintext = version->cipher.open(blob.sealed, aad);
    if (!plaintext) return bad_ciphertext();
    return plaintext;
  }

  // One call: counted, struck by faults, worked out by `body`, completed after its latency.
  template <class T, class Body>
  void run(Op op, Key* key, Id trace, Done<T> done, Body body) {
    Key& counted = key == nullptr ? nobodys_ : *key;
    count(counted, op);
    const Fault fault = environment_.strike(FaultPoint::kms_call, counted.name);
    Duration delay = environment_.modelled ? latency_.sample(environment_.random) : Duration(0);
    if (fault.kind == Fault::Kind::delay || fault.kind == Fault::Kind::slow) delay += fault.delay;
    complete<T>(counted, trace, delay, std::move(done), refused(fault, counted, body));
  }

  template <class Body>
  static auto refused(const Fault& fault, const Key& key, Body& body) -> decltype(body()) {
    if (fault.kind == Fault::Kind::throttle) {
      return error(Errc::unavailable, "throttled: too many calls for the key '" + key.name +
                                          "'; retry later, or cache data keys");
    }
    if (fault.kind == Fault::Kind::error) {
      return error(Errc::unavailable,
                   "the key service failed for the key '" + key.name + "'; retry later");
    }
    return body();
  }

  template <class T>
  void complete(const Key& key, Id trace, Duration delay, Done<T> done, Result<T> result) {
    const Time since = environment_.scheduler.now();
    Task task = [this, alive = std::weak_ptr<int>(alive_), name = key.recorded_as, trace, since,
                 done = std::move(done), result = std::move(result)]() mutable {
      if (alive.expired()) return;
      const auto value = result ? 0 : 1 + static_cast<std::uint64_t>(result.error().code);
      const auto took = environment_.scheduler.now() - since;
      telemetry_.record(telemetry::Kind::kms_called, trace, name, value,
                        static_cast<std::uint64_t>(took.count()));
      done(std::move(result));
    };
    if (delay <= Duration::zero()) {
      environment_.scheduler.post(std::move(task));
    } else {
      environment_.scheduler.after(delay, std::move(task));
    }
  }

  void count(Key& key, Op op) {
    std::uint64_t*& calls = key.calls[static_cast<std::size_t>(op)];
    if (calls == nullptr) {
      std::string labels = "key=\"" + key.name + "\",op=\"";
      labels.append(op_names[static_cast<std::size_t>(op)]).append("\"");
      calls = &telemetry_.counter("porteiro_kms_calls_total", labels);
      counters_.push_back(calls);
    }
    ++*calls;
  }

  LatencyModel latency_;
  Environment& environment_;
  telemetry::Telemetry& telemetry_;
  std::deque<Key> keys_;
  StringMap<Key*> by_name_;
  Key nobodys_;  // Counts the calls that name no key of ours.
  std::vector<const std::uint64_t*> counters_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

// Adds the keys that are not there yet; true: some were.
Result<bool> add_missing(std::vector<StoredKey>& keys, const std::vector<KeyOptions>& wanted,
                         Entropy& entropy) {
  bool added = false;
  for (const KeyOptions& option : wanted) {
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&](const StoredKey& key) { return key.name == option.name; });
    if (found == keys.end()) {
      keys.push_back({option.name, option.spec, {{1, Secret::random(entropy)}}});
      added = true;
    } else if (found->spec != option.spec) {
      return error(Errc::invalid,
                   "the key '" + option.name +
                       "' exists with another spec than the config gives; give it back its spec, "
                       "or name a new key",
                   option.name);
    }
  }
  return added;
}

}  // namespace

void append_canonical(std::string& out, const EncryptionContext& context) {
  append_u32(out, static_cast<std::uint32_t>(context.size()));
  for (const auto& [name, value] : context) {
    append_sized(out, name);
    append_sized(out, value);
  }
}

Result<std::unique_ptr<Kms>> Kms::open(Options options, Environment& environment,
                                       telemetry::Telemetry& telemetry) {
  auto service = std::make_unique<Service>(options.latency, environment, telemetry);
  std::vector<StoredKey> keys;
  if (options.directory.empty()) {
    PORTEIRO_TRY(add_missing(keys, options.keys, environment.entropy));
  } else {
    auto opened = KeyFile::open(options.directory, options.passphrase, environment);
    wipe(options.passphrase);
    if (!opened) return std::move(opened).error();
    KeyFile& file = opened.value();
    PORTEIRO_TRY(const bool added, add_missing(file.keys, options.keys, environment.entropy));
    if (added) {
      PORTEIRO_TRY(file.save(environment));
    }
    keys = std::move(file.keys);
  }
  for (const StoredKey& key : keys) service->add(key);
  return std::unique_ptr<Kms>(std::move(service));
}

}  // namespace porteiro::kms
