// The erasure of a data subject. It waits for its turn among the writes; then nothing else is
// committed until its records are found and gone, with the key.
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "stores/store_impl.hpp"

namespace porteiro::stores {

struct TieredStore::Search {
  std::string token_name, token;
  std::vector<const Plan*> plans;  // Those it concerns: what refers before what it refers to.
  std::size_t plan = 0;            // The one at hand.
  bool scans = false;              // It has no index by the person: every record is looked at.
  std::string after;
  std::vector<Operation> erases;
  std::vector<Erasure> found;
};

namespace {

constexpr std::size_t page_rows = 500;  // Looked at in one task.

bool refers_to(const Plan& from, const Plan& to) {
  return &from != &to &&
         std::any_of(from.fields.begin(), from.fields.end(), [&](const FieldPlan& field) {
           return field.field->type == Type::reference &&
                  field.field->reference == to.collection->name;
         });
}

void add_with_referrers(const std::vector<Plan>& all, const Plan& plan,
                        std::vector<const Plan*>& seen, std::vector<const Plan*>& ordered) {
  if (std::find(seen.begin(), seen.end(), &plan) != seen.end()) return;
  seen.push_back(&plan);
  for (const Plan& other : all) {
    if (refers_to(other, plan)) add_with_referrers(all, other, seen, ordered);
  }
  ordered.push_back(&plan);
}

// The person a row is about, as a token.
bool is_about(const Plan& plan, const StoredRow& row, std::string_view token) {
  if (plan.person == plan.key) return row.key == token;
  if (!row.subject.empty()) return row.subject == token;
  const auto open = nlohmann::json::parse(row.open, nullptr, false);
  const auto person = open.find(plan.person_field().field->name);
  return person != open.end() && person->is_string() &&
         person->get_ref<const std::string&>() == token;
}

// What was asked for, counted from what the commit changed.
std::vector<Erasure> counted(std::vector<Erasure> found, const Committed& committed) {
  for (const Change& change : committed.changes) {
    if (change.version != 0) continue;
    auto at = std::find_if(found.begin(), found.end(), [&](const Erasure& each) {
      return each.collection == change.collection;
    });
    if (at == found.end()) at = found.insert(at, Erasure{change.collection, 0, {}});
    ++at->records;
  }
  return found;
}

}  // namespace

void TieredStore::erase_subject(std::string_view token_name, std::string_view token, Id trace,
                                Done<std::vector<Erasure>> done) {
  ++writes_total_;
  auto search = std::make_shared<Search>();
  search->token_name = token_name;
  search->token = token;
  std::vector<const Plan*> seen, ordered;
  for (const Plan& plan : plans_) add_with_referrers(plans_, plan, seen, ordered);
  for (const Plan* plan : ordered) {
    if (plan->person_field().token == token_name) search->plans.push_back(plan);
  }
  auto job = std::make_shared<WriteJob>();
  job->trace = trace;
  job->started = environment_.scheduler.now();
  job->generation = generation_;
  job->search = search;
  job->done = [search, done = std::move(done)](Result<Committed> result) mutable {
    if (!result) return done(result.error());
    done(counted(std::move(search->found), result.value()));
  };
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
  PreparedWrite key;  // Writes behind it get a new one.
  key.destroys = search->token;
  job->writes.push_back(std::move(key));
  waiting_.push_back(job);
  job->waiting = 1;  // As in batch().
  if (!clear_pending_) claim_keys(job);
}

void TieredStore::begin_search(const Job& job) {
  searching_ = job;
  search_on(job);
}

// A page a task, so that others have their turn; nothing is committed meanwhile.
void TieredStore::search_on(const Job& job) {
  if (searching_ != job) return;
  auto finished = search_page(*job->search);
  if (!finished) {
    searching_ = nullptr;
    settle(*job, false);
    finish(job, finished.error());
    return request_commit();
  }
  if (finished.value()) return searched(job);
  post([this, alive = Alive(alive_), job] {
    if (!alive.expired()) search_on(job);
  });
}

// True: all is found.
Result<bool> TieredStore::search_page(Search& search) const {
  if (search.plan == search.plans.size()) return true;
  const Plan& plan = *search.plans[search.plan];
  const std::string& name = plan.collection->name;
  if (search.after.empty() && !search.scans)
    search.found.push_back({name, 0, plan.collection->retained});
  Query query;
  query.limit = page_rows;
  query.after = search.after;
  const std::string& person = plan.person_field().field->name;
  if (!search.scans) query.filters.push_back({person, Comparison::equal, search.token});
  auto page = engine_->query(name, query);
  if (!page && page.error().code == Errc::invalid && !search.scans) {
    search.scans = true;
    return false;
  }
  if (!page) return page.error();
  for (const StoredRow& row : page.value().rows) {
    if (!is_about(plan, row, search.token)) continue;
    if (plan.retained()) {
      ++search.found.back().records;
    } else {
      search.erases.push_back(operation::Erase{name, row.key, {}});
    }
  }
  search.after = page.value().next;
  if (search.after.empty()) {
    ++search.plan;
    search.scans = false;
  }
  return search.plan == search.plans.size();
}

void TieredStore::searched(const Job& job) {
  searching_ = nullptr;
  auto doomed = doomed_by(*job);
  if (!doomed) {
    settle(*job, false);
    finish(job, doomed.error());
    return request_commit();
  }
  auto group = new_group();
  group->destroys = true;
  group->doomed = std::move(doomed).value();
  job->transaction.operations = std::move(job->search->erases);
  job->transaction.operations.push_back(
      operation::EraseBlob{std::string(subject_space), job->search->token});
  for (PreparedWrite& write : job->writes) write.position = job->transaction.operations.size() - 1;
  join(*group, job);
  run_group(group);
}

}  // namespace porteiro::stores
