// What a store holds: collections of records with typed, classified fields. Plain data, made from
// the config, plus the check of a document against it.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/result.hpp"

namespace porteiro::stores {

inline constexpr std::size_t name_bytes_max = 63;  // Of collections and fields.
inline constexpr std::size_t index_fields_max = 8;

enum class Type : std::uint8_t {
  string,
  integer,
  decimal,
  boolean,
  time,
  date,
  uuid,
  enumeration,
  json,
  list,
  reference,
  token
};

// How far a value may be seen. Fields up to `internal` are ordinary columns; the sensitive and the
// restricted fields of a record are one sealed box each.
enum class Class : std::uint8_t {
  open,
  internal,
  sensitive,
  restricted
};  // JSON: "public" = open.

struct Field {
  std::string name;
  Type type = Type::string;
  Class field_class = Class::open;
  bool required = false;
  std::string format;               // A base format (cpf, email, …); empty: any.
  std::vector<std::string> values;  // Of an enumeration.
  std::vector<Field> items;      // Of a list of objects; empty: any JSON. All of the list's class.
  std::size_t items_max = 1000;  // Of a list; an append beyond it drops the oldest.
  std::string reference;         // The collection a reference points to (its key).
  bool cascade = false;  // Of a reference: erased with what it points to; else that is refused.
  std::string token;     // The token name: of a `token` field (token_of), or of a
                         // restricted field that is key or indexed.
  std::string mask{};    // Of a protected field: how it looks to clients that may not see it whole
                         // (mask.hpp); empty: they do not see it.
};

bool is_protected(const Field& field);  // Sensitive or restricted: kept in a box.

struct Collection {
  std::string name;
  std::string key;  // The field that identifies a record; string-like, or a token.
  std::string
      subject;  // The field that names the data subject; empty: the collection has no boxes.
  // The legal basis on which its records outlive the erasure of their subject; empty: they do not.
  std::string retained;
  std::vector<Field> fields;
  std::vector<std::vector<std::string>> indexes;  // Each a list of field names.

  const Field* field(std::string_view name) const;  // Null: none.
  const Field& key_field() const;
  bool has(Class field_class) const;
};

// Checks `document` (an object) against `fields`: unknown and missing members, types, formats,
// enumerations, list bounds. Canonicalises formats in place ("111.444.777-35" → "11144477735").
// `at` is the place of the document ("body") and prefixes Error::at ("body.debts[2].due_on").
// Errors: invalid. The text never holds a value.
// A null counts as a missing member and is taken out. Canonical forms: time as UTC with three
// decimals ("2026-03-01T12:00:00.123Z"), uuid in lower case, decimal as a string of the same
// digits ("12.50"; a JSON number only up to 15 digits, since more are not exact).
Result<void> check_document(const std::vector<Field>& fields, nlohmann::json& document,
                            std::string_view at);
// The same for one value of a field, such as a query's.
Result<void> check_value(const Field& field, nlohmann::json& value, std::string_view at);

// Adds `value` as compact JSON text, as nlohmann's dump() does but faster: texts are taken for
// UTF-8, which those of a parsed document are.
void append_compact(std::string& out, const nlohmann::json& value);

// From the config's JSON (already valid against its schema), see config/schema/config-1.json:
// {"key": …, "subject": …, "fields": {name: {"type": …, "class": …, "required": …, …} or
// {"ref": collection, "on_delete": "cascade" or "restrict" (the default)} or {"token_of": token}},
// "indexes": [[field, …], …]}. The key, and the subject of a collection with boxes, become
// required. Errors: invalid, Error::at within the collection ("fields.cpf.class", "indexes[0][1]").
Result<std::vector<Field>> fields_from_json(const nlohmann::json& fields);
Result<Collection> collection_from_json(std::string_view name, const nlohmann::json& collection);
// The other way round: what the two above read as the same.
nlohmann::json to_json(const std::vector<Field>& fields);
nlohmann::json to_json(const Collection& collection);

}  // namespace porteiro::stores
