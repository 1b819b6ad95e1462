#include "porteiro/lambda/pattern.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "porteiro/base/json_tree.hpp"

namespace porteiro::lambda {
namespace {

using nlohmann::json;

constexpr int depth_max = 16;

Error wrong(const std::string& where, const std::string& what) {
  return error(Errc::invalid, "this filter pattern is not valid: " + what, where);
}

bool is_scalar(const json& value) { return !value.is_structured(); }

bool is_comparison(const std::string& name) {
  return name == "prefix" || name == "suffix" || name == "equals-ignore-case";
}

Result<void> check_numeric(const json& rule, const std::string& where) {
  if (!rule.is_array() || rule.empty() || rule.size() % 2 != 0 || rule.size() > 4) {
    return wrong(where, "numeric takes one or two pairs of an operator and a number");
  }
  for (std::size_t i = 0; i < rule.size(); i += 2) {
    static constexpr std::string_view operators[] = {"=", "<", "<=", ">", ">="};
    const bool known = rule[i].is_string() &&
                       std::find(std::begin(operators), std::end(operators),
                                 rule[i].get_ref<const std::string&>()) != std::end(operators);
    if (!known) return wrong(where, "an operator is one of = < <= > >=");
    if (!rule[i + 1].is_number()) return wrong(where, "an operator is followed by a number");
  }
  return ok();
}

Result<void> check_anything_but(const json& rule, const std::string& where) {
  if (rule.is_object()) {
    if (rule.size() != 1 || !is_comparison(rule.begin().key()) || !rule.begin()->is_string()) {
      return wrong(where, "anything-but takes prefix, suffix or equals-ignore-case with a string");
    }
    return ok();
  }
  if (!rule.is_array()) return ok();
  if (rule.empty() || !std::all_of(rule.begin(), rule.end(), is_scalar)) {
    return wrong(where, "anything-but takes a value or a list of values");
  }
  return ok();
}

// One item of a leaf's list.
Result<void> check_item(const json& item, const std::string& where) {
  if (is_scalar(item)) return ok();
  if (!item.is_object() || item.size() != 1) {
    return wrong(where, "an item is a value or an object with one comparison");
  }
  const std::string& name = item.begin().key();
  const json& rule = item.begin().value();
  const std::string at = where + "/" + name;
  if (is_comparison(name)) {
    if (!rule.is_string()) return wrong(at, name + " takes a string");
  } else if (name == "exists") {
    if (!rule.is_boolean()) return wrong(at, "exists takes true or false");
  } else if (name == "numeric") {
    return check_numeric(rule, at);
  } else if (name == "anything-but") {
    return check_anything_but(rule, at);
  } else {
    return wrong(at,
                 "there is no such comparison: known are prefix, suffix, equals-ignore-case, "
                 "numeric, anything-but and exists");
  }
  return ok();
}

Result<void> check_rule(const json& rule, const std::string& where, int depth) {
  if (depth > depth_max) return wrong(where, "it is nested too deeply");
  if (!rule.is_object() || rule.empty()) return wrong(where, "an object with members belongs here");
  for (const auto& [name, value] : rule.items()) {
    const std::string at = where + "/" + name;
    if (value.is_object() && name != "$or") {
      PORTEIRO_TRY(check_rule(value, at, depth + 1));
      continue;
    }
    if (!value.is_array() || value.empty()) return wrong(at, "a list of values belongs here");
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string item = at + "/" + std::to_string(i);
      PORTEIRO_TRY(name == "$or" ? check_rule(value[i], item, depth + 1)
                                 : check_item(value[i], item));
    }
  }
  return ok();
}

bool compares(std::string_view name, std::string_view wanted, const json& value) {
  if (!value.is_string()) return false;
  const std::string_view text = value.get_ref<const std::string&>();
  if (name == "prefix") return text.starts_with(wanted);
  if (name == "suffix") return text.ends_with(wanted);
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(text.begin(), text.end(), wanted.begin(), wanted.end(),
                    [lower](char a, char b) { return lower(a) == lower(b); });
}

bool is_within(const json& rule, const json& value) {
  if (!value.is_number()) return false;
  for (std::size_t i = 0; i < rule.size(); i += 2) {
    const std::string& sign = rule[i].get_ref<const std::string&>();
    const json& bound = rule[i + 1];
    const bool holds = sign == "="    ? value == bound
                       : sign == "<"  ? value < bound
                       : sign == "<=" ? value <= bound
                       : sign == ">"  ? value > bound
                                      : value >= bound;
    if (!holds) return false;
  }
  return true;
}

bool item_matches(const json& item, const json& value) {
  if (is_scalar(item)) return item == value;
  const std::string& name = item.begin().key();
  const json& rule = item.begin().value();
  if (name == "exists") return rule.get<bool>();
  if (name == "numeric") return is_within(rule, value);
  if (name != "anything-but") return compares(name, rule.get_ref<const std::string&>(), value);
  if (rule.is_object()) {
    return !compares(rule.begin().key(), rule.begin()->get_ref<const std::string&>(), value);
  }
  if (rule.is_array()) return std::find(rule.begin(), rule.end(), value) == rule.end();
  return rule != value;
}

bool is_absence(const json& item) {
  return item.is_object() && item.begin().key() == "exists" && !item.begin()->get<bool>();
}

bool leaf_matches(const json& list, const json* value) {
  return std::any_of(list.begin(), list.end(), [value](const json& item) {
    if (is_absence(item)) return value == nullptr;
    if (value == nullptr || value->is_object()) return false;
    if (!value->is_array()) return item_matches(item, *value);
    return std::any_of(value->begin(), value->end(), [&item](const json& each) {
      return !each.is_structured() && item_matches(item, each);
    });
  });
}

bool rule_matches(const json& rule, const json& event);

// An object within the pattern: of an array in the event one item has to match.
bool inner_matches(const json& rule, const json* value) {
  static const json nothing = json::object();
  if (value == nullptr || is_scalar(*value)) return rule_matches(rule, nothing);
  if (value->is_object()) return rule_matches(rule, *value);
  return std::any_of(value->begin(), value->end(), [&rule](const json& each) {
    return each.is_object() && rule_matches(rule, each);
  });
}

bool rule_matches(const json& rule, const json& event) {
  for (const auto& [name, wanted] : rule.items()) {
    if (name == "$or") {
      const bool some = std::any_of(wanted.begin(), wanted.end(), [&event](const json& each) {
        return rule_matches(each, event);
      });
      if (!some) return false;
      continue;
    }
    const auto found = event.find(name);
    const json* value = found == event.end() ? nullptr : &*found;
    if (!(wanted.is_object() ? inner_matches(wanted, value) : leaf_matches(wanted, value))) {
      return false;
    }
  }
  return true;
}

// Whether the pattern wants members of the body, and so JSON.
bool wants_json(const json& rule) {
  const auto body = rule.find("body");
  if (body != rule.end()) return body->is_object();
  const auto alternatives = rule.find("$or");
  return alternatives != rule.end() &&
         std::any_of(alternatives->begin(), alternatives->end(), wants_json);
}

// The first member that is not a message's body; empty: there is none.
std::string other_than_body(const json& rule) {
  for (const auto& [name, wanted] : rule.items()) {
    if (name == "body") continue;
    if (name != "$or") return name;
    for (const json& each : wanted) {
      if (std::string other = other_than_body(each); !other.empty()) return other;
    }
  }
  return {};
}

}  // namespace

Result<Pattern> Pattern::parse(std::string_view text) {
  if (text.size() > pattern_bytes_max) {
    return error(Errc::invalid,
                 "a filter pattern has at most " + std::to_string(pattern_bytes_max) + " bytes");
  }
  auto rule = std::make_shared<json>(json::parse(text, nullptr, false));
  if (rule->is_discarded()) return wrong("", "it is not JSON");
  PORTEIRO_TRY(check_rule(*rule, "", 0));
  return Pattern(std::move(rule));
}

Result<Pattern> Pattern::parse_for_queue(std::string_view text) {
  PORTEIRO_TRY(Pattern pattern, parse(text));
  if (const std::string other = other_than_body(*pattern.rule_); !other.empty()) {
    return wrong("/" + other, "of a message of a queue only \"body\" can be asked for");
  }
  return pattern;
}

bool Pattern::matches(const json& event) const { return rule_matches(*rule_, event); }

// AWS Lambda, "Using event filtering with an Amazon SQS event source": a body of the other form
// than the pattern's is not let through.
bool Pattern::matches_message(std::string_view body) const {
  json event = json::object();
  if (wants_json(*rule_)) {
    json parsed = json_tree(body);
    if (!parsed.is_object()) return false;
    event["body"] = std::move(parsed);
  } else {
    event["body"] = body;
  }
  return matches(event);
}

bool any_matches(const std::vector<Pattern>& patterns, std::string_view body) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(),
                     [body](const Pattern& pattern) { return pattern.matches_message(body); });
}

}  // namespace porteiro::lambda
