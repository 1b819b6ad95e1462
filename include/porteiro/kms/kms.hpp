// The key service: named keys that never leave it, data keys, small encryptions with an encryption
// context, and HMACs. Completions never run before the call has returned; in simulation they come
// after the modelled latency. Belongs to the loop.
//
// Under a data directory the key material is in `keys`, sealed by a root key that is either the
// file `root.key` (mode 0600) or derived from the passphrase given; see docs/kms-format.md.
//
// Each call passes FaultPoint::kms_call with the key's name: `throttle` and `error` refuse it
// (unavailable), `delay` and `slow` make it take longer. It leaves a record kms_called and counts
// in porteiro_kms_calls_total{key,op}.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/base/latency.hpp"
#include "porteiro/kms/crypto.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::kms {

enum class KeySpec : std::uint8_t { symmetric_default, hmac_256 };

struct KeyOptions {
  std::string name;
  KeySpec spec = KeySpec::symmetric_default;
};

struct Options {
  std::vector<KeyOptions> keys;
  LatencyModel latency;    // Of one call; applies when Environment::modelled.
  std::string directory;   // Where the material is kept; empty: in memory only.
  std::string passphrase;  // From PORTEIRO_PASSPHRASE; empty: the root key is a file.
};

// Name-value pairs that a ciphertext is bound to; the same must be given to decrypt. Not secret.
using EncryptionContext = std::map<std::string, std::string, std::less<>>;

// Appends the one byte form that AADs use: the number of pairs, then the pairs by ascending name,
// each text with its length in front, so that no two contexts look alike.
void append_canonical(std::string& out, const EncryptionContext& context);

struct DataKey {
  Secret plaintext;
  std::string wrapped;  // Opaque; decrypt() gives the plaintext back. Holds the key's name.
};

inline constexpr std::size_t plaintext_bytes_max = 4096;  // AWS KMS Encrypt, symmetric keys.

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

  // `trace` ties the call to the request it serves. Errors of all four: not_found (no such key),
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

  virtual bool has(std::string_view key) const = 0;
  // All calls since start or Telemetry::reset(), failed ones too: what KMS is paid by.
  virtual std::uint64_t calls() const = 0;
};

}  // namespace porteiro::kms
