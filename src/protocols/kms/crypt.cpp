// Encryption: of small texts, of data keys, from one key to another.
#include <array>

#include "porteiro/base/bytes.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::size_t ciphertext_max = 6144;  // AWS KMS.
constexpr std::int64_t random_max = 1024;

// Nullopt: SYMMETRIC_DEFAULT; else the digest of an RSAES_OAEP.
struct Algorithm {
  std::string_view name = "SYMMETRIC_DEFAULT";
  std::optional<kms::Digest> oaep{};
};

Algorithm read_algorithm(Reader& in, const char* member) {
  const Text text =
      in.choice(member, {"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"});
  if (!text) return {};
  if (*text == "RSAES_OAEP_SHA_1") return {"RSAES_OAEP_SHA_1", kms::Digest::sha1};
  if (*text == "RSAES_OAEP_SHA_256") return {"RSAES_OAEP_SHA_256", kms::Digest::sha256};
  if (*text == "SM2PKE") in.fail({&unsupported, "SM2PKE is not supported here."});
  return {};
}

Answer<void> check_algorithm(const Key& key, const Algorithm& algorithm,
                             const EncryptionContext& context) {
  if (kms::is_rsa(key.spec) != algorithm.oaep.has_value()) {
    return Failure{&bad_usage, "Algorithm " + std::string(algorithm.name) +
                                   " is incompatible with key spec " +
                                   std::string(to_string(key.spec)) + "."};
  }
  if (algorithm.oaep && !context.empty()) {
    return wrong("EncryptionContext cannot be used with asymmetric keys.");
  }
  return ok();
}

// The key that opens `text`: the one asked for, if any, has to be the one that made it.
Answer<Key*> opening_key(Call& call, const std::string& text, const Algorithm& algorithm,
                         const char* member) {
  Key* asked = nullptr;
  if (call.in.has(member)) {
    PORTEIRO_TRY(asked, call.service.key_of(call, member));
  }
  if (algorithm.oaep) {
    if (asked == nullptr) return wrong("KeyId is required with an asymmetric key.");
    return asked;
  }
  if (asked != nullptr && asked->spec != kms::KeySpec::symmetric_default) return asked;
  const auto named = call.service.ring().key_of(text);
  if (!named) return Failure{&bad_ciphertext, ""};
  if (*named == nullptr) {
    return Failure{&no_access,
                   "The ciphertext refers to a customer master key that does not exist, does not "
                   "exist in this region, or you are not allowed to access."};
  }
  if (asked != nullptr && asked != *named) {
    return Failure{&incorrect_key,
                   "The key ID in the request does not identify a CMK that can perform this "
                   "operation."};
  }
  return *named;
}

// `context` bound to what `algorithm` makes or opens.
Wanted encryption(std::string_view operation, const EncryptionContext& context,
                  const Algorithm& algorithm = {}) {
  return {.operation = operation,
          .context = &context,
          .algorithm_key = "kms:EncryptionAlgorithm",
          .algorithm = algorithm.name};
}

// Everything that comes before a key of that usage works.
Answer<void> ready(Call& call, Op op, const Key& key, const Wanted& wanted,
                   std::string_view operation) {
  PORTEIRO_TRY(call.service.allow(call, key, wanted));
  PORTEIRO_TRY(call.service.begin(call, op, &key));
  return call.service.usable(key, kms::KeyUsage::encrypt_decrypt, operation);
}

void write_opened(Service& service, aws::Writer& out, const Key& key, std::string_view plaintext,
                  const Algorithm& algorithm) {
  out.base64("Plaintext", plaintext);
  out.plain("KeyId", service.arn_of(key));
  out.plain("EncryptionAlgorithm", algorithm.name);
}

// NumberOfBytes or KeySpec, one of them.
Answer<std::size_t> data_key_bytes(Call& call) {
  const Text spec = call.in.choice("KeySpec", {"AES_256", "AES_128"});
  const auto bytes = call.in.number("NumberOfBytes", 1, random_max);
  if (call.in.failure()) return *call.in.failure();
  if (spec.has_value() == bytes.has_value()) {
    return wrong("Please specify either number of bytes or key spec.");
  }
  if (bytes) return static_cast<std::size_t>(*bytes);
  return *spec == "AES_256" ? std::size_t{32} : std::size_t{16};
}

Answer<Done> new_data_key(Call& call, bool with_plaintext) {
  Service& service = call.service;
  const EncryptionContext context = context_of(call.in);
  PORTEIRO_TRY(const std::size_t size, data_key_bytes(call));
  PORTEIRO_TRY(check_recipient(call));
  PORTEIRO_TRY(Key * key, service.key_of(call));
  PORTEIRO_TRY(ready(call, Op::generate_data_key, *key, encryption(call.action.name, context),
                     call.action.name));
  PORTEIRO_TRY(check_algorithm(*key, {}, context));
  PORTEIRO_TRY(service.stop_if_dry(call));
  const auto plaintext = kms::SecretBytes::random(service.entropy(), size);
  call.out.base64("CiphertextBlob", service.ring().seal(*key, plaintext.view(), context));
  if (with_plaintext) call.out.base64("Plaintext", plaintext.view());
  call.out.plain("KeyId", service.arn_of(*key));
  call.out.plain("KeyMaterialId", material_id(*key, key->current().number));
  return answered;
}

}  // namespace

Answer<Done> encrypt(Call& call) {
  Service& service = call.service;
  call.in.require("Plaintext");
  auto plaintext = blob(call.in, "Plaintext", kms::plaintext_bytes_max);
  const EncryptionContext context = context_of(call.in);
  const Algorithm algorithm = read_algorithm(call.in, "EncryptionAlgorithm");
  PORTEIRO_TRY(Key * key, service.key_of(call));
  PORTEIRO_TRY(
      ready(call, Op::encrypt, *key, encryption("Encrypt", context, algorithm), "Encrypt"));
  PORTEIRO_TRY(check_algorithm(*key, algorithm, context));
  if (algorithm.oaep && plaintext->size() > key->pair->plaintext_max(*algorithm.oaep)) {
    return wrong("The plaintext is longer than " + std::string(algorithm.name) + " allows with " +
                 std::string(to_string(key->spec)) + ": " +
                 std::to_string(key->pair->plaintext_max(*algorithm.oaep)) + " bytes.");
  }
  PORTEIRO_TRY(service.stop_if_dry(call));
  const auto write = [arn = service.arn_of(*key), algorithm](aws::Writer& out,
                                                             std::string_view bytes) {
    out.base64("CiphertextBlob", bytes);
    out.plain("KeyId", arn);
    out.plain("EncryptionAlgorithm", algorithm.name);
  };
  if (!algorithm.oaep) {
    write(call.out, service.ring().seal(*key, *plaintext, context));
    kms::wipe(*plaintext);
    return answered;
  }
  return service.apart(
      call,
      [pair = key->pair, digest = *algorithm.oaep, text = std::move(*plaintext)] {
        return pair->encrypt(digest, text);
      },
      [write](aws::Writer& out, const Result<std::string>& sealed) -> Answer<Done> {
        if (!sealed) return failure_of(sealed.error());
        write(out, sealed.value());
        return answered;
      });
}

Answer<Done> decrypt(Call& call) {
  Service& service = call.service;
  call.in.require("CiphertextBlob");
  auto text = blob(call.in, "CiphertextBlob", ciphertext_max);
  const EncryptionContext context = context_of(call.in);
  const Algorithm algorithm = read_algorithm(call.in, "EncryptionAlgorithm");
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(check_recipient(call));
  PORTEIRO_TRY(Key * key, opening_key(call, *text, algorithm, "KeyId"));
  PORTEIRO_TRY(
      ready(call, Op::decrypt, *key, encryption("Decrypt", context, algorithm), "Decrypt"));
  PORTEIRO_TRY(check_algorithm(*key, algorithm, context));
  if (algorithm.oaep) {
    PORTEIRO_TRY(service.stop_if_dry(call));
    return service.apart(
        call,
        [pair = key->pair, digest = *algorithm.oaep, sealed = std::move(*text)] {
          return pair->decrypt(digest, sealed);
        },
        [&service, id = key->id, algorithm](
            aws::Writer& out, const Result<kms::SecretBytes>& opened) -> Answer<Done> {
          const Key* const still = service.ring().find(id);
          if (!opened || still == nullptr) return Failure{&bad_ciphertext, ""};
          write_opened(service, out, *still, opened.value().view(), algorithm);
          return answered;
        });
  }
  std::uint32_t version = 0;
  auto plaintext = service.ring().open(*key, *text, context, &version);
  if (!plaintext) return Failure{&bad_ciphertext, ""};
  if (const auto dry = service.stop_if_dry(call); !dry) {
    kms::wipe(plaintext.value());
    return dry.error();
  }
  write_opened(service, call.out, *key, plaintext.value(), algorithm);
  call.out.plain("KeyMaterialId", material_id(*key, version));
  kms::wipe(plaintext.value());
  return answered;
}

namespace {

// One side of ReEncrypt.
struct Side {
  Key* key = nullptr;
  EncryptionContext context;
  Algorithm algorithm;
  std::uint32_t version = 0;  // Of the material used; symmetric keys.
};

// The answer, but for the ciphertext.
void write_sides(Service& service, aws::Writer& out, const Side& from, const Side& to) {
  out.plain("SourceKeyId", service.arn_of(*from.key));
  out.plain("KeyId", service.arn_of(*to.key));
  out.plain("SourceEncryptionAlgorithm", from.algorithm.name);
  out.plain("DestinationEncryptionAlgorithm", to.algorithm.name);
  if (!from.algorithm.oaep) {
    out.plain("SourceKeyMaterialId", material_id(*from.key, from.version));
  }
  if (!to.algorithm.oaep) {
    out.plain("DestinationKeyMaterialId", material_id(*to.key, to.key->current().number));
  }
}

Answer<Done> finish_re_encrypt(Service& service, aws::Writer& out, Side& from, Side& to,
                               const Id& from_id, const Id& to_id,
                               const Result<kms::SecretBytes>& text) {
  from.key = service.ring().find(from_id);
  to.key = service.ring().find(to_id);
  if (!text && text.error().code == Errc::invalid) return failure_of(text.error());
  if (!text || from.key == nullptr || to.key == nullptr) return Failure{&bad_ciphertext, ""};
  PORTEIRO_TRY(service.enabled(*to.key));  // It may have lost its material meanwhile.
  out.base64("CiphertextBlob", to.algorithm.oaep
                                   ? std::string(text.value().view())
                                   : service.ring().seal(*to.key, text.value().view(), to.context));
  write_sides(service, out, from, to);
  return answered;
}

}  // namespace

Answer<Done> re_encrypt(Call& call) {
  Service& service = call.service;
  call.in.require("CiphertextBlob");
  auto text = blob(call.in, "CiphertextBlob", ciphertext_max);
  Side from, to;
  from.context = context_of(call.in, "SourceEncryptionContext");
  to.context = context_of(call.in, "DestinationEncryptionContext");
  from.algorithm = read_algorithm(call.in, "SourceEncryptionAlgorithm");
  to.algorithm = read_algorithm(call.in, "DestinationEncryptionAlgorithm");
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(from.key, opening_key(call, *text, from.algorithm, "SourceKeyId"));
  PORTEIRO_TRY(to.key, service.key_of(call, "DestinationKeyId"));
  PORTEIRO_TRY(ready(call, Op::decrypt, *from.key,
                     encryption("ReEncryptFrom", from.context, from.algorithm), "ReEncrypt"));
  PORTEIRO_TRY(ready(call, Op::encrypt, *to.key,
                     encryption("ReEncryptTo", to.context, to.algorithm), "ReEncrypt"));
  PORTEIRO_TRY(check_algorithm(*from.key, from.algorithm, from.context));
  PORTEIRO_TRY(check_algorithm(*to.key, to.algorithm, to.context));
  kms::SecretBytes opened;
  if (!from.algorithm.oaep) {
    auto plaintext = service.ring().open(*from.key, *text, from.context, &from.version);
    if (!plaintext) return Failure{&bad_ciphertext, ""};
    opened = kms::SecretBytes(plaintext.value());
    kms::wipe(plaintext.value());
  }
  PORTEIRO_TRY(service.stop_if_dry(call));
  const Id from_id = from.key->id, to_id = to.key->id;
  if (!from.algorithm.oaep && !to.algorithm.oaep) {
    return finish_re_encrypt(service, call.out, from, to, from_id, to_id, opened);
  }
  return service.apart(
      call,
      [opener = from.key->pair, sealer = to.key->pair, from_digest = from.algorithm.oaep,
       to_digest = to.algorithm.oaep, sealed = std::move(*text),
       opened]() -> Result<kms::SecretBytes> {
        kms::SecretBytes plaintext = opened;
        if (from_digest) {
          PORTEIRO_TRY(plaintext, opener->decrypt(*from_digest, sealed));
        }
        if (!to_digest) return plaintext;
        PORTEIRO_TRY(const std::string again, sealer->encrypt(*to_digest, plaintext.view()));
        return kms::SecretBytes(again);
      },
      [&service, from, to, from_id, to_id](aws::Writer& out,
                                           const Result<kms::SecretBytes>& result) mutable {
        return finish_re_encrypt(service, out, from, to, from_id, to_id, result);
      });
}

Answer<Done> generate_data_key(Call& call) { return new_data_key(call, true); }
Answer<Done> generate_data_key_without_plaintext(Call& call) { return new_data_key(call, false); }

Answer<Done> generate_random(Call& call) {
  PORTEIRO_TRY(check_recipient(call));
  if (call.in.has("CustomKeyStoreId")) {
    return Failure{&unsupported, "Custom key stores are not supported here."};
  }
  call.in.require("NumberOfBytes");
  const auto bytes = call.in.number("NumberOfBytes", 1, random_max);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(call.service.begin(call, Op::generate_random, nullptr));
  const auto random =
      kms::SecretBytes::random(call.service.entropy(), static_cast<std::size_t>(*bytes));
  call.out.base64("Plaintext", random.view());
  return answered;
}

}  // namespace porteiro::protocols::kms_api
