// Which key a request means, and whether who asks may do it: by key policy and grants, or, for the
// config's keys, by role.
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/aws/rights.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::string_view alias_prefix = "alias/";
constexpr std::size_t policies_kept_max = 10'000;  // Parsed; as many as keys.

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (hyphen ? c != '-' : !digit) return false;
  }
  return true;
}

bool grantee_is(std::string_view grantee, const Service& service, const Caller& caller) {
  return grantee == caller.arn || grantee == service.root_arn() || grantee == service.aws.account;
}

// What a grant demands of the encryption context, where the operation knows one.
bool meets(const kms::Grant& grant, const EncryptionContext* context) {
  if (context == nullptr) return true;
  if (grant.has_equals && grant.equals != *context) return false;
  return !grant.has_subset || access::holds(context, grant.subset);
}

bool begins(std::string_view name, std::string_view prefix) {
  return same_word(name.substr(0, prefix.size()), prefix);
}

// Of all pairs with that name: those that differ in case only are one to a condition.
template <class Pairs>
std::vector<std::string> values_named(const Pairs& pairs, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [each, value] : pairs) {
    if (same_word(each, name)) values.push_back(value);
  }
  return values;
}

std::vector<std::string> values_of_grant(const kms::Grant& grant, std::string_view name) {
  if (same_word(name, "kms:GranteePrincipal")) return {grant.grantee};
  if (same_word(name, "kms:RetiringPrincipal") && !grant.retiring.empty()) return {grant.retiring};
  std::vector<std::string> values;
  if (same_word(name, "kms:GrantOperations")) {
    values.assign(grant.operations.begin(), grant.operations.end());
  } else if (same_word(name, "kms:GrantConstraintType")) {
    if (grant.has_equals) values.push_back("EncryptionContextEquals");
    if (grant.has_subset) values.push_back("EncryptionContextSubset");
  }
  return values;
}

std::vector<std::string> values_of_key(const kms::KeyData& key, std::string_view name) {
  constexpr std::string_view tag = "aws:ResourceTag/";
  if (begins(name, tag)) return values_named(key.tags, name.substr(tag.size()));
  if (same_word(name, "kms:KeySpec")) return {std::string(to_string(key.spec))};
  if (same_word(name, "kms:KeyUsage")) return {std::string(to_string(key.usage))};
  if (same_word(name, "kms:KeyOrigin")) {
    return {key.origin == kms::Origin::external ? "EXTERNAL" : "AWS_KMS"};
  }
  return {};
}

// Of the encryption context of a call, or of those that a grant is to be bound to.
std::vector<std::string> values_of_context(const Wanted& wanted, std::string_view name) {
  constexpr std::string_view prefix = "kms:EncryptionContext:";
  const bool names = same_word(name, "kms:EncryptionContextKeys");
  std::vector<std::string> values;
  if (!names && !begins(name, prefix)) return values;
  const auto add = [&](const EncryptionContext& context) {
    for (const auto& [each, value] : context) {
      if (names) values.push_back(each);
      if (!names && same_word(each, name.substr(prefix.size()))) values.push_back(value);
    }
  };
  if (wanted.context != nullptr) add(*wanted.context);
  if (wanted.grant != nullptr) {
    add(wanted.grant->equals);
    add(wanted.grant->subset);
  }
  return values;
}

std::vector<std::string> values_of_request(const Wanted& wanted, std::string_view name) {
  auto values = values_of_context(wanted, name);
  if (!values.empty()) return values;
  if (!wanted.message_type.empty() && same_word(name, "kms:MessageType")) {
    return {std::string(wanted.message_type)};
  }
  if (!wanted.algorithm_key.empty() && same_word(name, wanted.algorithm_key)) {
    return {std::string(wanted.algorithm)};
  }
  if (same_word(name, "kms:GrantIsForAWSResource")) return {"false"};
  return wanted.grant == nullptr ? std::vector<std::string>()
                                 : values_of_grant(*wanted.grant, name);
}

std::vector<std::string> values_of_caller(const Service& service, const Caller& caller,
                                          std::string_view name) {
  if (same_word(name, "kms:CallerAccount") || same_word(name, "aws:PrincipalAccount")) {
    return {service.aws.account};
  }
  if (same_word(name, "aws:PrincipalArn")) return {caller.arn};
  return {};
}

}  // namespace

ConditionValues values_of(const Service& service, const Caller& caller, const kms::KeyData& key,
                          const Wanted& wanted) {
  return [&](std::string_view name) {
    auto values = values_of_request(wanted, name);
    if (values.empty()) values = values_of_key(key, name);
    if (values.empty()) values = values_of_caller(service, caller, name);
    return values;
  };
}

std::string Service::alias_arn(std::string_view alias) const {
  return aws::to_text({"kms", aws.region, aws.account, alias});
}

std::string Service::root_arn() const { return "arn:aws:iam::" + aws.account + ":root"; }

Answer<Key*> Service::key_named(std::string_view name, Names names) {
  std::string_view resource = name;
  const bool is_arn = name.starts_with("arn:");
  if (is_arn) {
    const auto arn = aws::parse_arn(name);
    const bool ours = arn && arn->service == "kms";
    const bool key = ours && arn->resource.starts_with("key/");
    const bool alias = ours && arn->resource.starts_with(alias_prefix);
    if (!key && !(alias && names == Names::all)) {
      return Failure{&bad_arn, "Invalid arn " + std::string(arn ? arn->region : "")};
    }
    if (arn->region != aws.region) {
      return Failure{&bad_arn, "Invalid arn " + std::string(arn->region)};
    }
    if (arn->account != aws.account) {
      return Failure{&not_found, "Key '" + std::string(name) + "' does not exist"};
    }
    resource = key ? arn->resource.substr(4) : arn->resource;
  }
  if (resource.starts_with(alias_prefix) && names == Names::all) {
    if (Key* const key = ring().find_alias(resource)) return key;
    return Failure{&not_found, "Alias " + alias_arn(resource) + " is not found."};
  }
  if (!is_uuid(resource)) {
    return Failure{&not_found, "Invalid keyId '" + std::string(resource) + "'"};
  }
  if (Key* const key = ring().find(*parse_id(resource))) return key;
  return Failure{&not_found, "Key '" + key_arn_ + std::string(resource) + "' does not exist"};
}

Answer<Key*> Service::key_of(Call& call, const char* member, Names names) {
  call.in.require(member);
  const Text name = call.in.text(member, 2048, 1);
  if (call.in.failure()) return *call.in.failure();
  return key_named(*name, names);
}

Answer<Key*> Service::allowed_key(Call& call, const Wanted& wanted, const char* member,
                                  Names names) {
  PORTEIRO_TRY(Key * key, key_of(call, member, names));
  PORTEIRO_TRY(allow(call, *key, wanted));
  return key;
}

Failure Service::refused(Call& call, const Key& key, std::string_view operation) {
  return {&no_access, "User: " + call.caller.arn + " is not authorized to perform: kms:" +
                          std::string(operation) + " on resource: " + arn_of(key) +
                          (key.declared() ? " because no role allows the action"
                                          : " because no resource-based policy allows the action")};
}

Answer<void> Service::allow_by_role(Call& call, const Key& key, const Wanted& wanted) {
  const std::string action = "kms:" + std::string(wanted.operation);
  const access::Decision asked = asked_by(call.caller.who, action, key.name);
  if (parts.guard.check(asked, access::Zone::private_zone, wanted.context)) return ok();
  return refused(call, key, wanted.operation);
}

Answer<void> Service::allow_clients_keys(Call& call, std::string_view operation,
                                         const EncryptionContext* context) {
  if (call.caller.who.principal.developer) return ok();
  const std::string action = "kms:" + std::string(operation);
  const auto asked = asked_by(call.caller.who, action, access::action::of_clients);
  if (parts.guard.check(asked, access::Zone::private_zone, context)) return ok();
  return Failure{&no_access, "User: " + call.caller.arn + " is not authorized to perform: " +
                                 action + " because no role allows the action"};
}

Answer<const kms::Grant*> Service::allow(Call& call, const Key& key, const Wanted& wanted) {
  if (key.declared()) {
    PORTEIRO_TRY(allow_by_role(call, key, wanted));
    if (wanted.changes) {
      return Failure{&unsupported, "The key " + arn_of(key) +
                                       " is declared in the configuration, and only there it can "
                                       "be changed."};
    }
    return nullptr;
  }
  PORTEIRO_TRY(allow_clients_keys(call, wanted.operation, wanted.context));
  PORTEIRO_TRY(check_grant_tokens(call));
  const std::string action = "kms:" + std::string(wanted.operation);
  Verdict verdict = Verdict::yes;
  if (!key.policy.empty()) {
    const ConditionValues values = values_of(*this, call.caller, key, wanted);
    const std::string arn = arn_of(key), root = root_arn();
    verdict = policy_of(key).decide({call.caller.arn, root, aws.account, action, arn, values});
  }
  if (verdict == Verdict::yes) return nullptr;
  if (verdict == Verdict::silent) {
    for (const auto& [id, grant] : key.grants) {
      if (grant.operations.contains(wanted.operation) &&
          grantee_is(grant.grantee, *this, call.caller) && meets(grant, wanted.context)) {
        return &grant;
      }
    }
  }
  access::Decision denied = asked_by(call.caller.who, action, "client-keys");
  const std::string reason = "neither the key's policy nor a grant allows " + action;
  denied.reason = reason;
  parts.guard.denied(denied);
  return refused(call, key, wanted.operation);
}

Answer<void> Service::check_grant_tokens(Call& call) {
  const auto tokens = call.in.list("GrantTokens");
  if (call.in.failure()) return *call.in.failure();
  if (!tokens) return ok();
  if (tokens->size() > 10) {
    return aws::constraint("…", "GrantTokens", "have length less than or equal to 10");
  }
  std::string id;
  for (const std::string& token : *tokens) {
    if (ring().find_grant_token(token, id) == nullptr) {
      return Failure{&bad_grant_token, "The grant token is not valid."};
    }
  }
  return ok();
}

bool Service::visible(const Caller& caller, const Key& key) const {
  if (!key.durable) return false;
  const Asker& who = caller.who;
  if (!key.declared() && who.principal.developer) return true;
  const std::string_view name =
      key.declared() ? std::string_view(key.name) : access::action::of_clients;
  const auto may = [&](std::string_view operation) {
    const std::string asked = "kms:" + std::string(operation);
    return parts.guard.decide(asked_by(who, asked, name), access::Zone::private_zone) ==
           access::Reason::allowed;
  };
  if (may("ReEncryptFrom") || may("ReEncryptTo")) return true;  // Which are one action of many.
  return std::any_of(all_actions().begin(), all_actions().end(),
                     [&](const Action& action) { return may(action.name); });
}

const Policy& Service::policy_of(const Key& key) {
  auto found = policies_.find(key.id);
  if (found == policies_.end() || found->second.first != key.policy) {
    if (policies_.size() >= policies_kept_max) policies_.clear();
    auto parsed = Policy::parse(key.policy);
    // What cannot be read any more allows nothing.
    Policy policy = parsed ? std::move(parsed.value()) : Policy();
    found = policies_.insert_or_assign(key.id, std::pair(key.policy, std::move(policy))).first;
  }
  return found->second.second;
}

Answer<void> Service::enabled(const Key& key) const {
  switch (key.state) {
    case kms::KeyState::enabled:
      if (!key.importing) return ok();
      break;
    case kms::KeyState::disabled:
      return Failure{&key_disabled, arn_of(key) + " is disabled."};
    case kms::KeyState::pending_deletion:
      return Failure{&bad_state, arn_of(key) + " is pending deletion."};
    case kms::KeyState::pending_import:
      break;
  }
  return Failure{&bad_state, arn_of(key) + " is pending import."};
}

Answer<void> Service::not_pending_deletion(const Key& key) const {
  if (key.state != kms::KeyState::pending_deletion) return ok();
  return Failure{&bad_state, arn_of(key) + " is pending deletion."};
}

Answer<void> Service::usable(const Key& key, kms::KeyUsage usage,
                             std::string_view operation) const {
  PORTEIRO_TRY(enabled(key));
  if (key.usage == usage) return ok();
  return Failure{&bad_usage, arn_of(key) + " key usage is " + std::string(to_string(key.usage)) +
                                 " which is not valid for " + std::string(operation) + "."};
}

}  // namespace porteiro::protocols::kms_api
