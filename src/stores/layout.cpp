#include "stores/layout.hpp"

#include <algorithm>
#include <charconv>

#include "porteiro/base/bytes.hpp"
#include "stores/decimal.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;
using nlohmann::json;

constexpr char missing_mark = '\x00', value_mark = '\x01';

bool by_name(const Field* a, const Field* b) { return a->name < b->name; }

// Case does not tell the tables of an SQL database apart.
bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

Index make_index(const Collection& collection, const std::vector<std::string>& names) {
  Index index;
  for (const std::string& name : names) {
    const Field* field = collection.field(name);
    PORTEIRO_ASSERT(field != nullptr);
    const auto from = name == collection.key ? IndexField::From::key
                      : is_protected(*field) ? IndexField::From::hidden
                                             : IndexField::From::open;
    index.name.append(index.name.empty() ? "" : ",").append(name);
    index.fields.push_back({from, field});
  }
  return index;
}

std::size_t index_that_begins_with(const Layout& layout, const Field* field) {
  const auto found =
      std::find_if(layout.indexes.begin(), layout.indexes.end(),
                   [&](const Index& index) { return index.fields.front().field == field; });
  return static_cast<std::size_t>(found - layout.indexes.begin());
}

void fill(Layout& layout) {
  const Collection& collection = layout.collection;
  for (const auto& names : collection.indexes) {
    layout.indexes.push_back(make_index(collection, names));
  }
  for (const Field& field : collection.fields) {
    if (field.name != collection.key && !is_protected(field)) layout.members.push_back(&field);
    if (field.type != Type::reference) continue;
    if (index_that_begins_with(layout, &field) == layout.indexes.size()) {
      layout.indexes.push_back(make_index(collection, {field.name}));
    }
  }
  for (const Index& index : layout.indexes) {
    for (const IndexField& each : index.fields) {
      const bool known =
          std::find(layout.hidden.begin(), layout.hidden.end(), each.field) != layout.hidden.end();
      if (each.from == IndexField::From::hidden && !known) layout.hidden.push_back(each.field);
    }
  }
  std::sort(layout.members.begin(), layout.members.end(), by_name);
  std::sort(layout.hidden.begin(), layout.hidden.end(), by_name);
}

bool fits(Type type, const json& value) {
  switch (type) {
    case Type::integer:
      return fits_integer(value);
    case Type::decimal:
      return value.is_string() && canonical_decimal(value.get_ref<const std::string&>());
    case Type::boolean:
      return value.is_boolean();
    case Type::json:
      return true;
    case Type::list:
      return value.is_array();
    case Type::string:
    case Type::time:
    case Type::date:
    case Type::uuid:
    case Type::enumeration:
    case Type::reference:
    case Type::token:
      return value.is_string();
  }
  return false;
}

void append_integer(std::string& out, std::int64_t value) {
  const std::uint64_t bits = static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63);
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((bits >> shift) & 0xff));
  }
}

// One past the first item of a list's text without the brackets; its size when there is one only.
std::size_t first_item_end(std::string_view items) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const char c = items[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth == 0) {
      return i;
    }
  }
  return items.size();
}

std::string index_value(const Index& index, const Row& row) {
  std::string out;
  for (const IndexField& each : index.fields) {
    if (each.from == IndexField::From::key) {
      append_text(out, row.key);
    } else if (each.from == IndexField::From::hidden) {
      const auto token = std::find_if(row.hidden.begin(), row.hidden.end(), [&](const auto& pair) {
        return pair.first == each.field->name;
      });
      token == row.hidden.end() ? append_missing(out) : append_text(out, token->second);
    } else {
      const auto value = row.open.find(each.field->name);
      if (value == row.open.end() || value->is_null()) {
        append_missing(out);
      } else {
        append_value(out, each.field->type, *value);
      }
    }
  }
  return out;
}

}  // namespace

const Field* Layout::member(std::string_view name) const {
  const auto found =
      std::lower_bound(members.begin(), members.end(), name,
                       [](const Field* field, std::string_view n) { return field->name < n; });
  return found != members.end() && (*found)->name == name ? *found : nullptr;
}

Result<Layouts> Layouts::make(std::vector<Collection> collections) {
  Layouts layouts;
  for (Collection& collection : collections) {
    for (const auto& other : layouts.all_) {
      if (!same_name(other->collection.name, collection.name)) continue;
      return error(Errc::invalid, "two collections of one name", collection.name);
    }
    auto layout = std::make_unique<Layout>();
    layout->collection = std::move(collection);
    layout->number = layouts.all_.size();
    fill(*layout);
    layouts.all_.push_back(std::move(layout));
  }
  for (const auto& layout : layouts.all_) {
    for (const Field& field : layout->collection.fields) {
      if (field.type != Type::reference) continue;
      const Layout* target = layouts.find(field.reference);
      if (target == nullptr) {
        return error(Errc::invalid, "the reference points to no collection of this store",
                     layout->collection.name + ".fields." + field.name + ".ref");
      }
      layout->references.push_back({&field, target->number});
      layouts.all_[target->number]->referrers.push_back(
          {layout->number, index_that_begins_with(*layout, &field), &field});
    }
  }
  return layouts;
}

const Layout* Layouts::find(std::string_view collection) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const auto& layout) {
    return layout->collection.name == collection;
  });
  return found == all_.end() ? nullptr : found->get();
}

json Layouts::to_json() const {
  json all = json::object();
  for (const auto& layout : all_) {
    all[layout->collection.name] = stores::to_json(layout->collection);
  }
  return all;
}

Error no_collection(std::string_view name) {
  return error(Errc::invalid, "the store has no such collection", std::string(name));
}

Result<void> check_key(std::string_view key, std::string_view what) {
  if (!key.empty() && key.size() <= key_bytes_max) return success();
  return error(Errc::invalid,
               std::string(what) + " has 1 to " + std::to_string(key_bytes_max) + " bytes");
}

Result<void> check_blob_name(std::string_view space, std::string_view name) {
  PORTEIRO_TRY(check_key(name, "a blob's name"));
  if (!space.empty() && space.size() <= blob_space_bytes_max) return success();
  return error(Errc::invalid,
               "a blob's space has 1 to " + std::to_string(blob_space_bytes_max) + " bytes");
}

Result<void> check_row(const Layout& layout, const Row& row) {
  const std::string& name = layout.collection.name;
  PORTEIRO_TRY(check_key(row.key, "a key"));
  if (!row.open.is_object()) return error(Errc::invalid, "a row's fields are an object", name);
  for (const auto& [member, value] : row.open.items()) {
    const Field* field = layout.member(member);
    if (field == nullptr) {
      return error(Errc::invalid, "the collection has no such unprotected field", name);
    }
    if (!value.is_null() && !fits(field->type, value)) {
      return error(Errc::invalid, "the value is not of the field's type", name + "." + field->name);
    }
  }
  for (const auto& hidden : row.hidden) {
    const bool known = std::any_of(layout.hidden.begin(), layout.hidden.end(),
                                   [&](const Field* each) { return each->name == hidden.first; });
    if (!known) return error(Errc::invalid, "no index has such a protected field", name);
  }
  return success();
}

Result<std::vector<std::string>> index_values(const Layout& layout, const Row& row) {
  std::vector<std::string> values;
  values.reserve(layout.indexes.size());
  for (const Index& index : layout.indexes) {
    values.push_back(index_value(index, row));
    if (values.back().size() + row.key.size() > index_bytes_max) {
      return error(Errc::invalid,
                   "the values of an index and the key have more than " +
                       std::to_string(index_bytes_max) + " bytes together",
                   layout.collection.name + "." + index.name);
    }
  }
  return values;
}

void append_missing(std::string& out) { out.push_back(missing_mark); }

void append_text(std::string& out, std::string_view text) {
  out.push_back(value_mark);
  for (const char c : text) {
    out.push_back(c);
    if (c == '\0') out.push_back('\xff');
  }
  out.push_back('\0');
}

bool append_value(std::string& out, Type type, const json& value) {
  if (!fits(type, value) || type == Type::json || type == Type::list) return false;
  if (value.is_boolean()) {
    out.append({value_mark, value.get<bool>() ? '\x01' : '\x00'});
  } else if (value.is_number()) {
    out.push_back(value_mark);
    append_integer(out, value.get<std::int64_t>());
  } else if (type == Type::decimal) {
    out.push_back(value_mark);
    append_ordered_decimal(out, value.get_ref<const std::string&>());
  } else {
    append_text(out, value.get_ref<const std::string&>());
  }
  return true;
}

std::string open_text(const Layout& layout, const json& open, std::vector<ListPlace>* lists) {
  std::string out = "{";
  for (const auto& [name, value] : open.items()) {
    if (value.is_null()) continue;
    if (out.size() > 1) out.push_back(',');
    append_json_string(out, name);
    out.push_back(':');
    const std::size_t start = out.size();
    append_compact(out, value);
    const Field* field = lists == nullptr ? nullptr : layout.member(name);
    if (field != nullptr && field->type == Type::list) {
      lists->push_back({name, static_cast<std::uint32_t>(start),
                        static_cast<std::uint32_t>(out.size() - start),
                        static_cast<std::uint32_t>(value.size())});
    }
  }
  out.push_back('}');
  return out;
}

void append_item(std::string& list, std::string_view item, std::size_t items_max,
                 std::uint32_t& items) {
  PORTEIRO_ASSERT(list.size() >= 2 && items_max >= 1);
  list.pop_back();
  std::size_t cut = 0;  // The text after the bracket that goes.
  for (; items >= items_max; --items) {
    const std::string_view rest = std::string_view(list).substr(1 + cut);
    cut += std::min(first_item_end(rest) + 1, rest.size());
  }
  list.erase(1, cut);
  if (items > 0) list.push_back(',');
  list.append(item).push_back(']');
  ++items;
}

std::uint32_t count_items(std::string_view list) {
  std::uint32_t items = 0;
  if (list.size() < 2) return items;
  for (std::string_view rest = list.substr(1, list.size() - 2); !rest.empty(); ++items) {
    rest.remove_prefix(std::min(first_item_end(rest) + 1, rest.size()));
  }
  return items;
}

Result<const Field*> list_field(const Layout& layout, const operation::Append& append) {
  PORTEIRO_TRY(check_key(append.key, "a key"));
  const Field* field = layout.member(append.field);
  if (field == nullptr || field->type != Type::list) {
    return error(Errc::invalid, "the collection has no such unprotected list",
                 layout.collection.name);
  }
  return field;
}

}  // namespace porteiro::stores
