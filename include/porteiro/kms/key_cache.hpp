// Envelope encryption over cached data keys: where KMS calls are saved. A data key seals until it
// is too old or used too often; a wrapped key that comes back is unwrapped once and kept for a
// while. Bounded: the least recently used entry goes first. Belongs to the loop.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "porteiro/kms/kms.hpp"

namespace porteiro::kms {

struct CacheOptions {
  // Since KMS gave the key; zero: nothing is kept, and nobody joins another's call.
  Duration age_max = std::chrono::minutes(5);
  std::uint64_t uses_max = 100;    // Of one data key for sealing; at least 1.
  std::size_t entries_max = 1000;  // Of both kinds together.
};

class KeyCache {
 public:
  KeyCache(Kms& kms, Environment& environment, CacheOptions options);  // Borrows both.
  ~KeyCache();  // Those who wait for a call under way are forgotten, not called.

  // A key that seals, with its wrapped form; both stay valid while the caller holds the pointer.
  struct Entry {
    Secret secret;
    Cipher cipher;
    std::string wrapped;
  };
  using Shared = std::shared_ptr<Entry>;
  using Done = UniqueFunction<void(Result<Shared>)>;

  // The current data key for (key, context), to seal one box with: each call is one use. One call
  // to KMS serves all who wait for it, up to uses_max. `done` runs at once on a hit: callers keep
  // their state ready for that. A refused call (unavailable) is made up to three times, 50 ms and
  // 100 ms apart. Errors: those of Kms::generate_data_key, for all who wait; nothing of a failed
  // call is kept, so the next one asks again.
  void current(std::string_view key, const EncryptionContext& context, Id trace, Done done);
  Shared cached_current(std::string_view key, const EncryptionContext& context);  // Null: no hit.

  // The key in `wrapped`, for opening only. `done` runs at once on a hit, which takes the context
  // that the key was wrapped with; any other one is KMS's to refuse. Errors: those of Kms::decrypt.
  void unwrap(std::string_view wrapped, const EncryptionContext& context, Id trace, Done done);
  // Null: unwrap() must be asked. Checks no context: for boxes whose AAD holds it.
  Shared cached(std::string_view wrapped);

  bool knows(std::string_view key) const;  // Whether the config has a KMS key of this name.

  // Forgets all keys. Calls under way still serve those who wait for them, and are not kept.
  void clear();

  std::size_t entries() const;
  std::uint64_t misses() const;  // Calls made to KMS.
  std::uint64_t hits() const;    // Asked for and given, or joined to a call, without another call.

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// A secret for each data subject, which its sealed texts need beside their data key: once it is
// destroyed, no copy of them can be opened any more. Belongs to the loop.
class SubjectSecrets {
 public:
  virtual ~SubjectSecrets() = default;
  static constexpr std::size_t number_bytes = 8;
  struct Entry {
    std::string number;  // Tells the secrets of a subject apart; number_bytes.
    Secret secret;
  };
  // The subject's secret, made if it has none, and durable. `done` may run at once; it is dropped
  // if this dies first. Errors: unavailable.
  virtual void obtain(std::string_view subject, UniqueFunction<void(Result<Entry>)> done) = 0;
  // nullopt: the subject has none, or another one by now. Errors: unavailable, corrupt.
  virtual Result<std::optional<Secret>> find(std::string_view subject, std::string_view number) = 0;
};

// A self-contained sealed text: version, wrapped data key, box. What events and ledgers hold.
// Bytes: callers that put it into text encode it. See docs/kms-format.md. The completions run at
// once when the key is cached; otherwise they are dropped if the cache dies first. Borrows what it
// is given, which must outlive the completions, not only the Sealer.
class Sealer {
 public:
  // `subjects` may be null: then texts cannot be sealed for one.
  Sealer(KeyCache& cache, Environment& environment, SubjectSecrets* subjects = nullptr)
      : cache_(cache), environment_(environment), subjects_(subjects) {}
  using Done = UniqueFunction<void(Result<std::string>)>;
  // With a subject, the text can only be opened as long as that has not been erased. Errors: those
  // of KeyCache::current and SubjectSecrets::obtain.
  void seal(std::string_view key, const EncryptionContext& context, std::string plaintext, Id trace,
            Done done, std::string_view subject = {});
  // Errors: corrupt (damaged, or another context); not_found (its subject was erased); those of
  // KeyCache::unwrap.
  void unseal(std::string sealed, const EncryptionContext& context, Id trace, Done done);
  // The name of the KMS key that a sealed text is under, as it says itself: whether that is true
  // only unseal() finds. Empty: it says none.
  static std::string_view key_of(std::string_view sealed);
  bool knows(std::string_view key) const { return cache_.knows(key); }

 private:
  KeyCache& cache_;
  Environment& environment_;
  SubjectSecrets* subjects_;
};

}  // namespace porteiro::kms
