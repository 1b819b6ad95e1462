#include "stores/walk.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "stores/decimal.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

Error no_index(const Layout& layout) {
  return error(Errc::invalid,
               "no index serves this query: its fields are the key, or the first ones of an index, "
               "of which only the last may have a range; add an index or ask otherwise",
               layout.collection.name);
}

bool is_lower(const Filter& filter) {
  return filter.comparison == Comparison::greater || filter.comparison == Comparison::greater_equal;
}

// Puts each filter to the index's field it is for. False: the index does not serve them.
bool assign(const std::vector<std::string_view>& fields, const Query& query, Walk& walk) {
  walk.equal.clear();
  walk.lower = walk.upper = nullptr;
  const Filter* of[index_fields_max] = {};
  std::size_t equal = 0;
  for (const Filter& filter : query.filters) {
    if (filter.comparison != Comparison::equal) continue;
    const auto at = std::find(fields.begin(), fields.end(), filter.field) - fields.begin();
    const auto position = static_cast<std::size_t>(at);
    if (position >= fields.size() || of[position] != nullptr) return false;
    of[position] = &filter;
    ++equal;
  }
  for (std::size_t i = 0; i < equal; ++i) {
    if (of[i] == nullptr) return false;
    walk.equal.push_back(of[i]);
  }
  for (const Filter& filter : query.filters) {
    if (filter.comparison == Comparison::equal) continue;
    if (equal >= fields.size() || fields[equal] != filter.field) return false;
    const Filter*& side = is_lower(filter) ? walk.lower : walk.upper;
    if (side != nullptr) return false;
    side = &filter;
  }
  return true;
}

Result<void> choose(const Layout& layout, const Query& query, Walk& walk) {
  if (assign({layout.collection.key}, query, walk)) return success();
  for (const Index& index : layout.indexes) {
    std::vector<std::string_view> fields;
    for (const IndexField& each : index.fields) fields.push_back(each.field->name);
    if (!assign(fields, query, walk)) continue;
    walk.index = &index;
    return success();
  }
  return no_index(layout);
}

Result<void> append_filter(std::string& out, const Walk& walk, std::size_t field,
                           const Filter& filter) {
  if (walk.index == nullptr) {  // Keys stand as they are.
    if (!filter.value.is_string()) {
      return error(Errc::invalid, "a key is compared with a string", filter.field);
    }
    out.append(filter.value.get_ref<const std::string&>());
    return success();
  }
  const IndexField& each = walk.index->fields[field];
  const bool text = each.from != IndexField::From::open;  // A key, or a token.
  if (append_value(out, text ? Type::string : each.field->type, filter.value)) return success();
  return error(Errc::invalid, "the value compared with is not of the field's type", filter.field);
}

// The next bytes after all entries that have these values: of keys, after the key alone.
std::optional<std::string> after_value(const Walk& walk, std::string values) {
  if (walk.index != nullptr) return beyond(std::move(values));
  values.push_back('\0');
  return values;
}

Result<void> set_bounds(Walk& walk) {
  std::string base;
  for (std::size_t i = 0; i < walk.equal.size(); ++i) {
    PORTEIRO_TRY(append_filter(base, walk, i, *walk.equal[i]));
  }
  walk.low = base;
  walk.high = walk.equal.empty() ? std::nullopt : after_value(walk, base);
  const std::size_t ranged = walk.equal.size();
  if (walk.upper != nullptr) {
    std::string bound = base;
    PORTEIRO_TRY(append_filter(bound, walk, ranged, *walk.upper));
    const bool with = walk.upper->comparison == Comparison::less_equal;
    walk.high = with ? after_value(walk, bound) : bound;
    if (walk.index != nullptr) walk.low.push_back('\x01');  // Not those without a value.
  }
  if (walk.lower != nullptr) {
    std::string bound = base;
    PORTEIRO_TRY(append_filter(bound, walk, ranged, *walk.lower));
    const bool with = walk.lower->comparison == Comparison::greater_equal;
    walk.low = with ? bound : after_value(walk, bound).value_or(bound);
  }
  return success();
}

std::optional<std::string> take_text(std::string_view& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '\0') {
      text.push_back(bytes[i]);
    } else if (i + 1 < bytes.size() && bytes[i + 1] == '\xff') {
      text.push_back('\0');
      ++i;
    } else {
      bytes.remove_prefix(i + 1);
      return text;
    }
  }
  return std::nullopt;
}

std::optional<EntryValue> take_integer(std::string_view& bytes) {
  if (bytes.size() < 8) return std::nullopt;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 8; ++i) bits = (bits << 8) | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(8);
  return EntryValue(static_cast<std::int64_t>(bits ^ (std::uint64_t{1} << 63)));
}

std::optional<EntryValue> take_value(const IndexField& field, std::string_view& bytes) {
  if (bytes.empty() || (bytes[0] != '\0' && bytes[0] != '\x01')) return std::nullopt;
  const bool missing = bytes[0] == '\0';
  bytes.remove_prefix(1);
  if (missing) return EntryValue();
  const Type type = field.from == IndexField::From::open ? field.field->type : Type::string;
  if (type == Type::integer) return take_integer(bytes);
  if (type == Type::boolean) {
    if (bytes.empty() || static_cast<unsigned char>(bytes[0]) > 1) return std::nullopt;
    const std::int64_t value = bytes[0];
    bytes.remove_prefix(1);
    return EntryValue(value);
  }
  auto text = type == Type::decimal ? take_ordered_decimal(bytes) : take_text(bytes);
  if (!text) return std::nullopt;
  return EntryValue(std::move(*text));
}

}  // namespace

Result<Walk> make_walk(const Layout& layout, const Query& query) {
  if (query.limit < 1 || query.limit > query_limit_max) {
    return error(Errc::invalid, "a query's limit is 1 to " + std::to_string(query_limit_max));
  }
  Walk walk;
  PORTEIRO_TRY(choose(layout, query, walk));
  PORTEIRO_TRY(set_bounds(walk));
  if (query.after.empty()) return walk;
  const auto after = from_base64url(query.after);
  const bool well_made = after && !after->empty() && after->size() <= index_bytes_max &&
                         (walk.index == nullptr || read_entry(*walk.index, *after));
  if (!well_made || *after < walk.low || (walk.high && *after >= *walk.high)) {
    return error(Errc::invalid, "`after` is not the `next` of a page of this query", "after");
  }
  walk.after = *after;
  return walk;
}

std::string page_token(std::string_view entry) { return to_base64url(entry); }

std::optional<Entry> read_entry(const Index& index, std::string_view bytes) {
  Entry entry;
  for (const IndexField& field : index.fields) {
    auto value = take_value(field, bytes);
    if (!value) return std::nullopt;
    entry.values.push_back(std::move(*value));
  }
  if (bytes.empty() || bytes.size() > key_bytes_max) return std::nullopt;
  entry.key = bytes;
  return entry;
}

std::optional<std::string> beyond(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace porteiro::stores
