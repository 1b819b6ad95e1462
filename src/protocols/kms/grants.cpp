// Grants: what somebody may do with a key beside its policy, until it is retired or revoked.
#include <algorithm>
#include <array>

#include "porteiro/base/bytes.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::array<std::string_view, 17> grant_operations{"Decrypt",
                                                            "Encrypt",
                                                            "GenerateDataKey",
                                                            "GenerateDataKeyWithoutPlaintext",
                                                            "ReEncryptFrom",
                                                            "ReEncryptTo",
                                                            "Sign",
                                                            "Verify",
                                                            "GetPublicKey",
                                                            "CreateGrant",
                                                            "RetireGrant",
                                                            "DescribeKey",
                                                            "GenerateDataKeyPair",
                                                            "GenerateDataKeyPairWithoutPlaintext",
                                                            "GenerateMac",
                                                            "VerifyMac",
                                                            "DeriveSharedSecret"};

std::string random_hex(Entropy& entropy, std::size_t bytes) {
  const auto random = kms::SecretBytes::random(entropy, bytes);
  return to_hex(random.view());
}

bool is_principal_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_+=,.@:/-").find(c) != std::string_view::npos;
  });
}

Text read_principal(Reader& in, const char* member) {
  Text text = in.text(member, 256, 1);
  if (text && !is_principal_text(*text)) {
    in.fail(aws::constraint(*text, member, "satisfy regular expression pattern: ^[\\w+=,.@:/-]+$"));
  }
  if (text && !in.failure() && !text->starts_with("arn:") &&
      text->find(".amazonaws.com") == text->npos) {
    in.fail({&bad_arn, "ARN does not refer to a valid principal."});
  }
  return text;
}

// What is not enforced is not accepted, nor what binds nothing and counts as a constraint.
void read_constraints(Reader& in, kms::Grant& grant) {
  Reader constraints = in.part("Constraints");
  grant.has_equals = constraints.has("EncryptionContextEquals");
  grant.has_subset = constraints.has("EncryptionContextSubset");
  grant.equals = context_of(constraints, "EncryptionContextEquals");
  grant.subset = context_of(constraints, "EncryptionContextSubset");
  in.take(constraints);
  if (constraints.other_than({"EncryptionContextEquals", "EncryptionContextSubset"})) {
    in.fail(
        wrong("Constraints of a grant have EncryptionContextEquals and "
              "EncryptionContextSubset here, and no other member."));
  }
  if ((grant.has_equals && grant.equals.empty()) || (grant.has_subset && grant.subset.empty())) {
    in.fail(wrong("An encryption context in the Constraints of a grant must not be empty."));
  }
}

Answer<kms::Grant> read_grant(Call& call) {
  Reader& in = call.in;
  in.require("GranteePrincipal");
  in.require("Operations");
  kms::Grant grant;
  grant.grantee = read_principal(in, "GranteePrincipal").value_or("");
  grant.retiring = read_principal(in, "RetiringPrincipal").value_or("");
  grant.name = in.text("Name", 256, 1).value_or("");
  const auto list = in.list("Operations");
  read_constraints(in, grant);
  if (in.failure()) return *in.failure();
  for (const std::string& each : *list) {
    if (std::find(grant_operations.begin(), grant_operations.end(), each) ==
        grant_operations.end()) {
      return aws::constraint(each, "Operations", "be operations that grants have");
    }
    grant.operations.insert(each);
  }
  if (grant.operations.empty()) return wrong("Operations must not be empty.");
  if (grant.equals.size() + grant.subset.size() > 8) {
    return Failure{&limit_exceeded, "Constraints of a grant have at most 8 pairs."};
  }
  return grant;
}

bool same_terms(const kms::Grant& a, const kms::Grant& b) {
  return a.name == b.name && a.grantee == b.grantee && a.retiring == b.retiring &&
         a.operations == b.operations && a.has_equals == b.has_equals &&
         a.has_subset == b.has_subset && a.equals == b.equals && a.subset == b.subset;
}

void write_grant(Service& service, aws::Writer& out, const Key& key, const kms::Grant& grant) {
  out.open_item("member");
  out.plain("KeyId", service.arn_of(key));
  out.plain("GrantId", grant.id);
  if (!grant.name.empty()) out.text("Name", grant.name);
  write_date(out, "CreationDate", grant.created);
  out.text("GranteePrincipal", grant.grantee);
  if (!grant.retiring.empty()) out.text("RetiringPrincipal", grant.retiring);
  out.plain("IssuingAccount", service.root_arn());
  out.open_list("Operations");
  for (const std::string& operation : grant.operations) out.item("member", operation);
  out.close_list();
  if (grant.has_equals || grant.has_subset) {
    out.open_map("Constraints");
    const auto write = [&](std::string_view name, const EncryptionContext& context) {
      out.open_map(name);
      for (const auto& [key_text, value] : context) out.entry("entry", "key", key_text, value);
      out.close_map();
    };
    if (grant.has_equals) write("EncryptionContextEquals", grant.equals);
    if (grant.has_subset) write("EncryptionContextSubset", grant.subset);
    out.close_map();
  }
  out.close_item("member");
}

// The page of those grants that `wanted` lets through, in the order of keys and ids.
template <class Keys, class Wanted>
Answer<Done> write_grants(Call& call, const Keys& keys, Wanted wanted) {
  PORTEIRO_TRY(const Page page, page_of(call, 50, 100));
  std::size_t count = 0;
  std::string last;
  bool truncated = false;
  call.out.open_list("Grants");
  for (const Key* key : keys) {
    for (const auto& [id, grant] : key->grants) {
      const std::string place = key->id_text + id;
      if (place <= page.after || !wanted(grant)) continue;
      if (count == page.limit) {
        truncated = true;
        break;
      }
      write_grant(call.service, call.out, *key, grant);
      last = place;
      ++count;
    }
    if (truncated) break;
  }
  call.out.close_list();
  write_page_end(call.out, truncated, last);
  return answered;
}

// Every use that `grant` allows is one that `by` allows.
bool gives_no_more(const kms::Grant& grant, const kms::Grant& by) {
  if (!std::includes(by.operations.begin(), by.operations.end(), grant.operations.begin(),
                     grant.operations.end())) {
    return false;
  }
  if (by.has_equals && !(grant.has_equals && grant.equals == by.equals)) return false;
  if (!by.has_subset) return true;
  const EncryptionContext& bound = grant.has_equals ? grant.equals : grant.subset;
  return std::all_of(by.subset.begin(), by.subset.end(), [&](const auto& pair) {
    const auto found = bound.find(pair.first);
    return found != bound.end() && found->second == pair.second;
  });
}

}  // namespace

Answer<Done> create_grant(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(kms::Grant grant, read_grant(call));
  PORTEIRO_TRY(Key * key, service.key_of(call, "KeyId", Names::no_alias));
  PORTEIRO_TRY(
      const kms::Grant* by,
      service.allow(call, *key, {.operation = "CreateGrant", .grant = &grant, .changes = true}));
  if (by != nullptr && !gives_no_more(grant, *by)) {
    return Failure{&no_access,
                   "Who may create grants by a grant only may give no more than it has."};
  }
  PORTEIRO_TRY(service.not_pending_deletion(*key));
  PORTEIRO_TRY(service.stop_if_dry(call));
  for (const auto& [id, other] : key->grants) {  // With a name, the same again is no new one.
    if (grant.name.empty() || !same_terms(other, grant)) continue;
    call.out.plain("GrantToken", other.token);
    call.out.plain("GrantId", id);
    return to_save;
  }
  if (key->grants.size() >= service.options.grants_per_key_max) {
    return Failure{&limit_exceeded, "The key has as many grants as may be."};
  }
  grant.id = random_hex(service.entropy(), 32);
  grant.token = random_hex(service.entropy(), 48);
  grant.created = service.now();
  const std::string id = grant.id, token = grant.token;
  if (const auto added = service.ring().add_grant(*key, std::move(grant)); !added) {
    return failure_of(added.error());
  }
  call.out.plain("GrantToken", token);
  call.out.plain("GrantId", id);
  return to_save;
}

Answer<Done> list_grants(Call& call) {
  PORTEIRO_TRY(const Key* key, call.service.allowed_key(call, {.operation = "ListGrants"}, "KeyId",
                                                        Names::no_alias));
  const Text id = call.in.text("GrantId", 128, 1);
  const Text grantee = call.in.text("GranteePrincipal", 256, 1);
  if (call.in.failure()) return *call.in.failure();
  if (id && !key->grants.contains(*id)) {
    return Failure{&bad_grant_id, "The grant ID is not valid."};
  }
  return write_grants(call, std::array{key}, [&](const kms::Grant& grant) {
    return (!id || grant.id == *id) && (!grantee || grant.grantee == *grantee);
  });
}

Answer<Done> list_retirable_grants(Call& call) {
  PORTEIRO_TRY(call.service.allow_clients_keys(call, call.action.name));
  call.in.require("RetiringPrincipal");
  const Text who = call.in.text("RetiringPrincipal", 256, 1);
  if (call.in.failure()) return *call.in.failure();
  std::vector<const Key*> keys;
  for (const auto& [id, key] : call.service.ring().keys()) {
    if (!key->grants.empty()) keys.push_back(key.get());
  }
  return write_grants(call, keys, [&](const kms::Grant& grant) { return grant.retiring == *who; });
}

Answer<Done> retire_grant(Call& call) {
  PORTEIRO_TRY(call.service.allow_clients_keys(call, call.action.name));
  Service& service = call.service;
  const Text token = call.in.text("GrantToken", 8192, 1);
  Text id = call.in.text("GrantId", 128, 1);
  if (call.in.failure()) return *call.in.failure();
  Key* key = nullptr;
  if (token) {
    id.emplace();
    key = service.ring().find_grant_token(*token, *id);
    if (key == nullptr) return Failure{&bad_grant_token, "The grant token is not valid."};
  } else if (id) {
    PORTEIRO_TRY(key, service.key_of(call, "KeyId", Names::no_alias));
  } else {
    return wrong("Specify either the GrantToken, or the GrantId and the KeyId.");
  }
  const auto found = key->grants.find(*id);
  if (found == key->grants.end()) {
    return Failure{&not_found, "Grant ID " + *id + " not found"};
  }
  const kms::Grant& grant = found->second;
  const std::string& who = call.caller.arn;
  const bool own =
      grant.retiring == who || (grant.grantee == who && grant.operations.contains("RetireGrant"));
  if (!own) {
    PORTEIRO_TRY(const kms::Grant* by,
                 service.allow(call, *key, {.operation = "RetireGrant", .changes = true}));
    if (by != nullptr) {
      return Failure{&no_access, "A grant lets its grantee retire that grant, and no other."};
    }
  }
  PORTEIRO_TRY(service.stop_if_dry(call));
  service.ring().remove_grant(*key, *id);
  return to_save;
}

Answer<Done> revoke_grant(Call& call) {
  PORTEIRO_TRY(Key * key,
               call.service.allowed_key(call, {.operation = "RevokeGrant", .changes = true},
                                        "KeyId", Names::no_alias));
  call.in.require("GrantId");
  const Text id = call.in.text("GrantId", 128, 1);
  if (call.in.failure()) return *call.in.failure();
  if (!key->grants.contains(*id)) {
    return Failure{&not_found, "Grant ID " + *id + " not found"};
  }
  PORTEIRO_TRY(call.service.not_pending_deletion(*key));
  PORTEIRO_TRY(call.service.stop_if_dry(call));
  call.service.ring().remove_grant(*key, *id);
  return to_save;
}

}  // namespace porteiro::protocols::kms_api
