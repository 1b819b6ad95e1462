// Keys: made, described, listed, enabled and disabled, deleted after a while.
#include "porteiro/base/bytes.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::int64_t window_days_min = 7, window_days_max = 30;  // AWS KMS.
constexpr std::size_t description_max = 8192;

std::string_view state_text(kms::KeyState state) {
  switch (state) {
    case kms::KeyState::enabled:
      return "Enabled";
    case kms::KeyState::disabled:
      return "Disabled";
    case kms::KeyState::pending_import:
      return "PendingImport";
    case kms::KeyState::pending_deletion:
      return "PendingDeletion";
  }
  return {};
}

Answer<kms::KeySpec> read_spec(Reader& in) {
  Text text = in.text("KeySpec", 64);
  const Text old = in.text("CustomerMasterKeySpec", 64);  // Its former name.
  if (in.failure()) return *in.failure();
  if (text && old) {
    return wrong("You cannot specify KeySpec and CustomerMasterKeySpec in the same request.");
  }
  if (!text) text = old;
  if (!text) return kms::KeySpec::symmetric_default;
  if (const auto spec = kms::parse_key_spec(*text)) return *spec;
  if (*text == "SM2" || text->starts_with("ML_DSA_")) {
    return Failure{&unsupported, "The key spec " + *text + " is not supported here."};
  }
  return aws::constraint(*text, "KeySpec",
                         "satisfy enum value set: [RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, "
                         "ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, SYMMETRIC_DEFAULT, "
                         "HMAC_224, HMAC_256, HMAC_384, HMAC_512, ECC_NIST_EDWARDS25519]");
}

Answer<kms::KeyUsage> read_usage(Reader& in, kms::KeySpec spec) {
  const Text text = in.choice(
      "KeyUsage", {"SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"});
  if (in.failure()) return *in.failure();
  if (!text && spec != kms::KeySpec::symmetric_default) {
    return wrong(
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
  }
  const auto usage = text ? *kms::parse_key_usage(*text) : kms::KeyUsage::encrypt_decrypt;
  if (kms::allows(spec, usage)) return usage;
  return wrong("KeyUsage " + std::string(to_string(usage)) + " is not compatible with KeySpec " +
               std::string(to_string(spec)));
}

Answer<kms::KeyData> read_new_key(Call& call) {
  Reader& in = call.in;
  if (in.has("CustomKeyStoreId") || in.has("XksKeyId") ||
      in.boolean("MultiRegion").value_or(false)) {
    return Failure{&unsupported, "Custom key stores and multi-Region keys are not supported here."};
  }
  kms::KeyData data;
  PORTEIRO_TRY(data.spec, read_spec(in));
  PORTEIRO_TRY(data.usage, read_usage(in, data.spec));
  const Text origin =
      in.choice("Origin", {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"});
  data.description = in.text("Description", description_max).value_or("");
  const Text policy = in.text("Policy", 131072, 1);
  if (in.failure()) return *in.failure();
  if (origin && *origin != "AWS_KMS" && *origin != "EXTERNAL") {
    return Failure{&unsupported, "Custom key stores are not supported here."};
  }
  if (origin && *origin == "EXTERNAL") data.origin = kms::Origin::external;
  PORTEIRO_TRY(read_tags(call, data.tags));
  if (policy) {
    PORTEIRO_TRY(check_policy(call, data, call.service.arn_of_none(), *policy));
    data.policy = *policy;
  }
  return data;
}

Answer<Done> finish_key(Service& service, aws::Writer& out, kms::KeyData data,
                        kms::KeyPair::Shared pair) {
  const auto key = service.ring().create(std::move(data), std::move(pair));
  if (!key) return failure_of(key.error());
  write_metadata(service, out, *key.value());
  return to_save;
}

// A key that the action changes, whose state it asks about itself.
Answer<Key*> key_to_change(Call& call) {
  return call.service.allowed_key(call, {.operation = call.action.name, .changes = true}, "KeyId",
                                  Names::no_alias);
}

}  // namespace

void write_algorithms(aws::Writer& out, const Key& key) {
  const auto list = [&](std::string_view name, std::initializer_list<std::string_view> values) {
    out.open_list(name);
    for (const std::string_view value : values) out.item("member", value);
    out.close_list();
  };
  switch (key.usage) {
    case kms::KeyUsage::encrypt_decrypt:
      if (kms::is_rsa(key.spec)) {
        return list("EncryptionAlgorithms", {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"});
      }
      return list("EncryptionAlgorithms", {"SYMMETRIC_DEFAULT"});
    case kms::KeyUsage::sign_verify:
      out.open_list("SigningAlgorithms");
      for (const auto algorithm : kms::signing_algorithms(key.spec)) {
        out.item("member", to_string(algorithm));
      }
      return out.close_list();
    case kms::KeyUsage::generate_verify_mac:
      return list("MacAlgorithms", {"HMAC_SHA_" + std::string(to_string(key.spec).substr(5))});
    case kms::KeyUsage::key_agreement:
      return list("KeyAgreementAlgorithms", {"ECDH"});
    case kms::KeyUsage::count_:
      return;
  }
}

void write_metadata(Service& service, aws::Writer& out, const Key& key) {
  const std::string_view spec = to_string(key.spec);
  out.open_map("KeyMetadata");
  out.plain("AWSAccountId", service.aws.account);
  out.plain("KeyId", key.id_text);
  out.plain("Arn", service.arn_of(key));
  write_date(out, "CreationDate", key.created);
  out.boolean("Enabled", key.state == kms::KeyState::enabled);
  out.text("Description", key.description);
  out.plain("KeyUsage", to_string(key.usage));
  out.plain("KeyState", state_text(key.state));
  if (key.state == kms::KeyState::pending_deletion) {
    write_date(out, "DeletionDate", key.deleted_at);
  }
  const bool external = key.origin == kms::Origin::external;
  out.plain("Origin", external ? "EXTERNAL" : "AWS_KMS");
  const bool has_material = !key.versions.front().material.empty();
  if (external && has_material) {
    out.plain("ExpirationModel",
              key.expires ? "KEY_MATERIAL_EXPIRES" : "KEY_MATERIAL_DOES_NOT_EXPIRE");
    if (key.expires) write_date(out, "ValidTo", key.expires_at);
  }
  out.plain("KeyManager", "CUSTOMER");
  out.plain("CustomerMasterKeySpec", spec);
  out.plain("KeySpec", spec);
  write_algorithms(out, key);
  out.boolean("MultiRegion", false);
  if (key.spec == kms::KeySpec::symmetric_default && has_material) {
    out.plain("CurrentKeyMaterialId", material_id(key, key.current().number));
  }
  out.close_map();
}

Answer<Done> create_key(Call& call) {
  PORTEIRO_TRY(call.service.allow_clients_keys(call, call.action.name));
  PORTEIRO_TRY(kms::KeyData data, read_new_key(call));
  if (!kms::is_pair(data.spec) || data.origin == kms::Origin::external) {
    return finish_key(call.service, call.out, std::move(data), nullptr);
  }
  auto seed = kms::SecretBytes::random(call.service.entropy(), kms::KeyPair::seed_bytes);
  const kms::KeySpec spec = data.spec;
  return call.service.apart(
      call, [spec, seed = std::move(seed)] { return kms::KeyPair::make(spec, seed); },
      [&service = call.service, data = std::move(data)](aws::Writer& out,
                                                        kms::KeyPair::Shared pair) mutable {
        return finish_key(service, out, std::move(data), std::move(pair));
      },
      Service::pace_of_making(spec));
}

Answer<Done> describe_key(Call& call) {
  PORTEIRO_TRY(const Key* key, call.service.allowed_key(call, {.operation = "DescribeKey"}));
  write_metadata(call.service, call.out, *key);
  return answered;
}

Answer<Done> list_keys(Call& call) {
  PORTEIRO_TRY(const Page page, page_of(call, 100, 1000));
  const auto& keys = call.service.ring().keys();
  const auto after = parse_id(page.after);
  auto at = after ? keys.upper_bound(*after) : keys.begin();
  std::size_t count = 0;
  std::string last;
  bool truncated = false;
  call.out.open_list("Keys");
  for (; at != keys.end(); ++at) {
    if (!call.service.visible(call.caller, *at->second)) continue;
    if (count == page.limit) {
      truncated = true;
      break;
    }
    call.out.open_item("member");
    call.out.plain("KeyId", at->second->id_text);
    call.out.plain("KeyArn", call.service.arn_of(*at->second));
    call.out.close_item("member");
    last = at->second->id_text;
    ++count;
  }
  call.out.close_list();
  write_page_end(call.out, truncated, last);
  return answered;
}

Answer<Done> enable_key(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_change(call));
  if (key->state != kms::KeyState::disabled) {
    PORTEIRO_TRY(call.service.enabled(*key));
  }
  key->state = kms::KeyState::enabled;
  call.service.ring().changed();
  return to_save;
}

Answer<Done> disable_key(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_change(call));
  if (key->state != kms::KeyState::disabled) {
    PORTEIRO_TRY(call.service.enabled(*key));
  }
  key->state = kms::KeyState::disabled;
  call.service.ring().changed();
  return to_save;
}

Answer<Done> schedule_key_deletion(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_change(call));
  const auto days =
      call.in.number("PendingWindowInDays", window_days_min, window_days_max).value_or(30);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(call.service.not_pending_deletion(*key));
  key->state = kms::KeyState::pending_deletion;
  key->deletion_days = static_cast<std::uint32_t>(days);
  key->deleted_at = call.service.now() + std::chrono::hours(24 * days);
  call.service.ring().changed();
  call.service.ring().changed_dates();
  call.out.plain("KeyId", call.service.arn_of(*key));
  write_date(call.out, "DeletionDate", key->deleted_at);
  call.out.plain("KeyState", state_text(key->state));
  call.out.number("PendingWindowInDays", key->deletion_days);
  return to_save;
}

Answer<Done> cancel_key_deletion(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_change(call));
  if (key->state != kms::KeyState::pending_deletion) {
    return Failure{&bad_state, call.service.arn_of(*key) + " is not pending deletion."};
  }
  const bool empty = key->versions.front().material.empty();
  key->state = empty ? kms::KeyState::pending_import : kms::KeyState::disabled;
  key->deleted_at = {};
  call.service.ring().changed();
  call.service.ring().changed_dates();
  call.out.plain("KeyId", call.service.arn_of(*key));
  return to_save;
}

Answer<Done> update_key_description(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_change(call));
  call.in.require("Description");
  const Text text = call.in.text("Description", description_max);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(call.service.not_pending_deletion(*key));
  key->description = *text;
  call.service.ring().changed();
  return to_save;
}

}  // namespace porteiro::protocols::kms_api
