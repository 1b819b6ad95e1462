// The key service: named keys of the config that never leave it, data keys, small encryptions with
// an encryption context, HMACs and signatures. Completions never run before the call has returned;
// in simulation they come after the modelled latency. Belongs to the loop.
//
// The keys, and those that clients made, are in a Keyring. Under a data directory that is the file
// `keys`, sealed by a root key that is either the file `root.key` (mode 0600) or derived from the
// passphrase given; see docs/kms-format.md.
//
// Each call passes FaultPoint::kms_call with the key's name: `throttle` and `error` refuse it
// (unavailable), `delay` and `slow` make it take longer. It leaves a record kms_called and counts
// in porteiro_kms_calls_total{key,op}; the keys of clients count together, as `client-keys`.
#pragma once
#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/base/latency.hpp"
#include "porteiro/kms/crypto.hpp"
#include "porteiro/kms/keyring.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::kms {

struct Options {
  std::vector<KeyOptions> keys;
  LatencyModel latency;    // Of one call; applies when Environment::modelled.
  std::string directory;   // Where the material is kept; empty: in memory only.
  std::string passphrase;  // From PORTEIRO_PASSPHRASE; empty: the root key is a file.
};

struct DataKey {
  Secret plaintext;
  std::string wrapped;  // Opaque; decrypt() gives the plaintext back. Holds the key's name.
};

// What is called, as it is counted.
enum class Op : std::uint8_t {
  generate_data_key,
  encrypt,
  decrypt,
  generate_mac,
  verify_mac,
  sign,
  verify,
  generate_data_key_pair,
  derive_shared_secret,
  generate_random,
  count_
};

class Kms {
 public:
  // Makes the keys of the options that the directory does not hold yet and saves them; keys that
  // it holds and the options do not name stay and work. Borrows `environment` and `telemetry`.
  // With a passphrase it takes 0.1 s (see derive()).
  // Errors: corrupt (the directory's material does not open: damaged, incomplete, or another root
  // key or passphrase); denied (root.key is readable by others); invalid (a key is kept with
  // another spec than the options give); unavailable (I/O). After an error the existing files are
  // as before.
  static Result<std::unique_ptr<Kms>> open(Options options, Environment& environment,
                                           telemetry::Telemetry& telemetry);
  virtual ~Kms() = default;  // Calls under way end without their completions being called.

  template <class T>
  using Done = UniqueFunction<void(Result<T>)>;

  // `trace` ties the call to the request it serves. Errors of all: not_found (no such key),
  // invalid (the key's spec does not allow it, or the input is longer than plaintext_bytes_max),
  // unavailable (throttled; retry).
  virtual void generate_data_key(std::string_view key, const EncryptionContext& context, Id trace,
                                 Done<DataKey> done) = 0;
  virtual void encrypt(std::string_view key, std::string_view plaintext,
                       const EncryptionContext& context, Id trace, Done<std::string> done) = 0;
  // Errors also: corrupt (not ours, damaged, or another context).
  virtual void decrypt(std::string_view blob, const EncryptionContext& context, Id trace,
                       Done<std::string> done) = 0;
  virtual void generate_mac(std::string_view key, std::string_view message, Id trace,
                            Done<std::string> done) = 0;
  // ECDSA_SHA_256 (DER) or Ed25519 over the message itself, worked out off the loop.
  virtual void sign(std::string_view key, std::string_view message, Id trace,
                    Done<std::string> done) = 0;
  // Errors also: corrupt (the signature is not good).
  virtual void verify(std::string_view key, std::string_view message, std::string_view signature,
                      Id trace, Done<void> done) = 0;
  // For who verifies without a call, as with what GetPublicKey gives. Null: no such pair.
  virtual KeyPair::Shared public_key(std::string_view key) const = 0;

  virtual bool has(std::string_view key) const = 0;
  // All calls since start or Telemetry::reset(), failed ones too: what KMS is paid by.
  virtual std::uint64_t calls() const = 0;

  // For front-ends, which work on the keys by themselves: what each call of a client passes, as
  // the calls above do. `key` null: it names none.
  struct Ticket {
    telemetry::Name key;
    Time since;
    Duration delay;                // Answer after it.
    std::optional<Error> refused;  // Unavailable: do nothing, and say so.
    bool throttled = false;        // That is why,
    bool disabled = false;         // or because the key is disabled.
    telemetry::Name call = 0;      // "decrypt", for the record.
  };
  virtual Ticket begin(Op op, const Key* key) = 0;
  virtual void end(const Ticket& ticket, Id trace, std::optional<Errc> failed) = 0;
  virtual Keyring& keyring() = 0;
};

}  // namespace porteiro::kms
