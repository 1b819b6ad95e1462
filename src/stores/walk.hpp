// A query as a walk along one index (or the keys): which one, from where to where.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stores/layout.hpp"

namespace porteiro::stores {

// Of the walked index's entries; without an index these are the keys themselves.
struct Walk {
  const Index* index = nullptr;                     // Null: by key.
  std::vector<const Filter*> equal;                 // Of the first fields of the index.
  const Filter *lower = nullptr, *upper = nullptr;  // Of the field after them.
  std::string low;                                  // The first entry that may be in it.
  std::optional<std::string> high;                  // The first one beyond it; none: to the end.
  std::string after;  // The last entry of the page before; empty: none.
};

// `query` has to outlive the walk. Errors: invalid (no index serves it, a wrong type, a limit out
// of bounds, an `after` that is not of this query).
Result<Walk> make_walk(const Layout& layout, const Query& query);

std::string page_token(std::string_view entry);  // For RowPage::next.

// An index entry's values and key, back from its bytes.
using EntryValue = std::variant<std::monostate, std::int64_t, std::string>;  // Missing, … or text.
struct Entry {
  std::vector<EntryValue> values;
  std::string key;
};
std::optional<Entry> read_entry(const Index& index, std::string_view bytes);

// The first bytes that are beyond all that begin with `prefix`; none: there are no such.
std::optional<std::string> beyond(std::string prefix);

}  // namespace porteiro::stores
