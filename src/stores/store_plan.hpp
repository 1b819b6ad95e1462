// How a collection's documents become rows and rows become documents again: where each field goes,
// which values are replaced by tokens, and what a box is bound to. See docs/box-format.md.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/kms/kms.hpp"
#include "porteiro/kms/tokens.hpp"
#include "porteiro/stores/store.hpp"
#include "stores/key_shares.hpp"

namespace porteiro::stores {

struct FieldPlan {
  const Field* field;
  // Of the field, or of the key that a reference points to: its values are looked up by this token.
  std::string token;
  std::string format;        // Of the field, or of the key that a reference points to.
  Class part = Class::open;  // open (and internal), sensitive or restricted: where the value goes.
  bool indexed = false;
};

struct Plan {
  const Collection* collection;
  std::vector<FieldPlan> fields;
  // Positions in `fields`; `subject` only when `boxed`; `person`: the declared subject, or else the
  // key, whose token says whose record it is.
  std::size_t key = 0, subject = 0, person = 0;
  bool boxed = false;    // Has sensitive or restricted fields.
  std::size_t keys = 0;  // Whose: 0 is shared by all but the retained collections.
  // The record names the data subject and every other record of the subject refers to it: when it
  // is erased, nothing is left that the subject's key could open.
  bool last_of_subject = false;
  kms::EncryptionContext context;  // Of the branch key.

  const FieldPlan* field(std::string_view name) const;
  const FieldPlan& key_field() const { return fields[key]; }
  const FieldPlan& person_field() const { return fields[person]; }
  bool retained() const { return !collection->retained.empty(); }
};

// One for each collection, in order; they point into `options`. Errors: invalid (the schema asks
// for something no engine has; Error::at is "collections.NAME…").
Result<std::vector<Plan>> make_plans(const StoreOptions& options);

// The text a field's value is kept and found under: its token where it has one, else its canonical
// form. A token is taken as it is. Errors: invalid; those of Tokens::make.
Result<std::string> lookup_text(const FieldPlan& field, std::string_view value,
                                const kms::Tokens& tokens);

struct Split {
  Row row;                            // Without its boxes.
  std::string sensitive, restricted;  // What goes into them: JSON objects; empty: no such values.
};
// Checks a document and takes it apart. Errors: invalid, with Error::at "COLLECTION.FIELD…".
Result<Split> split(const Plan& plan, nlohmann::json document, const kms::Tokens& tokens);

// That all texts in it are UTF-8: others have no JSON form.
bool texts_valid(const nlohmann::json& value);

// The document as text: the key field, the open fields, then what the boxes held.
std::string splice(const Plan& plan, const StoredRow& row, std::string_view sensitive,
                   std::string_view restricted);

// Replaces clear values of tokenised fields by their tokens. Errors: invalid (no such field, or a
// range over tokens, whose order means nothing).
Result<void> prepare_filters(const Plan& plan, Query& query, const kms::Tokens& tokens);

// A box: the version byte, the number of the subject's key, then the sealed text.
inline constexpr char box_version = 1;
inline constexpr char clear_box_version = 0;  // Boxes are off: the object itself follows.
inline constexpr std::size_t box_header_bytes = 1 + key_number_bytes;

// The additional authenticated data of a box or of a wrapped subject key.
void append_binding(std::string& out, std::string_view store, std::string_view collection,
                    std::string_view name, std::string_view purpose);

}  // namespace porteiro::stores
