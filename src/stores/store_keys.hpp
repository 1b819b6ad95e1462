// The keys of data subjects: made, split, wrapped under a branch key, kept for a while, found
// again, and destroyed. One key seals all boxes of a subject in a store, whatever the collection;
// but for collections that are retained, each of which has keys of its own.
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
#include "stores/key_shares.hpp"
#include "stores/store_plan.hpp"

namespace porteiro::stores {

// The spaces of the blobs with the wrapped halves of keys; a retained collection's has its name
// behind the second one.
inline constexpr std::string_view subject_space = "subject";
inline constexpr std::string_view retained_space = "retained/";

struct SubjectKey {
  std::string number;  // Tells a subject's keys apart; key_number_bytes random bytes.
  kms::Cipher cipher;
  Time since;  // When it was unwrapped or made.
};
using SharedKey = std::shared_ptr<SubjectKey>;

class SubjectKeys {
 public:
  // Borrows all but `space`.
  SubjectKeys(std::string space, const StoreOptions& options, Engine& engine, KeyShares& shares,
              Environment& environment, kms::KeyCache& branch_keys)
      : space_(std::move(space)),
        options_(options),
        engine_(engine),
        shares_(shares),
        environment_(environment),
        branch_keys_(branch_keys) {}
  const std::string& space() const { return space_; }

  // For reading. The key `number` of `subject` if it is at hand or its branch key is; null: `load`
  // must ask KMS for it. Errors: stale (the subject has another key now, or none: what was read may
  // be out of date), not_found (the subject was erased), corrupt, unavailable.
  Result<SharedKey> find(std::string_view subject, std::string_view number);
  // As `find`, through KMS. `done` may run at once.
  void load(std::string_view subject, std::string_view number, Id trace,
            UniqueFunction<void(Result<SharedKey>)> done);

  // A new subject's key that no committed transaction carries yet. All writes that need it share
  // it, and each carries its share and its blob until one has been committed.
  struct Pending;
  struct Claim {
    SharedKey key;
    std::shared_ptr<Pending> pending;  // Null: the key is in the store already.
  };
  using Claimed = UniqueFunction<void(Result<Claim>)>;
  struct Pending {
    SharedKey key;
    KeyShare share;
    kms::Secret other;      // The other half; wiped once it is wrapped.
    std::string blob;       // Empty until then.
    bool replaces = false;  // A blob whose other half is destroyed, as a restored copy may hold.
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
  bool destroying(const std::string& subject) const { return destroying_.contains(subject); }
  // The share that a destruction of the committed key has to overwrite; nullopt: it has no key.
  // Errors: corrupt, unavailable.
  Result<std::optional<Doomed>> doomed(std::string_view subject);
  static bool of_earlier_version(std::string_view blob);

  void forget(std::string_view subject);  // From memory.
  void clear();                           // Everything, as after start.

 private:
  struct Entry {
    std::string subject;
    SharedKey key;
  };
  struct Wrapped {  // Views into the blob.
    std::string_view number, collection, branch, key;
    std::uint64_t slot = 0;
  };

  SharedKey cached(std::string_view subject);
  void remember(std::string_view subject, const SharedKey& key);
  static Result<Wrapped> parse(std::string_view blob);
  Result<SharedKey> unwrap(std::string_view subject, const Wrapped& wrapped,
                           kms::KeyCache::Entry& branch);
  void ask(std::string subject, std::string blob, const Wrapped& wrapped, Id trace,
           UniqueFunction<void(Result<SharedKey>)> done);
  bool joined_pending(const std::string& subject, Claimed& done);
  void make(const std::string& subject, const Plan& plan, Id trace, bool replaces, Claimed done);
  void wrapped(const std::string& subject, const Plan& plan,
               const std::shared_ptr<Pending>& pending, Result<kms::KeyCache::Shared> branch);

  std::string space_;
  const StoreOptions& options_;
  Engine& engine_;
  KeyShares& shares_;
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
