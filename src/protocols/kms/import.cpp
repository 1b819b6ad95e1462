// Material that clients bring: wrapped for one key, by a pair that lives for a day in memory only.
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr Duration import_age = std::chrono::hours(24);  // AWS KMS.
constexpr std::size_t token_bytes = 48;

Answer<Key*> key_to_import(Call& call) {
  PORTEIRO_TRY(Key * key,
               call.service.allowed_key(call, {.operation = call.action.name, .changes = true},
                                        "KeyId", Names::no_alias));
  if (key->origin != kms::Origin::external) {
    return Failure{&unsupported, call.service.arn_of(*key) +
                                     " origin is AWS_KMS which is not "
                                     "valid for this operation."};
  }
  PORTEIRO_TRY(call.service.not_pending_deletion(*key));
  return key;
}

// What wraps with `algorithm`: directly, or an AES key that wraps the material (RFC 5649).
Result<kms::SecretBytes> unwrap(const Import& import, std::string_view wrapped) {
  if (import.algorithm.starts_with("RSA_AES_KEY_WRAP_")) {
    const auto digest =
        import.algorithm.ends_with("SHA_1") ? kms::Digest::sha1 : kms::Digest::sha256;
    return import.pair->unwrap(digest, wrapped);
  }
  const auto digest = import.algorithm.ends_with("SHA_1") ? kms::Digest::sha1 : kms::Digest::sha256;
  return import.pair->decrypt(digest, wrapped);
}

bool fits(const Key& key, std::string_view material) {
  if (kms::is_hmac(key.spec)) {  // AWS KMS: from the digest's length up to twice that, at most 128.
    return material.size() >= kms::material_bytes(key.spec) && material.size() <= 128;
  }
  return kms::is_pair(key.spec) || material.size() == kms::material_bytes(key.spec);
}

// Until when the material is good; nullopt: for ever.
Answer<std::optional<Time>> read_expiry(Call& call) {
  const Text model =
      call.in.choice("ExpirationModel", {"KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"});
  const auto seconds = call.in.real("ValidTo", 0, 4e9);
  if (call.in.failure()) return *call.in.failure();
  const bool expires = !model || *model == "KEY_MATERIAL_EXPIRES";
  if (expires != seconds.has_value()) {
    return wrong(expires ? "A validTo date must be set if the ExpirationModel is "
                           "KEY_MATERIAL_EXPIRES"
                         : "A validTo date must not be set if the ExpirationModel is "
                           "KEY_MATERIAL_DOES_NOT_EXPIRE");
  }
  if (!expires) return std::optional<Time>();
  const Time until(std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000)));
  if (until <= call.service.now() || until > call.service.now() + std::chrono::hours(24 * 365)) {
    return wrong("ValidTo has to be in the future, at most 365 days from now.");
  }
  return std::optional(until);
}

// The oldest token makes room; one that is over stays as long as there is room, so that its holder
// is told so.
void keep(Service& service, std::string token, Import import) {
  auto& imports = service.imports;
  if (imports.size() >= service.options.imports_max) {
    imports.erase(std::min_element(
        imports.begin(), imports.end(),
        [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
  }
  imports.emplace(std::move(token), std::move(import));
}

Answer<Done> finish_import(Service& service, aws::Writer& out, Id id, std::optional<Time> until,
                           const Result<kms::SecretBytes>& material) {
  Key* const key = service.ring().find(id);
  if (key == nullptr) return Failure{&not_found, "The key does not exist any more."};
  PORTEIRO_TRY(service.not_pending_deletion(*key));
  if (!material || !fits(*key, material.value().view())) return Failure{&bad_ciphertext, ""};
  const auto digest = kms::sha256(material.value().view());
  const std::string_view print(digest.data(), digest.size());
  if (!key->material_digest.empty() && key->material_digest != print) {
    return Failure{&incorrect_material,
                   "The key material in the request is not the key material that was previously "
                   "imported into this KMS key."};
  }
  kms::KeyPair::Shared pair;
  if (kms::is_pair(key->spec)) {
    auto read = kms::KeyPair::from_private(key->spec, material.value().view());
    if (!read) return Failure{&bad_ciphertext, ""};
    pair = std::move(read.value());
  }
  key->material_digest = print;
  key->expires = until.has_value();
  key->expires_at = until.value_or(Time());
  service.ring().import(*key, material.value(), std::move(pair));
  out.plain("KeyId", service.arn_of(*key));
  out.plain("KeyMaterialId", material_id(*key, key->versions.front().number));
  return to_save;
}

}  // namespace

Answer<Done> get_parameters_for_import(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(const Key* key, key_to_import(call));
  call.in.require("WrappingAlgorithm");
  call.in.require("WrappingKeySpec");
  const Text algorithm = call.in.choice(
      "WrappingAlgorithm", {"RSAES_PKCS1_V1_5", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256",
                            "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256", "SM2PKE"});
  const Text name = call.in.choice("WrappingKeySpec", {"RSA_2048", "RSA_3072", "RSA_4096", "SM2"});
  if (call.in.failure()) return *call.in.failure();
  if (*algorithm == "RSAES_PKCS1_V1_5" || *algorithm == "SM2PKE" || *name == "SM2") {
    return Failure{&unsupported, "This wrapping is not supported."};
  }
  auto seed = kms::SecretBytes::random(service.entropy(), kms::KeyPair::seed_bytes);
  return service.apart(
      call,
      [spec = *kms::parse_key_spec(*name), seed = std::move(seed)] {
        return kms::KeyPair::make(spec, seed);
      },
      [&service, id = key->id, algorithm = *algorithm](aws::Writer& out,
                                                       kms::KeyPair::Shared pair) -> Answer<Done> {
        const Key* const still = service.ring().find(id);
        if (still == nullptr) return Failure{&not_found, "The key does not exist any more."};
        const auto random = kms::SecretBytes::random(service.entropy(), token_bytes);
        const Time until = service.now() + import_age;
        out.plain("KeyId", service.arn_of(*still));
        out.base64("ImportToken", random.view());
        out.base64("PublicKey", pair->public_der());
        write_date(out, "ParametersValidTo", until);
        keep(service, std::string(random.view()), {id, algorithm, std::move(pair), until});
        return answered;
      },
      Service::Pace::slow);
}

Answer<Done> import_key_material(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(const Key* key, key_to_import(call));
  call.in.require("ImportToken");
  call.in.require("EncryptedKeyMaterial");
  const auto token = blob(call.in, "ImportToken", 6144);
  auto wrapped = blob(call.in, "EncryptedKeyMaterial", 6144);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(const std::optional<Time> until, read_expiry(call));
  const auto found = service.imports.find(*token);
  if (found == service.imports.end() || found->second.key != key->id) {
    return Failure{&bad_import_token, "The import token is not valid for this key."};
  }
  const Import import = found->second;
  const kms::KeySpec spec = key->spec;
  if (import.until <= service.now()) {
    return Failure{&expired_import, "The import token has expired."};
  }
  return service.apart(
      call,
      [import, spec, wrapped = std::move(*wrapped)]() -> Result<kms::SecretBytes> {
        PORTEIRO_TRY(kms::SecretBytes material, unwrap(import, wrapped));
        if (!kms::is_pair(spec)) return material;
        PORTEIRO_TRY(const auto pair, kms::KeyPair::from_private(spec, material.view()));
        if (!pair->is_sound()) return error(Errc::corrupt, "the numbers of the key do not fit");
        return material;
      },
      [&service, id = key->id, until](aws::Writer& out, const Result<kms::SecretBytes>& material)
          -> Answer<Done> { return finish_import(service, out, id, until, material); },
      Service::pace_of_making(spec));
}

Answer<Done> delete_imported_key_material(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_import(call));
  call.out.plain("KeyId", call.service.arn_of(*key));
  if (key->versions.front().material.empty()) return answered;
  call.out.plain("KeyMaterialId", material_id(*key, key->versions.front().number));
  call.service.ring().forget_material(*key);
  return to_save;
}

}  // namespace porteiro::protocols::kms_api
