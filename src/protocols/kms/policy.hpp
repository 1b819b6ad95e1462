// Key policies: the part of the policy language that is enforced (docs/kms.md), read once and asked
// often. What it cannot enforce it refuses to read. Pure.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/kms/errors.hpp"

namespace porteiro::protocols::kms_api {

struct PolicyCondition {
  std::string operation;  // "StringEquals", without prefix and suffix.
  std::string key;        // "kms:EncryptionContext:store".
  std::vector<std::string> values;
  bool if_exists = false;
  enum class Set : std::uint8_t { one, any, all } set = Set::one;
};

struct PolicyStatement {
  bool allow = true;
  bool not_principals = false, not_actions = false;
  std::vector<std::string> principals, actions, resources;
  std::vector<PolicyCondition> conditions;
};

// Values of a condition's key, whose name has no case, in a request; empty: the request has no such
// key.
using ConditionValues = std::function<std::vector<std::string>(std::string_view key)>;

struct PolicyQuestion {
  std::string_view principal;  // An ARN.
  std::string_view root;       // Of the account: stands for all who belong to it.
  std::string_view account;
  std::string_view action;  // "kms:Decrypt".
  std::string_view resource;
  const ConditionValues& values;
};

enum class Verdict : std::uint8_t { silent, yes, no };

class Policy {
 public:
  // Errors: bad_policy.
  static Answer<Policy> parse(std::string_view text);
  Verdict decide(const PolicyQuestion& question) const;

 private:
  std::vector<PolicyStatement> statements_;
};

bool same_word(std::string_view a, std::string_view b);  // Without regard to case.
// '*' and '?' stand for what they do in policies.
bool matches(std::string_view pattern, std::string_view text);
// The policy of a key that was given none: the account's root, and so everybody, may do all.
std::string default_policy(std::string_view root_arn);

}  // namespace porteiro::protocols::kms_api
