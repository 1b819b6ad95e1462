#include "stores/store_keys.hpp"

#include "porteiro/base/bytes.hpp"

namespace porteiro::stores {

namespace {

constexpr std::string_view key_purpose = "subject-key";
constexpr char blob_version = 2;  // 1 held whole keys, which copies of the records would have kept.

Error gone() {
  return error(Errc::stale, "the key of the record's data subject is not in the store any more");
}

// A record that was put back from a copy: for its readers it is erased.
Error destroyed() { return error(Errc::not_found, "the record's data subject was erased"); }

Error being_erased() {
  return error(Errc::unavailable, "the record's data subject is being erased; try again");
}

// Splits a key in two halves, and puts the two together again: either half alone says nothing.
kms::Secret joined(const kms::Secret& one, const kms::Secret& other) {
  std::string bytes(one.view());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ other.view()[i]);
  }
  const kms::Secret secret(bytes);
  kms::wipe(bytes);
  return secret;
}

}  // namespace

SharedKey SubjectKeys::cached(std::string_view subject) {
  const auto found = by_subject_.find(subject);
  if (found == by_subject_.end()) return nullptr;
  const auto entry = found->second;
  if (environment_.scheduler.now() - entry->key->since >= options_.subject_key_age_max) {
    forget(subject);
    return nullptr;
  }
  if (entry != entries_.begin()) entries_.splice(entries_.begin(), entries_, entry);
  return entry->key;
}

void SubjectKeys::remember(std::string_view subject, const SharedKey& key) {
  if (options_.subject_keys_max == 0) return;
  if (const auto found = by_subject_.find(subject); found != by_subject_.end()) {
    found->second->key = key;
    entries_.splice(entries_.begin(), entries_, found->second);
    return;
  }
  if (entries_.size() >= options_.subject_keys_max) {
    by_subject_.erase(entries_.back().subject);
    entries_.pop_back();
  }
  entries_.push_front(Entry{std::string(subject), key});
  by_subject_.emplace(entries_.front().subject, entries_.begin());
}

void SubjectKeys::forget(std::string_view subject) {
  const auto found = by_subject_.find(subject);
  if (found == by_subject_.end()) return;
  const auto entry = found->second;
  by_subject_.erase(found);
  entries_.erase(entry);
}

void SubjectKeys::clear() {
  by_subject_.clear();
  entries_.clear();
  pending_.clear();
  destroying_.clear();
  ++epoch_;
}

Result<SubjectKeys::Wrapped> SubjectKeys::parse(std::string_view blob) {
  Wrapped out;
  if (blob.size() >= box_header_bytes && blob[0] == blob_version) {
    out.number = blob.substr(1, key_number_bytes);
    ByteReader reader(blob.substr(box_header_bytes));
    const auto slot = reader.u64();
    const auto collection = slot ? reader.sized() : std::nullopt;
    const auto branch = collection ? reader.sized() : std::nullopt;
    const auto key = branch ? reader.sized() : std::nullopt;
    if (key && reader.rest().empty()) {
      out.slot = *slot;
      out.collection = *collection;
      out.branch = *branch;
      out.key = *key;
      return out;
    }
  }
  return error(Errc::corrupt, "the wrapped key of a data subject is damaged or of another version");
}

Result<SharedKey> SubjectKeys::unwrap(std::string_view subject, const Wrapped& wrapped,
                                      kms::KeyCache::Entry& branch) {
  std::string binding;
  append_binding(binding, options_.name, wrapped.collection, subject, key_purpose);
  PORTEIRO_TRY(std::string material, branch.cipher.open(wrapped.key, binding));
  if (material.size() != kms::Secret::bytes) {
    return error(Errc::corrupt, "the wrapped key of a data subject has the wrong size");
  }
  const kms::Secret half(material);
  kms::wipe(material);
  PORTEIRO_TRY(const auto share, shares_.read(wrapped.slot, wrapped.number));
  if (!share) return destroyed();
  return std::make_shared<SubjectKey>(SubjectKey{std::string(wrapped.number),
                                                 kms::Cipher(joined(half, *share)),
                                                 environment_.scheduler.now()});
}

Result<SharedKey> SubjectKeys::find(std::string_view subject, std::string_view number) {
  if (auto key = cached(subject)) {
    if (key->number == number) return key;
    forget(subject);
  }
  PORTEIRO_TRY(const auto blob, engine_.blob(space_, subject));
  if (!blob) return gone();
  PORTEIRO_TRY(const Wrapped wrapped, parse(*blob));
  if (wrapped.number != number) return gone();
  const auto branch = branch_keys_.cached(wrapped.branch);
  if (!branch) return SharedKey();
  PORTEIRO_TRY(const auto key, unwrap(subject, wrapped, *branch));
  remember(subject, key);
  return key;
}

void SubjectKeys::load(std::string_view subject, std::string_view number, Id trace,
                       UniqueFunction<void(Result<SharedKey>)> done) {
  auto blob = engine_.blob(space_, subject);
  if (!blob) return done(blob.error());
  if (!blob.value()) return done(gone());
  std::string text = std::move(*blob.value());
  const auto wrapped = parse(text);
  if (!wrapped) return done(wrapped.error());
  if (wrapped.value().number != number) return done(gone());
  ask(std::string(subject), std::move(text), wrapped.value(), trace, std::move(done));
}

void SubjectKeys::ask(std::string subject, std::string blob, const Wrapped& wrapped, Id trace,
                      UniqueFunction<void(Result<SharedKey>)> done) {
  const kms::EncryptionContext context{{"store", options_.name},
                                       {"collection", std::string(wrapped.collection)}};
  const std::string branch(wrapped.branch);
  branch_keys_.unwrap(branch, context, trace,
                      [this, alive = std::weak_ptr<int>(alive_), subject = std::move(subject),
                       blob = std::move(blob), epoch = epoch_,
                       done = std::move(done)](Result<kms::KeyCache::Shared> unwrapped) mutable {
                        if (alive.expired()) return;
                        if (!unwrapped) {  // A KMS key that is missing is no erasure.
                          Error failed = unwrapped.error();
                          if (failed.code == Errc::not_found) failed.code = Errc::corrupt;
                          return done(std::move(failed));
                        }
                        auto key = unwrap(subject, parse(blob).value(), *unwrapped.value());
                        if (key && epoch == epoch_) remember(subject, key.value());
                        done(std::move(key));
                      });
}

// True: a key for the subject is on its way, and `done` gets it.
bool SubjectKeys::joined_pending(const std::string& subject, Claimed& done) {
  const auto found = pending_.find(subject);
  if (found == pending_.end()) return false;
  const auto pending = found->second;
  ++pending->carriers;
  if (pending->blob.empty()) {
    pending->waiters.push_back(std::move(done));
  } else {
    done(Claim{pending->key, pending});
  }
  return true;
}

void SubjectKeys::claim(const std::string& subject, const Plan& plan, Id trace, Claimed done) {
  if (joined_pending(subject, done)) return;
  if (destroying_.contains(subject)) return make(subject, plan, trace, false, std::move(done));
  if (auto key = cached(subject)) return done(Claim{std::move(key), nullptr});
  auto blob = engine_.blob(space_, subject);
  if (!blob) return done(blob.error());
  if (!blob.value()) return make(subject, plan, trace, false, std::move(done));
  std::string text = std::move(*blob.value());
  const auto wrapped = parse(text);
  if (!wrapped) return done(wrapped.error());
  auto unwrapped = [this, subject, &plan, trace,
                    done = std::move(done)](Result<SharedKey> key) mutable {
    if (key) return done(Claim{std::move(key).value(), nullptr});
    if (key.error().code != Errc::not_found) return done(key.error());
    // An erasure stands behind this write by now, and what is pending belongs to those behind it.
    if (destroying_.contains(subject)) return done(being_erased());
    if (!joined_pending(subject, done)) make(subject, plan, trace, true, std::move(done));
  };
  if (const auto branch = branch_keys_.cached(wrapped.value().branch)) {
    auto key = unwrap(subject, wrapped.value(), *branch);
    if (key) remember(subject, key.value());
    return unwrapped(std::move(key));
  }
  ask(subject, std::move(text), wrapped.value(), trace, std::move(unwrapped));
}

void SubjectKeys::make(const std::string& subject, const Plan& plan, Id trace, bool replaces,
                       Claimed done) {
  std::array<std::byte, key_number_bytes> number;
  environment_.entropy.fill(number);
  const auto pending = std::make_shared<Pending>();
  pending->share.slot = shares_.allocate();
  pending->share.number.assign(reinterpret_cast<const char*>(number.data()), number.size());
  pending->share.half = kms::Secret::random(environment_.entropy);
  pending->other = kms::Secret::random(environment_.entropy);
  pending->key = std::make_shared<SubjectKey>(
      SubjectKey{pending->share.number, kms::Cipher(joined(pending->share.half, pending->other)),
                 environment_.scheduler.now()});
  pending->replaces = replaces;
  pending->carriers = 1;
  pending->waiters.push_back(std::move(done));
  pending_.insert_or_assign(subject, pending);
  branch_keys_.current(options_.key, plan.context, trace,
                       [this, alive = std::weak_ptr<int>(alive_), subject, &plan,
                        pending](Result<kms::KeyCache::Shared> branch) {
                         if (!alive.expired()) wrapped(subject, plan, pending, std::move(branch));
                       });
}

// The branch key for a new subject's key has come, or not: those who wait go on.
void SubjectKeys::wrapped(const std::string& subject, const Plan& plan,
                          const std::shared_ptr<Pending>& pending,
                          Result<kms::KeyCache::Shared> branch) {
  if (branch) {
    std::string binding;
    append_binding(binding, options_.name, plan.collection->name, subject, key_purpose);
    const auto sealed =
        branch.value()->cipher.seal(pending->other.view(), binding, environment_.entropy);
    std::string& blob = pending->blob;
    blob += blob_version;
    blob += pending->key->number;
    append_u64(blob, pending->share.slot);
    append_sized(blob, plan.collection->name);
    append_sized(blob, branch.value()->wrapped);
    append_sized(blob, sealed);
    pending->other = kms::Secret();
  } else {
    const auto found = pending_.find(subject);
    if (found != pending_.end() && found->second == pending) pending_.erase(found);
  }
  auto waiters = std::exchange(pending->waiters, {});
  for (Claimed& waiter : waiters) {
    if (branch) {
      waiter(Claim{pending->key, pending});
    } else {
      waiter(branch.error());
    }
  }
}

void SubjectKeys::settle(const std::string& subject, const std::shared_ptr<Pending>& pending,
                         bool committed) {
  --pending->carriers;
  if (committed) remember(subject, pending->key);
  if (!committed && pending->carriers > 0) return;
  const auto found = pending_.find(subject);
  if (found != pending_.end() && found->second == pending) pending_.erase(found);
}

void SubjectKeys::destroy_begins(const std::string& subject) {
  ++destroying_[subject];
  pending_.erase(subject);
}

void SubjectKeys::destroy_ends(const std::string& subject, bool committed) {
  const auto found = destroying_.find(subject);
  if (found != destroying_.end() && --found->second == 0) destroying_.erase(found);
  if (!committed) return;
  forget(subject);
  ++epoch_;
}

bool SubjectKeys::of_earlier_version(std::string_view blob) {
  return !blob.empty() && blob.front() >= 1 && blob.front() < blob_version;
}

Result<std::optional<Doomed>> SubjectKeys::doomed(std::string_view subject) {
  PORTEIRO_TRY(const auto blob, engine_.blob(space_, subject));
  if (!blob) return std::optional<Doomed>();
  PORTEIRO_TRY(const Wrapped wrapped, parse(*blob));
  if (!shares_.has(wrapped.slot)) return std::optional<Doomed>();
  return std::optional<Doomed>({space_, std::string(subject), wrapped.slot});
}

}  // namespace porteiro::stores
