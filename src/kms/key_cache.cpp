#include "porteiro/kms/key_cache.hpp"

#include <algorithm>
#include <list>

#include "porteiro/base/bytes.hpp"

namespace porteiro::kms {
namespace {

// What a sealing key, or an unwrapping under way, is found by: a name or wrapped key and the
// context.
std::string identity(std::string_view first, const EncryptionContext& context) {
  std::string id;
  append_sized(id, first);
  append_canonical(id, context);
  return id;
}

// As AWS SDKs do by default: three attempts, with a delay that doubles.
constexpr int attempts_max = 3;
constexpr Duration retry_delay = std::chrono::milliseconds(50);

}  // namespace

// Shared so that completions of calls under way notice when it is gone.
struct KeyCache::State : std::enable_shared_from_this<State> {
  struct Slot {
    Shared entry;
    Time since;
    std::string opened_by;  // identity(wrapped, context): who may have it from unwrap().
    std::string seals_for;  // identity(key, context) while it is a current key; else empty.
    std::uint64_t uses = 0;
  };
  using Slots = std::list<Slot>;

  struct Call {  // To KMS, under way.
    std::vector<Done> waiters;
    std::uint64_t generation;
  };
  using Calls = StringMap<std::shared_ptr<Call>>;

  State(Kms& kms_given, Environment& environment_given, CacheOptions options_given)
      : kms(kms_given), environment(environment_given), options(options_given) {
    options.uses_max = std::max<std::uint64_t>(options.uses_max, 1);
  }

  bool expired(const Slot& slot) const {
    return environment.scheduler.now() - slot.since >= options.age_max;
  }
  void touch(Slots::iterator slot) { slots.splice(slots.begin(), slots, slot); }

  void retire(Slots::iterator slot) {  // It seals no more.
    if (!slot->seals_for.empty()) by_seals_for.erase(slot->seals_for);
    slot->seals_for.clear();
  }
  void drop(Slots::iterator slot) {
    retire(slot);
    by_wrapped.erase(slot->entry->wrapped);
    slots.erase(slot);
  }

  // Finds a slot that has not expired and makes it the most recently used one.
  Slot* find(StringMap<Slots::iterator>& index, std::string_view id) {
    const auto found = index.find(id);
    if (found == index.end()) return nullptr;
    const Slots::iterator slot = found->second;
    if (expired(*slot)) {
      drop(slot);
      return nullptr;
    }
    touch(slot);
    return &*slot;
  }

  Shared take_current(std::string_view id) {
    Slot* const slot = find(by_seals_for, id);
    if (slot == nullptr) return nullptr;
    ++hits;
    Shared entry = slot->entry;
    if (++slot->uses >= options.uses_max) retire(slots.begin());
    return entry;
  }

  // Null: a call is under way that `done` now waits for. Else the new call, which must be made.
  std::shared_ptr<Call> join(Calls& calls, const std::string& id, std::uint64_t waiters_max,
                             Done done) {
    if (options.age_max <= Duration::zero()) waiters_max = 1;
    std::shared_ptr<Call>& call = calls[id];
    if (call != nullptr && call->waiters.size() < waiters_max) {
      ++hits;
      call->waiters.push_back(std::move(done));
      return nullptr;
    }
    ++misses;
    call = std::make_shared<Call>();
    call->generation = generation;
    call->waiters.push_back(std::move(done));
    return call;
  }

  void ended(Calls& calls, const std::string& id, const std::shared_ptr<Call>& call) {
    const auto found = calls.find(id);
    if (found != calls.end() && found->second == call) calls.erase(found);
  }

  void keep(const Call& call, Slot slot) {
    if (call.generation != generation) return;  // Cleared meanwhile: only its waiters have it.
    if (options.age_max <= Duration::zero()) return;
    if (by_wrapped.contains(slot.entry->wrapped)) return;
    if (slot.uses >= options.uses_max) slot.seals_for.clear();
    slots.push_front(std::move(slot));
    const Slots::iterator first = slots.begin();
    by_wrapped.emplace(first->entry->wrapped, first);
    if (!first->seals_for.empty()) {
      const auto [place, fresh] = by_seals_for.try_emplace(first->seals_for, first);
      if (!fresh) {
        place->second->seals_for.clear();
        place->second = first;
      }
    }
    while (slots.size() > options.entries_max) drop(std::prev(slots.end()));
  }

  // Last of all, and static: a waiter may end the cache.
  static void serve(std::vector<Done> waiters, const Result<Shared>& result) {
    for (Done& done : waiters) done(result);
  }

  // A call to KMS that may have to be made again.
  struct Asked {
    std::shared_ptr<Call> call;
    std::string id, subject;  // The key's name, or the wrapped key.
    EncryptionContext context;
    Id trace;
    int attempt = 1;
  };

  // True: it was refused for now and is made again by `make` after a while.
  template <class T>
  bool again(const Result<T>& result, Asked& asked, void (State::*make)(Asked)) {
    if (result || result.error().code != Errc::unavailable || asked.attempt == attempts_max) {
      return false;
    }
    const Duration delay = retry_delay * (1 << (asked.attempt - 1));
    ++asked.attempt;
    environment.scheduler.after(
        delay, [state = weak_from_this(), make, asked = std::move(asked)]() mutable {
          if (const auto self = state.lock()) ((*self).*make)(std::move(asked));
        });
    return true;
  }

  void generate(Asked asked) {
    // The arguments are copied first: evaluation order must not move them from under the call.
    const std::string key = asked.subject;
    const EncryptionContext context = asked.context;
    const Id trace = asked.trace;
    kms.generate_data_key(
        key, context, trace,
        [state = weak_from_this(), asked = std::move(asked)](Result<DataKey> result) mutable {
          const auto self = state.lock();
          if (self == nullptr || self->again(result, asked, &State::generate)) return;
          self->generated(asked.call, asked.id, asked.context, std::move(result));
        });
  }

  void open(Asked asked) {
    const std::string wrapped = asked.subject;
    const EncryptionContext context = asked.context;
    const Id trace = asked.trace;
    kms.decrypt(
        wrapped, context, trace,
        [state = weak_from_this(), asked = std::move(asked)](Result<std::string> result) mutable {
          const auto self = state.lock();
          if (self == nullptr || self->again(result, asked, &State::open)) return;
          self->unwrapped(asked.call, asked.id, std::move(asked.subject), std::move(result));
        });
  }

  void generated(const std::shared_ptr<Call>& call, const std::string& id,
                 const EncryptionContext& context, Result<DataKey> result) {
    ended(generating, id, call);
    if (!result) return serve(std::move(call->waiters), result.error());
    DataKey& key = result.value();
    Shared entry(new Entry{key.plaintext, Cipher(key.plaintext), std::move(key.wrapped)});
    keep(*call, {entry, environment.scheduler.now(), identity(entry->wrapped, context), id,
                 call->waiters.size()});
    serve(std::move(call->waiters), entry);
  }

  void unwrapped(const std::shared_ptr<Call>& call, const std::string& id, std::string wrapped,
                 Result<std::string> result) {
    ended(unwrapping, id, call);
    if (!result) return serve(std::move(call->waiters), result.error());
    if (result.value().size() != Secret::bytes) {
      wipe(result.value());
      return serve(std::move(call->waiters),
                   error(Errc::corrupt, "a wrapped key holds something that is no data key"));
    }
    const Secret secret(result.value());
    wipe(result.value());
    Shared entry(new Entry{secret, Cipher(secret), std::move(wrapped)});
    keep(*call, {entry, environment.scheduler.now(), id, {}, 0});
    serve(std::move(call->waiters), entry);
  }

  Kms& kms;
  Environment& environment;
  CacheOptions options;
  Slots slots;  // The most recently used one first.
  StringMap<Slots::iterator> by_wrapped, by_seals_for;
  Calls generating, unwrapping;
  std::uint64_t generation = 0;  // Raised by clear().
  std::uint64_t hits = 0, misses = 0;
};

KeyCache::KeyCache(Kms& kms, Environment& environment, CacheOptions options)
    : state_(std::make_shared<State>(kms, environment, options)) {}
KeyCache::~KeyCache() = default;

void KeyCache::current(std::string_view key, const EncryptionContext& context, Id trace,
                       Done done) {
  std::string id = identity(key, context);
  if (Shared entry = state_->take_current(id)) return done(std::move(entry));
  const auto call = state_->join(state_->generating, id, state_->options.uses_max, std::move(done));
  if (call == nullptr) return;
  state_->generate({call, std::move(id), std::string(key), context, trace});
}

KeyCache::Shared KeyCache::cached_current(std::string_view key, const EncryptionContext& context) {
  return state_->take_current(identity(key, context));
}

void KeyCache::unwrap(std::string_view wrapped, const EncryptionContext& context, Id trace,
                      Done done) {
  std::string id = identity(wrapped, context);
  State::Slot* const slot = state_->find(state_->by_wrapped, wrapped);
  if (slot != nullptr && slot->opened_by == id) {
    ++state_->hits;
    return done(slot->entry);
  }
  const auto call = state_->join(state_->unwrapping, id, UINT64_MAX, std::move(done));
  if (call == nullptr) return;
  state_->open({call, std::move(id), std::string(wrapped), context, trace});
}

KeyCache::Shared KeyCache::cached(std::string_view wrapped) {
  State::Slot* const slot = state_->find(state_->by_wrapped, wrapped);
  if (slot == nullptr) return nullptr;
  ++state_->hits;
  return slot->entry;
}

bool KeyCache::knows(std::string_view key) const { return state_->kms.has(key); }

void KeyCache::clear() {
  ++state_->generation;
  state_->by_wrapped.clear();
  state_->by_seals_for.clear();
  state_->slots.clear();
  state_->generating.clear();  // The calls go on for their waiters; nobody joins them any more.
  state_->unwrapping.clear();
}

std::size_t KeyCache::entries() const { return state_->slots.size(); }
std::uint64_t KeyCache::hits() const { return state_->hits; }
std::uint64_t KeyCache::misses() const { return state_->misses; }

}  // namespace porteiro::kms
