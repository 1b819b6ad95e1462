// Opening a store, its change feed and its reset.
#include "porteiro/stores/store.hpp"

#include <algorithm>

#include "stores/store_impl.hpp"

namespace porteiro::stores {

class TieredStore::FollowerHandle final : public Follower {
 public:
  explicit FollowerHandle(std::function<void(const Change&)> each) : each_(std::move(each)) {}
  void tell(const Change& change) { each_(change); }

 private:
  std::function<void(const Change&)> each_;
};

bool has_boxes(const StoreOptions& options) {
  return std::any_of(options.collections.begin(), options.collections.end(),
                     [](const Collection& each) {
                       return each.has(Class::sensitive) || each.has(Class::restricted);
                     });
}

const Collection* Store::collection(std::string_view name) const {
  const auto& all = options().collections;
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Collection& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

Result<std::unique_ptr<Store>> Store::open(StoreOptions options, Environment& environment,
                                           Dependencies dependencies, const std::string& directory,
                                           bool sync) {
  auto store = std::make_unique<TieredStore>(std::move(options), environment, dependencies);
  PORTEIRO_TRY(store->open(directory, sync));
  return std::unique_ptr<Store>(std::move(store));
}

TieredStore::TieredStore(StoreOptions options, Environment& environment, Dependencies dependencies)
    : options_(std::move(options)),
      environment_(environment),
      dependencies_(dependencies),
      name_(dependencies.telemetry.intern(options_.name)),
      reads_total_(dependencies.telemetry.counter("porteiro_store_reads_total",
                                                  "store=\"" + options_.name + "\"")),
      writes_total_(dependencies.telemetry.counter("porteiro_store_writes_total",
                                                   "store=\"" + options_.name + "\"")) {}

Result<void> TieredStore::open(const std::string& directory, bool sync) {
  PORTEIRO_TRY(make_plans(options_));  // Before the engine makes a file.
  PORTEIRO_TRY(auto engine, open_engine(directory, sync));
  const bool on_disk = has_boxes(options_) && !engine->in_memory();
  PORTEIRO_TRY(
      auto shares,
      KeyShares::open(on_disk ? directory + "/subjects/" + options_.name + ".keys" : std::string(),
                      sync));
  return open(std::move(engine), std::move(shares));
}

Result<std::shared_ptr<Engine>> TieredStore::open_engine(const std::string& directory, bool sync) {
  EngineOptions engine;
  engine.store = options_.name;
  if (!directory.empty()) engine.directory = directory + "/stores";
  engine.sync = sync;
  const auto shared =
      [](Result<std::unique_ptr<Engine>> opened) -> Result<std::shared_ptr<Engine>> {
    if (!opened) return opened.error();
    return std::shared_ptr<Engine>(std::move(opened).value());
  };
  if (options_.engine == "memory") return shared(open_memory(engine, options_.collections));
  if (options_.engine == "sqlite") return shared(open_sqlite(engine, options_.collections));
  if (options_.engine == "lmdb") return shared(open_lmdb(engine, options_.collections));
  return error(Errc::invalid, "there is no such engine: use memory, sqlite or lmdb", "engine");
}

Result<void> TieredStore::open(std::shared_ptr<Engine> engine, std::shared_ptr<KeyShares> shares) {
  PORTEIRO_TRY(plans_, make_plans(options_));
  engine_ = std::move(engine);
  shares_ = std::move(shares);
  if (!engine_->in_memory()) lane_ = environment_.offload.lane("store " + options_.name);
  const auto add_keys = [&](std::string space) {
    keys_.push_back(std::make_unique<SubjectKeys>(std::move(space), options_, *engine_, *shares_,
                                                  environment_, dependencies_.keys));
  };
  add_keys(std::string(subject_space));
  for (const Plan& plan : plans_) {  // In the order that make_plans() counts in.
    if (plan.keys > 0) add_keys(std::string(retained_space) + plan.collection->name);
  }
  if (shares_->empty()) {
    PORTEIRO_TRY(check_halves());
  }
  return shares_->recover([&](const Doomed& doomed) -> Result<bool> {
    for (const auto& keys : keys_) {
      if (keys->space() != doomed.space) continue;
      PORTEIRO_TRY(const auto found, keys->doomed(doomed.name));
      return found && found->slot == doomed.slot;
    }
    return true;  // Of a collection that is not in the config; its keys are not ours to destroy.
  });
}

// There is no half of any key: then no record may need one.
Result<void> TieredStore::check_halves() {
  Query first;
  first.limit = 20;
  for (const Plan& plan : plans_) {
    if (!plan.boxed) continue;
    PORTEIRO_TRY(const auto page, engine_->query(plan.collection->name, first));
    for (const StoredRow& row : page.rows) {
      if (row.sensitive_box.empty() && row.restricted_box.empty()) continue;
      PORTEIRO_TRY(const auto blob, engine_->blob(keys_of(plan).space(), row.subject));
      if (!blob) continue;
      if (SubjectKeys::of_earlier_version(*blob)) {
        return error(Errc::invalid,
                     "store " + options_.name +
                         " was kept by an earlier version of this program, whose keys of data "
                         "subjects lay with the records; use that version, or move the data "
                         "directory away");
      }
      return error(Errc::corrupt,
                   "store " + options_.name +
                       " has records, but the halves of their keys in the directory `subjects` are "
                       "missing: put the directory back, or move the data directory away");
    }
  }
  return ok();
}

const Plan* TieredStore::plan(std::string_view collection) const {
  const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const Plan& each) {
    return each.collection->name == collection;
  });
  return found == plans_.end() ? nullptr : &*found;
}

Duration TieredStore::latency(const LatencyModel& model) {
  if (!environment_.modelled || model.zero()) return Duration::zero();
  return model.sample(environment_.random);
}

void TieredStore::post(Task task, Duration delay) {
  if (delay > Duration::zero()) {
    environment_.scheduler.after(delay, std::move(task));
  } else {
    environment_.scheduler.post(std::move(task));
  }
}

std::shared_ptr<Store::Follower> TieredStore::follow(std::function<void(const Change&)> each) {
  auto handle = std::make_shared<FollowerHandle>(std::move(each));
  followers_.push_back(handle);
  return handle;
}

void TieredStore::tell_followers(const std::vector<Result<Committed>>& results) {
  std::erase_if(followers_, [](const auto& each) { return each.expired(); });
  if (followers_.empty()) return;
  const auto followers = followers_;  // They may follow or leave meanwhile.
  const Alive alive = alive_;
  for (const auto& result : results) {
    if (!result) continue;
    for (const Change& change : result.value().changes) {
      for (const auto& follower : followers) {
        if (const auto held = follower.lock()) held->tell(change);
        if (alive.expired()) return;
      }
    }
  }
}

Result<std::vector<Change>> TieredStore::changes(std::uint64_t after, std::size_t limit) {
  if (broken_) return *broken_;
  if (clear_pending_) {
    if (after == 0) return std::vector<Change>();
    return error(Errc::stale, "the store was reset: read everything again");
  }
  return engine_->changes(after, limit);
}

std::uint64_t TieredStore::last_sequence() {
  return clear_pending_ || broken_ ? 0 : engine_->last_sequence();
}

Result<void> TieredStore::reset() {
  ++generation_;
  broken_.reset();
  for (const Job& job : committing_) abandon(job);
  for (const Job& job : waiting_) abandon(job);
  committing_.clear();
  waiting_.clear();
  for (const auto& keys : keys_) keys->clear();
  if (searching_ != nullptr) abandon(std::exchange(searching_, nullptr));
  if (group_ != nullptr) {  // The lane has the engine; committed() clears it.
    clear_pending_ = true;
    return ok();
  }
  return clear();
}

Result<void> TieredStore::clear() {
  clear_pending_ = false;
  auto cleared = engine_->clear();
  if (cleared) cleared = shares_->clear();
  if (!cleared) {
    broken_ = cleared.error();
    dependencies_.telemetry.note(telemetry::Level::error,
                                 "store " + options_.name +
                                     " could not be emptied and answers no one until a reset "
                                     "succeeds: " +
                                     broken_->detail);
  }
  if (!reads_.gets.empty() || !reads_.pages.empty()) request_drain();
  const auto held = waiting_;  // Since the reset; a failing one leaves `waiting_`.
  for (const Job& job : held) claim_keys(job);
  return cleared;
}

}  // namespace porteiro::stores
