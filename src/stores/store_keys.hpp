// The keys of data subjects: made, wrapped under a branch key, kept for a while, found again, and
// destroyed. One key seals all boxes of a subject in a store, whatever the collection.
#pragma once
#include <array>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "porteiro/base/environment.hpp"
#include "porteiro/kms/key_cache.hpp"
#include "porteiro/stores/engine.hpp"
#include "stores/store_plan.hpp"

namespace porteiro::stores {

inline constexpr std::string_view subject_space = "subject";  // The blobs with the wrapped keys.

struct SubjectKey {
  std::string number;  // Tells a subject's keys apart; key_number_bytes random bytes.
  kms::Cipher cipher;
  Time since;  // When it was unwrapped or made.
};
using SharedKey = std::shared_ptr<SubjectKey>;

class SubjectKeys {
 public:
  SubjectKeys(const StoreOptions& options, Engine& engine, Environment& environment,
              kms::KeyCache& branch_keys)
      : options_(options), engine_(engine), environment_(environment), branch_keys_(branch_keys) {}

  // For reading. The key `number` of `subject` if it is at hand or its branch key is; null: `load`
  // must ask KMS for it. Errors: stale (the subject has another key now, or none: what was read may
  // be out of date), corrupt, unavailable.
  Result<SharedKey> find(std::string_view subject, std::string_view number);
  // As `find`, through KMS. `done` may run at once.
  void load(std::string_view subject, std::string_view number, Id trace,
            UniqueFunction<void(Result<SharedKey>)> done);

  // A new subject's key that no committed transaction carries yet. All writes that need it share
  // it, and each carries its blob until one has been committed.
  struct Pending;
  struct Claim {
    SharedKey key;
    std::shared_ptr<Pending> pending;  // Null: the key is in the store already.
  };
  using Claimed = UniqueFunction<void(Result<Claim>)>;
  struct Pending {
    SharedKey key;
    kms::Secret secret;  // Wiped once it is wrapped.
    std::string blob;    // Empty until then.
    std::size_t carriers = 0;
    std::vector<Claimed> waiters;
  };
  // For writing: the key that a write in this place of the order of writes seals with. `done` may
  // run at once. After the write, `settle` must be called when there is a pending key.
  void claim(const std::string& subject, const Plan& plan, Id trace, Claimed done);
  void settle(const std::string& subject, const std::shared_ptr<Pending>& pending, bool committed);

  // A write that destroys the subject's key is on its way; later claims get a new one.
  void destroy_begins(const std::string& subject);
  void destroy_ends(const std::string& subject, bool committed);

  void forget(std::string_view subject);  // From memory.
  void clear();                           // Everything, as after start.

 private:
  struct Entry {
    std::string subject;
    SharedKey key;
  };
  struct Wrapped {  // Views into the blob.
    std::string_view number, collection, branch, key;
  };

  SharedKey cached(std::string_view subject);
  void remember(std::string_view subject, const SharedKey& key);
  static Result<Wrapped> parse(std::string_view blob);
  Result<SharedKey> unwrap(std::string_view subject, const Wrapped& wrapped,
                           kms::KeyCache::Entry& branch);
  void ask(std::string subject, std::string blob, const Wrapped& wrapped, Id trace,
           UniqueFunction<void(Result<SharedKey>)> done);
  void make(const std::string& subject, const Plan& plan, Id trace, Claimed done);
  void wrapped(const std::string& subject, const Plan& plan,
               const std::shared_ptr<Pending>& pending, Result<kms::KeyCache::Shared> branch);

  const StoreOptions& options_;
  Engine& engine_;
  Environment& environment_;
  kms::KeyCache& branch_keys_;
  std::list<Entry> entries_;  // The most recently used first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_subject_;
  StringMap<std::shared_ptr<Pending>> pending_;
  StringMap<std::size_t> destroying_;
  std::uint64_t epoch_ = 0;  // Counts what makes a key read before it worthless.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace porteiro::stores
