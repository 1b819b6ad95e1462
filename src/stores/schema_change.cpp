#include "stores/schema_change.hpp"

#include <algorithm>

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;
using nlohmann::json;

Error refused(const std::string& what, const std::string& at) {
  return error(Errc::invalid,
               "the data was kept with another schema: " + what +
                   "; move the data directory away or change the config back",
               at);
}

Result<void> compare_field(const Field& kept, const Field* now, const std::string& at) {
  if (now == nullptr) return refused("this field is gone", at);
  Field same = *now;
  if (kept.type == Type::enumeration && now->type == Type::enumeration) {
    const bool all = std::all_of(kept.values.begin(), kept.values.end(), [&](const auto& value) {
      return std::find(now->values.begin(), now->values.end(), value) != now->values.end();
    });
    if (!all) return refused("a value of this enum is gone", at);
    same.values = kept.values;
  }
  same.items_max = kept.items_max;  // Holds from the next write on.
  if (to_json({kept}) == to_json({same})) return success();
  if (kept.type != now->type) return refused("this field has another type", at);
  if (kept.field_class != now->field_class) return refused("this field has another class", at);
  if (kept.required != now->required) return refused("`required` of this field differs", at);
  if (kept.reference != now->reference || kept.cascade != now->cascade) {
    return refused("this reference differs", at);
  }
  if (kept.token != now->token) return refused("this field has another token", at);
  return refused("the format or the items of this field differ", at);
}

Result<void> compare_indexes(const Layout& kept, const Layout& now, const std::string& at) {
  for (const auto& index : kept.collection.indexes) {
    const auto& all = now.collection.indexes;
    if (std::find(all.begin(), all.end(), index) == all.end()) {
      return refused("an index is gone", at + ".indexes");
    }
  }
  for (const Field* field : now.hidden) {
    const bool old_field = kept.collection.field(field->name) != nullptr;
    const bool was_hidden =
        std::any_of(kept.hidden.begin(), kept.hidden.end(),
                    [&](const Field* each) { return each->name == field->name; });
    if (old_field && !was_hidden) {
      return refused("an index on the protected field " + field->name +
                         " is new, but the records there have no token for it",
                     at + ".indexes");
    }
  }
  return success();
}

Result<void> compare_collections(const Layout& kept, const Layout& now) {
  const std::string& at = kept.collection.name;
  if (kept.collection.key != now.collection.key) return refused("another key", at + ".key");
  if (kept.collection.subject != now.collection.subject) {
    return refused("another subject", at + ".subject");
  }
  if (kept.collection.retained.empty() != now.collection.retained.empty()) {
    return refused("retained now and not before, or the other way round, which changes its keys",
                   at + ".retain");
  }
  for (const Field& field : kept.collection.fields) {
    PORTEIRO_TRY(
        compare_field(field, now.collection.field(field.name), at + ".fields." + field.name));
  }
  for (const Field& field : now.collection.fields) {
    if (kept.collection.field(field.name) == nullptr && field.required) {
      return refused("a new field is required, but the records there do not have it",
                     at + ".fields." + field.name);
    }
  }
  return compare_indexes(kept, now, at);
}

Error unreadable() {
  return error(Errc::corrupt,
               "the schema kept with the data cannot be read; restore the data "
               "directory from a copy or move it away");
}

Result<Layouts> layouts_of(const json& described) {
  if (!described.is_object()) return unreadable();
  std::vector<Collection> collections;
  for (const auto& [name, one] : described.items()) {
    PORTEIRO_TRY(auto collection, collection_from_json(name, one));
    collections.push_back(std::move(collection));
  }
  return Layouts::make(std::move(collections));
}

}  // namespace

Result<void> check_schema_change(std::string_view kept_text, const Layouts& now) {
  const json kept = json::parse(kept_text, nullptr, false);
  if (kept == now.to_json()) return success();
  auto before = layouts_of(kept);
  if (!before) return unreadable();
  PORTEIRO_TRY(const auto present, layouts_of(now.to_json()));
  for (std::size_t i = 0; i < before.value().size(); ++i) {
    const Layout& layout = before.value()[i];
    const Layout* same = present.find(layout.collection.name);
    if (same == nullptr) return refused("this collection is gone", layout.collection.name);
    PORTEIRO_TRY(compare_collections(layout, *same));
  }
  return success();
}

}  // namespace porteiro::stores
