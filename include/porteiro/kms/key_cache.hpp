// Envelope encryption over cached data keys: where KMS calls are saved. A data key seals until it
// is too old or used too often; a wrapped key that comes back is unwrapped once and kept for a
// while. Bounded: the least recently used entry goes first. Belongs to the loop.
#pragma once
#include <functional>
#include <memory>

#include "porteiro/kms/kms.hpp"

namespace porteiro::kms {

struct CacheOptions {
  Duration age_max = std::chrono::minutes(5);
  std::uint64_t uses_max = 100;      // Of one data key for sealing.
  std::size_t entries_max = 1000;
};

class KeyCache {
 public:
  KeyCache(Kms& kms, Environment& environment, CacheOptions options);
  ~KeyCache();

  // A key that seals, with its wrapped form; both stay valid while the caller holds the pointer.
  struct Entry {
    Secret secret;
    Cipher cipher;
    std::string wrapped;
  };
  using Shared = std::shared_ptr<Entry>;
  using Done = UniqueFunction<void(Result<Shared>)>;

  // The current data key for (key, context); one call to KMS serves all who wait for it. `done`
  // runs at once on a hit: callers keep their state ready for that.
  void current(std::string_view key, const EncryptionContext& context, Id trace, Done done);
  void unwrap(std::string_view wrapped, const EncryptionContext& context, Id trace, Done done);
  Shared cached(std::string_view wrapped);  // Null: unwrap() must be asked.
  void clear();

  std::uint64_t hits() const;
  std::uint64_t misses() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A self-contained sealed text: version, wrapped data key, box. What events and ledgers hold.
class Sealer {
 public:
  Sealer(KeyCache& cache, Environment& environment) : cache_(cache), environment_(environment) {}
  using Done = UniqueFunction<void(Result<std::string>)>;
  void seal(std::string_view key, const EncryptionContext& context, std::string plaintext, Id trace,
            Done done);
  // Errors: corrupt (damaged, or another context); those of Kms::decrypt.
  void unseal(std::string sealed, const EncryptionContext& context, Id trace, Done done);

 private:
  KeyCache& cache_;
  Environment& environment_;
};

}  // namespace porteiro::kms
