// Key policies, kept and given back as they were written.
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::size_t policy_bytes_max = 32u << 10;  // AWS KMS quotas.

Answer<void> check_name(Call& call) {
  const Text name = call.in.text("PolicyName", 128, 1);
  if (call.in.failure()) return *call.in.failure();
  if (!name || *name == "default") return ok();
  return Failure{&not_found, "No such policy exists"};
}

}  // namespace

Answer<void> check_policy(Call& call, const kms::KeyData& key, std::string_view arn,
                          const std::string& text) {
  if (text.size() > policy_bytes_max) {
    return Failure{&limit_exceeded, "A key policy has at most 32768 bytes."};
  }
  PORTEIRO_TRY(const Policy policy, Policy::parse(text));
  const bool bypass = call.in.boolean("BypassPolicyLockoutSafetyCheck").value_or(false);
  if (call.in.failure()) return *call.in.failure();
  if (bypass) return ok();
  const Service& service = call.service;
  const Wanted wanted{.operation = "PutKeyPolicy", .changes = true};
  const ConditionValues values = values_of(service, call.caller, key, wanted);
  const std::string root = service.root_arn();
  if (policy.decide({call.caller.arn, root, service.aws.account, "kms:PutKeyPolicy", arn,
                     values}) == Verdict::yes) {
    return ok();
  }
  return Failure{&bad_policy,
                 "The new key policy will not allow you to update the key policy in the future."};
}

Answer<Done> get_key_policy(Call& call) {
  PORTEIRO_TRY(const Key* key, call.service.allowed_key(call, {.operation = "GetKeyPolicy"},
                                                        "KeyId", Names::no_alias));
  PORTEIRO_TRY(check_name(call));
  call.out.text("Policy",
                key->policy.empty() ? default_policy(call.service.root_arn()) : key->policy);
  call.out.plain("PolicyName", "default");
  return answered;
}

Answer<Done> put_key_policy(Call& call) {
  PORTEIRO_TRY(Key * key,
               call.service.allowed_key(call, {.operation = "PutKeyPolicy", .changes = true},
                                        "KeyId", Names::no_alias));
  PORTEIRO_TRY(check_name(call));
  call.in.require("Policy");
  const Text text = call.in.text("Policy", 131072, 1);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(call.service.not_pending_deletion(*key));
  PORTEIRO_TRY(check_policy(call, *key, call.service.arn_of(*key), *text));
  key->policy = *text;
  call.service.ring().changed();
  return to_save;
}

Answer<Done> list_key_policies(Call& call) {
  PORTEIRO_TRY(
      call.service.allowed_key(call, {.operation = "ListKeyPolicies"}, "KeyId", Names::no_alias));
  PORTEIRO_TRY(page_of(call, 100, 1000));
  call.out.open_list("PolicyNames");
  call.out.item("member", "default");
  call.out.close_list();
  write_page_end(call.out, false, {});
  return answered;
}

}  // namespace porteiro::protocols::kms_api
