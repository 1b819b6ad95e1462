// The stores as one principal reaches them: a function of the config, under its role. Each access
// is checked (zone, role, purpose, fields), fields that the principal may not have are left out of
// records, values that the client may not see whole are masked, and what touches an audited store
// is an entry of the audit log before anybody gets anything of it. What is denied is told to the
// guard; the error says nothing. Belongs to the loop.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/base/scheduler.hpp"
#include "porteiro/stores/store.hpp"

namespace porteiro::stores {

// Who reaches the stores: a function.
struct Asker {
  std::string name;
  std::string role{};  // Empty: none, so that everything is denied.
  access::Zone zone = access::Zone::private_zone;
  bool developer = false;  // As of access::Principal; means nothing to stores.
};

// What an access is for: of the event that led to it. Views, valid during the call.
struct Cause {
  Id trace{};
  std::string_view purpose{};  // Empty: nothing said.
  std::string_view client{};   // The gateway's client; empty: none.
  bool masked = false;         // That client may not see protected values whole.
};

// One store. Completions never run before the call has returned.
class Access {
 public:
  template <class T>
  using Done = Store::Done<T>;

  Access(Store& store, const Asker& asker, access::Guard& guard, Scheduler& scheduler);  // Borrows.

  // As Store's members of these names. Errors also: denied (nothing was done); unavailable (the
  // store is audited, and the audit log cannot be written: nothing of it is given or done).
  void get(std::string_view collection, std::string_view key, const Cause& cause,
           Done<std::optional<Record>> done);
  void query(std::string_view collection, Query query, const Cause& cause, Done<Page> done);
  void batch(Batch batch, const Cause& cause, Done<Committed> done);
  // Key and version of a record, whose document stays empty: for who may write it, and wants to
  // know what became of a write.
  void find(std::string_view collection, std::string_view key, const Cause& cause,
            Done<std::optional<Record>> done);

  // Whether the feed of changes shows those of this collection; of any at all. Errors: denied.
  bool may_follow(std::string_view collection, std::string_view purpose);
  Result<void> follow(const Cause& cause);
  // Before changes are given to who follows: `done` says whether they may be, perhaps at once.
  // Errors: unavailable.
  void show(const std::vector<Change>& changes, const Cause& cause, access::Recorder::Done done);

  Result<std::string> known_key(std::string_view collection, std::string_view key) const {
    return store_.known_key(collection, key);
  }
  const StoreOptions& options() const { return store_.options(); }
  const Collection* collection(std::string_view name) const { return store_.collection(name); }

 private:
  enum class Act : std::uint8_t { get, query, put, erase, changes, count_ };
  // What the role says of an act on a collection, looked up at its first use.
  struct Entry {
    std::string resource;  // "A/person"
    access::Right right;
    bool always = false;
  };
  enum class Shown : std::uint8_t { whole, masked, left_out };
  using View = std::vector<Shown>;  // By field; empty: all are shown whole.
  struct Told;                      // What is told of an access that goes on.
  struct Line;                      // An entry of something that is about to be done.
  using Alive = std::weak_ptr<int>;

  std::size_t place(std::string_view collection) const;  // SIZE_MAX: none.
  Entry& entry(std::size_t collection, Act act);
  bool plain(const Entry& entry, const Cause& cause) const;
  access::Reason select(const Entry& entry, std::string_view purpose,
                        std::vector<const access::Rule*>& rules) const;
  View view(std::size_t collection, const std::vector<const access::Rule*>& rules,
            bool masked) const;
  access::Reason may_ask(std::size_t collection, const Query& query, const Cause& cause,
                         const std::vector<const access::Rule*>& rules) const;
  access::Reason may_write(std::size_t collection, const Write& write, const Cause& cause,
                           const std::vector<const access::Rule*>& rules) const;
  access::Reason check(const Write& write, const Cause& cause);

  access::Decision decision(const Entry& entry, Act act, const Cause& cause) const;
  template <class T>
  void deny(const Entry& entry, Act act, const Cause& cause, std::string_view subject,
            access::Reason reason, Done<T> done);
  std::shared_ptr<Told> tell(std::size_t collection, Act act, const Cause& cause, View view);
  void record(const Told& told, std::string_view subject, std::string_view refused,
              access::Recorder::Done done);
  void record_writes(const Batch& batch, const Cause& cause, access::Recorder::Done done);
  void add_cascades(std::size_t collection, std::string_view key, std::vector<Line>& lines);
  void record_all(const std::vector<Line>& lines, const Cause& cause, access::Recorder::Done done);
  std::vector<std::string> fields_of(const Told& told) const;
  std::string subject_of_key(std::size_t collection, std::string_view key) const;
  std::string subject_of(const Write& write) const;
  void show(const Told& told, Record& record) const;
  void give(const std::shared_ptr<Told>& told, Result<std::optional<Record>> found,
            Done<std::optional<Record>> done);
  void give(const std::shared_ptr<Told>& told, Result<Page> page, Done<Page> done);

  Store& store_;
  const Asker& asker_;
  access::Guard& guard_;
  Scheduler& scheduler_;
  const bool audited_;
  std::vector<std::array<std::optional<Entry>, static_cast<std::size_t>(Act::count_)>> entries_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

// All stores, for one principal.
class Accesses {
 public:
  // Borrows all but the asker.
  Accesses(Stores& stores, access::Guard& guard, Scheduler& scheduler, Asker asker)
      : stores_(stores), guard_(guard), scheduler_(scheduler), asker_(std::move(asker)) {}
  Access* find(std::string_view store);  // Null: there is none. Lives as long as this.
  const Asker& asker() const { return asker_; }

 private:
  Stores& stores_;
  access::Guard& guard_;
  Scheduler& scheduler_;
  const Asker asker_;
  StringMap<std::unique_ptr<Access>> made_;
};

}  // namespace porteiro::stores
