// The engine on SQLite: one connection writes, another reads; in memory one does both.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stores/layout.hpp"
#include "stores/sqlite_database.hpp"
#include "stores/sqlite_tables.hpp"
#include "stores/walk.hpp"

namespace porteiro::stores {

class SqliteEngine final : public Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options,
                                              std::vector<Collection> collections);

  std::vector<Result<Committed>> commit(std::span<const Transaction> transactions) override;
  Result<std::optional<StoredRow>> get(std::string_view collection, std::string_view key) override;
  Result<RowPage> query(std::string_view collection, const Query& query) override;
  Result<std::optional<std::string>> blob(std::string_view space, std::string_view name) override;
  Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) override;
  std::uint64_t last_sequence() override;
  Result<void> clear() override;
  bool in_memory() const override { return options_.directory.empty(); }

 private:
  struct Under {  // A transaction under way.
    const Transaction& transaction;
    Committed done;
  };
  using Doomed = std::vector<std::pair<std::size_t, std::string>>;  // Collection and key.

  SqliteEngine(const EngineOptions& options, Layouts layouts);
  Result<void> connect(const std::string& path);
  Result<void> take_schema();
  Result<std::uint64_t> number_from(Database& database, std::string_view sql);

  // One that is alone is undone by its caller if it fails: a savepoint copies each changed page.
  Result<Committed> run(const Transaction& transaction, bool alone);
  Result<void> run_operations(Under& under);
  Result<bool> seen(const Transaction& transaction);
  Result<void> note_once(const Transaction& transaction);
  Result<std::uint64_t> apply(Under& under, const operation::Put& put);
  Result<std::uint64_t> apply(Under& under, const operation::Append& append);
  Result<std::uint64_t> apply(Under& under, const operation::Erase& erase);
  Result<std::uint64_t> apply(Under& under, const operation::PutBlob& put);
  Result<std::uint64_t> apply(Under& under, const operation::EraseBlob& erase);
  // 0 for none. `subject`, where given, becomes the row's data subject.
  Result<std::uint64_t> version_of(const Layout& layout, std::string_view key,
                                   std::string* subject = nullptr);
  Result<void> check_references(const Layout& layout, const Row& row);
  Result<std::uint64_t> write_row(Under& under, const Layout& layout, const Row& row);
  Result<Doomed> doomed_by(const Layout& layout, const std::string& key);
  Result<std::uint64_t> changed(Under& under, const Layout& layout, std::string_view key,
                                bool erased);
  Result<void> prune(std::span<const Transaction> transactions);
  // Keeps a failure of SQLite itself, which fails the whole commit.
  template <class T>
  Result<T> whole(Result<T> result) {
    if (!result && !failure_) failure_ = result.error();
    return result;
  }
  Result<sqlite3_stmt*> writing(std::string_view sql) { return whole(writer_->statement(sql)); }
  Result<void> write(Use& use) { return whole(use.run()); }

  EngineOptions options_;
  Layouts layouts_;
  std::vector<Table> tables_;  // In the order of the layouts.
  std::unique_ptr<Database> writer_, own_reader_;
  Database* reader_ = nullptr;    // The writer, in memory.
  std::optional<Error> failure_;  // These three belong to the writer.
  std::uint64_t sequence_ = 0, feed_first_ = 1;
};

// The row a selection of a table stands at.
StoredRow read_row(const Layout& layout, const Use& use);

// The rows of a walk, and the place of the next page. `reader` is in a snapshot.
Result<RowPage> walk_table(Database& reader, const Layout& layout, const Table& table,
                           const Walk& walk, const Query& query);

}  // namespace porteiro::stores
