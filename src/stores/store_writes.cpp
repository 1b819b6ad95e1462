// Writes of a store: documents are checked, sealed and put into the order of writes; those that are
// ready at its head share the next commit.
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "stores/layout.hpp"
#include "stores/store_impl.hpp"

namespace porteiro::stores {

namespace {

constexpr std::size_t commit_batches_max = 1000;  // That share one commit.

}  // namespace

void TieredStore::Group::run() {
  const auto fail = [&](const Error& failed) {
    results.assign(transactions.size(), Result<Committed>(failed));
  };
  if (!made.empty()) {
    if (auto written = shares->append(std::move(made)); !written) return fail(written.error());
  }
  if (destroys) {
    if (auto noted = shares->condemn(std::move(doomed)); !noted) return fail(noted.error());
  }
  results = engine->commit(transactions);
  if (!destroys) return;
  if (!results.front() || results.front().value().repeated) return shares->spare();
  if (auto destroyed = shares->destroy(); !destroyed) not_yet = destroyed.error();
}

bool TieredStore::WriteJob::destroys() const {
  return search != nullptr || std::any_of(writes.begin(), writes.end(), [](const auto& write) {
           return !write.destroys.empty();
         });
}

void TieredStore::batch(Batch batch, Id trace, Done<Committed> done) {
  ++writes_total_;
  auto job = std::make_shared<WriteJob>();
  job->trace = trace;
  job->started = environment_.scheduler.now();
  job->done = std::move(done);
  job->generation = generation_;
  const Fault fault = environment_.strike(FaultPoint::store_write, options_.name);
  job->delay = latency(options_.write) + fault.delay;
  if (fault.kind == Fault::Kind::error) {
    return finish(job, error(Errc::unavailable, "the store takes no writes for now: try again"));
  }
  if (broken_) return finish(job, *broken_);
  if (waiting_.size() + committing_.size() >= options_.writes_max) {
    return finish(
        job, error(Errc::limit_exceeded, "too many writes wait for the store: try again later"));
  }
  if (auto prepared = prepare(*job, batch); !prepared) return finish(job, prepared.error());
  waiting_.push_back(job);
  job->waiting = 1;  // Until its keys are asked for; not before a reset has emptied the engine.
  if (!clear_pending_) claim_keys(job);
}

Result<void> TieredStore::prepare(WriteJob& job, Batch& batch) {
  job.transaction.once_key = std::move(batch.once_key);
  job.writes.reserve(batch.writes.size());
  for (Write& write : batch.writes) {
    PORTEIRO_TRY(auto prepared, std::visit([&](auto& each) { return prepare(each); }, write));
    job.writes.push_back(std::move(prepared));
  }
  return ok();
}

Result<TieredStore::PreparedWrite> TieredStore::prepare(write::Put& put) {
  PreparedWrite out;
  out.plan = plan(put.collection);
  if (out.plan == nullptr) return no_collection(put.collection);
  PORTEIRO_TRY(auto parts, split(*out.plan, std::move(put.document), dependencies_.tokens));
  out.sensitive = std::move(parts.sensitive);
  out.restricted = std::move(parts.restricted);
  const bool boxed = !out.sensitive.empty() || !out.restricted.empty();
  if (options_.boxes && boxed) out.subject = parts.row.subject;
  out.operation = operation::Put{std::move(put.collection), std::move(parts.row), put.expect};
  return out;
}

Result<TieredStore::PreparedWrite> TieredStore::prepare(write::Append& append) {
  PreparedWrite out;
  out.plan = plan(append.collection);
  if (out.plan == nullptr) return no_collection(append.collection);
  const FieldPlan* field = out.plan->field(append.field);
  if (field == nullptr) {  // Its name may be anything.
    return error(Errc::invalid, "the collection has no such field", append.collection);
  }
  const std::string at = append.collection + "." + append.field;
  if (field->field->type != Type::list) {
    return error(Errc::invalid, "only a list can be appended to", at);
  }
  if (field->part != Class::open) {
    return error(Errc::invalid,
                 "a protected list cannot be appended to, since it is sealed as a whole: write the "
                 "record instead",
                 at);
  }
  if (!field->field->items.empty()) {
    PORTEIRO_TRY(check_document(field->field->items, append.item, at));
  }
  if (!texts_valid(append.item)) return error(Errc::invalid, "a text in it is not UTF-8", at);
  PORTEIRO_TRY(auto key, write_key(*out.plan, append.key));
  out.operation = operation::Append{std::move(append.collection), std::move(key),
                                    std::move(append.field), std::move(append.item)};
  return out;
}

Result<TieredStore::PreparedWrite> TieredStore::prepare(write::Erase& erase) {
  PreparedWrite out;
  out.plan = plan(erase.collection);
  if (out.plan == nullptr) return no_collection(erase.collection);
  PORTEIRO_TRY(auto key, write_key(*out.plan, erase.key));
  if (options_.boxes && out.plan->last_of_subject) out.destroys = key;
  out.operation = operation::Erase{std::move(erase.collection), std::move(key), erase.expect};
  return out;
}

Result<std::string> TieredStore::write_key(const Plan& plan, std::string_view key) const {
  auto text = lookup_text(plan.key_field(), key, dependencies_.tokens);
  if (text) return text;
  Error failed = text.error();
  failed.at = plan.collection->name + "." + plan.key_field().field->name;
  return failed;
}

Result<std::string> TieredStore::known_key(std::string_view collection,
                                           std::string_view key) const {
  const Plan* known = plan(collection);
  if (known == nullptr) return no_collection(collection);
  return write_key(*known, key);
}

Result<std::string> TieredStore::known_value(std::string_view collection, std::string_view field,
                                             std::string_view value) const {
  const Plan* known = plan(collection);
  if (known == nullptr) return no_collection(collection);
  const FieldPlan* of = known->field(field);
  if (of == nullptr) return error(Errc::invalid, "the collection has no such field");
  return lookup_text(*of, value, dependencies_.tokens);
}

// Asks for the keys its boxes need, in the order of its writes.
void TieredStore::claim_keys(const Job& job) {
  job->waiting = 1;
  for (std::size_t i = 0; i < job->writes.size(); ++i) {
    PreparedWrite& write = job->writes[i];
    if (!write.destroys.empty()) keys_.front()->destroy_begins(write.destroys);
    if (write.subject.empty()) continue;
    ++job->waiting;
    keys_of(*write.plan)
        .claim(write.subject, *write.plan, job->trace,
               [this, alive = Alive(alive_), job, i](Result<SubjectKeys::Claim> claim) {
                 if (alive.expired() || job->generation != generation_) return;
                 if (claim) {
                   job->writes[i].claim = std::move(claim).value();
                 } else {
                   job->failed = claim.error();
                 }
                 ready(job);
               });
  }
  ready(job);
}

// One of the things it waited for is there; the last one makes it ready.
void TieredStore::ready(const Job& job) {
  if (--job->waiting > 0) return;
  if (!job->failed) {
    assemble(*job);
    return request_commit();
  }
  std::erase(waiting_, job);
  settle(*job, false);
  finish(job, *job->failed);
  request_commit();  // Those behind it.
}

// Seals the boxes and makes the transaction, with the blobs of keys that are not yet in the store.
void TieredStore::assemble(WriteJob& job) {
  if (job.search != nullptr) return;  // At its turn.
  job.shares.clear();
  std::vector<const SubjectKeys::Pending*> carried;
  auto& operations = job.transaction.operations;
  operations.clear();
  operations.reserve(job.writes.size() + 2);
  for (PreparedWrite& write : job.writes) {
    if (!write.subject.empty()) {
      seal(write);
    } else if (!options_.boxes) {
      leave_clear(write);
    }
    const auto* pending = write.claim.pending.get();
    if (pending != nullptr && std::find(carried.begin(), carried.end(), pending) == carried.end()) {
      carried.push_back(pending);
      job.shares.push_back(pending->share);
      operations.push_back(operation::PutBlob{keys_of(*write.plan).space(), write.subject,
                                              pending->blob, !pending->replaces});
    }
    write.position = operations.size();
    operations.push_back(std::move(write.operation));
    if (!write.destroys.empty()) {
      operations.push_back(operation::EraseBlob{std::string(subject_space), write.destroys});
    }
  }
}

void TieredStore::seal(PreparedWrite& write) {
  Row& row = std::get<operation::Put>(write.operation).row;
  SubjectKey& key = *write.claim.key;
  const auto box = [&](const std::string& plain, Class part) {
    if (plain.empty()) return std::string();
    std::string sealed(1, box_version);
    sealed += key.number;
    sealed += key.cipher.seal(plain, binding(*write.plan, row.key, part), environment_.entropy);
    return sealed;
  };
  row.sensitive_box = box(write.sensitive, Class::sensitive);
  row.restricted_box = box(write.restricted, Class::restricted);
}

// Boxes are off: what would be sealed goes into them as it is.
void TieredStore::leave_clear(PreparedWrite& write) {
  auto* const put = std::get_if<operation::Put>(&write.operation);
  if (put == nullptr) return;
  const auto box = [](const std::string& plain) {
    return plain.empty() ? std::string() : std::string(1, clear_box_version) + plain;
  };
  put->row.sensitive_box = box(write.sensitive);
  put->row.restricted_box = box(write.restricted);
}

// Tells the keys how it ended, in the order of the writes.
void TieredStore::settle(WriteJob& job, bool committed) {
  for (PreparedWrite& write : job.writes) {
    if (!write.destroys.empty()) keys_.front()->destroy_ends(write.destroys, committed);
    if (write.claim.pending != nullptr) {
      keys_of(*write.plan).settle(write.subject, write.claim.pending, committed);
    }
    write.claim = {};
  }
}

void TieredStore::request_commit() {
  if (group_ != nullptr || searching_ != nullptr || commit_posted_) return;
  if (waiting_.empty() || waiting_.front()->waiting > 0) return;
  commit_posted_ = true;
  post([this, alive = Alive(alive_)] {
    if (alive.expired()) return;
    commit_posted_ = false;
    commit();
  });
}

void TieredStore::commit() {
  if (group_ != nullptr || searching_ != nullptr) return;
  auto group = new_group();
  while (!waiting_.empty() && waiting_.front()->waiting == 0 && !group->destroys &&
         committing_.size() < commit_batches_max) {
    const bool alone = waiting_.front()->destroys();
    if (alone && !committing_.empty()) break;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    if (job->search != nullptr) return begin_search(job);
    if (alone) {
      auto doomed = doomed_by(*job);
      if (!doomed) {
        settle(*job, false);
        finish(job, doomed.error());
        continue;
      }
      group->destroys = true;
      group->doomed = std::move(doomed).value();
    }
    join(*group, std::move(job));
  }
  if (!committing_.empty()) run_group(group);
}

std::shared_ptr<TieredStore::Group> TieredStore::new_group() const {
  auto group = std::make_shared<Group>();
  group->engine = engine_;
  group->shares = shares_;
  return group;
}

void TieredStore::join(Group& group, Job job) {
  job->transaction.at = environment_.scheduler.now();
  show_witness(job->transaction);
  group.transactions.push_back(std::move(job->transaction));
  std::move(job->shares.begin(), job->shares.end(), std::back_inserter(group.made));
  job->shares.clear();
  committing_.push_back(std::move(job));
}

void TieredStore::run_group(const std::shared_ptr<Group>& group) {
  group_ = group;
  if (engine_->in_memory()) {
    group->run();
    return committed(group);
  }
  environment_.offload.run(
      lane_, [group] { group->run(); },
      [this, alive = Alive(alive_), group] {
        if (!alive.expired()) committed(group);
      });
}

// The shares that its commit takes out of use: those in the store, or made earlier in the job.
Result<std::vector<Doomed>> TieredStore::doomed_by(const WriteJob& job) {
  std::vector<Doomed> all;
  SubjectKeys& keys = *keys_.front();
  for (std::size_t i = 0; i < job.writes.size(); ++i) {
    const std::string& subject = job.writes[i].destroys;
    if (subject.empty()) continue;
    PORTEIRO_TRY(auto doomed, keys.doomed(subject));
    if (doomed) all.push_back(std::move(*doomed));
    for (std::size_t before = 0; before < i; ++before) {
      const PreparedWrite& write = job.writes[before];
      if (write.claim.pending == nullptr || write.subject != subject) continue;
      if (write.plan->keys > 0) continue;
      all.push_back({keys.space(), subject, write.claim.pending->share.slot});
    }
  }
  return all;
}

void TieredStore::committed(const std::shared_ptr<Group>& group) {
  group_ = nullptr;
  if (clear_pending_) {
    static_cast<void>(clear());  // It notes a failure by itself.
    return;
  }
  const auto jobs = std::exchange(committing_, {});
  PORTEIRO_ASSERT(group->results.size() == jobs.size());
  const auto generation = generation_;
  std::vector<Job> retries;
  std::vector<bool> done(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& result = group->results[i];
    jobs[i]->transaction = std::move(group->transactions[i]);
    const bool again = worth_a_retry(*jobs[i], result);
    settle(*jobs[i], result && !result.value().repeated);
    done[i] = !again;
    if (again) retries.push_back(jobs[i]);
  }
  for (auto job = retries.rbegin(); job != retries.rend(); ++job) waiting_.push_front(*job);
  for (const Job& job : retries) retry(job);
  const Alive alive = alive_;
  tell_followers(group->results);
  if (group->not_yet) group->results.front() = *group->not_yet;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (alive.expired()) return;
    if (done[i]) conclude(jobs[i], std::move(group->results[i]));
  }
  if (!alive.expired() && generation == generation_) request_commit();
}

// A conflict may come from a subject's new key that another write was faster with. Not for a
// subject that is being erased: the keys that are made meanwhile are for the writes behind the
// erasure.
bool TieredStore::worth_a_retry(const WriteJob& job, const Result<Committed>& result) {
  if (result || result.error().code != Errc::conflict || job.retried) return false;
  const auto erased = [this](const PreparedWrite& write) {
    return !write.subject.empty() && keys_of(*write.plan).destroying(write.subject);
  };
  const auto made_a_key = [](const PreparedWrite& write) { return write.claim.pending != nullptr; };
  return std::any_of(job.writes.begin(), job.writes.end(), made_a_key) &&
         std::none_of(job.writes.begin(), job.writes.end(), erased);
}

void TieredStore::retry(const Job& job) {
  job->retried = true;
  for (PreparedWrite& write : job->writes) {
    write.operation = std::move(job->transaction.operations[write.position]);
    if (!write.subject.empty()) keys_of(*write.plan).forget(write.subject);
  }
  claim_keys(job);
}

// Answers with what the caller's own writes gave, once the modelled time has passed.
void TieredStore::conclude(const Job& job, Result<Committed> result) {
  if (result && !result.value().repeated) {
    std::vector<std::uint64_t> versions;
    versions.reserve(job->writes.size());
    const auto& all = result.value().versions;
    for (const PreparedWrite& write : job->writes) {
      versions.push_back(write.position < all.size() ? all[write.position] : 0);
    }
    result.value().versions = std::move(versions);
  }
  const Time due = job->started + job->delay;
  if (due <= environment_.scheduler.now()) return acknowledge(*job, std::move(result));
  finish(job, std::move(result));
}

// As `conclude`, never before the running task has ended.
void TieredStore::finish(const Job& job, Result<Committed> result) {
  job->result = std::move(result);
  post(
      [this, alive = Alive(alive_), job] {
        if (alive.expired()) return;
        if (job->generation != generation_) {
          job->result = error(Errc::unavailable, "the store was reset meanwhile");
        }
        acknowledge(*job, std::move(*job->result));
      },
      job->started + job->delay - environment_.scheduler.now());
}

void TieredStore::acknowledge(WriteJob& job, Result<Committed> result) {
  count(telemetry::Kind::store_written, job.trace, job.started, result);
  job.done(std::move(result));
}

void TieredStore::abandon(const Job& job) {
  job->delay = Duration::zero();
  finish(job, error(Errc::unavailable, "the store was reset meanwhile"));
}

// What leaves for the engine, for those who look for clear text in it.
void TieredStore::show_witness(const Transaction& transaction) const {
  if (environment_.witness == nullptr) return;
  const auto show = [&](std::string_view bytes) { environment_.wrote(Place::disk, bytes); };
  const auto show_json = [&](const nlohmann::json& value) {
    std::string text;
    append_compact(text, value);
    show(text);
  };
  show(transaction.once_key);
  for (const Operation& each : transaction.operations) {
    if (const auto* put = std::get_if<operation::Put>(&each)) {
      show(put->row.key);
      show(put->row.subject);
      show_json(put->row.open);
      for (const auto& [field, token] : put->row.hidden) show(token);
      show(put->row.sensitive_box);
      show(put->row.restricted_box);
    } else if (const auto* append = std::get_if<operation::Append>(&each)) {
      show(append->key);
      show_json(append->item);
    } else if (const auto* erase = std::get_if<operation::Erase>(&each)) {
      show(erase->key);
    } else if (const auto* blob = std::get_if<operation::PutBlob>(&each)) {
      show(blob->name);
      show(blob->value);
    }
  }
}

}  // namespace porteiro::stores
