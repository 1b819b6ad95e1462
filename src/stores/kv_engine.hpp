// The engine on ordered maps of bytes: rows as records, indexes as maps from values to keys.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stores/kv.hpp"
#include "stores/kv_record.hpp"
#include "stores/layout.hpp"

namespace porteiro::stores {

class KvEngine final : public Engine {
 public:
  // Takes a new or an existing `kv`; the errors are those of the engines' open functions.
  static Result<std::unique_ptr<Engine>> open(std::unique_ptr<Kv> kv, const EngineOptions& options,
                                              std::vector<Collection> collections);

  std::vector<Result<Committed>> commit(std::span<const Transaction> transactions) override;
  Result<std::optional<StoredRow>> get(std::string_view collection, std::string_view key) override;
  Result<RowPage> query(std::string_view collection, const Query& query) override;
  Result<std::optional<std::string>> blob(std::string_view space, std::string_view name) override;
  Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) override;
  std::uint64_t last_sequence() override;
  Result<void> clear() override;
  bool in_memory() const override { return kv_->in_memory(); }

 private:
  struct Spaces {  // Of a collection.
    Space rows = 0;
    std::vector<Space> indexes;
  };
  struct Under {  // A transaction under way.
    KvWriter& writer;
    const Transaction& transaction;
    Committed done;
  };
  using Doomed = std::vector<std::pair<std::size_t, std::string>>;  // Collection and key.

  KvEngine(std::unique_ptr<Kv> kv, const EngineOptions& options, Layouts layouts)
      : kv_(std::move(kv)), options_(options), layouts_(std::move(layouts)) {}

  Result<void> start();
  Result<void> take_schema(KvWriter& writer);
  Result<void> index_again(KvWriter& writer, const Layout& layout);
  Result<void> read_feed_bounds(KvReader& reader);

  Result<Committed> run(KvWriter& writer, const Transaction& transaction);
  Result<bool> seen(KvWriter& writer, const Transaction& transaction);
  void note_once(KvWriter& writer, const Transaction& transaction);
  Result<std::uint64_t> apply(Under& under, const operation::Put& put);
  Result<std::uint64_t> apply(Under& under, const operation::Append& append);
  Result<std::uint64_t> apply(Under& under, const operation::Erase& erase);
  Result<std::uint64_t> apply(Under& under, const operation::PutBlob& put);
  Result<std::uint64_t> apply(Under& under, const operation::EraseBlob& erase);
  Result<void> check_references(KvWriter& writer, const Layout& layout, const Row& row);
  Result<std::uint64_t> write_row(Under& under, const Layout& layout, const Row& row);
  Result<Doomed> doomed_by(KvWriter& writer, const Layout& layout, const std::string& key);
  Result<void> erase_row(Under& under, const Layout& layout, const std::string& key);
  std::uint64_t changed(Under& under, const Layout& layout, std::string_view key, bool erased);
  void prune(KvWriter& writer, std::span<const Transaction> transactions);
  void prune_once(KvWriter& writer, Time newest);
  Result<void> walk_rows(KvReader& reader, const Layout& layout, const Query& query, RowPage& page);

  std::unique_ptr<Kv> kv_;
  EngineOptions options_;
  Layouts layouts_;
  std::vector<Spaces> spaces_;    // In the order of the layouts.
  std::uint64_t sequence_ = 0;    // These two belong to the writer.
  std::uint64_t feed_first_ = 1;  // The oldest entry of the feed, when there is one.
};

}  // namespace porteiro::stores
