// A thin hand on SQLite: a connection with cached statements. One thread at a time.
#pragma once
#include <sqlite3.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/result.hpp"

namespace porteiro::stores {

// One use of a cached statement, from the binding to the last row; then it is free for the next.
// What is bound has to live as long as the use.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  void bind(int place, std::string_view text);  // Places count from 1.
  void bind(int place, std::int64_t number);
  void bind_blob(int place, std::string_view bytes);
  Result<bool> step();  // False: no further row.
  Result<void> run();   // To the end.

  bool is_null(int column) const;  // Columns count from 0.
  std::int64_t number(int column) const;
  std::string_view text(int column) const;  // Or a blob; valid until the next step.

 private:
  sqlite3_stmt* statement_;
};

class Database {
 public:
  // `flags` as for sqlite3_open_v2. Errors: unavailable, corrupt.
  static Result<std::unique_ptr<Database>> open(const std::string& path, int flags);
  // An empty one in the process's memory, which holds up to 2 GiB; a write beyond is unavailable.
  static Result<std::unique_ptr<Database>> in_memory();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<void> execute(const std::string& sql);  // Any number of statements; rows are left unread.
  // The statement of a text, prepared at its first use. Errors: as SQLite fails.
  Result<sqlite3_stmt*> statement(std::string_view sql);
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  static Result<std::unique_ptr<Database>> open(const char* name, int flags, const char* vfs);

  sqlite3* handle_;
  StringMap<sqlite3_stmt*> statements_;
};

inline constexpr std::string_view decimal_collation = "porteiro_decimal";

}  // namespace porteiro::stores
