#include "protocols/kms/actions.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "porteiro/base/bytes.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::size_t context_bytes_max = 8192;  // AWS KMS, in characters.

// The frequent ones first.
constexpr Action actions[] = {
    {"Decrypt", decrypt},
    {"GenerateDataKey", generate_data_key},
    {"Encrypt", encrypt},
    {"Sign", sign},
    {"Verify", verify},
    {"GenerateMac", generate_mac},
    {"VerifyMac", verify_mac},
    {"GenerateDataKeyWithoutPlaintext", generate_data_key_without_plaintext},
    {"ReEncrypt", re_encrypt},
    {"GenerateRandom", generate_random},
    {"GetPublicKey", get_public_key},
    {"GenerateDataKeyPair", generate_data_key_pair},
    {"GenerateDataKeyPairWithoutPlaintext", generate_data_key_pair_without_plaintext},
    {"DeriveSharedSecret", derive_shared_secret},
    {"DescribeKey", describe_key},
    {"CreateKey", create_key},
    {"ListKeys", list_keys},
    {"EnableKey", enable_key, false},
    {"DisableKey", disable_key, false},
    {"ScheduleKeyDeletion", schedule_key_deletion},
    {"CancelKeyDeletion", cancel_key_deletion},
    {"UpdateKeyDescription", update_key_description, false},
    {"CreateAlias", create_alias, false},
    {"UpdateAlias", update_alias, false},
    {"DeleteAlias", delete_alias, false},
    {"ListAliases", list_aliases},
    {"EnableKeyRotation", enable_key_rotation, false},
    {"DisableKeyRotation", disable_key_rotation, false},
    {"GetKeyRotationStatus", get_key_rotation_status},
    {"RotateKeyOnDemand", rotate_key_on_demand},
    {"ListKeyRotations", list_key_rotations},
    {"CreateGrant", create_grant},
    {"ListGrants", list_grants},
    {"ListRetirableGrants", list_retirable_grants},
    {"RetireGrant", retire_grant, false},
    {"RevokeGrant", revoke_grant, false},
    {"GetKeyPolicy", get_key_policy},
    {"PutKeyPolicy", put_key_policy, false},
    {"ListKeyPolicies", list_key_policies},
    {"TagResource", tag_resource, false},
    {"UntagResource", untag_resource, false},
    {"ListResourceTags", list_resource_tags},
    {"GetParametersForImport", get_parameters_for_import},
    {"ImportKeyMaterial", import_key_material},
    {"DeleteImportedKeyMaterial", delete_imported_key_material},
};
static_assert(std::size(actions) == actions_count);

constexpr std::array<std::string_view, 9> elsewhere{"ConnectCustomKeyStore",
                                                    "CreateCustomKeyStore",
                                                    "DeleteCustomKeyStore",
                                                    "DescribeCustomKeyStores",
                                                    "DisconnectCustomKeyStore",
                                                    "GetKeyLastUsage",
                                                    "ReplicateKey",
                                                    "UpdateCustomKeyStore",
                                                    "UpdatePrimaryRegion"};

}  // namespace

std::span<const Action> all_actions() { return actions; }

const Action* find_action(std::string_view name) {
  for (const Action& action : actions) {
    if (action.name == name) return &action;
  }
  return nullptr;
}

bool is_known_elsewhere(std::string_view name) {
  return std::find(elsewhere.begin(), elsewhere.end(), name) != elsewhere.end();
}

std::size_t number_of(const Action& action) { return static_cast<std::size_t>(&action - actions); }

// ---- reading ----

std::optional<std::string> blob(Reader& in, const char* name, std::size_t max) {
  const Text text = in.text(name, 1u << 20);
  if (!text || in.failure()) return std::nullopt;
  auto bytes = from_base64(*text);
  if (!bytes) {
    in.fail({&serialization, "The member " + std::string(name) + " is not in base64."});
    return std::nullopt;
  }
  if (bytes->empty()) {
    in.fail(aws::constraint("", name, "have length greater than or equal to 1"));
    return std::nullopt;
  }
  if (bytes->size() > max) {
    in.fail(aws::constraint("…", name, "have length less than or equal to " + std::to_string(max)));
    return std::nullopt;
  }
  return bytes;
}

EncryptionContext context_of(Reader& in, const char* name) {
  EncryptionContext context;
  if (auto texts = in.texts(name)) {
    std::size_t bytes = 0;
    for (const auto& [key, text] : *texts) bytes += key.size() + text.size();
    if (bytes > context_bytes_max) {
      in.fail({&validation, std::string(name) + " is longer than " +
                                std::to_string(context_bytes_max) + " bytes."});
      return context;
    }
    while (!texts->empty()) {
      auto node = texts->extract(texts->begin());
      context.emplace_hint(context.end(), std::move(node.key()), std::move(node.mapped()));
    }
  }
  return context;
}

Answer<Page> page_of(Call& call, std::int64_t limit, std::int64_t limit_max) {
  const auto asked = call.in.number("Limit", 1, 1000);
  const Text marker = call.in.text("Marker", 1024, 1);
  if (call.in.failure()) return *call.in.failure();
  Page page{static_cast<std::size_t>(std::min(asked.value_or(limit), limit_max)), {}};
  if (!marker) return page;
  auto after = from_base64url(*marker);
  if (!after || after->empty()) {
    return Failure{&bad_marker, "The Marker is not one that a list gave."};
  }
  page.after = std::move(*after);
  return page;
}

Answer<void> read_tags(Call& call, std::map<std::string, std::string>& tags) {
  constexpr std::size_t tags_max = 50;
  for (Reader& tag : call.in.parts("Tags")) {
    tag.require("TagKey");
    tag.require("TagValue");
    const Text key = tag.text("TagKey", 128, 1);
    const Text value = tag.text("TagValue", 256);
    if (tag.failure()) return *tag.failure();
    if (key->starts_with("aws:")) {
      return Failure{&bad_tag, "Tag keys that begin with aws: are reserved."};
    }
    tags[*key] = *value;
  }
  if (call.in.failure()) return *call.in.failure();
  if (tags.size() <= tags_max) return ok();
  return Failure{&bad_tag, "Too many tags: a key has at most 50."};
}

Answer<void> check_recipient(Call& call) {
  if (!call.in.has("Recipient")) return ok();
  return Failure{&unsupported, "Recipient, for Nitro enclaves, is not supported here."};
}

// ---- writing ----

void write_date(aws::Writer& out, std::string_view name, Time time) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  std::array<char, 32> text;
  char* end = std::to_chars(text.data(), text.data() + text.size(), ms / 1000).ptr;
  *end++ = '.';
  *end++ = static_cast<char>('0' + ms / 100 % 10);
  *end++ = static_cast<char>('0' + ms / 10 % 10);
  *end++ = static_cast<char>('0' + ms % 10);
  out.raw(name, {text.data(), static_cast<std::size_t>(end - text.data())});
}

void write_page_end(aws::Writer& out, bool truncated, std::string_view last) {
  out.boolean("Truncated", truncated);
  if (truncated) out.plain("NextMarker", to_base64url(last));
}

std::string material_id(const Key& key, std::uint32_t version) {
  std::string text = "porteiro key material";
  append_u64(text, key.id.high);
  append_u64(text, key.id.low);
  append_u32(text, version);
  const auto digest = kms::sha256(text);
  return to_hex({digest.data(), digest.size()});
}

}  // namespace porteiro::protocols::kms_api
