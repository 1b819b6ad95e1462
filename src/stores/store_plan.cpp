#include "stores/store_plan.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/format.hpp"

namespace porteiro::stores {

namespace {

using nlohmann::json;

Error schema_error(const Collection& collection, const std::string& at, std::string detail) {
  return error(Errc::invalid, std::move(detail), "collections." + collection.name + at);
}

const Collection* find(const StoreOptions& options, std::string_view name) {
  const auto found = std::find_if(options.collections.begin(), options.collections.end(),
                                  [&](const Collection& each) { return each.name == name; });
  return found == options.collections.end() ? nullptr : &*found;
}

Result<FieldPlan> plan_field(const StoreOptions& options, const Collection& collection,
                             const Field& field) {
  FieldPlan plan{&field, field.token, field.format};
  const std::string at = ".fields." + field.name;
  if (field.field_class >= Class::sensitive) plan.part = field.field_class;
  if (field.type == Type::token && field.token.empty()) {
    return schema_error(collection, at, "a token field says by `token_of` which token it holds");
  }
  if (field.type == Type::reference) {
    const Collection* target = find(options, field.reference);
    const Field* key = target == nullptr ? nullptr : target->field(target->key);
    if (key == nullptr) {
      return schema_error(collection, at,
                          "the reference names no collection of this store: use one of its own");
    }
    plan.token = key->token;
    plan.format = key->format;
    plan.part = Class::open;
    if (field.field_class >= Class::sensitive && plan.token.empty()) {
      return schema_error(collection, at,
                          "a reference holds the key of its record in clear: a protected one needs "
                          "a `token` at that key");
    }
  }
  plan.indexed =
      std::any_of(collection.indexes.begin(), collection.indexes.end(), [&](const auto& index) {
        return std::find(index.begin(), index.end(), field.name) != index.end();
      });
  if (plan.indexed && plan.part != Class::open && plan.token.empty()) {
    return schema_error(collection, ".indexes",
                        "a protected field can be ordered or found by its token only: give it one");
  }
  return plan;
}

// The positions of key and subject, with what must hold of them.
Result<void> place_key_and_subject(const StoreOptions& options, Plan& plan) {
  const Collection& collection = *plan.collection;
  const auto position = [&](std::string_view name) {
    return static_cast<std::size_t>(
        std::find_if(plan.fields.begin(), plan.fields.end(),
                     [&](const FieldPlan& each) { return each.field->name == name; }) -
        plan.fields.begin());
  };
  plan.key = position(collection.key);
  if (plan.key == plan.fields.size()) {
    return schema_error(collection, ".key", "the key is none of the fields");
  }
  if (plan.key_field().part != Class::open && plan.key_field().token.empty()) {
    return schema_error(collection, ".key", "a protected key needs a `token` to be found by");
  }
  plan.person = collection.subject.empty() ? plan.key : position(collection.subject);
  if (plan.person == plan.fields.size()) plan.person = plan.key;
  if (!plan.boxed) return ok();
  if (options.key.empty()) {
    return schema_error(collection, ".fields",
                        "sensitive and restricted fields are sealed: give the store a `key`");
  }
  plan.subject = position(collection.subject);
  if (plan.subject == plan.fields.size()) {
    return schema_error(collection, ".subject",
                        "sealed fields belong to a data subject: name its field as `subject`");
  }
  const FieldPlan& subject = plan.fields[plan.subject];
  if (subject.part != Class::open && subject.token.empty()) {
    return schema_error(collection, ".subject",
                        "a protected subject needs a `token` to keep its key under");
  }
  return ok();
}

// See Plan::last_of_subject.
bool is_last_of_subject(const std::vector<Plan>& plans, const Plan& plan) {
  if (!plan.boxed || plan.retained() || plan.subject != plan.key) return false;
  return std::all_of(plans.begin(), plans.end(), [&](const Plan& other) {
    if (&other == &plan || !other.boxed || other.retained()) return true;
    const Field& subject = *other.fields[other.subject].field;
    return subject.type == Type::reference && subject.reference == plan.collection->name;
  });
}

// What is erased may not take retained records with it, nor be held by them.
Result<void> check_retained(const StoreOptions& options, const Collection& collection) {
  if (collection.retained.empty()) return ok();
  for (const Field& field : collection.fields) {
    if (field.type != Type::reference) continue;
    const Collection* target = find(options, field.reference);
    if (target == nullptr || !target->retained.empty()) continue;
    return schema_error(collection, ".fields." + field.name,
                        "a retained record cannot refer to one that is erased: retain " +
                            target->name + ", too, or make it a `token_of`");
  }
  return ok();
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get_ref<const std::string&>() : value.dump();
}

void append_member(std::string& object, std::string_view name, const json& value) {
  object += object.empty() ? '{' : ',';
  append_json_string(object, name);
  object += ':';
  append_compact(object, value);
}

std::string field_at(const Plan& plan, const FieldPlan& field) {
  return plan.collection->name + "." + field.field->name;
}

Error not_utf8(std::string at) {
  return error(Errc::invalid, "a text in it is not UTF-8", std::move(at));
}

Result<std::string> lookup_at(const Plan& plan, const FieldPlan& field, const json& value,
                              const kms::Tokens& tokens) {
  auto text = lookup_text(field, text_of(value), tokens);
  if (text) return text;
  Error failed = text.error();
  failed.at = field_at(plan, field);
  return failed;
}

// Puts one value where it belongs.
Result<void> place(const Plan& plan, const FieldPlan& field, json& value, const kms::Tokens& tokens,
                   Split& out) {
  const bool is_key = &field == &plan.key_field();
  const bool is_subject = plan.boxed && &field == &plan.fields[plan.subject];
  std::string lookup;
  if (is_key || is_subject || !field.token.empty() || field.field->type == Type::reference) {
    if (field.part != Class::open && !field.token.empty() && value.is_string() &&
        kms::Tokens::looks_like(field.token, value.get_ref<const std::string&>())) {
      return error(Errc::invalid, "the value itself is needed here, not its token",
                   field_at(plan, field));
    }
    PORTEIRO_TRY(lookup, lookup_at(plan, field, value, tokens));
  }
  if (is_key) out.row.key = lookup;
  if (is_subject) out.row.subject = lookup;
  if (!texts_valid(value)) return not_utf8(field_at(plan, field));
  if (field.part != Class::open) {
    std::string& box = field.part == Class::sensitive ? out.sensitive : out.restricted;
    append_member(box, field.field->name, value);
    if (field.indexed && !is_key) out.row.hidden.emplace_back(field.field->name, lookup);
  } else if (!is_key) {
    const bool by_lookup = field.field->type == Type::reference || field.field->type == Type::token;
    out.row.open[field.field->name] = by_lookup ? json(std::move(lookup)) : std::move(value);
  }
  return ok();
}

Result<Split> split_checked(const Plan& plan, json& document, const kms::Tokens& tokens) {
  Split out;
  out.row.open = json::object();
  // The key first: a box that holds it starts with it.
  const auto key = document.find(plan.key_field().field->name);
  if (key == document.end() || key->is_null()) {
    return error(Errc::invalid, "the record's key is missing", field_at(plan, plan.key_field()));
  }
  PORTEIRO_TRY(place(plan, plan.key_field(), *key, tokens, out));
  for (const FieldPlan& field : plan.fields) {
    if (&field == &plan.key_field()) continue;
    const auto value = document.find(field.field->name);
    if (value == document.end() || value->is_null()) continue;
    PORTEIRO_TRY(place(plan, field, *value, tokens, out));
  }
  for (std::string* box : {&out.sensitive, &out.restricted}) {
    if (!box->empty()) *box += '}';
  }
  if (out.row.subject.empty() && !(out.sensitive.empty() && out.restricted.empty())) {
    return error(Errc::invalid, "sealed fields need their data subject",
                 field_at(plan, plan.fields[plan.subject]));
  }
  return out;
}

// The members of a JSON object's text, without the braces.
std::string_view members(std::string_view object) {
  return object.size() < 2 ? std::string_view() : object.substr(1, object.size() - 2);
}

void append_members(std::string& out, std::string_view object) {
  const std::string_view inner = members(object);
  if (inner.empty()) return;
  if (out.size() > 1) out += ',';
  out += inner;
}

}  // namespace

const FieldPlan* Plan::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const FieldPlan& each) { return each.field->name == name; });
  return found == fields.end() ? nullptr : &*found;
}

Result<std::vector<Plan>> make_plans(const StoreOptions& options) {
  std::vector<Plan> plans;
  plans.reserve(options.collections.size());
  for (const Collection& collection : options.collections) {
    Plan& plan = plans.emplace_back();
    plan.collection = &collection;
    plan.context = {{"store", options.name}, {"collection", collection.name}};
    for (const Field& field : collection.fields) {
      PORTEIRO_TRY(auto planned, plan_field(options, collection, field));
      plan.boxed = plan.boxed || planned.part != Class::open;
      plan.fields.push_back(std::move(planned));
    }
    PORTEIRO_TRY(place_key_and_subject(options, plan));
    PORTEIRO_TRY(check_retained(options, collection));
  }
  std::size_t kinds_of_keys = 1;
  for (Plan& plan : plans) {
    plan.last_of_subject = is_last_of_subject(plans, plan);
    if (plan.boxed && plan.retained()) plan.keys = kinds_of_keys++;
  }
  return plans;
}

Result<std::string> lookup_text(const FieldPlan& field, std::string_view value,
                                const kms::Tokens& tokens) {
  if (!field.token.empty()) {
    if (kms::Tokens::looks_like(field.token, value)) return std::string(value);
    if (field.format.empty()) return tokens.make(field.token, value);
    PORTEIRO_TRY(const std::string clear, canonical(field.format, value));
    return tokens.make(field.token, clear);
  }
  if (!field.format.empty()) return canonical(field.format, value);
  if (field.field->type == Type::uuid) return canonical("uuid", value);
  return std::string(value);
}

Result<Split> split(const Plan& plan, json document, const kms::Tokens& tokens) {
  try {
    PORTEIRO_TRY(check_document(plan.collection->fields, document, plan.collection->name));
    return split_checked(plan, document, tokens);
  } catch (const json::exception&) {  // Its text may quote the document.
    return not_utf8(plan.collection->name);
  }
}

bool texts_valid(const json& value) {
  if (value.is_string()) return valid_utf8(value.get_ref<const std::string&>());
  if (value.is_array()) return std::all_of(value.begin(), value.end(), texts_valid);
  if (!value.is_object()) return true;
  return std::all_of(value.items().begin(), value.items().end(), [](const auto& member) {
    return valid_utf8(member.key()) && texts_valid(member.value());
  });
}

std::string splice(const Plan& plan, const StoredRow& row, std::string_view sensitive,
                   std::string_view restricted) {
  const FieldPlan& key = plan.key_field();
  std::string out;
  out.reserve(row.open.size() + sensitive.size() + restricted.size() + row.key.size() +
              key.field->name.size() + 8);
  out += '{';
  std::string_view first;  // The box that holds the key.
  if (key.part == Class::sensitive) first = std::exchange(sensitive, {});
  if (key.part == Class::restricted) first = std::exchange(restricted, {});
  if (!first.empty()) {
    append_members(out, first);
  } else {
    append_json_string(out, key.field->name);
    out += ':';
    append_json_string(out, row.key);
  }
  append_members(out, row.open);
  append_members(out, sensitive);
  append_members(out, restricted);
  out += '}';
  return out;
}

Result<void> prepare_filters(const Plan& plan, Query& query, const kms::Tokens& tokens) {
  for (Filter& filter : query.filters) {
    const FieldPlan* field = plan.field(filter.field);
    if (field == nullptr) {
      return error(Errc::invalid, "the collection has no such field to search by", filter.field);
    }
    if (!field->token.empty() && filter.comparison != Comparison::equal) {
      return error(Errc::invalid,
                   "a field with a token can only be compared for equality: the order of tokens "
                   "means nothing",
                   filter.field);
    }
    const bool looked_up =
        !field->token.empty() || !field->format.empty() || field->field->type == Type::uuid;
    if (!looked_up || !(filter.value.is_string() || !field->token.empty())) continue;
    auto text = lookup_text(*field, text_of(filter.value), tokens);
    if (!text) {
      Error failed = text.error();
      failed.at = filter.field;
      return failed;
    }
    filter.value = std::move(text).value();
  }
  return ok();
}

void append_binding(std::string& out, std::string_view store, std::string_view collection,
                    std::string_view name, std::string_view purpose) {
  append_sized(out, store);
  append_sized(out, collection);
  append_sized(out, name);
  append_sized(out, purpose);
  out += box_version;
}

}  // namespace porteiro::stores
