#include "config/alternatives.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "config/validator.hpp"
#include "config/values.hpp"

namespace porteiro::config {
namespace {

using nlohmann::json;

constexpr std::size_t names_listed_max = 16;
constexpr std::ptrdiff_t first_weight = 100;  // More than a branch has required members.
constexpr const char* type_names[][2] = {{"object", "an object"}, {"array", "a list"},
                                         {"string", "a string"},  {"integer", "a whole number"},
                                         {"number", "a number"},  {"boolean", "true or false"},
                                         {"null", "null"}};

bool is_of(const json& value, std::string_view type) {
  if (type == "integer") {
    return value.is_number_integer() ||
           (value.is_number_float() && std::abs(value.get<double>()) < 9e15 &&
            std::trunc(value.get<double>()) == value.get<double>());
  }
  if (type == "number") return value.is_number();
  return type == value.type_name();
}

using Names = std::vector<const std::string*>;  // Of the schema.

Names strings(const json* list) {
  Names out;
  if (list == nullptr) return out;
  for (const json& each : *list) out.push_back(&each.get_ref<const std::string&>());
  return out;
}

bool has(const Names& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const auto* each) { return *each == name; });
}

bool required(const json& schema, const std::string& name) {
  const json* names = member(schema, "required");
  return names != nullptr && std::any_of(names->begin(), names->end(), [&](const json& each) {
           return each.get_ref<const std::string&>() == name;
         });
}

std::vector<std::string> quoted_all(const Names& names) {
  std::vector<std::string> out;
  for (const std::string* name : names) out.push_back(in_quotes(*name));
  return out;
}

const json* property(const json& schema, const std::string& name) {
  const json* properties = member(schema, "properties");
  return properties == nullptr ? nullptr : member(*properties, name);
}

// The values a property may have that tell alternatives apart: its const or enum.
std::vector<json> tag_values(const json& branch, const std::string& name) {
  const json* schema = property(branch, name);
  if (schema == nullptr) return {};
  if (const json* only = member(*schema, "const")) return {*only};
  const json* values = member(*schema, "enum");
  return values == nullptr ? std::vector<json>() : values->get<std::vector<json>>();
}

// The member by whose value all the branches are told apart; null: there is none.
const std::string* tag_of(const Branches& branches) {
  for (const std::string* name : strings(member(*branches.front(), "required"))) {
    const auto tells = [&](const json* branch) { return !tag_values(*branch, *name).empty(); };
    if (std::all_of(branches.begin(), branches.end(), tells)) return name;
  }
  return nullptr;
}

// The members that a branch requires and not every branch does.
Names own_names(const json& branch, const Branches& branches) {
  Names out;
  for (const std::string* name : strings(member(branch, "required"))) {
    const auto requires_it = [&](const json* other) { return required(*other, *name); };
    if (!std::all_of(branches.begin(), branches.end(), requires_it)) out.push_back(name);
  }
  return out;
}

class Chooser {
 public:
  Chooser(const json& value, Choice& choice) : value_(value), choice_(choice) {}

  void run() {
    if (const std::string* tag = tag_of(choice_.fitting)) {
      by_tag(choice_.fitting, *tag);
    } else {
      by_presence();
    }
  }

 private:
  void by_tag(const Branches& branches, const std::string& tag) {
    const auto found = value_.find(tag);
    if (found == value_.end()) {
      missing({&tag});
      return;
    }
    json all = json::array();
    for (const json* branch : branches) {
      for (const json& each : tag_values(*branch, tag)) {
        if (each == *found) {
          choice_.branch = branch;
          choice_.chosen_by = in_quotes(tag) + ": " + each.dump();
          return;
        }
        all.push_back(each);
      }
    }
    choice_.problems.emplace_back(tag, found->is_string()
                                           ? none_of(*found, all)
                                           : "must be a string, not " + kind_of(*found));
  }

  // The branch of whose own members the first is there, and then the most are.
  void by_presence() {
    const Branches& branches = choice_.fitting;
    const auto present = [&](const std::string* name) { return value_.contains(*name); };
    Names wanted, chosen;
    std::vector<Names> all;  // Of each branch.
    std::ptrdiff_t most = 0;
    for (const json* branch : branches) {
      const Names& own = all.emplace_back(own_names(*branch, branches));
      if (!own.empty() && !has(wanted, *own.front())) wanted.push_back(own.front());
      auto count = std::count_if(own.begin(), own.end(), present);
      if (!own.empty() && present(own.front())) count += first_weight;
      if (count > most) chosen = own;
      most = std::max(most, count);
    }
    if (most == 0) {
      missing(wanted);
      return;
    }
    choice_.chosen_by = in_quotes(**std::find_if(chosen.begin(), chosen.end(), present));
    Branches same;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!all[i].empty() && *all[i].front() == *chosen.front()) same.push_back(branches[i]);
    }
    const std::string* tag = same.size() > 1 ? tag_of(same) : nullptr;
    if (tag != nullptr) {
      by_tag(same, *tag);
    } else {
      choice_.branch = same.front();
    }
  }

  // None of the members that decide is there: perhaps one is misspelt.
  void missing(const Names& wanted) {
    json known = json::object();
    for (const json* branch : choice_.fitting) {
      if (const json* properties = member(*branch, "properties")) known.update(*properties);
    }
    bool misspelt = false;
    for (const auto& [name, each] : value_.items()) {
      if (known.contains(name)) continue;
      std::string near;
      choice_.problems.emplace_back(name, unknown_name(name, known, near));
      misspelt = misspelt || has(wanted, near);
    }
    if (misspelt) return;
    const auto names = quoted_all(wanted);
    choice_.problems.emplace_back(
        "", names.size() == 1 ? names[0] + " is missing" : "needs " + listed(names, "or"));
  }

  const json& value_;
  Choice& choice_;
};

// Of several alternatives for a string: the one that names it, or the one that names none.
void choose_scalar(const json& value, Choice& choice) {
  json all = json::array();
  for (const json* branch : choice.fitting) {
    const json* only = member(*branch, "const");
    if (only == nullptr) {
      if (choice.branch == nullptr) choice.branch = branch;
    } else if (*only == value) {
      choice.branch = branch;
      return;
    } else {
      all.push_back(*only);
    }
  }
  if (choice.branch == nullptr) choice.problems.emplace_back("", none_of(value, all));
}

std::string describe_type(const json& schema, const std::string& type) {
  if (const json* only = member(schema, "const")) return only->dump();
  if (const json* format = member(schema, "format")) {
    if (type == "integer") return {};  // "a size such as …, or a number of bytes" says both.
    return std::string(describe_format(format->get_ref<const std::string&>()));
  }
  for (const auto& each : type_names) {
    if (type == each[0]) return each[1];
  }
  return type;
}

}  // namespace

const json& resolved(const json& root, const json& schema) {
  const json* at = &schema;
  while (const json* reference = member(*at, "$ref")) {
    constexpr std::string_view prefix = "#/definitions/";
    const auto& text = reference->get_ref<const std::string&>();
    PORTEIRO_ASSERT(text.starts_with(prefix));
    at = &root.at("definitions").at(text.substr(prefix.size()));
  }
  return *at;
}

const json* member(const json& object, std::string_view name) {
  const auto* const members = object.get_ptr<const json::object_t*>();
  if (members == nullptr) return nullptr;
  const auto found = members->find(name);
  return found == members->end() ? nullptr : &found->second;
}

std::string kind_of(const json& value) {
  if (value.is_number_integer()) return "a whole number";
  for (const auto& each : type_names) {
    if (std::string_view(each[0]) == value.type_name()) return each[1];
  }
  return value.type_name();
}

bool accepts_kind(const json& schema, const char* type) {
  const json* types = member(schema, "type");
  if (types == nullptr) return member(schema, "const") == nullptr;
  if (types->is_string()) return *types == type;
  return std::find(types->begin(), types->end(), type) != types->end();
}

bool accepts(const json& schema, const json& value) {
  const json* types = member(schema, "type");
  if (types == nullptr) {
    const json* only = member(schema, "const");
    return only == nullptr || only->type() == value.type();
  }
  if (types->is_string()) return is_of(value, types->get_ref<const std::string&>());
  return std::any_of(types->begin(), types->end(), [&](const json& type) {
    return is_of(value, type.get_ref<const std::string&>());
  });
}

std::string describe(const json& root, const json& given) {
  const json& schema = resolved(root, given);
  std::vector<std::string> out;
  const auto add = [&](const std::string& text) {
    if (!text.empty() && std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
  };
  if (const json* alternatives = whole_alternatives(schema)) {
    for (const json& each : *alternatives) add(describe(root, each));
  } else if (const json* types = member(schema, "type"); types == nullptr) {
    add(describe_type(schema, "anything"));
  } else if (types->is_string()) {
    add(describe_type(schema, types->get<std::string>()));
  } else {
    for (const json& type : *types) add(describe_type(schema, type.get<std::string>()));
  }
  return listed(out, "or");
}

std::string none_of(const json& value, const json& values) {
  std::vector<std::string> shown;
  std::vector<std::string> names;
  for (const json& each : values) {
    shown.push_back(each.dump());
    if (each.is_string()) names.push_back(each.get<std::string>());
  }
  if (!value.is_string()) return "must be " + listed(shown, "or");
  std::string text = in_quotes(value.get<std::string>()) + " is not " + listed(shown, "or");
  const std::string near = nearest(value.get<std::string>(), names);
  return near.empty() ? text : text + "; did you mean " + in_quotes(near) + "?";
}

std::string unknown_name(const std::string& name, const json& properties, std::string& near) {
  std::vector<std::string> names;
  for (const auto& [each, schema] : properties.items()) names.push_back(each);
  near = nearest(name, names);
  if (!near.empty()) return "unknown name; did you mean " + in_quotes(near) + "?";
  if (names.empty() || names.size() > names_listed_max) return "unknown name";
  return "unknown name; known here: " + listed(names, "and");
}

std::string for_example(const json& schema) {
  const json* examples = member(schema, "examples");
  return examples == nullptr ? std::string() : ", for example " + examples->front().dump();
}

const json* whole_alternatives(const json& schema) {
  const bool whole = !schema.contains("type") && !schema.contains("properties");
  return whole ? member(schema, "oneOf") : nullptr;
}

bool Choice::known_problem(const std::string& name) const {
  return std::any_of(problems.begin(), problems.end(),
                     [&](const auto& each) { return each.first == name; });
}

bool Choice::elsewhere(const std::string& name) const {
  return std::any_of(fitting.begin(), fitting.end(),
                     [&](const json* each) { return property(*each, name) != nullptr; });
}

Choice choose(const json& root, const json& alternatives, const json& value) {
  Choice choice;
  for (const json& each : alternatives) {
    const json& branch = resolved(root, each);
    if (accepts(branch, value)) choice.fitting.push_back(&branch);
  }
  if (choice.fitting.empty()) {
    std::vector<std::string> kinds;
    for (const json& each : alternatives) {
      std::string kind = describe(root, each);
      if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
        kinds.push_back(std::move(kind));
    }
    choice.problems.emplace_back("", "must be " + listed(kinds, "or") + ", not " + kind_of(value));
  } else if (choice.fitting.size() == 1) {
    choice.branch = choice.fitting.front();
  } else if (value.is_object()) {
    Chooser(value, choice).run();
  } else {
    choose_scalar(value, choice);
  }
  return choice;
}

std::string check_choice(const json& value, const json& choices, bool one,
                         const std::set<std::string>& meant) {
  std::vector<std::string> names;
  std::vector<std::string> present;
  for (const json& choice : choices) {
    for (const std::string* name : strings(member(choice, "required"))) {
      if (meant.contains(*name)) return {};
      names.push_back(in_quotes(*name));
      if (value.contains(*name)) present.push_back(in_quotes(*name));
    }
  }
  if (present.empty()) {
    return (one ? "needs " : "needs at least one of ") + listed(names, "or");
  }
  if (one && present.size() > 1) return "has " + listed(present, "and") + "; keep one";
  return {};
}

}  // namespace porteiro::config
