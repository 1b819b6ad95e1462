// The engine on SQLite: what is written. Each operation makes all its checks before its first
// write, so that only a transaction of several operations that shares its commit needs a savepoint.
#include <algorithm>

#include "stores/expect.hpp"
#include "stores/sqlite_engine.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

std::int64_t number_of(Time at) { return at.time_since_epoch().count(); }

void bind_member(Use& use, int place, const Field& field, const nlohmann::json& value,
                 std::vector<std::string>& texts) {
  if (value.is_null()) return;  // Nothing bound is NULL.
  if (field.type == Type::integer) return use.bind(place, value.get<std::int64_t>());
  if (field.type == Type::boolean) return use.bind(place, std::int64_t{value.get<bool>() ? 1 : 0});
  if (field.type != Type::json && field.type != Type::list) {
    return use.bind(place, std::string_view(value.get_ref<const std::string&>()));
  }
  append_compact(texts.emplace_back(), value);
  use.bind(place, std::string_view(texts.back()));
}

}  // namespace

std::vector<Result<Committed>> SqliteEngine::commit(std::span<const Transaction> transactions) {
  std::vector<Result<Committed>> results;
  results.reserve(transactions.size());
  const std::uint64_t sequence_before = sequence_, first_before = feed_first_;
  failure_.reset();
  const auto control = [this](std::string_view sql) -> Result<void> {
    PORTEIRO_TRY(sqlite3_stmt * statement, writing(sql));
    Use use(statement);
    return write(use);
  };
  auto begun = control("BEGIN IMMEDIATE");
  for (const Transaction& transaction : transactions) {
    if (failure_) break;
    results.push_back(run(transaction, transactions.size() == 1));
  }
  const bool undone = !failure_ && transactions.size() == 1 && !results.front();
  if (undone) begun = control("ROLLBACK");
  if (!failure_ && !undone) begun = prune(transactions);
  if (!failure_ && !undone) begun = control("COMMIT");
  if (!failure_) return results;
  if (writer_->in_transaction()) begun = writer_->execute("ROLLBACK");
  sequence_ = sequence_before;
  feed_first_ = first_before;
  results.assign(transactions.size(), Result<Committed>(*failure_));
  return results;
}

Result<Committed> SqliteEngine::run(const Transaction& transaction, bool alone) {
  const std::uint64_t sequence_before = sequence_;
  Under under{transaction, {}};
  PORTEIRO_TRY(under.done.repeated, seen(transaction));
  if (under.done.repeated) return std::move(under.done);
  const bool several = transaction.operations.size() > 1 && !alone;
  const auto savepoint = [&](std::string_view sql) -> Result<void> {
    if (!several) return success();
    PORTEIRO_TRY(sqlite3_stmt * statement, writing(sql));
    Use use(statement);
    return write(use);
  };
  PORTEIRO_TRY(savepoint("SAVEPOINT element"));
  if (auto done = run_operations(under); !done) {
    sequence_ = sequence_before;
    if (failure_) return done.error();
    PORTEIRO_TRY(savepoint("ROLLBACK TO element"));
    PORTEIRO_TRY(savepoint("RELEASE element"));
    return done.error();
  }
  PORTEIRO_TRY(savepoint("RELEASE element"));
  PORTEIRO_TRY(note_once(transaction));
  return std::move(under.done);
}

Result<void> SqliteEngine::run_operations(Under& under) {
  for (const Operation& operation : under.transaction.operations) {
    PORTEIRO_TRY(const std::uint64_t version,
                 std::visit([&](const auto& each) { return apply(under, each); }, operation));
    under.done.versions.push_back(version);
  }
  return success();
}

Result<bool> SqliteEngine::seen(const Transaction& transaction) {
  if (transaction.once_key.empty()) return false;
  PORTEIRO_TRY(check_key(transaction.once_key, "a once-key"));
  PORTEIRO_TRY(sqlite3_stmt * statement, writing("SELECT at FROM \"$once\" WHERE key = ?1"));
  Use use(statement);
  use.bind(1, transaction.once_key);
  PORTEIRO_TRY(const bool row, whole(use.step()));
  return row && use.number(0) + options_.once_age_max.count() >= number_of(transaction.at);
}

Result<void> SqliteEngine::note_once(const Transaction& transaction) {
  if (transaction.once_key.empty()) return success();
  PORTEIRO_TRY(sqlite3_stmt * statement, writing("REPLACE INTO \"$once\" VALUES (?1, ?2)"));
  Use use(statement);
  use.bind(1, transaction.once_key);
  use.bind(2, number_of(transaction.at));
  return write(use);
}

Result<std::uint64_t> SqliteEngine::version_of(const Layout& layout, std::string_view key,
                                               std::string* subject) {
  PORTEIRO_TRY(sqlite3_stmt * statement, writing(tables_[layout.number].version));
  Use use(statement);
  use.bind(1, key);
  PORTEIRO_TRY(const bool row, whole(use.step()));
  if (row && subject != nullptr) *subject = use.text(1);
  return row ? static_cast<std::uint64_t>(use.number(0)) : std::uint64_t{0};
}

Result<void> SqliteEngine::check_references(const Layout& layout, const Row& row) {
  for (const Reference& reference : layout.references) {
    const auto value = row.open.find(reference.field->name);
    if (value == row.open.end() || value->is_null()) continue;
    const auto& key = value->get_ref<const std::string&>();
    if (reference.target == layout.number && key == row.key) continue;
    PORTEIRO_TRY(const auto version, version_of(layouts_[reference.target], key));
    if (version == 0) return refers_to_nothing(layout, *reference.field);
  }
  return success();
}

Result<std::uint64_t> SqliteEngine::apply(Under& under, const operation::Put& put) {
  const Layout* layout = layouts_.find(put.collection);
  if (layout == nullptr) return no_collection(put.collection);
  PORTEIRO_TRY(check_row(*layout, put.row));
  if (put.expect.kind != Expect::Kind::anything || !layout->collection.subject.empty()) {
    std::string subject;
    PORTEIRO_TRY(const auto version, version_of(*layout, put.row.key, &subject));
    PORTEIRO_TRY(check_expected(*layout, put.expect, version));
    PORTEIRO_TRY(check_subject(*layout, subject, put.row));
  }
  PORTEIRO_TRY(check_references(*layout, put.row));
  PORTEIRO_TRY(index_values(*layout, put.row));
  return write_row(under, *layout, put.row);
}

Result<std::uint64_t> SqliteEngine::write_row(Under& under, const Layout& layout, const Row& row) {
  PORTEIRO_TRY(const auto version, changed(under, layout, row.key, false));
  PORTEIRO_TRY(sqlite3_stmt * statement, writing(tables_[layout.number].put));
  std::vector<std::string> texts;
  texts.reserve(layout.members.size());  // They stay where they are while they are bound.
  Use use(statement);
  use.bind(Table::key_column + 1, row.key);
  use.bind(Table::version_column + 1, static_cast<std::int64_t>(version));
  use.bind(Table::subject_column + 1, row.subject);
  if (!row.sensitive_box.empty()) use.bind_blob(Table::sensitive_column + 1, row.sensitive_box);
  if (!row.restricted_box.empty()) use.bind_blob(Table::restricted_column + 1, row.restricted_box);
  int place = Table::first_member_column;
  for (const Field* field : layout.members) {
    ++place;
    const auto value = row.open.find(field->name);
    if (value != row.open.end()) bind_member(use, place, *field, *value, texts);
  }
  for (const Field* field : layout.hidden) {
    ++place;
    for (const auto& [name, token] : row.hidden) {
      if (name == field->name) use.bind(place, token);
    }
  }
  PORTEIRO_TRY(write(use));
  return version;
}

Result<std::uint64_t> SqliteEngine::apply(Under& under, const operation::Append& append) {
  const Layout* layout = layouts_.find(append.collection);
  if (layout == nullptr) return no_collection(append.collection);
  PORTEIRO_TRY(const Field* field, list_field(*layout, append));
  const Table& table = tables_[layout->number];
  const auto member = static_cast<std::size_t>(
      std::find(layout->members.begin(), layout->members.end(), field) - layout->members.begin());
  std::optional<std::string> list;
  {
    PORTEIRO_TRY(sqlite3_stmt * statement, writing(table.lists[member]));
    Use use(statement);
    use.bind(1, append.key);
    PORTEIRO_TRY(const bool row, whole(use.step()));
    if (row) list = use.is_null(0) ? "[]" : std::string(use.text(0));
  }
  if (!list) {
    Row row;
    row.key = append.key;
    row.open = {{field->name, nlohmann::json::array({append.item})}};
    return write_row(under, *layout, row);
  }
  std::string item;
  append_compact(item, append.item);
  std::uint32_t items = count_items(*list);
  append_item(*list, item, field->items_max, items);
  PORTEIRO_TRY(const auto version, changed(under, *layout, append.key, false));
  PORTEIRO_TRY(sqlite3_stmt * statement, writing(table.set_lists[member]));
  Use use(statement);
  use.bind(1, append.key);
  use.bind(2, *list);
  use.bind(3, static_cast<std::int64_t>(version));
  PORTEIRO_TRY(write(use));
  return version;
}

Result<SqliteEngine::Doomed> SqliteEngine::doomed_by(const Layout& layout, const std::string& key) {
  Doomed doomed{{layout.number, key}}, in_the_way;
  std::set<std::pair<std::size_t, std::string>> all{doomed.front()};
  for (std::size_t i = 0; i < doomed.size(); ++i) {
    const auto [collection, parent] = doomed[i];
    const Layout& referred = layouts_[collection];
    for (std::size_t r = 0; r < referred.referrers.size(); ++r) {
      PORTEIRO_TRY(sqlite3_stmt * statement, writing(tables_[collection].referring[r]));
      Use use(statement);
      use.bind(1, parent);
      for (;;) {
        PORTEIRO_TRY(const bool row, whole(use.step()));
        if (!row) break;
        std::pair<std::size_t, std::string> child{referred.referrers[r].collection,
                                                  std::string(use.text(0))};
        if (!referred.referrers[r].field->cascade) {
          in_the_way.push_back(std::move(child));
        } else if (all.insert(child).second) {
          doomed.push_back(std::move(child));
        }
      }
    }
  }
  for (const auto& each : in_the_way) {
    if (!all.contains(each)) return still_referenced(layout, layouts_[each.first]);
  }
  return doomed;
}

Result<std::uint64_t> SqliteEngine::apply(Under& under, const operation::Erase& erase) {
  const Layout* layout = layouts_.find(erase.collection);
  if (layout == nullptr) return no_collection(erase.collection);
  PORTEIRO_TRY(check_key(erase.key, "a key"));
  PORTEIRO_TRY(const auto version, version_of(*layout, erase.key));
  PORTEIRO_TRY(check_expected(*layout, erase.expect, version));
  if (version == 0) return 0;
  PORTEIRO_TRY(const Doomed doomed, doomed_by(*layout, erase.key));
  for (const auto& [collection, key] : doomed) {
    PORTEIRO_TRY(changed(under, layouts_[collection], key, true));
  }
  // What refers goes before what it refers to, and rings are opened first, so that no cascade of
  // SQLite's own runs deep.
  for (const auto& [collection, key] : doomed) {
    const std::string& unlink = tables_[collection].unlink;
    if (unlink.empty() || doomed.size() == 1) continue;
    PORTEIRO_TRY(sqlite3_stmt * statement, writing(unlink));
    Use use(statement);
    use.bind(1, key);
    PORTEIRO_TRY(write(use));
  }
  for (auto each = doomed.rbegin(); each != doomed.rend(); ++each) {
    PORTEIRO_TRY(sqlite3_stmt * statement, writing(tables_[each->first].erase));
    Use use(statement);
    use.bind(1, each->second);
    PORTEIRO_TRY(write(use));
  }
  return 0;
}

Result<std::uint64_t> SqliteEngine::apply(Under&, const operation::PutBlob& put) {
  PORTEIRO_TRY(check_blob_name(put.space, put.name));
  if (put.absent) {
    PORTEIRO_TRY(sqlite3_stmt * statement,
                 writing("SELECT value FROM \"$blob\" WHERE space = ?1 AND name = ?2"));
    Use use(statement);
    use.bind(1, put.space);
    use.bind(2, put.name);
    PORTEIRO_TRY(const bool row, whole(use.step()));
    if (row && use.text(0) != put.value) return blob_differs(put);
    if (row) return 0;
  }
  PORTEIRO_TRY(sqlite3_stmt * statement, writing("REPLACE INTO \"$blob\" VALUES (?1, ?2, ?3)"));
  Use use(statement);
  use.bind(1, put.space);
  use.bind(2, put.name);
  use.bind_blob(3, put.value);
  PORTEIRO_TRY(write(use));
  return 0;
}

Result<std::uint64_t> SqliteEngine::apply(Under&, const operation::EraseBlob& erase) {
  PORTEIRO_TRY(check_blob_name(erase.space, erase.name));
  PORTEIRO_TRY(sqlite3_stmt * statement,
               writing("DELETE FROM \"$blob\" WHERE space = ?1 AND name = ?2"));
  Use use(statement);
  use.bind(1, erase.space);
  use.bind(2, erase.name);
  PORTEIRO_TRY(write(use));
  return 0;
}

Result<std::uint64_t> SqliteEngine::changed(Under& under, const Layout& layout,
                                            std::string_view key, bool erased) {
  Change change{++sequence_, layout.collection.name, std::string(key), erased ? 0 : sequence_,
                under.transaction.at};
  PORTEIRO_TRY(sqlite3_stmt * statement,
               writing("INSERT INTO \"$feed\" VALUES (?1, ?2, ?3, ?4, ?5)"));
  Use use(statement);
  use.bind(1, static_cast<std::int64_t>(change.sequence));
  use.bind(2, change.collection);
  use.bind(3, change.key);
  use.bind(4, static_cast<std::int64_t>(change.version));
  use.bind(5, number_of(change.at));
  PORTEIRO_TRY(write(use));
  under.done.changes.push_back(std::move(change));
  return sequence_;
}

Result<void> SqliteEngine::prune(std::span<const Transaction> transactions) {
  const std::uint64_t keep = std::max<std::uint64_t>(options_.feed_max, 1);
  if (sequence_ >= feed_first_ + keep) {
    feed_first_ = sequence_ - keep + 1;
    PORTEIRO_TRY(sqlite3_stmt * statement, writing("DELETE FROM \"$feed\" WHERE sequence < ?1"));
    Use use(statement);
    use.bind(1, static_cast<std::int64_t>(feed_first_));
    PORTEIRO_TRY(write(use));
  }
  std::optional<Time> newest;
  for (const Transaction& each : transactions) {
    if (!each.once_key.empty()) newest = newest ? std::max(*newest, each.at) : each.at;
  }
  if (!newest) return success();
  PORTEIRO_TRY(sqlite3_stmt * statement, writing("DELETE FROM \"$once\" WHERE at < ?1"));
  Use use(statement);
  use.bind(1, number_of(*newest - options_.once_age_max));
  return write(use);
}

Result<void> SqliteEngine::clear() {
  std::string sql =
      "BEGIN IMMEDIATE; DELETE FROM \"$blob\"; DELETE FROM \"$once\"; "
      "DELETE FROM \"$feed\"; ";
  for (const Table& table : tables_) sql.append("DELETE FROM ").append(table.name).append("; ");
  if (auto done = writer_->execute(sql + "COMMIT"); !done) {
    if (writer_->in_transaction()) {
      PORTEIRO_TRY(writer_->execute("ROLLBACK"));
    }
    return done;
  }
  sequence_ = 0;
  feed_first_ = 1;
  return success();
}

}  // namespace porteiro::stores
