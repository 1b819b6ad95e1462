// An index in SQLite says which slot of the file of halves is whose; it holds nothing secret.
#include "porteiro/stores/subject_secrets.hpp"

#include <deque>
#include <list>
#include <unordered_map>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/stores/engine.hpp"
#include "stores/key_shares.hpp"

namespace porteiro::stores {
namespace {

constexpr std::string_view space = "secret";
constexpr std::size_t cached_max = 4096;  // The least recently used one goes.
constexpr std::size_t waiting_max = 10'000;
constexpr std::size_t group_max = 1000;

static_assert(kms::SubjectSecrets::number_bytes == key_number_bytes);

class Secrets final : public SubjectSecrets {
 public:
  Secrets(std::shared_ptr<Engine> engine, std::shared_ptr<KeyShares> shares,
          Environment& environment)
      : engine_(std::move(engine)), shares_(std::move(shares)), environment_(environment) {
    if (!engine_->in_memory()) lane_ = environment_.offload.lane("subjects");
  }
  Result<void> recover();

  void obtain(std::string_view subject, UniqueFunction<void(Result<Entry>)> done) override;
  Result<std::optional<kms::Secret>> find(std::string_view subject,
                                          std::string_view number) override;
  void destroy(std::string_view subject, UniqueFunction<void(Result<bool>)> done) override;
  Result<void> reset() override;

 private:
  struct Spot {
    std::uint64_t slot;
    std::string number;
  };
  struct Request {
    std::string subject;
    UniqueFunction<void(Result<Entry>)> obtained;
    UniqueFunction<void(Result<bool>)> destroyed;  // One of the two is set.
  };
  // What one commit holds; the lane touches nothing else.
  struct Group {
    std::shared_ptr<Engine> engine;
    std::shared_ptr<KeyShares> shares;
    std::vector<Transaction> transactions;
    std::vector<KeyShare> made;
    std::vector<Doomed> doomed;
    bool destroys = false;
    std::optional<Error> failure;
    std::vector<Request> requests;
    StringMap<Entry> entries;  // By subject.

    void run();
  };
  using Recent = std::list<std::pair<std::string, Entry>>;

  Result<std::optional<Spot>> place(std::string_view subject);
  Result<std::optional<Entry>> stored(std::string_view subject);
  void remember(const std::string& subject, const Entry& entry);
  void forget(std::string_view subject);
  void request_commit();
  void commit();
  Result<void> add(Group& group, Request request);
  Result<void> make(Group& group, const std::string& subject);
  void committed(const std::shared_ptr<Group>& group);
  static void fail(Request& request, const Error& failed);
  Result<void> clear();

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<KeyShares> shares_;
  Environment& environment_;
  Offload::Lane lane_ = 0;
  Recent recent_;
  std::unordered_map<std::string_view, Recent::iterator> by_subject_;
  std::deque<Request> waiting_;
  StringMap<std::size_t> destroying_;  // Nothing of these is remembered.
  std::shared_ptr<Group> group_;
  bool commit_posted_ = false;
  bool clear_pending_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

// As a store's group does it; see KeyShares.
void Secrets::Group::run() {
  const auto note = [&](const Result<void>& result) {
    if (!result && !failure) failure = result.error();
  };
  if (!made.empty()) note(shares->append(std::move(made)));
  if (destroys && !failure) note(shares->condemn(doomed));
  if (failure) return;
  for (const auto& result : engine->commit(transactions)) {
    if (!result && !failure) failure = result.error();
  }
  if (!destroys) return;
  if (failure) return shares->spare();
  note(shares->destroy());
}

Result<void> Secrets::recover() {
  return shares_->recover([this](const Doomed& doomed) -> Result<bool> {
    PORTEIRO_TRY(const auto found, place(doomed.name));
    return found && found->slot == doomed.slot;
  });
}

// The index: slot u64, number.
Result<std::optional<Secrets::Spot>> Secrets::place(std::string_view subject) {
  PORTEIRO_TRY(const auto blob, engine_->blob(space, subject));
  if (!blob) return std::optional<Spot>();
  ByteReader reader(*blob);
  const auto slot = reader.u64();
  if (!slot || reader.rest().size() != number_bytes) {
    return error(Errc::corrupt, "the index of the subjects' secrets is damaged");
  }
  return std::optional<Spot>({*slot, std::string(reader.rest())});
}

Result<std::optional<kms::SubjectSecrets::Entry>> Secrets::stored(std::string_view subject) {
  PORTEIRO_TRY(const auto found, place(subject));
  if (!found) return std::optional<Entry>();
  PORTEIRO_TRY(const auto secret, shares_->read(found->slot, found->number));
  if (!secret) return std::optional<Entry>();
  return std::optional<Entry>({found->number, *secret});
}

void Secrets::remember(const std::string& subject, const Entry& entry) {
  if (destroying_.contains(subject)) return;
  forget(subject);
  if (recent_.size() >= cached_max) forget(recent_.back().first);
  recent_.emplace_front(subject, entry);
  by_subject_.emplace(recent_.front().first, recent_.begin());
}

void Secrets::forget(std::string_view subject) {
  const auto found = by_subject_.find(subject);
  if (found == by_subject_.end()) return;
  const auto entry = found->second;
  by_subject_.erase(found);
  recent_.erase(entry);
}

void Secrets::obtain(std::string_view subject, UniqueFunction<void(Result<Entry>)> done) {
  if (const auto found = by_subject_.find(subject); found != by_subject_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    const Entry entry = found->second->second;
    return done(entry);
  }
  if (waiting_.size() >= waiting_max) {
    return done(error(Errc::unavailable, "too many new subjects wait for their secret"));
  }
  waiting_.push_back({std::string(subject), std::move(done), {}});
  request_commit();
}

Result<std::optional<kms::Secret>> Secrets::find(std::string_view subject,
                                                 std::string_view number) {
  if (const auto found = by_subject_.find(subject); found != by_subject_.end()) {
    if (found->second->second.number != number) return std::optional<kms::Secret>();
    recent_.splice(recent_.begin(), recent_, found->second);
    return std::optional<kms::Secret>(found->second->second.secret);
  }
  PORTEIRO_TRY(const auto entry, stored(subject));
  if (!entry || entry->number != number) return std::optional<kms::Secret>();
  remember(std::string(subject), *entry);
  return std::optional<kms::Secret>(entry->secret);
}

void Secrets::destroy(std::string_view subject, UniqueFunction<void(Result<bool>)> done) {
  ++destroying_[std::string(subject)];
  forget(subject);
  waiting_.push_back({std::string(subject), {}, std::move(done)});
  request_commit();
}

void Secrets::request_commit() {
  if (group_ != nullptr || commit_posted_ || waiting_.empty()) return;
  commit_posted_ = true;
  environment_.scheduler.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    commit_posted_ = false;
    commit();
  });
}

// Those who wait for secrets share a commit; a destruction has one of its own.
void Secrets::commit() {
  if (group_ != nullptr || waiting_.empty()) return;
  auto group = std::make_shared<Group>();
  group->engine = engine_;
  group->shares = shares_;
  while (!waiting_.empty() && group->requests.size() < group_max && !group->destroys) {
    if (waiting_.front().destroyed && !group->requests.empty()) break;
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    if (auto added = add(*group, std::move(request)); !added && !group->failure) {
      group->failure = added.error();
    }
  }
  group_ = group;
  const bool nothing = group->failure || (group->transactions.empty() && !group->destroys);
  if (nothing || engine_->in_memory()) {
    if (!nothing) group->run();
    return committed(group);
  }
  environment_.offload.run(
      lane_, [group] { group->run(); },
      [this, alive = std::weak_ptr<int>(alive_), group] {
        if (!alive.expired()) committed(group);
      });
}

Result<void> Secrets::add(Group& group, Request request) {
  group.requests.push_back(std::move(request));
  const Request& last = group.requests.back();
  if (!last.destroyed) {
    if (group.entries.contains(last.subject)) return success();
    PORTEIRO_TRY(const auto entry, stored(last.subject));
    if (!entry) return make(group, last.subject);
    group.entries.emplace(last.subject, *entry);
    return success();
  }
  group.destroys = true;
  PORTEIRO_TRY(const auto found, place(last.subject));
  if (!found) return success();
  if (shares_->has(found->slot)) {
    group.doomed.push_back({std::string(space), last.subject, found->slot});
  }
  group.transactions.push_back(
      {{operation::EraseBlob{std::string(space), last.subject}}, {}, environment_.scheduler.now()});
  return success();
}

Result<void> Secrets::make(Group& group, const std::string& subject) {
  std::string number(number_bytes, '\0');
  environment_.entropy.fill(std::as_writable_bytes(std::span(number)));
  KeyShare share{shares_->allocate(), number, kms::Secret::random(environment_.entropy)};
  std::string value;
  append_u64(value, share.slot);
  value += number;
  environment_.wrote(Place::disk, subject);
  group.transactions.push_back({{operation::PutBlob{std::string(space), subject, value, false}},
                                {},
                                environment_.scheduler.now()});
  group.entries.emplace(subject, Entry{number, share.half});
  group.made.push_back(std::move(share));
  return success();
}

void Secrets::fail(Request& request, const Error& failed) {
  if (request.destroyed) return request.destroyed(failed);
  request.obtained(failed);
}

void Secrets::committed(const std::shared_ptr<Group>& group) {
  group_ = nullptr;
  const std::weak_ptr<int> alive = alive_;
  const bool was_reset = std::exchange(clear_pending_, false);
  if (was_reset && !group->failure) {
    group->failure = error(Errc::unavailable, "the emulator was reset meanwhile");
  }
  if (was_reset) static_cast<void>(clear());
  for (Request& request : group->requests) {
    if (request.destroyed) {
      const auto found = destroying_.find(request.subject);
      if (found != destroying_.end() && --found->second == 0) destroying_.erase(found);
    }
    if (group->failure) {
      fail(request, *group->failure);
    } else if (request.destroyed) {
      request.destroyed(!group->doomed.empty());
    } else {
      const Entry entry = group->entries.at(request.subject);
      remember(request.subject, entry);
      request.obtained(entry);
    }
    if (alive.expired()) return;
  }
  request_commit();
}

Result<void> Secrets::clear() {
  PORTEIRO_TRY(engine_->clear());
  return shares_->clear();
}

Result<void> Secrets::reset() {
  by_subject_.clear();
  recent_.clear();
  destroying_.clear();
  auto waiting = std::exchange(waiting_, {});
  for (Request& request : waiting) {
    fail(request, error(Errc::unavailable, "the emulator was reset"));
  }
  if (group_ == nullptr) return clear();
  clear_pending_ = true;  // The lane has the files.
  return success();
}

}  // namespace

Result<std::unique_ptr<SubjectSecrets>> SubjectSecrets::open(const std::string& directory,
                                                             bool sync, Environment& environment) {
  EngineOptions options;
  options.store = "index";
  if (!directory.empty()) options.directory = directory + "/subjects/events";
  options.sync = sync;
  std::shared_ptr<Engine> engine;
  if (directory.empty()) {
    PORTEIRO_TRY(auto opened, open_memory(options, {}));
    engine = std::move(opened);
  } else {
    PORTEIRO_TRY(auto opened, open_sqlite(options, {}));
    engine = std::move(opened);
  }
  PORTEIRO_TRY(
      auto shares,
      KeyShares::open(directory.empty() ? std::string() : options.directory + "/secrets", sync));
  auto secrets = std::make_unique<Secrets>(std::move(engine), std::move(shares), environment);
  PORTEIRO_TRY(secrets->recover());
  return std::unique_ptr<SubjectSecrets>(std::move(secrets));
}

}  // namespace porteiro::stores
