// A schema as the engines use it: what is a column, which indexes there are (the declared ones and
// one for each reference), who refers to whom; the checks of rows and the order-preserving bytes of
// index entries. The same for all engines, so that they cannot differ.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/stores/engine.hpp"

namespace porteiro::stores {

struct IndexField {
  enum class From : std::uint8_t { key, open, hidden } from = From::open;
  const Field* field = nullptr;
};

struct Index {
  std::string name;  // Its fields, joined by commas.
  std::vector<IndexField> fields;
};

struct Referrer {                         // A reference to the records of a collection.
  std::size_t collection = 0, index = 0;  // Whose it is; the index that begins with it.
  const Field* field = nullptr;
};

struct Reference {
  const Field* field = nullptr;
  std::size_t target = 0;  // The collection it points to.
};

struct Layout {
  Collection collection;
  std::size_t number = 0;
  std::vector<const Field*> members;  // Unprotected fields without the key, by name.
  std::vector<const Field*> hidden;   // Protected fields that an index holds by token, by name.
  std::vector<Index> indexes;         // The declared ones, then those of references.
  std::vector<Reference> references;
  std::vector<Referrer> referrers;

  const Field* member(std::string_view name) const;  // Null: none.
};

class Layouts {
 public:
  // Errors: invalid (two of one name, a reference to no collection).
  static Result<Layouts> make(std::vector<Collection> collections);

  const Layout* find(std::string_view collection) const;  // Null: none.
  const Layout& operator[](std::size_t number) const { return *all_[number]; }
  std::size_t size() const { return all_.size(); }
  nlohmann::json to_json() const;

 private:
  std::vector<std::unique_ptr<Layout>> all_;  // Each at a fixed place: pointers lead into them.
};

Error no_collection(std::string_view name);

// Errors: invalid, when the row does not fit the layout or a value the type of its field.
Result<void> check_row(const Layout& layout, const Row& row);

// What an index holds of a row, without the row's key at the end; in the order of the indexes.
// Errors: invalid (longer than index_bytes_max).
Result<std::vector<std::string>> index_values(const Layout& layout, const Row& row);

// Where a list is in the text of `open`.
struct ListPlace {
  std::string name;
  std::uint32_t offset = 0, bytes = 0, items = 0;
};

// `open` as engines give it out: compact, sorted by name, nulls left out.
std::string open_text(const Layout& layout, const nlohmann::json& open,
                      std::vector<ListPlace>* lists = nullptr);

// Adds `item` to a list's text and takes the first items away beyond `items_max`. `items` is the
// number before and after.
void append_item(std::string& list, std::string_view item, std::size_t items_max,
                 std::uint32_t& items);
std::uint32_t count_items(std::string_view list);

// The bytes of one value; a missing one orders before all others.
void append_missing(std::string& out);
void append_text(std::string& out, std::string_view text);
bool append_value(std::string& out, Type type, const nlohmann::json& value);  // False: wrong type.

// The list field of an append. Errors: invalid.
Result<const Field*> list_field(const Layout& layout, const operation::Append& append);
Result<void> check_key(std::string_view key, std::string_view what);
Result<void> check_blob_name(std::string_view space, std::string_view name);

}  // namespace porteiro::stores
