// A storage engine: rows of collections, typed indexes, blobs beside them, once-keys and a feed of
// changes, committed atomically. Knows nothing of keys or time; boxes are opaque to it.
//
// Synchronous. `commit` is called by one thread at a time (the store's lane); the reads are called
// on the loop and see the last commit. An engine that keeps nothing on disk is called on the loop
// for both. See docs/store-format.md for what is on disk.
//
// Each change takes the next sequence number, from 1, and this number is also the row's new
// version: versions grow with each write of a row but not by one, and none returns after an erase.
// What failed takes no number.
#pragma once
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"
#include "porteiro/stores/schema.hpp"

namespace porteiro::stores {

inline constexpr std::size_t query_limit_max = 1000;
inline constexpr std::size_t key_bytes_max = 200;  // Of a row, a once-key, a blob's name.
inline constexpr std::size_t blob_space_bytes_max = 100;
inline constexpr std::size_t index_bytes_max = 480;  // A row's values in one index, and its key.

struct Row {            // As written.
  std::string key;      // A token where the key is restricted.
  std::string subject;  // May be empty.
  nlohmann::json open;  // The unprotected fields (without the key), references as key texts; a
                        // null is a missing field. Decimals are strings.
  // Field name and token of each protected field that is in an index (but the key).
  std::vector<std::pair<std::string, std::string>> hidden;
  std::string sensitive_box, restricted_box;  // Sealed; empty: no such fields.
};

struct StoredRow {  // As read.
  std::string key, subject;
  std::uint64_t version = 0;
  std::string open;  // A JSON object as text, compact and sorted by name, the key field not in it.
  std::string sensitive_box, restricted_box;
};

struct Expect {
  enum class Kind : std::uint8_t { anything, absent, present, version } kind = Kind::anything;
  std::uint64_t version = 0;
};

namespace operation {
struct Put {
  std::string collection;
  Row row;
  Expect expect;
};
// Adds to the end of an unprotected list; makes the record (without subject) when it is absent. The
// oldest items go when the list is full.
struct Append {
  std::string collection, key, field;
  nlohmann::json item;
};
// Absent: version 0, no error, unless expected. Records that refer to it by a cascading reference
// go too; one that refers to it otherwise, and does not itself go, is a conflict.
struct Erase {
  std::string collection, key;
  Expect expect;
};
// A blob beside the rows (wrapped keys, settings). With `absent`: the value stays what it is when
// the name exists with an equal value; another value is a conflict.
struct PutBlob {
  std::string space, name, value;
  bool absent = false;
};
struct EraseBlob {
  std::string space, name;
};
}  // namespace operation
using Operation = std::variant<operation::Put, operation::Append, operation::Erase,
                               operation::PutBlob, operation::EraseBlob>;

struct Transaction {
  std::vector<Operation> operations;  // In order: later ones see earlier ones.
  std::string once_key;               // Empty: none. A repeated one changes nothing.
  Time at;                            // For the feed and the age of once-keys.
};

struct Change {  // One entry of the feed: what changed, not how; the reader gets the row itself.
  std::uint64_t sequence = 0;
  std::string collection, key;
  std::uint64_t version = 0;  // 0: erased.
  Time at;
};

struct Committed {
  bool repeated = false;                // The once-key was there: nothing was done again.
  std::vector<std::uint64_t> versions;  // After each operation; 0 for erased and for blobs.
  std::vector<Change> changes;
};

enum class Comparison : std::uint8_t { equal, less, less_equal, greater, greater_equal };
struct Filter {
  std::string field;  // Must be the key, or be covered by an index as described at Query.
  Comparison comparison = Comparison::equal;
  nlohmann::json value;  // Of the field's type; a token for restricted fields.
};
struct Query {
  // The filters' fields are a prefix of one index (or the key): equalities first, then at most one
  // field with range comparisons. Without filters: the whole collection by key. The first index
  // that serves is taken, in the order of their declaration. A reference that begins none has one
  // of its own, after them. Records without a value come first in an index and are in no range.
  std::vector<Filter> filters;
  bool descending = false;  // The order is that of the index, then the key.
  std::size_t limit = 100;  // 1 to query_limit_max.
  std::string after;        // A page's `next`; empty: from the start.
};
struct RowPage {
  std::vector<StoredRow> rows;
  std::string next;  // Empty: that was all.
};

struct EngineOptions {
  std::string store;
  std::string directory;           // Empty: in memory; no file is left behind.
  bool sync = false;               // Durability `power`: each commit is synced.
  std::size_t feed_max = 100'000;  // The oldest entries go.
  Duration once_age_max = std::chrono::hours(24 * 15);  // Longer than any retention of a queue.
};

class Engine {
 public:
  virtual ~Engine() = default;

  // One engine transaction for all; each element succeeds or fails by itself and leaves nothing of
  // it when it fails. Errors of an element: conflict (expectation, a reference to nothing, a record
  // still referenced), invalid (unknown collection or field, no list, a key or indexed values too
  // long). A failure of the whole is in every element, and nothing was done: unavailable (disk
  // full, locked), limit_exceeded (the largest size an engine can have), corrupt.
  virtual std::vector<Result<Committed>> commit(std::span<const Transaction> transactions) = 0;

  // Errors: invalid (unknown collection, or a query no index serves), unavailable, corrupt.
  virtual Result<std::optional<StoredRow>> get(std::string_view collection,
                                               std::string_view key) = 0;
  virtual Result<RowPage> query(std::string_view collection, const Query& query) = 0;
  virtual Result<std::optional<std::string>> blob(std::string_view space,
                                                  std::string_view name) = 0;
  // Changes with a sequence > `after`, at most `limit`. Errors: stale (the feed no longer goes back
  // that far, or is another one since `clear`: read everything again).
  virtual Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) = 0;
  virtual std::uint64_t last_sequence() = 0;
  // Empties everything but the schema; sequences start again. Called as `commit` is.
  virtual Result<void> clear() = 0;
  virtual bool in_memory() const = 0;
};

// Opens or creates. The schema on disk must equal `collections` but for additions (collections,
// optional fields, indexes), which are applied. Errors: invalid (another change: the text says
// which and the way out), corrupt (not a database of ours, or damaged: nothing is changed),
// unavailable.
Result<std::unique_ptr<Engine>> open_memory(const EngineOptions&, std::vector<Collection>);
Result<std::unique_ptr<Engine>> open_sqlite(const EngineOptions&, std::vector<Collection>);
Result<std::unique_ptr<Engine>> open_lmdb(const EngineOptions&, std::vector<Collection>);

}  // namespace porteiro::stores
