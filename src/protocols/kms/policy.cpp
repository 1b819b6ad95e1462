#include "protocols/kms/policy.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "porteiro/base/json_scan.hpp"

namespace porteiro::protocols::kms_api {
namespace {

using nlohmann::json;

constexpr std::size_t condition_bytes_max = 2048;  // Of a value; ours.
constexpr std::size_t statements_max = 100;        // Ours; 32 KiB of text hold hardly more.
constexpr std::array<std::string_view, 12> condition_operators{"StringEquals",
                                                               "StringNotEquals",
                                                               "StringEqualsIgnoreCase",
                                                               "StringNotEqualsIgnoreCase",
                                                               "StringLike",
                                                               "StringNotLike",
                                                               "ArnEquals",
                                                               "ArnNotEquals",
                                                               "ArnLike",
                                                               "ArnNotLike",
                                                               "Bool",
                                                               "Null"};

// What access.cpp knows of a request; a condition on anything else would hold for none.
constexpr std::array<std::string_view, 17> condition_keys{"kms:EncryptionContextKeys",
                                                          "kms:CallerAccount",
                                                          "kms:KeySpec",
                                                          "kms:KeyUsage",
                                                          "kms:KeyOrigin",
                                                          "kms:EncryptionAlgorithm",
                                                          "kms:SigningAlgorithm",
                                                          "kms:MacAlgorithm",
                                                          "kms:KeyAgreementAlgorithm",
                                                          "kms:MessageType",
                                                          "kms:GranteePrincipal",
                                                          "kms:RetiringPrincipal",
                                                          "kms:GrantOperations",
                                                          "kms:GrantConstraintType",
                                                          "kms:GrantIsForAWSResource",
                                                          "aws:PrincipalArn",
                                                          "aws:PrincipalAccount"};

Failure malformed(std::string text) { return {&bad_policy, std::move(text)}; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_condition_key(std::string_view name) {
  constexpr std::array<std::string_view, 2> prefixes{"kms:EncryptionContext:", "aws:ResourceTag/"};
  for (const std::string_view prefix : prefixes) {
    const bool longer = name.size() > prefix.size();
    if (longer && same_word(name.substr(0, prefix.size()), prefix)) return true;
  }
  return std::any_of(condition_keys.begin(), condition_keys.end(),
                     [&](std::string_view each) { return same_word(each, name); });
}

// A text, or a list of texts.
bool read_texts(const json& value, std::vector<std::string>& out) {
  if (value.is_string()) {
    out.push_back(value.get<std::string>());
    return true;
  }
  if (!value.is_array() || value.empty()) return false;
  return std::all_of(value.begin(), value.end(), [&](const json& each) {
    if (each.is_string()) out.push_back(each.get<std::string>());
    return each.is_string();
  });
}

bool is_principal(std::string_view text) {
  const bool account = text.size() == 12 && text.find_first_not_of("0123456789") == text.npos;
  return text == "*" || account ||
         (text.starts_with("arn:aws") &&
          (text.find(":iam::") != text.npos || text.find(":sts::") != text.npos));
}

Answer<void> read_principals(const json& value, PolicyStatement& statement) {
  const Failure bad = malformed("Policy contains a statement with one or more invalid principals.");
  if (value.is_string()) {
    if (value != "*") return bad;
    statement.principals = {"*"};
    return ok();
  }
  if (!value.is_object() || value.empty()) return bad;
  for (const auto& [kind, who] : value.items()) {
    std::vector<std::string> texts;
    if (!read_texts(who, texts)) return bad;
    if (kind == "Service" || kind == "Federated" || kind == "CanonicalUser") {
      statement.principals.push_back("");  // Nobody who asks here is one.
      continue;
    }
    if (kind != "AWS" || !std::all_of(texts.begin(), texts.end(), is_principal)) return bad;
    statement.principals.insert(statement.principals.end(), texts.begin(), texts.end());
  }
  return ok();
}

Answer<void> read_conditions(const json& value, PolicyStatement& statement) {
  if (!value.is_object()) return malformed("A Condition of the policy is no structure.");
  for (const auto& [name, keys] : value.items()) {
    PolicyCondition condition;
    std::string_view rest = name;
    if (rest.starts_with("ForAnyValue:")) {
      condition.set = PolicyCondition::Set::any;
      rest.remove_prefix(12);
    } else if (rest.starts_with("ForAllValues:")) {
      condition.set = PolicyCondition::Set::all;
      rest.remove_prefix(13);
    }
    if (rest.ends_with("IfExists") && !rest.starts_with("Null")) {
      condition.if_exists = true;
      rest.remove_suffix(8);
    }
    if (std::find(condition_operators.begin(), condition_operators.end(), rest) ==
        condition_operators.end()) {
      return malformed("The policy has a condition operator that is not enforced here.");
    }
    condition.operation = rest;
    if (!keys.is_object() || keys.empty()) {
      return malformed("A Condition of the policy has no keys.");
    }
    for (const auto& [key, values] : keys.items()) {
      if (!is_condition_key(key)) {
        return malformed("The policy has a condition key that is not enforced here.");
      }
      PolicyCondition one = condition;
      one.key = key;
      const json texts = values.is_boolean() ? json(values.get<bool>() ? "true" : "false") : values;
      if (!read_texts(texts, one.values)) {
        return malformed("A Condition of the policy has a value that is no text.");
      }
      const bool bounded = std::all_of(one.values.begin(), one.values.end(), [](const auto& each) {
        return each.size() <= condition_bytes_max;
      });
      if (!bounded) return malformed("A Condition of the policy has a value that is too long.");
      statement.conditions.push_back(std::move(one));
    }
  }
  return ok();
}

// One of the two members is there; true: the second.
Answer<bool> read_one_of(const json& from, const char* name, const char* other,
                         std::vector<std::string>& out) {
  const bool has = from.contains(name), has_other = from.contains(other);
  if (has == has_other || !read_texts(from.at(has ? name : other), out)) {
    return malformed(std::string("A statement of the policy needs ") + name + ".");
  }
  return has_other;
}

Answer<PolicyStatement> read_statement(const json& from) {
  if (!from.is_object()) return malformed("A statement of the policy is no structure.");
  constexpr std::array<std::string_view, 9> known{"Sid",      "Effect",    "Principal",
                                                  "Action",   "NotAction", "NotPrincipal",
                                                  "Resource", "Condition", "Id"};
  for (const auto& [name, value] : from.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return malformed("A statement of the policy has a member that is not enforced here.");
    }
  }
  PolicyStatement statement;
  const auto effect = from.find("Effect");
  if (effect == from.end() || (*effect != "Allow" && *effect != "Deny")) {
    return malformed("A statement of the policy has no Effect that is Allow or Deny.");
  }
  statement.allow = *effect == "Allow";
  PORTEIRO_TRY(statement.not_actions, read_one_of(from, "Action", "NotAction", statement.actions));
  statement.not_principals = from.contains("NotPrincipal");
  const auto who = from.find(statement.not_principals ? "NotPrincipal" : "Principal");
  if (who == from.end() || (statement.not_principals && from.contains("Principal"))) {
    return malformed("A statement of the policy needs a Principal.");
  }
  PORTEIRO_TRY(read_principals(*who, statement));
  const auto resource = from.find("Resource");
  if (resource == from.end() || !read_texts(*resource, statement.resources)) {
    return malformed("A statement of the policy needs a Resource.");
  }
  if (const auto condition = from.find("Condition"); condition != from.end()) {
    PORTEIRO_TRY(read_conditions(*condition, statement));
  }
  return statement;
}

bool is_principal_of(const std::vector<std::string>& principals, const PolicyQuestion& question) {
  return std::any_of(principals.begin(), principals.end(), [&](const std::string& each) {
    return each == "*" || each == question.principal || each == question.root ||
           each == question.account;
  });
}

bool is_one_of(const std::vector<std::string>& patterns, std::string_view text, bool any_case) {
  if (!any_case) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return matches(pattern, text); });
  }
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(), lower);
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string pattern) {
    std::transform(pattern.begin(), pattern.end(), pattern.begin(), lower);
    return matches(pattern, small);
  });
}

// Whether the value is one of the condition's, before any "Not".
bool fits(const PolicyCondition& condition, std::string_view value) {
  const std::string_view name = condition.operation;
  const bool pattern = name.find("Like") != name.npos || name.starts_with("Arn");
  const bool any_case = name.ends_with("IgnoreCase") || name == "Bool";
  return std::any_of(condition.values.begin(), condition.values.end(), [&](const std::string& v) {
    if (pattern) return matches(v, value);
    return any_case ? same_word(v, value) : v == value;
  });
}

// An operator for one value that meets several has to hold for each of them to allow, and for one
// of them to deny.
bool holds(const PolicyCondition& condition, const ConditionValues& values, bool allow) {
  const std::vector<std::string> has = values(condition.key);
  if (condition.operation == "Null") {
    return fits(condition, has.empty() ? "true" : "false");
  }
  const bool negated = condition.operation.find("Not") != std::string::npos;
  if (has.empty()) {
    return condition.if_exists || condition.set == PolicyCondition::Set::all ||
           (negated && condition.set == PolicyCondition::Set::one);
  }
  const auto good = [&](const std::string& value) { return fits(condition, value) != negated; };
  const bool one_is_enough = condition.set == PolicyCondition::Set::any ||
                             (condition.set == PolicyCondition::Set::one && !allow);
  return one_is_enough ? std::any_of(has.begin(), has.end(), good)
                       : std::all_of(has.begin(), has.end(), good);
}

bool applies(const PolicyStatement& statement, const PolicyQuestion& question) {
  return is_principal_of(statement.principals, question) != statement.not_principals &&
         is_one_of(statement.actions, question.action, true) != statement.not_actions &&
         is_one_of(statement.resources, question.resource, false) &&
         std::all_of(
             statement.conditions.begin(), statement.conditions.end(),
             [&](const auto& each) { return holds(each, question.values, statement.allow); });
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Answer<Policy> Policy::parse(std::string_view text) {
  if (nests_deeper(text, json_levels_max)) return malformed("The policy is nested too deep.");
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return malformed("The new key policy is no JSON object.");
  const auto version = document.find("Version");
  if (version != document.end() && *version != "2012-10-17" && *version != "2008-10-17") {
    return malformed("The policy has an unknown Version.");
  }
  const auto found = document.find("Statement");
  if (found == document.end()) return malformed("The policy has no Statement.");
  const json list = found->is_array() ? *found : json::array({*found});
  if (list.empty() || list.size() > statements_max) {
    return malformed("The policy has no statements, or too many.");
  }
  Policy policy;
  for (const json& each : list) {
    PORTEIRO_TRY(PolicyStatement statement, read_statement(each));
    policy.statements_.push_back(std::move(statement));
  }
  return policy;
}

Verdict Policy::decide(const PolicyQuestion& question) const {
  Verdict verdict = Verdict::silent;
  for (const PolicyStatement& statement : statements_) {
    if (!applies(statement, question)) continue;
    if (!statement.allow) return Verdict::no;
    verdict = Verdict::yes;
  }
  return verdict;
}

std::string default_policy(std::string_view root_arn) {
  std::string text = R"({
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : ")";
  text.append(root_arn);
  return text.append(R"("
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
})");
}

}  // namespace porteiro::protocols::kms_api
