#include "stores/sqlite_tables.hpp"

#include <algorithm>

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

std::string hidden_column(const Field& field) { return identifier(field.name + "$token"); }

std::string member_definition(const Layouts& layouts, const Field& field) {
  const bool number = field.type == Type::integer || field.type == Type::boolean;
  std::string definition = identifier(field.name) + (number ? " INTEGER" : " TEXT");
  if (field.type != Type::reference) return definition;
  // Deferred: the engine checks references itself and erases in its own order within a transaction.
  const Layout* target = layouts.find(field.reference);
  return definition + " REFERENCES " + identifier(target->collection.name) + "(" +
         identifier(target->collection.key) + ") ON DELETE " +
         (field.cascade ? "CASCADE" : "NO ACTION") + " DEFERRABLE INITIALLY DEFERRED";
}

// Whether references can lead from a collection back to itself.
bool in_a_ring(const Layouts& layouts, const Layout& layout) {
  std::vector<bool> reached(layouts.size(), false);
  std::vector<std::size_t> open{layout.number};
  while (!open.empty()) {
    const Layout& from = layouts[open.back()];
    open.pop_back();
    for (const Reference& reference : from.references) {
      if (reached[reference.target]) continue;
      reached[reference.target] = true;
      open.push_back(reference.target);
    }
  }
  return reached[layout.number];
}

std::string order_of(const Layout& layout, const Index& index) {
  std::string columns;
  bool key = false;
  for (const IndexField& field : index.fields) {
    columns.append(columns.empty() ? "" : ", ").append(column_name(layout, field));
    key = key || field.from == IndexField::From::key;
  }
  return key ? columns : columns + ", " + identifier(layout.collection.key);
}

Result<std::vector<std::string>> columns_of(Database& database, const std::string& table) {
  std::vector<std::string> columns;
  PORTEIRO_TRY(sqlite3_stmt * statement,
               database.statement("SELECT name FROM pragma_table_info(?1)"));
  Use use(statement);
  use.bind(1, table);
  for (;;) {
    PORTEIRO_TRY(const bool row, use.step());
    if (!row) return columns;
    columns.emplace_back(use.text(0));
  }
}

Result<void> make_table(Database& database, const Layouts& layouts, const Layout& layout) {
  const std::string& name = layout.collection.name;
  std::vector<std::pair<std::string, std::string>> columns;  // Name and definition.
  for (const Field* field : layout.members) {
    columns.emplace_back(field->name, member_definition(layouts, *field));
  }
  for (const Field* field : layout.hidden) {
    columns.emplace_back(field->name + "$token", hidden_column(*field) + " TEXT");
  }
  PORTEIRO_TRY(const auto present, columns_of(database, name));
  if (present.empty()) {
    std::string sql = "CREATE TABLE " + identifier(name) + " (" +
                      identifier(layout.collection.key) +
                      " TEXT NOT NULL PRIMARY KEY, \"$version\" INTEGER NOT NULL, "
                      "\"$subject\" TEXT NOT NULL, \"$sensitive\" BLOB, \"$restricted\" BLOB";
    for (const auto& [column, definition] : columns) sql.append(", ").append(definition);
    PORTEIRO_TRY(database.execute(sql + ") STRICT"));
  } else {
    for (const auto& [column, definition] : columns) {
      if (std::find(present.begin(), present.end(), column) != present.end()) continue;
      PORTEIRO_TRY(
          database.execute("ALTER TABLE " + identifier(name) + " ADD COLUMN " + definition));
    }
  }
  for (const Index& index : layout.indexes) {
    PORTEIRO_TRY(database.execute("CREATE INDEX IF NOT EXISTS " +
                                  identifier(name + " " + index.name) + " ON " + identifier(name) +
                                  " (" + order_of(layout, index) + ")"));
  }
  return success();
}

}  // namespace

std::string identifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string column_name(const Layout& layout, const IndexField& field) {
  switch (field.from) {
    case IndexField::From::key:
      return identifier(layout.collection.key);
    case IndexField::From::hidden:
      return hidden_column(*field.field);
    case IndexField::From::open:
      break;
  }
  const std::string name = identifier(field.field->name);
  if (field.field->type != Type::decimal) return name;
  return name + " COLLATE " + std::string(decimal_collation);
}

Table::Table(const Layouts& layouts, const Layout& layout)
    : name(identifier(layout.collection.name)), key(identifier(layout.collection.key)) {
  std::string columns = key + ", \"$version\", \"$subject\", \"$sensitive\", \"$restricted\"";
  std::string places = "?1, ?2, ?3, ?4, ?5", updates;
  int place = first_member_column;
  const auto add = [&](const std::string& column) {
    columns.append(", ").append(column);
    places.append(", ?").append(std::to_string(++place));
    updates.append(", ").append(column).append(" = excluded.").append(column);
  };
  for (const Field* field : layout.members) add(identifier(field->name));
  for (const Field* field : layout.hidden) add(hidden_column(*field));
  const std::string by_key = " WHERE " + key + " = ?1";
  select = "SELECT " + columns + " FROM " + name;
  get = select + by_key;
  version = "SELECT \"$version\", \"$subject\" FROM " + name + by_key;
  put =
      "INSERT INTO " + name + " (" + columns + ") VALUES (" + places + ") ON CONFLICT (" + key +
      ") DO UPDATE SET \"$version\" = excluded.\"$version\", \"$subject\" = excluded.\"$subject\", "
      "\"$sensitive\" = excluded.\"$sensitive\", \"$restricted\" = excluded.\"$restricted\"" +
      updates;
  erase = "DELETE FROM " + name + by_key;
  if (in_a_ring(layouts, layout)) {
    for (const Reference& reference : layout.references) {
      unlink.append(unlink.empty() ? "UPDATE " + name + " SET " : ", ");
      unlink.append(identifier(reference.field->name)).append(" = NULL");
    }
    unlink.append(by_key);
  }
  for (const Field* field : layout.members) {
    const bool list = field->type == Type::list;
    const std::string column = identifier(field->name);
    lists.push_back(list ? "SELECT " + column + " FROM " + name + by_key : "");
    set_lists.push_back(
        list ? "UPDATE " + name + " SET " + column + " = ?2, \"$version\" = ?3" + by_key : "");
  }
  for (const Referrer& referrer : layout.referrers) {
    const Layout& other = layouts[referrer.collection];
    referring.push_back("SELECT " + identifier(other.collection.key) + " FROM " +
                        identifier(other.collection.name) + " WHERE " +
                        identifier(referrer.field->name) + " = ?1 ORDER BY " +
                        order_of(other, other.indexes[referrer.index]));
  }
}

Result<void> make_tables(Database& database, const Layouts& layouts) {
  PORTEIRO_TRY(database.execute(
      "CREATE TABLE IF NOT EXISTS \"$meta\" (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) "
      "STRICT, WITHOUT ROWID;"
      "CREATE TABLE IF NOT EXISTS \"$blob\" (space TEXT NOT NULL, name TEXT NOT NULL, "
      "value BLOB NOT NULL, PRIMARY KEY (space, name)) STRICT, WITHOUT ROWID;"
      "CREATE TABLE IF NOT EXISTS \"$once\" (key TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) "
      "STRICT, WITHOUT ROWID;"
      "CREATE INDEX IF NOT EXISTS \"$once at\" ON \"$once\" (at);"
      "CREATE TABLE IF NOT EXISTS \"$feed\" (sequence INTEGER PRIMARY KEY, collection TEXT NOT "
      "NULL, "
      "key TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL) STRICT"));
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    PORTEIRO_TRY(make_table(database, layouts, layouts[i]));
  }
  return success();
}

}  // namespace porteiro::stores
