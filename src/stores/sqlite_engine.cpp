// The engine on SQLite: opening, schema, and what is read. Writing is in sqlite_commit.cpp.
#include "stores/sqlite_engine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "stores/kv_spaces.hpp"
#include "stores/schema_change.hpp"
#include "stores/store_file.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

constexpr std::string_view file_magic{"SQLite format 3\0", 16};
constexpr std::size_t head_bytes = 100, application_id_at = 68;
constexpr std::string_view sqlite_format = "1";

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// A file that is there has to be one of ours and sound; nothing is written to it to find out.
Result<void> check_file(const std::string& path, std::string_view head) {
  const bool ours = head.size() == head_bytes && head.substr(0, 16) == file_magic &&
                    big_endian(head, application_id_at) == application_id;
  if (!ours) return foreign_file(path);
  PORTEIRO_TRY(const std::uint64_t bytes, file_bytes(path));
  if (bytes > checked_bytes_max) return success();
  PORTEIRO_TRY(auto database, Database::open(path, SQLITE_OPEN_READONLY));
  auto statement = database->statement("PRAGMA quick_check(1)");
  if (!statement) return statement.error();
  Use use(statement.value());
  const auto row = use.step();
  if (!row) return row.error();
  if (!row.value() || use.text(0) != "ok") return damaged_file(path);
  return success();
}

Result<void> make_file(const std::string& path) {  // SQLite's other files take its mode.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return system_failure(path + " cannot be made", errno);
  ::close(file);
  return success();
}

Result<std::string> prepare_file(const EngineOptions& options) {
  PORTEIRO_TRY(std::string path, store_file(options, "sqlite"));
  PORTEIRO_TRY(const std::string head, read_head(path, head_bytes));
  if (head.empty()) {
    PORTEIRO_TRY(make_file(path));
    return path;
  }
  if (auto checked = check_file(path, head); !checked) {
    if (checked.error().code == Errc::corrupt) {
      const bool foreign = checked.error().detail == foreign_file(path).detail;
      return foreign ? foreign_file(path) : damaged_file(path);
    }
    return checked.error();
  }
  return path;
}

Error other_version() {
  return error(
      Errc::invalid,
      "the data was kept by another version of this program; use that one, or move the data "
      "directory away");
}

void append_member(std::string& out, const Field& field, const Use& use, int column) {
  switch (field.type) {
    case Type::integer:
      out.append(std::to_string(use.number(column)));
      break;
    case Type::boolean:
      out.append(use.number(column) != 0 ? "true" : "false");
      break;
    case Type::json:
    case Type::list:
      out.append(use.text(column));
      break;
    case Type::string:
    case Type::decimal:
    case Type::time:
    case Type::date:
    case Type::uuid:
    case Type::enumeration:
    case Type::reference:
    case Type::token:
      append_json_string(out, use.text(column));
      break;
  }
}

}  // namespace

StoredRow read_row(const Layout& layout, const Use& use) {
  StoredRow row;
  row.key = use.text(Table::key_column);
  row.version = static_cast<std::uint64_t>(use.number(Table::version_column));
  row.subject = use.text(Table::subject_column);
  row.sensitive_box = use.text(Table::sensitive_column);
  row.restricted_box = use.text(Table::restricted_column);
  row.open.reserve(256);
  row.open.push_back('{');
  int column = Table::first_member_column;
  for (const Field* field : layout.members) {
    const int at = column++;
    if (use.is_null(at)) continue;
    if (row.open.size() > 1) row.open.push_back(',');
    append_json_string(row.open, field->name);
    row.open.push_back(':');
    append_member(row.open, *field, use, at);
  }
  row.open.push_back('}');
  return row;
}

SqliteEngine::SqliteEngine(const EngineOptions& options, Layouts layouts)
    : options_(options), layouts_(std::move(layouts)) {
  for (std::size_t i = 0; i < layouts_.size(); ++i) tables_.emplace_back(layouts_, layouts_[i]);
}

Result<std::unique_ptr<Engine>> SqliteEngine::open(const EngineOptions& options,
                                                   std::vector<Collection> collections) {
  PORTEIRO_TRY(auto layouts, Layouts::make(std::move(collections)));
  std::unique_ptr<SqliteEngine> engine(new SqliteEngine(options, std::move(layouts)));
  std::string path;
  if (!options.directory.empty()) {
    PORTEIRO_TRY(path, prepare_file(options));
  }
  PORTEIRO_TRY(engine->connect(path));
  return std::unique_ptr<Engine>(std::move(engine));
}

Result<void> SqliteEngine::connect(const std::string& path) {
  PORTEIRO_TRY(writer_, in_memory()
                            ? Database::in_memory()
                            : Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  // The application's id has to be in the file itself before there is a write-ahead log.
  PORTEIRO_TRY(writer_->execute("PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON"));
  if (!in_memory()) {
    PORTEIRO_TRY(
        writer_->execute("PRAGMA busy_timeout = 1000; PRAGMA journal_size_limit = 16777216"));
    PORTEIRO_TRY(const auto id, number_from(*writer_, "PRAGMA application_id"));
    if (id == 0) {
      PORTEIRO_TRY(writer_->execute("PRAGMA application_id = " + std::to_string(application_id)));
    }
    PORTEIRO_TRY(writer_->execute("PRAGMA journal_mode = WAL"));
    PORTEIRO_TRY(writer_->execute(options_.sync ? "PRAGMA synchronous = FULL"
                                                : "PRAGMA synchronous = NORMAL"));
  }
  PORTEIRO_TRY(writer_->execute("BEGIN IMMEDIATE"));
  auto taken = take_schema();
  if (taken) taken = writer_->execute("COMMIT");
  if (!taken) {
    if (writer_->in_transaction()) {
      PORTEIRO_TRY(writer_->execute("ROLLBACK"));
    }
    return taken;
  }
  reader_ = writer_.get();
  if (!in_memory()) {
    PORTEIRO_TRY(own_reader_, Database::open(path, SQLITE_OPEN_READWRITE));
    PORTEIRO_TRY(own_reader_->execute("PRAGMA query_only = ON"));
    reader_ = own_reader_.get();
  }
  PORTEIRO_TRY(sequence_, number_from(*writer_, "SELECT max(sequence) FROM \"$feed\""));
  PORTEIRO_TRY(const auto first, number_from(*writer_, "SELECT min(sequence) FROM \"$feed\""));
  feed_first_ = first == 0 ? 1 : first;
  return success();
}

Result<std::uint64_t> SqliteEngine::number_from(Database& database, std::string_view sql) {
  PORTEIRO_TRY(sqlite3_stmt * statement, database.statement(sql));
  Use use(statement);
  PORTEIRO_TRY(const bool row, use.step());
  return row ? static_cast<std::uint64_t>(use.number(0)) : std::uint64_t{0};
}

Result<void> SqliteEngine::take_schema() {
  PORTEIRO_TRY(const auto tables, number_from(*writer_, "SELECT count(*) FROM sqlite_schema"));
  if (tables > 0) {
    PORTEIRO_TRY(sqlite3_stmt * statement,
                 writer_->statement("SELECT value FROM \"$meta\" WHERE name = ?1"));
    std::string format, schema;
    for (const bool of_schema : {false, true}) {
      Use use(statement);
      use.bind(1, std::string_view(of_schema ? "schema" : "format"));
      PORTEIRO_TRY(const bool row, use.step());
      if (row) (of_schema ? schema : format) = use.text(0);
    }
    if (format != sqlite_format) return other_version();
    PORTEIRO_TRY(check_schema_change(schema, layouts_));
  }
  PORTEIRO_TRY(make_tables(*writer_, layouts_));
  const std::string schema = layouts_.to_json().dump();
  PORTEIRO_TRY(sqlite3_stmt * put, writer_->statement("REPLACE INTO \"$meta\" VALUES (?1, ?2)"));
  for (const bool of_schema : {false, true}) {
    Use use(put);
    use.bind(1, std::string_view(of_schema ? "schema" : "format"));
    use.bind(2, of_schema ? std::string_view(schema) : sqlite_format);
    PORTEIRO_TRY(use.run());
  }
  return success();
}

Result<std::optional<StoredRow>> SqliteEngine::get(std::string_view collection,
                                                   std::string_view key) {
  const Layout* layout = layouts_.find(collection);
  if (layout == nullptr) return no_collection(collection);
  PORTEIRO_TRY(sqlite3_stmt * statement, reader_->statement(tables_[layout->number].get));
  Use use(statement);
  use.bind(1, key);
  PORTEIRO_TRY(const bool row, use.step());
  if (!row) return std::optional<StoredRow>();
  return std::optional<StoredRow>(read_row(*layout, use));
}

Result<RowPage> SqliteEngine::query(std::string_view collection, const Query& query) {
  const Layout* layout = layouts_.find(collection);
  if (layout == nullptr) return no_collection(collection);
  PORTEIRO_TRY(const Walk walk, make_walk(*layout, query));
  // A page that goes on takes several statements, which have to see the same.
  const bool snapshot = !walk.after.empty() && reader_ != writer_.get();
  if (snapshot) {
    PORTEIRO_TRY(reader_->execute("BEGIN"));
  }
  auto page = walk_table(*reader_, *layout, tables_[layout->number], walk, query);
  if (snapshot) {
    PORTEIRO_TRY(reader_->execute("COMMIT"));
  }
  return page;
}

Result<std::optional<std::string>> SqliteEngine::blob(std::string_view space,
                                                      std::string_view name) {
  PORTEIRO_TRY(check_blob_name(space, name));
  PORTEIRO_TRY(sqlite3_stmt * statement,
               reader_->statement("SELECT value FROM \"$blob\" WHERE space = ?1 AND name = ?2"));
  Use use(statement);
  use.bind(1, space);
  use.bind(2, name);
  PORTEIRO_TRY(const bool row, use.step());
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(use.text(0));
}

Result<std::vector<Change>> SqliteEngine::changes(std::uint64_t after, std::size_t limit) {
  PORTEIRO_TRY(const auto last, number_from(*reader_, "SELECT max(sequence) FROM \"$feed\""));
  std::vector<Change> found;
  if (after > last) return stale_feed();
  if (after == last || limit == 0) return found;
  PORTEIRO_TRY(sqlite3_stmt * statement,
               reader_->statement("SELECT sequence, collection, key, version, at FROM \"$feed\" "
                                  "WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"));
  Use use(statement);
  use.bind(1, static_cast<std::int64_t>(after));
  use.bind(2, static_cast<std::int64_t>(std::min(limit, options_.feed_max)));
  for (;;) {
    PORTEIRO_TRY(const bool row, use.step());
    if (!row) break;
    found.push_back({static_cast<std::uint64_t>(use.number(0)), std::string(use.text(1)),
                     std::string(use.text(2)), static_cast<std::uint64_t>(use.number(3)),
                     Time(Duration(use.number(4)))});
  }
  if (found.empty() || found.front().sequence != after + 1) return stale_feed();
  return found;
}

std::uint64_t SqliteEngine::last_sequence() {
  const auto last = number_from(*reader_, "SELECT max(sequence) FROM \"$feed\"");
  return last ? last.value() : 0;
}

Result<std::unique_ptr<Engine>> open_sqlite(const EngineOptions& options,
                                            std::vector<Collection> collections) {
  return SqliteEngine::open(options, std::move(collections));
}

}  // namespace porteiro::stores
