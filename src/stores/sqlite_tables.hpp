// The SQL of the sqlite engine: a table per collection, and a few of its own. See
// docs/store-format.md.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "stores/layout.hpp"
#include "stores/sqlite_database.hpp"

namespace porteiro::stores {

inline constexpr std::uint32_t application_id = 0x70727431;  // "prt1"

std::string identifier(std::string_view name);

// The texts of the statements on one collection's table.
struct Table {
  explicit Table(const Layouts& layouts, const Layout& layout);

  // Columns of a selected row.
  static constexpr int key_column = 0, version_column = 1, subject_column = 2, sensitive_column = 3,
                       restricted_column = 4, first_member_column = 5;

  std::string name;  // Quoted, as are all names here.
  std::string key;
  std::string select;   // "SELECT … FROM table": the columns above, the members, the hidden.
  std::string get;      // By ?1: the key.
  std::string version;  // The version by ?1.
  std::string put;      // ?1… in the order of the columns above, then members, then hidden.
  std::string erase;    // By ?1.
  std::string unlink;   // By ?1: takes all references away; empty: no ring of them is possible.
  std::vector<std::string> lists;      // By member: selects the list by ?1; empty: no list.
  std::vector<std::string> set_lists;  // By member: sets the list ?2 and the version ?3 by ?1.
  std::vector<std::string> referring;  // By referrer: the keys of those that refer to ?1.
};

std::string column_name(const Layout& layout, const IndexField& field);  // With its collation.

// Makes what is missing of the schema. In a transaction of the caller's.
Result<void> make_tables(Database& database, const Layouts& layouts);

}  // namespace porteiro::stores
