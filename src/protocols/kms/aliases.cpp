// Aliases: names that lead to keys, and may be led to others.
#include "porteiro/base/bytes.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

bool good_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
         c == '/' || c == '_' || c == '-';
}

Answer<std::string> read_alias(Call& call) {
  call.in.require("AliasName");
  const Text name = call.in.text("AliasName", 256, 1);
  if (call.in.failure()) return *call.in.failure();
  for (const char c : *name) {
    if (good_character(c)) continue;
    return aws::constraint(*name, "AliasName",
                           "satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$");
  }
  if (!name->starts_with("alias/") || name->size() == 6) {
    return wrong("Invalid identifier: an alias begins with alias/ and has a name after it.");
  }
  if (name->starts_with("alias/aws/")) {
    return Failure{&unsupported, "Aliases that begin with alias/aws/ are reserved."};
  }
  return *name;
}

// Changing an alias needs leave for the key, too (AWS KMS, "Controlling access to aliases").
Answer<Key*> target_of(Call& call) {
  return call.service.allowed_key(call, {.operation = call.action.name, .changes = true},
                                  "TargetKeyId", Names::no_alias);
}

Answer<void> check_target(Call& call, const Key& key) {
  PORTEIRO_TRY(call.service.not_pending_deletion(key));
  if (call.service.ring().aliases_of(key.id) < kms::aliases_per_key_max) return ok();
  return Failure{&limit_exceeded, "The key has " + std::to_string(kms::aliases_per_key_max) +
                                      " aliases, as many as may be."};
}

// An alias that is there, of a key of a client.
Answer<Key*> owner_of(Call& call, const std::string& alias) {
  const auto& aliases = call.service.ring().aliases();
  const auto found = aliases.find(alias);
  Key* const key = found == aliases.end() ? nullptr : call.service.ring().find(found->second.key);
  if (key == nullptr) {
    return Failure{&not_found, "Alias " + call.service.alias_arn(alias) + " is not found."};
  }
  PORTEIRO_TRY(call.service.allow(call, *key, {.operation = call.action.name, .changes = true}));
  return key;
}

}  // namespace

Answer<Done> create_alias(Call& call) {
  PORTEIRO_TRY(const std::string alias, read_alias(call));
  PORTEIRO_TRY(const Key* key, target_of(call));
  if (call.service.ring().aliases().contains(alias)) {
    return Failure{&exists,
                   "An alias with the name " + call.service.alias_arn(alias) + " already exists"};
  }
  PORTEIRO_TRY(check_target(call, *key));
  call.service.ring().set_alias(alias, key->id);
  return to_save;
}

Answer<Done> update_alias(Call& call) {
  PORTEIRO_TRY(const std::string alias, read_alias(call));
  PORTEIRO_TRY(const Key* before, owner_of(call, alias));
  PORTEIRO_TRY(const Key* key, target_of(call));
  if (before->usage != key->usage || kms::is_pair(before->spec) != kms::is_pair(key->spec)) {
    return wrong("Alias " + call.service.alias_arn(alias) +
                 " cannot be changed to a key of another usage or type.");
  }
  if (before != key) {
    PORTEIRO_TRY(check_target(call, *key));
  }
  call.service.ring().set_alias(alias, key->id);
  return to_save;
}

Answer<Done> delete_alias(Call& call) {
  PORTEIRO_TRY(const std::string alias, read_alias(call));
  PORTEIRO_TRY(owner_of(call, alias));
  call.service.ring().remove_alias(alias);
  return to_save;
}

Answer<Done> list_aliases(Call& call) {
  PORTEIRO_TRY(const Page page, page_of(call, 50, 100));
  const Key* only = nullptr;
  if (call.in.has("KeyId")) {
    PORTEIRO_TRY(only, call.service.key_of(call, "KeyId", Names::no_alias));
  }
  Keyring& ring = call.service.ring();
  auto at = page.after.empty() ? ring.aliases().begin() : ring.aliases().upper_bound(page.after);
  std::size_t count = 0;
  std::string last;
  bool truncated = false;
  call.out.open_list("Aliases");
  for (; at != ring.aliases().end(); ++at) {
    const Key* const key = ring.find(at->second.key);
    if (key == nullptr || (only != nullptr && key != only)) continue;
    if (!call.service.visible(call.caller, *key)) continue;
    if (count == page.limit) {
      truncated = true;
      break;
    }
    call.out.open_item("member");
    call.out.plain("AliasName", at->first);
    call.out.plain("AliasArn", call.service.alias_arn(at->first));
    call.out.plain("TargetKeyId", key->id_text);
    write_date(call.out, "CreationDate", at->second.created);
    write_date(call.out, "LastUpdatedDate", at->second.updated);
    call.out.close_item("member");
    last = at->first;
    ++count;
  }
  call.out.close_list();
  write_page_end(call.out, truncated, last);
  return answered;
}

}  // namespace porteiro::protocols::kms_api
