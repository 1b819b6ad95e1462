// The one implementation of Store: reads in store_reads.cpp, writes in store_writes.cpp, the
// erasure of a data subject in store_erasure.cpp.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/stores/store.hpp"
#include "stores/store_keys.hpp"
#include "stores/store_plan.hpp"

namespace porteiro::stores {

class TieredStore final : public Store {
 public:
  TieredStore(StoreOptions options, Environment& environment, Dependencies dependencies);
  Result<void> open(const std::string& directory, bool sync);
  // Over these, whatever the options name.
  Result<void> open(std::shared_ptr<Engine> engine, std::shared_ptr<KeyShares> shares);

  void get(std::string_view collection, std::string_view key, Id trace,
           Done<std::optional<Record>> done) override;
  void query(std::string_view collection, Query query, Id trace, Done<Page> done) override;
  Result<std::string> known_key(std::string_view collection, std::string_view key) const override;
  Result<std::string> known_value(std::string_view collection, std::string_view field,
                                  std::string_view value) const override;
  void batch(Batch batch, Id trace, Done<Committed> done) override;
  void erase_subject(std::string_view token_name, std::string_view token, Id trace,
                     Done<std::vector<Erasure>> done) override;
  std::shared_ptr<Follower> follow(std::function<void(const Change&)> each) override;
  Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) override;
  std::uint64_t last_sequence() override;
  Result<void> reset() override;
  const StoreOptions& options() const override { return options_; }

 private:
  struct Get {
    const Plan* plan;
    std::string key;
    Id trace;
    Time started;
    std::uint64_t generation;
    Done<std::optional<Record>> done;
    int tries = 0;
  };
  struct PageRead {
    const Plan* plan;
    Query query;
    Id trace;
    Time started;
    std::uint64_t generation;
    Done<Page> done;
    RowPage rows;
    std::size_t row = 0;  // The next one to open.
    int tries = 0;        // Of this row.
    SharedKey loaded;     // Its key, when KMS was asked for it.
    Page page;
  };
  // Reads that wait for nothing, answered by one task a loop turn; also those held by a reset.
  struct Reads {
    std::vector<Get> gets;
    std::vector<std::unique_ptr<PageRead>> pages;
  };
  struct PreparedWrite {
    Operation operation;  // Moved into the transaction while that is under way.
    const Plan* plan = nullptr;
    std::string subject;                // Of a put that has boxes.
    std::string sensitive, restricted;  // Plain; sealed into the operation's row.
    SubjectKeys::Claim claim;
    std::string destroys;      // The subject whose key goes with an erased record.
    std::size_t position = 0;  // Of the operation in the transaction.
  };
  struct Search;  // For the records of a subject that is to be erased.
  struct WriteJob {
    std::vector<PreparedWrite> writes;
    Transaction transaction;
    Id trace;
    Time started;
    Duration delay{0};  // Modelled: the acknowledgement comes no sooner.
    Done<Committed> done;
    std::uint64_t generation = 0;
    std::size_t waiting = 0;       // For so many keys.
    std::vector<KeyShare> shares;  // Of keys that are not yet in the store.
    std::optional<Error> failed;
    std::optional<Result<Committed>> result;
    bool retried = false;
    std::shared_ptr<Search> search;  // Of an erasure; its operations are made at its turn.
    // It has to be alone in its commit, since it takes keys out of use.
    bool destroys() const;
  };
  using Job = std::shared_ptr<WriteJob>;
  // What one commit holds. The lane touches nothing else.
  struct Group {
    std::shared_ptr<Engine> engine;
    std::shared_ptr<KeyShares> shares;
    std::vector<Transaction> transactions;
    std::vector<Result<Committed>> results;
    std::vector<KeyShare> made;    // Written before the records that need them.
    bool destroys = false;         // Then there is one transaction.
    std::vector<Doomed> doomed;    // With it.
    std::optional<Error> not_yet;  // Committed, but something was not destroyed.

    void run();
  };
  class FollowerHandle;
  using Alive = std::weak_ptr<int>;

  Result<std::shared_ptr<Engine>> open_engine(const std::string& directory, bool sync);
  Result<void> check_halves();
  SubjectKeys& keys_of(const Plan& plan) { return *keys_[plan.keys]; }
  const Plan* plan(std::string_view collection) const;
  const std::string& binding(const Plan& plan, std::string_view key, Class part);
  Duration latency(const LatencyModel& model);
  void post(Task task, Duration delay = Duration::zero());
  template <class T>
  void count(telemetry::Kind kind, Id trace, Time started, const Result<T>& result) {
    const std::uint64_t outcome = result ? 0 : 1 + static_cast<std::uint64_t>(result.error().code);
    const Duration took = environment_.scheduler.now() - started;
    dependencies_.telemetry.record(kind, trace, name_, outcome,
                                   static_cast<std::uint64_t>(took.count()));
    if (!result && result.error().code == Errc::corrupt) tell_damage(result.error(), trace);
  }
  void tell_damage(const Error& damage, Id trace);

  // Reads.
  void request_drain();
  void drain();
  void answer(Get read);
  void open_row(Get read, StoredRow row);
  void finish(Get& read, Result<std::optional<Record>> result);
  void answer(std::unique_ptr<PageRead> read);
  void open_rows(std::unique_ptr<PageRead> read);
  void load_for(std::unique_ptr<PageRead> read);
  bool reread(PageRead& read);
  static void leave_out(PageRead& read);
  void finish(PageRead& read, Result<Page> result);
  Result<Record> unsealed_record(const Plan& plan, StoredRow& row);
  Result<Record> open_record(const Plan& plan, StoredRow& row, SubjectKey& key);
  Result<std::string> open_box(const Plan& plan, const StoredRow& row, Class part, SubjectKey& key);

  // Writes.
  Result<void> prepare(WriteJob& job, Batch& batch);
  Result<PreparedWrite> prepare(write::Put& put);
  Result<PreparedWrite> prepare(write::Append& append);
  Result<PreparedWrite> prepare(write::Erase& erase);
  Result<std::string> write_key(const Plan& plan, std::string_view key) const;
  void claim_keys(const Job& job);
  void ready(const Job& job);
  void assemble(WriteJob& job);
  void seal(PreparedWrite& write);
  static void leave_clear(PreparedWrite& write);
  void settle(WriteJob& job, bool committed);
  void request_commit();
  void commit();
  void run_group(const std::shared_ptr<Group>& group);
  std::shared_ptr<Group> new_group() const;
  void join(Group& group, Job job);
  Result<std::vector<Doomed>> doomed_by(const WriteJob& job);
  void begin_search(const Job& job);
  void search_on(const Job& job);
  Result<bool> search_page(Search& search) const;
  void searched(const Job& job);
  void committed(const std::shared_ptr<Group>& group);
  bool worth_a_retry(const WriteJob& job, const Result<Committed>& result);
  void retry(const Job& job);
  void conclude(const Job& job, Result<Committed> result);
  void finish(const Job& job, Result<Committed> result);
  void acknowledge(WriteJob& job, Result<Committed> result);
  void abandon(const Job& job);
  void tell_followers(const std::vector<Result<Committed>>& results);
  void show_witness(const Transaction& transaction) const;
  Result<void> clear();

  StoreOptions options_;
  Environment& environment_;
  Dependencies dependencies_;
  telemetry::Name name_;
  std::uint64_t& reads_total_;
  std::uint64_t& writes_total_;
  std::vector<Plan> plans_;
  std::shared_ptr<Engine> engine_;  // Shared with the lane while it commits.
  Offload::Lane lane_ = 0;
  std::shared_ptr<KeyShares> shares_;  // With the lane, too.
  // The first for all collections but the retained ones, which have one each.
  std::vector<std::unique_ptr<SubjectKeys>> keys_;

  Reads reads_;
  bool drain_posted_ = false;
  std::string binding_;  // Reused.

  std::deque<Job> waiting_;       // In the order of batch(); the head is the next to be committed.
  std::vector<Job> committing_;   // Those in the group.
  std::shared_ptr<Group> group_;  // Under way; null: none.
  Job searching_;                 // An erasure before its commit; null: none.
  bool commit_posted_ = false;
  std::vector<std::weak_ptr<FollowerHandle>> followers_;

  std::uint64_t generation_ = 0;  // Counts the resets.
  bool clear_pending_ = false;    // The engine is to be emptied once the lane is idle.
  std::optional<Error> broken_;   // It could not be emptied.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace porteiro::stores
