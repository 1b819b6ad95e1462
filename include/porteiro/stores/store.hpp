// A store: an engine plus its tier's policy. Splits documents into open columns and sealed boxes
// (see docs/box-format.md), makes tokens, keeps the key hierarchy KMS key → branch key → subject
// key → box, groups the writes of a loop turn into one commit off the loop, and feeds changes to
// those who follow. Completions never run before the call has returned. Belongs to the loop.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/base/latency.hpp"
#include "porteiro/kms/key_cache.hpp"
#include "porteiro/kms/tokens.hpp"
#include "porteiro/stores/engine.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::stores {

struct StoreOptions {
  std::string name;
  std::string engine = "memory";  // memory, sqlite, lmdb.
  std::string key;                // The KMS key of the boxes; empty: no protected fields allowed.
  LatencyModel read, write;       // Apply when Environment::modelled.
  std::vector<Collection> collections;
  access::Zone zone = access::Zone::data_zone;
  bool audit = false;  // Access by functions is recorded, and needs a purpose: see access.hpp.
  std::size_t writes_max = 10'000;  // Waiting for a commit; more are refused (limit_exceeded).
  // The subjects' keys kept unwrapped in memory: how long, and how many (the least recently used
  // one goes). The age is that of the branch keys' cache.
  Duration subject_key_age_max = std::chrono::minutes(5);
  std::size_t subject_keys_max = 4096;
  // Off, to measure what they cost: boxes are not sealed. Neither form opens as the other.
  bool boxes = true;
};

// Whether it has sealed fields, and so a file of halves of keys: `subjects/NAME.keys`.
bool has_boxes(const StoreOptions& options);

struct Record {
  std::string key;
  std::uint64_t version = 0;
  std::string document;   // A JSON object as text: the key field and every field the record has.
  std::string subject{};  // Whose data it is, as a token where that has one; may be empty.
};
struct Page {
  std::vector<Record> records;
  std::string next;
};

// What callers write: whole documents, before they are split and sealed.
namespace write {
struct Put {
  std::string collection;
  nlohmann::json document;
  Expect expect{};
};
struct Append {
  std::string collection, key, field;
  nlohmann::json item;
};
struct Erase {
  std::string collection, key;
  Expect expect{};
};
}  // namespace write
using Write = std::variant<write::Put, write::Append, write::Erase>;
struct Batch {
  std::vector<Write> writes;
  std::string once_key;
};

// What the erasure of a data subject did in one collection.
struct Erasure {
  std::string collection;
  std::uint64_t records = 0;  // Erased, or retained.
  std::string basis;          // On which they are retained; empty: they are erased.
};

struct Dependencies {
  kms::KeyCache& keys;
  kms::Tokens& tokens;
  telemetry::Telemetry& telemetry;
};

class Store {
 public:
  // Opens the engine; `directory` is the emulator's data directory or empty, `sync` as in
  // EngineOptions. The records are in its `stores`, the destructible halves of keys in `subjects`.
  // Errors: those of the engine's open; invalid (a schema that no engine accepts: protected fields
  // without a key, an append to a protected list, an order by a restricted field; or records whose
  // keys an earlier version made); corrupt (the keys' file is missing, damaged or not ours).
  static Result<std::unique_ptr<Store>> open(StoreOptions options, Environment& environment,
                                             Dependencies dependencies,
                                             const std::string& directory, bool sync);
  virtual ~Store() = default;

  template <class T>
  using Done = UniqueFunction<void(Result<T>)>;

  // A key may be given as its token or, for a tokenised key, in clear. Errors: invalid (no such
  // collection, a key not of its format), unavailable, corrupt (a box that does not open, or whose
  // subject's key is destroyed).
  virtual void get(std::string_view collection, std::string_view key, Id trace,
                   Done<std::optional<Record>> done) = 0;
  virtual void query(std::string_view collection, Query query, Id trace, Done<Page> done) = 0;
  // A key as records and changes have it: its token where it has one, its canonical form else.
  // Errors: invalid.
  virtual Result<std::string> known_key(std::string_view collection,
                                        std::string_view key) const = 0;
  // The same of another field's value, such as the subject's. Errors: invalid.
  virtual Result<std::string> known_value(std::string_view collection, std::string_view field,
                                          std::string_view value) const = 0;
  // All or nothing, durable as configured when `done` runs; committed in the order of the calls.
  // Committed::versions has one entry a write. A reference is given in clear or as its token; a
  // protected key must be given in clear. Erasing the record that names a data subject destroys
  // the subject's key, if no other record of the subject can be left (docs/box-format.md).
  // Errors: invalid (a document that does not fit; Error::at is "COLLECTION.FIELD…"), conflict,
  // limit_exceeded, unavailable.
  virtual void batch(Batch batch, Id trace, Done<Committed> done) = 0;

  // Erases a data subject: destroys its key, so that no copy of its boxes can be opened, and erases
  // its records in every collection whose subject (or, without one, whose key) is of `token_name`.
  // Retained collections keep theirs. All or nothing, durable when `done` runs, and in the order of
  // the writes; may be repeated. One entry a collection it concerns; records that went with others
  // have one, too. Errors: conflict (a record of somebody else refers to one, and does not go with
  // it), limit_exceeded, unavailable.
  virtual void erase_subject(std::string_view token_name, std::string_view token, Id trace,
                             Done<std::vector<Erasure>> done) = 0;

  // The change feed. A follower is called on the loop after each commit, in order; the handle's
  // death ends it.
  class Follower;
  virtual std::shared_ptr<Follower> follow(std::function<void(const Change&)> each) = 0;
  virtual Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) = 0;
  virtual std::uint64_t last_sequence() = 0;

  virtual Result<void> reset() = 0;  // Empty, as after the first start. Waits for no one:
                                     // writes under way end with `unavailable`.
  virtual const StoreOptions& options() const = 0;
  const Collection* collection(std::string_view name) const;  // Null: none.
};

class Store::Follower {
 public:
  virtual ~Follower() = default;
};

using Stores = StringMap<std::unique_ptr<Store>>;

}  // namespace porteiro::stores
