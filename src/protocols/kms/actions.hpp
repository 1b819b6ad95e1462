// The actions of KMS, and what several of them need.
#pragma once
#include <span>

#include "protocols/kms/service.hpp"

namespace porteiro::protocols::kms_api {

std::span<const Action> all_actions();

Answer<Done> create_key(Call& call);
Answer<Done> describe_key(Call& call);
Answer<Done> list_keys(Call& call);
Answer<Done> enable_key(Call& call);
Answer<Done> disable_key(Call& call);
Answer<Done> schedule_key_deletion(Call& call);
Answer<Done> cancel_key_deletion(Call& call);
Answer<Done> update_key_description(Call& call);

Answer<Done> create_alias(Call& call);
Answer<Done> update_alias(Call& call);
Answer<Done> delete_alias(Call& call);
Answer<Done> list_aliases(Call& call);

Answer<Done> encrypt(Call& call);
Answer<Done> decrypt(Call& call);
Answer<Done> re_encrypt(Call& call);
Answer<Done> generate_data_key(Call& call);
Answer<Done> generate_data_key_without_plaintext(Call& call);
Answer<Done> generate_random(Call& call);

Answer<Done> generate_data_key_pair(Call& call);
Answer<Done> generate_data_key_pair_without_plaintext(Call& call);
Answer<Done> sign(Call& call);
Answer<Done> verify(Call& call);
Answer<Done> get_public_key(Call& call);
Answer<Done> derive_shared_secret(Call& call);
Answer<Done> generate_mac(Call& call);
Answer<Done> verify_mac(Call& call);

Answer<Done> enable_key_rotation(Call& call);
Answer<Done> disable_key_rotation(Call& call);
Answer<Done> get_key_rotation_status(Call& call);
Answer<Done> rotate_key_on_demand(Call& call);
Answer<Done> list_key_rotations(Call& call);

Answer<Done> create_grant(Call& call);
Answer<Done> list_grants(Call& call);
Answer<Done> list_retirable_grants(Call& call);
Answer<Done> retire_grant(Call& call);
Answer<Done> revoke_grant(Call& call);

Answer<Done> get_key_policy(Call& call);
Answer<Done> put_key_policy(Call& call);
Answer<Done> list_key_policies(Call& call);

Answer<Done> tag_resource(Call& call);
Answer<Done> untag_resource(Call& call);
Answer<Done> list_resource_tags(Call& call);

Answer<Done> get_parameters_for_import(Call& call);
Answer<Done> import_key_material(Call& call);
Answer<Done> delete_imported_key_material(Call& call);

// ---- reading ----

// A member in base64. What is wrong is kept by `in`, without its bytes.
std::optional<std::string> blob(Reader& in, const char* name, std::size_t max);
EncryptionContext context_of(Reader& in, const char* name = "EncryptionContext");
// Which part of a list is asked for: the items after `after`, in their order.
struct Page {
  std::size_t limit = 0;
  std::string after;  // Empty: from the first.
};
Answer<Page> page_of(Call& call, std::int64_t limit, std::int64_t limit_max);
// Tags of the member `Tags`, 50 with those that are there. Errors: bad_tag.
Answer<void> read_tags(Call& call, std::map<std::string, std::string>& tags);
// What the conditions of a policy find. Borrows all of them.
ConditionValues values_of(const Service& service, const Caller& caller, const kms::KeyData& key,
                          const Wanted& wanted);
// Checks a policy that `call` would give to `key`, which may be about to be made. Errors:
// bad_policy, also where the caller could not change it again.
Answer<void> check_policy(Call& call, const kms::KeyData& key, std::string_view arn,
                          const std::string& text);
// Recipient, for enclaves, is refused: unsupported.
Answer<void> check_recipient(Call& call);

// ---- writing ----

void write_date(aws::Writer& out, std::string_view name, Time time);  // Seconds since 1970.
void write_metadata(Service& service, aws::Writer& out, const Key& key);
void write_algorithms(aws::Writer& out, const Key& key);  // What the key can do.
void write_page_end(aws::Writer& out, bool truncated, std::string_view last);
std::string material_id(const Key& key, std::uint32_t version);  // 64 hexadecimal digits.

}  // namespace porteiro::protocols::kms_api
