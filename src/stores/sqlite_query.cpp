// A walk along an index as SQL. A page that goes on after an entry is made of parts, each of which
// SQLite finds by the index: what has the same leading values and a later value in one column,
// beginning with the last column.
#include <algorithm>

#include "stores/sqlite_engine.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

struct Part {
  std::string where;  // Conditions joined by AND; their places count from 1.
  std::vector<EntryValue> values;

  void add(const std::string& column, std::string_view comparison, const EntryValue& value) {
    where.append(where.empty() ? "" : " AND ").append(column).append(comparison);
    values.push_back(value);
    where.append("?").append(std::to_string(values.size()));
  }
  void add_null(const std::string& column, bool is_null) {
    where.append(where.empty() ? "" : " AND ").append(column);
    where.append(is_null ? " IS NULL" : " IS NOT NULL");
  }
};

EntryValue value_of(const Filter& filter) {
  if (filter.value.is_string()) return filter.value.get<std::string>();
  if (filter.value.is_boolean()) return std::int64_t{filter.value.get<bool>() ? 1 : 0};
  return filter.value.get<std::int64_t>();
}

std::string_view sign_of(Comparison comparison) {
  switch (comparison) {
    case Comparison::equal:
      return " = ";
    case Comparison::less:
      return " < ";
    case Comparison::less_equal:
      return " <= ";
    case Comparison::greater:
      return " > ";
    case Comparison::greater_equal:
      return " >= ";
  }
  return " = ";
}

class TableWalk {
 public:
  TableWalk(Database& reader, const Layout& layout, const Table& table, const Walk& walk,
            const Query& query)
      : reader_(reader), layout_(layout), table_(table), walk_(walk), query_(query) {
    bool key = false;
    if (walk.index != nullptr) {
      for (const IndexField& field : walk.index->fields) {
        columns_.push_back(column_name(layout, field));
        key = key || field.from == IndexField::From::key;
      }
    }
    if (!key) columns_.push_back(table.key);
  }

  Result<RowPage> page() {
    for (const Part& part : parts()) {
      PORTEIRO_TRY(take(part));
      if (more_) break;
    }
    if (!more_) page_.next.clear();
    return std::move(page_);
  }

 private:
  Part bounds() const {
    Part part;
    for (std::size_t i = 0; i < walk_.equal.size(); ++i) {
      part.add(columns_[i], " = ", value_of(*walk_.equal[i]));
    }
    for (const Filter* side : {walk_.lower, walk_.upper}) {
      if (side == nullptr) continue;
      part.add(columns_[walk_.equal.size()], sign_of(side->comparison), value_of(*side));
    }
    return part;
  }

  std::vector<EntryValue> values_before() const {
    if (walk_.index == nullptr) return {EntryValue(walk_.after)};
    auto entry = read_entry(*walk_.index, walk_.after);
    PORTEIRO_ASSERT(entry.has_value());  // make_walk has read it.
    std::vector<EntryValue> values = std::move(entry->values);
    if (values.size() < columns_.size()) values.emplace_back(std::move(entry->key));
    return values;
  }

  std::vector<Part> parts() const {
    if (walk_.after.empty()) return {bounds()};
    const std::vector<EntryValue> before = values_before();
    const bool ranged = walk_.lower != nullptr || walk_.upper != nullptr;
    std::vector<Part> all;
    for (std::size_t level = columns_.size(); level-- > walk_.equal.size();) {
      Part part = bounds();
      for (std::size_t i = walk_.equal.size(); i < level; ++i) {
        part.add(columns_[i], " IS ", before[i]);
      }
      const bool missing = std::holds_alternative<std::monostate>(before[level]);
      Part nulls = part;
      if (missing && query_.descending) continue;  // Nothing is before a missing value.
      if (missing) {
        part.add_null(columns_[level], false);
      } else {
        part.add(columns_[level], query_.descending ? " < " : " > ", before[level]);
      }
      all.push_back(std::move(part));
      if (query_.descending && !(ranged && level == walk_.equal.size())) {
        nulls.add_null(columns_[level], true);
        all.push_back(std::move(nulls));
      }
    }
    return all;
  }

  std::string sql_of(const Part& part) const {
    std::string sql = table_.select;
    if (!part.where.empty()) sql.append(" WHERE ").append(part.where);
    sql.append(" ORDER BY ");
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      sql.append(i == 0 ? "" : ", ").append(columns_[i]);
      if (query_.descending) sql.append(" DESC");
    }
    return sql.append(" LIMIT ?").append(std::to_string(part.values.size() + 1));
  }

  Result<void> take(const Part& part) {
    PORTEIRO_TRY(sqlite3_stmt * statement, reader_.statement(sql_of(part)));
    Use use(statement);
    int place = 0;
    for (const EntryValue& value : part.values) {
      ++place;
      if (const auto* number = std::get_if<std::int64_t>(&value)) use.bind(place, *number);
      if (const auto* text = std::get_if<std::string>(&value))
        use.bind(place, std::string_view(*text));
    }
    use.bind(place + 1, static_cast<std::int64_t>(query_.limit + 1 - page_.rows.size()));
    for (;;) {
      PORTEIRO_TRY(const bool row, use.step());
      if (!row) return success();
      more_ = page_.rows.size() == query_.limit;
      if (more_) return success();
      page_.rows.push_back(read_row(layout_, use));
      if (page_.rows.size() == query_.limit) page_.next = page_token(entry_of(use));
    }
  }

  std::string entry_of(const Use& use) const {
    std::string entry;
    const std::string_view key = use.text(Table::key_column);
    if (walk_.index == nullptr) return std::string(key);
    for (const IndexField& field : walk_.index->fields) {
      append_column(entry, field, use);
    }
    return entry.append(key);
  }

  void append_column(std::string& entry, const IndexField& field, const Use& use) const {
    if (field.from == IndexField::From::key) return append_text(entry, use.text(Table::key_column));
    const bool open = field.from == IndexField::From::open;
    const auto& list = open ? layout_.members : layout_.hidden;
    auto column = std::find(list.begin(), list.end(), field.field) - list.begin();
    column += Table::first_member_column;
    if (!open) column += static_cast<std::ptrdiff_t>(layout_.members.size());
    const int at = static_cast<int>(column);
    const Type type = open ? field.field->type : Type::string;
    if (use.is_null(at)) {
      append_missing(entry);
    } else if (type == Type::integer) {
      append_value(entry, type, use.number(at));
    } else if (type == Type::boolean) {
      append_value(entry, type, use.number(at) != 0);
    } else {
      append_value(entry, type, std::string(use.text(at)));
    }
  }

  Database& reader_;
  const Layout& layout_;
  const Table& table_;
  const Walk& walk_;
  const Query& query_;
  std::vector<std::string> columns_;  // The order.
  RowPage page_;
  bool more_ = false;
};

}  // namespace

Result<RowPage> walk_table(Database& reader, const Layout& layout, const Table& table,
                           const Walk& walk, const Query& query) {
  return TableWalk(reader, layout, table, walk, query).page();
}

}  // namespace porteiro::stores
