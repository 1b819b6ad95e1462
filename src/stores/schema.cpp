// Schemas from the config's JSON, and their checks that need no other collection.
#include "porteiro/stores/schema.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "porteiro/base/format.hpp"
#include "porteiro/stores/mask.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;
using nlohmann::json;

template <class T>
struct Named {
  std::string_view name;
  T value;
};
constexpr std::array<Named<Type>, 10> type_names{{{"string", Type::string},
                                                  {"int", Type::integer},
                                                  {"decimal", Type::decimal},
                                                  {"bool", Type::boolean},
                                                  {"time", Type::time},
                                                  {"date", Type::date},
                                                  {"uuid", Type::uuid},
                                                  {"enum", Type::enumeration},
                                                  {"json", Type::json},
                                                  {"list", Type::list}}};
constexpr std::array<Named<Class>, 4> class_names{{{"public", Class::open},
                                                   {"internal", Class::internal},
                                                   {"sensitive", Class::sensitive},
                                                   {"restricted", Class::restricted}}};

template <class T, std::size_t N>
const Named<T>* find_name(const std::array<Named<T>, N>& names, std::string_view name) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const Named<T>& each) { return each.name == name; });
  return found == names.end() ? nullptr : &*found;
}

// A name that every engine can use for a table or a column.
bool is_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto inner = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= name_bytes_max && (letter(name[0]) || name[0] == '_') &&
         std::all_of(name.begin(), name.end(), inner);
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string text_member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

Result<void> read_enumeration(Field& field, const json& of, const std::string& at) {
  if (!of.is_array() || of.empty()) {
    return error(Errc::invalid, "an enum needs `of`: the list of its values", at + ".of");
  }
  for (const json& value : of) {
    if (!value.is_string()) {
      return error(Errc::invalid, "the values of an enum are strings", at + ".of");
    }
    field.values.push_back(value.get<std::string>());
  }
  return success();
}

Result<void> read_list(Field& field, const json& described, const std::string& at) {
  if (const auto max = described.find("max"); max != described.end()) {
    if (!max->is_number_integer() || max->get<std::int64_t>() < 1) {
      return error(Errc::invalid, "the `max` of a list is at least 1", at + ".max");
    }
    field.items_max = max->get<std::size_t>();
  }
  const auto of = described.find("of");
  if (of == described.end()) return success();
  auto items = fields_from_json(*of);
  if (!items) {
    Error failed = items.error();
    failed.at = at + ".of" + (failed.at.empty() ? "" : "." + failed.at);
    return failed;
  }
  field.items = std::move(items).value();
  for (const Field& item : field.items) {
    if (item.field_class != Class::open || item.type == Type::reference ||
        item.type == Type::token || !item.token.empty()) {
      return error(Errc::invalid,
                   "a field inside a list has no class, token or reference of its own: give the "
                   "class to the list, or make it a collection",
                   at + ".of." + item.name);
    }
  }
  return success();
}

Result<void> read_type(Field& field, const json& described, const std::string& at) {
  field.reference = text_member(described, "ref");
  if (!field.reference.empty()) {
    field.type = Type::reference;
    const std::string on_delete = text_member(described, "on_delete");
    if (!on_delete.empty() && on_delete != "cascade" && on_delete != "restrict") {
      return error(Errc::invalid, "`on_delete` is cascade or restrict", at + ".on_delete");
    }
    field.cascade = on_delete == "cascade";
    return success();
  }
  if (const std::string token = text_member(described, "token_of"); !token.empty()) {
    field.type = Type::token;
    field.token = token;
    return success();
  }
  const auto* type = find_name(type_names, text_member(described, "type"));
  if (type == nullptr) {
    return error(Errc::invalid,
                 "a field has a `type` (string, int, decimal, bool, time, date, uuid, enum, json, "
                 "list), or it is a `ref` or a `token_of`",
                 at + ".type");
  }
  field.type = type->value;
  field.token = text_member(described, "token");
  if (field.type == Type::list) return read_list(field, described, at);
  if (field.type == Type::enumeration) {
    const auto of = described.find("of");
    return read_enumeration(field, of == described.end() ? json() : *of, at);
  }
  return success();
}

Result<Field> read_field(const std::string& name, const json& described) {
  Field field;
  field.name = name;
  if (!is_name(name)) {
    return error(Errc::invalid,
                 "a field's name has 1 to 63 letters, digits, _ or -, and starts with a letter",
                 name);
  }
  if (!described.is_object())
    return error(Errc::invalid, "a field is described by an object", name);
  PORTEIRO_TRY(read_type(field, described, name));
  field.required = flag_member(described, "required");
  field.format = text_member(described, "format");
  if (!field.format.empty() && !is_format(field.format)) {
    return error(Errc::invalid, "there is no such format", name + ".format");
  }
  if (const auto given = described.find("class"); given != described.end()) {
    const auto* found =
        find_name(class_names, given->is_string() ? given->get<std::string>() : std::string());
    if (found == nullptr) {
      return error(Errc::invalid, "a class is public, internal, sensitive or restricted",
                   name + ".class");
    }
    field.field_class = found->value;
  }
  field.mask = text_member(described, "mask");
  if (!field.mask.empty() && (!is_mask(field.mask) || !is_protected(field))) {
    return error(Errc::invalid,
                 is_protected(field) ? "a mask is all, initials, first:N, last:N, email or digits, "
                                       "with N from 1 to 4"
                                     : "only sensitive and restricted fields have a `mask`",
                 name + ".mask");
  }
  const bool by_key = field.type == Type::reference || field.type == Type::token;
  if (by_key && is_protected(field)) {
    return error(Errc::invalid,
                 "a reference or a token is never protected by a box: it holds a key or a token",
                 name + ".class");
  }
  if (!by_key && !field.token.empty() && !is_protected(field)) {
    return error(Errc::invalid, "only sensitive and restricted fields have a `token`",
                 name + ".token");
  }
  return field;
}

Result<void> check_key(const Collection& collection) {
  const Field* key = collection.field(collection.key);
  if (key == nullptr) return error(Errc::invalid, "the key is none of the fields", "key");
  switch (key->type) {
    case Type::string:
    case Type::time:
    case Type::date:
    case Type::uuid:
    case Type::enumeration:
    case Type::token:
      break;
    case Type::integer:
    case Type::decimal:
    case Type::boolean:
    case Type::json:
    case Type::list:
    case Type::reference:
      return error(Errc::invalid,
                   "a key is a string, uuid, date, time, enum or token_of; make the field one of "
                   "these or choose another key",
                   "key");
  }
  if (is_protected(*key) && key->token.empty()) {
    return error(Errc::invalid, "a protected key needs a `token`, by which records are found",
                 "fields." + key->name + ".token");
  }
  return success();
}

Result<void> check_subject(const Collection& collection) {
  const bool boxes = collection.has(Class::sensitive) || collection.has(Class::restricted);
  if (collection.subject.empty()) {
    if (!boxes) return success();
    return error(
        Errc::invalid,
        "sensitive and restricted fields are sealed by the key of a data subject: name the "
        "field that holds it as `subject`",
        "subject");
  }
  const Field* subject = collection.field(collection.subject);
  if (subject == nullptr)
    return error(Errc::invalid, "the subject is none of the fields", "subject");
  if (is_protected(*subject) && subject->token.empty()) {
    return error(Errc::invalid, "a protected subject needs a `token`, under which its key is kept",
                 "fields." + subject->name + ".token");
  }
  if (subject->type == Type::json || subject->type == Type::list) {
    return error(Errc::invalid, "a subject is one value, not a list or json", "subject");
  }
  return success();
}

Result<void> check_index_field(const Field* field, const std::string& at) {
  if (field == nullptr) return error(Errc::invalid, "the index names none of the fields", at);
  if (field->type == Type::json || field->type == Type::list) {
    return error(Errc::invalid, "json and lists cannot be indexed", at);
  }
  if (is_protected(*field) && field->token.empty()) {
    return error(Errc::invalid, "an index on a protected field needs its `token`", at);
  }
  return success();
}

Result<void> check_indexes(const Collection& collection) {
  for (std::size_t i = 0; i < collection.indexes.size(); ++i) {
    const auto& index = collection.indexes[i];
    const std::string at = "indexes[" + std::to_string(i) + "]";
    if (index.empty() || index.size() > index_fields_max) {
      return error(Errc::invalid, "an index has 1 to 8 fields", at);
    }
    for (std::size_t f = 0; f < index.size(); ++f) {
      const std::string field_at = at + "[" + std::to_string(f) + "]";
      PORTEIRO_TRY(check_index_field(collection.field(index[f]), field_at));
      if (std::count(index.begin(), index.end(), index[f]) > 1) {
        return error(Errc::invalid, "an index names each field once", field_at);
      }
    }
    if (std::count(collection.indexes.begin(), collection.indexes.end(), index) > 1) {
      return error(Errc::invalid, "the same index is there twice", at);
    }
  }
  return success();
}

Result<void> read_indexes(Collection& collection, const json& indexes) {
  if (!indexes.is_array()) return error(Errc::invalid, "`indexes` is a list of lists", "indexes");
  for (const json& index : indexes) {
    auto& fields = collection.indexes.emplace_back();
    if (!index.is_array()) return error(Errc::invalid, "an index is a list of fields", "indexes");
    for (const json& name : index) {
      if (!name.is_string()) return error(Errc::invalid, "an index names fields", "indexes");
      fields.push_back(name.get<std::string>());
    }
  }
  return success();
}

}  // namespace

bool is_protected(const Field& field) { return field.field_class >= Class::sensitive; }

const Field* Collection::field(std::string_view wanted) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& each) { return each.name == wanted; });
  return found == fields.end() ? nullptr : &*found;
}

const Field& Collection::key_field() const {
  const Field* found = field(key);
  PORTEIRO_ASSERT(found != nullptr);
  return *found;
}

bool Collection::has(Class field_class) const {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const Field& each) { return each.field_class == field_class; });
}

Result<std::vector<Field>> fields_from_json(const json& fields) {
  if (!fields.is_object()) return error(Errc::invalid, "`fields` is an object of fields");
  std::vector<Field> read;
  read.reserve(fields.size());
  for (const auto& [name, described] : fields.items()) {
    PORTEIRO_TRY(auto field, read_field(name, described));
    for (const Field& other : read) {
      if (same_but_for_case(other.name, name)) {
        return error(Errc::invalid, "two names that differ only in case", name);
      }
    }
    read.push_back(std::move(field));
  }
  return read;
}

Result<Collection> collection_from_json(std::string_view name, const json& described) {
  Collection collection;
  collection.name = name;
  if (!is_name(name) || same_but_for_case(name.substr(0, 7), "sqlite_")) {
    return error(Errc::invalid,
                 "a collection's name has 1 to 63 letters, digits, _ or -, starts with a letter "
                 "and not with sqlite_");
  }
  if (!described.is_object()) return error(Errc::invalid, "a collection is an object");
  collection.key = text_member(described, "key");
  collection.subject = text_member(described, "subject");
  if (const auto retain = described.find("retain"); retain != described.end()) {
    if (retain->is_object()) collection.retained = text_member(*retain, "basis");
    if (collection.retained.empty()) {
      return error(Errc::invalid, "say by `basis` on what legal ground the records are retained",
                   "retain");
    }
  }
  const auto fields = described.find("fields");
  if (fields == described.end()) return error(Errc::invalid, "a collection has `fields`", "fields");
  auto read = fields_from_json(*fields);
  if (!read) {
    Error failed = read.error();
    failed.at = failed.at.empty() ? "fields" : "fields." + failed.at;
    return failed;
  }
  collection.fields = std::move(read).value();
  if (const auto indexes = described.find("indexes"); indexes != described.end()) {
    PORTEIRO_TRY(read_indexes(collection, *indexes));
  }
  PORTEIRO_TRY(check_key(collection));
  PORTEIRO_TRY(check_subject(collection));
  PORTEIRO_TRY(check_indexes(collection));
  const bool boxes = collection.has(Class::sensitive) || collection.has(Class::restricted);
  for (Field& field : collection.fields) {  // What a record cannot do without.
    if (field.name == collection.key) field.required = true;
    if (boxes && field.name == collection.subject) field.required = true;
  }
  return collection;
}

json to_json(const std::vector<Field>& fields) {
  json all = json::object();
  for (const Field& field : fields) {
    json& one = all[field.name] = json::object();
    const auto type = std::find_if(type_names.begin(), type_names.end(),
                                   [&](const auto& each) { return each.value == field.type; });
    if (field.type == Type::reference) {
      one["ref"] = field.reference;
      one["on_delete"] = field.cascade ? "cascade" : "restrict";
    } else if (field.type == Type::token) {
      one["token_of"] = field.token;
    } else {
      one["type"] = type->name;
      if (!field.token.empty()) one["token"] = field.token;
    }
    one["class"] = class_names[static_cast<std::size_t>(field.field_class)].name;
    if (field.required) one["required"] = true;
    if (!field.format.empty()) one["format"] = field.format;
    if (field.type == Type::enumeration) one["of"] = field.values;
    if (field.type == Type::list) {
      one["max"] = field.items_max;
      if (!field.items.empty()) one["of"] = to_json(field.items);
    }
  }
  return all;
}

json to_json(const Collection& collection) {
  json one{{"key", collection.key}, {"fields", to_json(collection.fields)}};
  if (!collection.subject.empty()) one["subject"] = collection.subject;
  if (!collection.retained.empty()) one["retain"] = {{"basis", collection.retained}};
  if (!collection.indexes.empty()) one["indexes"] = collection.indexes;
  return one;
}

}  // namespace porteiro::stores
