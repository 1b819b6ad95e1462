#include "config/validator.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "config/alternatives.hpp"
#include "config/names.hpp"
#include "config/pattern.hpp"
#include "config/values.hpp"

namespace porteiro::config {
namespace {

using nlohmann::json;

class Validator {
 public:
  Validator(const json& schema, json& document, Problems& problems)
      : root_(schema), document_(document), problems_(problems) {}

  void run() {
    check(document_, root_);
    check_names(uses_, unsure_, document_, problems_);
  }

 private:
  // Makes the pointer longer while it lives.
  class Down {
   public:
    Down(std::string& pointer, std::string_view token) : pointer_(pointer), size_(pointer.size()) {
      append_token(pointer, token);
    }
    Down(const Down&) = delete;
    Down& operator=(const Down&) = delete;
    ~Down() { pointer_.resize(size_); }

   private:
    std::string& pointer_;
    std::size_t size_;
  };

  void problem(std::string text) { problems_.add(pointer_, std::move(text)); }
  // The value here is of no use: what it defines is not known.
  void wrong(std::string text) {
    problem(std::move(text));
    unsure_.insert(pointer_);
  }

  void check(json& value, const json& schema);
  void check_alternatives(json& value, const json& alternatives);
  bool check_values(const json& value, const json& schema);
  void check_string(const std::string& text, const json& schema);
  bool check_quantity(const json& value, const json& schema, const std::string& format);
  void check_number(json& value, const json& schema);
  void check_array(json& value, const json& schema);
  void check_unique(const json& array, const std::string& name);
  void check_ordered(const json& value, const json& schema, const json& names);
  void check_object(json& value, const json& schema, const Choice* choice);
  void check_properties(json& value, const json& properties);
  std::set<std::string> check_others(json& value, const json& schema, const Choice* choice);
  void check_required(const json& value, const json& schema, const std::set<std::string>& meant);
  void use_templates(const json& value, const json& places);

  const json& root_;
  json& document_;
  Problems& problems_;
  std::string pointer_;
  std::vector<NameUse> uses_;
  std::set<std::string> unsure_;
};

void Validator::check(json& value, const json& given) {
  const json& schema = resolved(root_, given);
  if (const json* alternatives = whole_alternatives(schema)) {
    check_alternatives(value, *alternatives);
    return;
  }
  if (!accepts(schema, value)) {
    wrong("must be " + describe(root_, schema) + ", not " + kind_of(value));
    return;
  }
  if (!check_values(value, schema)) return;
  if (const json* format = member(schema, "format")) {
    if (!check_quantity(value, schema, format->get_ref<const std::string&>())) return;
  } else if (value.is_number()) {
    check_number(value, schema);
  }
  if (value.is_string()) check_string(value.get_ref<const std::string&>(), schema);
  if (value.is_array()) check_array(value, schema);
  if (value.is_object()) check_object(value, schema, nullptr);
  if (const json* places = member(schema, "x-templates")) use_templates(value, *places);
}

void Validator::check_alternatives(json& value, const json& alternatives) {
  const Choice choice = choose(root_, alternatives, value);
  for (const auto& [name, text] : choice.problems) {
    if (name.empty()) {
      wrong(text);
    } else {
      const Down down(pointer_, name);
      problem(text);
    }
  }
  if (choice.branch == nullptr) return;
  if (value.is_object()) {
    check_object(value, *choice.branch, &choice);
  } else {
    check(value, *choice.branch);
  }
}

bool Validator::check_values(const json& value, const json& schema) {
  if (const json* only = member(schema, "const"); only != nullptr && *only != value) {
    wrong("must be " + only->dump());
    return false;
  }
  const json* values = member(schema, "enum");
  if (values == nullptr || std::find(values->begin(), values->end(), value) != values->end()) {
    return true;
  }
  wrong(none_of(value, *values));
  return false;
}

bool Validator::check_quantity(const json& value, const json& schema, const std::string& format) {
  const auto found = quantity(format, value);
  if (!found) {
    const std::string shown =
        value.is_string() ? in_quotes(value.get<std::string>()) : value.dump();
    problem(shown + " is not " + std::string(describe_format(format)));
    return false;
  }
  const json* least = member(schema, "x-minimum");
  if (least != nullptr && *found < quantity(format, *least).value_or(0)) {
    problem("must be at least " + least->dump());
    return false;
  }
  const json* most = member(schema, "x-maximum");
  if (most != nullptr && *found > quantity(format, *most).value_or(0)) {
    problem("must be at most " + most->dump());
    return false;
  }
  return true;
}

void Validator::check_number(json& value, const json& schema) {
  const double number = value.get<double>();
  const json* least = member(schema, "minimum");
  const json* most = member(schema, "maximum");
  if (least != nullptr && number < least->get<double>()) {
    problem("must be at least " + least->dump());
  } else if (most != nullptr && number > most->get<double>()) {
    problem("must be at most " + most->dump());
  } else if (value.is_number_float() && !accepts_kind(schema, "number")) {
    value = static_cast<std::int64_t>(number);  // 5e3: an integer to JSON Schema.
  }
}

void Validator::check_string(const std::string& text, const json& schema) {
  const json* least = member(schema, "minLength");
  const json* most = member(schema, "maxLength");
  const auto letters =
      static_cast<std::uint64_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned>(c) & 0xC0U) != 0x80U;
      }));
  if (least != nullptr && letters < least->get<std::uint64_t>()) {
    problem(letters == 0 ? "is empty" : "must have at least " + least->dump() + " characters");
    return;
  }
  if (most != nullptr && letters > most->get<std::uint64_t>()) {
    problem("must have at most " + most->dump() + " characters");
    return;
  }
  const json* pattern = member(schema, "pattern");
  if (pattern != nullptr && !matches(pattern->get_ref<const std::string&>(), text)) {
    problem(in_quotes(text) + " is not of the right form" + for_example(schema));
    return;
  }
  if (const json* places = member(schema, "x-names")) uses_.push_back({pointer_, text, places});
}

void Validator::check_array(json& value, const json& schema) {
  const json* least = member(schema, "minItems");
  const json* most = member(schema, "maxItems");
  if (least != nullptr && value.size() < least->get<std::size_t>()) {
    problem(value.empty() ? "is empty" : "must have at least " + least->dump() + " items");
  }
  if (most != nullptr && value.size() > most->get<std::size_t>()) {
    problem("must have at most " + most->dump() + " items");
    return;
  }
  if (const json* items = member(schema, "items")) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Down down(pointer_, std::to_string(i));
      check(value[i], *items);
    }
  }
  if (const json* name = member(schema, "x-unique")) check_unique(value, name->get<std::string>());
}

void Validator::check_unique(const json& array, const std::string& name) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const json* own = array[i].is_object() ? member(array[i], name) : nullptr;
    if (own == nullptr || !own->is_string()) continue;
    const auto [first, is_new] = seen.emplace(own->get<std::string>(), i);
    if (is_new) continue;
    const Down item(pointer_, std::to_string(i));
    const Down down(pointer_, name);
    problem(in_quotes(first->first) + " is already the " + name + " of item " +
            std::to_string(first->second));
  }
}

void Validator::check_object(json& value, const json& schema, const Choice* choice) {
  const json* least = member(schema, "minProperties");
  if (least != nullptr && value.size() < least->get<std::size_t>()) {
    problem(value.empty() ? "is empty" : "must have at least " + least->dump() + " members");
  }
  if (const json* properties = member(schema, "properties")) check_properties(value, *properties);
  check_required(value, schema, check_others(value, schema, choice));
  if (const json* names = member(schema, "x-ordered")) check_ordered(value, schema, *names);
}

// The first of two members is not more than the second. Wrong ones are problems already.
void Validator::check_ordered(const json& value, const json& schema, const json& names) {
  const auto& first = names[0].get_ref<const std::string&>();
  const auto& second = names[1].get_ref<const std::string&>();
  const json* a = member(value, first);
  const json* b = member(value, second);
  if (a == nullptr || b == nullptr || a->type() != b->type()) return;
  bool wrong_order = *a > *b;  // Numbers, and dates as they are written.
  const json* format = member(resolved(root_, schema.at("properties").at(first)), "format");
  if (format != nullptr && *format != "date") {
    const auto& name = format->get_ref<const std::string&>();
    const auto least = quantity(name, *a);
    const auto most = quantity(name, *b);
    wrong_order = least && most && *least > *most;
  }
  if (!wrong_order) return;
  const Down down(pointer_, second);
  problem("must be at least " + in_quotes(first) + ", which is " + a->dump());
}

void Validator::check_properties(json& value, const json& properties) {
  for (const auto& [name, schema] : properties.items()) {
    auto found = value.find(name);
    if (found == value.end()) {
      const json* usual = member(schema, "default");
      if (usual == nullptr) continue;
      found = value.emplace(name, *usual).first;
    }
    const Down down(pointer_, name);
    check(*found, schema);
  }
}

// The members that are none of the properties. Returns the properties that misspelt ones meant.
std::set<std::string> Validator::check_others(json& value, const json& schema,
                                              const Choice* choice) {
  std::set<std::string> meant;
  const json* properties = member(schema, "properties");
  const json* others = member(schema, "additionalProperties");
  if (others == nullptr || *others == true) return meant;
  const json* names = member(schema, "propertyNames");
  if (names != nullptr) names = &resolved(root_, *names);
  for (auto& [name, each] : value.items()) {
    if (properties != nullptr && properties->contains(name)) continue;
    const Down down(pointer_, name);
    if (others->is_object()) {
      if (names != nullptr && !matches(names->at("pattern").get_ref<const std::string&>(), name)) {
        problem(in_quotes(name) + " is not a valid name" + for_example(*names));
      }
      check(each, *others);
      continue;
    }
    if (choice != nullptr && choice->known_problem(name)) continue;
    if (choice != nullptr && choice->elsewhere(name)) {
      problem(in_quotes(name) + " does not go with " + choice->chosen_by);
      continue;
    }
    std::string near;
    problem(unknown_name(name, properties == nullptr ? json::object() : *properties, near));
    if (near.empty()) continue;
    meant.insert(near);
    const std::size_t parent = pointer_.rfind('/');
    std::string target = pointer_.substr(0, parent);
    append_token(target, near);
    unsure_.insert(std::move(target));
  }
  return meant;
}

void Validator::check_required(const json& value, const json& schema,
                               const std::set<std::string>& meant) {
  if (const json* required = member(schema, "required")) {
    for (const json& name : *required) {
      const auto& text = name.get_ref<const std::string&>();
      if (!value.contains(text) && !meant.contains(text)) problem(in_quotes(text) + " is missing");
    }
  }
  if (const json* needs = member(schema, "dependencies")) {
    for (const auto& [name, others] : needs->items()) {
      if (!value.contains(name)) continue;
      for (const json& other : others) {
        if (!value.contains(other.get_ref<const std::string&>()))
          problem(in_quotes(name) + " needs " + other.dump());
      }
    }
  }
  for (const char* keyword : {"oneOf", "anyOf"}) {
    if (const json* choices = member(schema, keyword)) {
      const std::string text = check_choice(value, *choices, keyword[0] == 'o', meant);
      if (!text.empty()) problem(text);
    }
  }
}

void Validator::use_templates(const json& value, const json& places) {
  if (value.is_string()) {
    for (std::string& name : template_names(value.get_ref<const std::string&>())) {
      uses_.push_back({pointer_, std::move(name), &places, true});
    }
  } else if (value.is_object()) {
    for (const auto& [name, each] : value.items()) {
      const Down down(pointer_, name);
      use_templates(each, places);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Down down(pointer_, std::to_string(i));
      use_templates(value[i], places);
    }
  }
}

}  // namespace

void validate_document(const json& schema, json& document, Problems& problems) {
  Validator(schema, document, problems).run();
}

}  // namespace porteiro::config
