#include "stores/sqlite_database.hpp"

#include "stores/decimal.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

constexpr sqlite3_int64 memory_bytes_max = 0x7fff0000;  // SQLite allocates less than 2 GiB.

Error failure_of(sqlite3* handle, int code) {
  // The system's own text: SQLite's message of a statement could hold a piece of it.
  const std::string reason = sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:  // All constraints are checked before: only a damaged file breaks one.
      return error(Errc::corrupt,
                   "the store's file is damaged: " + reason + "; restore it from a copy");
    case SQLITE_TOOBIG:
      return error(Errc::limit_exceeded, "a record is too large for the store: " + reason);
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
      return error(Errc::internal, "the store failed: " + std::string(sqlite3_errmsg(handle)));
    default:
      return error(Errc::unavailable, "the store failed: " + reason);
  }
}

int collate_decimals(void*, int a_bytes, const void* a, int b_bytes, const void* b) {
  return compare_decimals({static_cast<const char*>(a), static_cast<std::size_t>(a_bytes)},
                          {static_cast<const char*>(b), static_cast<std::size_t>(b_bytes)});
}

}  // namespace

void Use::bind(int place, std::string_view text) {
  sqlite3_bind_text64(statement_, place, text.data() == nullptr ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
}

void Use::bind(int place, std::int64_t number) { sqlite3_bind_int64(statement_, place, number); }

void Use::bind_blob(int place, std::string_view bytes) {
  sqlite3_bind_blob64(statement_, place, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
}

Result<bool> Use::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return failure_of(sqlite3_db_handle(statement_), code);
}

Result<void> Use::run() {
  for (;;) {
    PORTEIRO_TRY(const bool row, step());
    if (!row) return success();
  }
}

bool Use::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Use::number(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Use::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, int flags) {
  return open(path.c_str(), flags, nullptr);
}

// Not ":memory:", which is nothing but a cache that holds every page: after most splits of a tree
// its commit looks through all of them. "memdb" is a file in memory, below a small cache.
Result<std::unique_ptr<Database>> Database::in_memory() {
  PORTEIRO_TRY(auto database, open("memory", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "memdb"));
  sqlite3_int64 bytes_max = memory_bytes_max;
  const int code =
      sqlite3_file_control(database->handle_, nullptr, SQLITE_FCNTL_SIZE_LIMIT, &bytes_max);
  if (code != SQLITE_OK) return failure_of(database->handle_, code);
  // The journal's memory is kept from one change to the next.
  PORTEIRO_TRY(database->execute(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF"));
  return database;
}

Result<std::unique_ptr<Database>> Database::open(const char* name, int flags, const char* vfs) {
  // SQLite's count of its memory, which nobody asks for, takes a lock at each allocation. Where
  // SQLite is in use already, it goes on counting.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* handle = nullptr;
  int code =
      sqlite3_open_v2(name, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  std::unique_ptr<Database> database(new Database(handle));
  if (code == SQLITE_OK) {
    code = sqlite3_create_collation_v2(handle, std::string(decimal_collation).c_str(), SQLITE_UTF8,
                                       nullptr, collate_decimals, nullptr);
  }
  if (code != SQLITE_OK) return failure_of(handle, code);
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<void> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure_of(handle_, code);
  return success();
}

Result<sqlite3_stmt*> Database::statement(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return failure_of(handle_, code);
  statements_.emplace(sql, prepared);
  return prepared;
}

}  // namespace porteiro::stores
