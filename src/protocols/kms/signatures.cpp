// Pairs of keys: signatures, shared secrets, pairs as data keys; and MACs.
#include "porteiro/base/bytes.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::size_t message_max = 4096;  // AWS KMS: of a RAW message.
constexpr std::size_t signature_max = 6144;

struct Signing {
  Key* key = nullptr;
  kms::SigningAlgorithm algorithm{};
  std::string message;
  bool hashed = false;
};

// What Sign and Verify have in common, up to the point where the key works.
Answer<Signing> read_signing(Call& call, Op op) {
  Reader& in = call.in;
  in.require("Message");
  in.require("SigningAlgorithm");
  Signing signing;
  auto message = blob(in, "Message", message_max);
  const Text type = in.choice("MessageType", {"RAW", "DIGEST", "EXTERNAL_MU"});
  const Text name = in.text("SigningAlgorithm", 64, 1);
  if (in.failure()) return *in.failure();
  const auto algorithm = kms::parse_signing_algorithm(*name);
  if (!algorithm) {
    if (*name == "SM2DSA" || *name == "ML_DSA_SHAKE_256" || *name == "ED25519_PH_SHA_512") {
      return Failure{&unsupported, "The signing algorithm " + *name + " is not supported here."};
    }
    return aws::constraint(*name, "SigningAlgorithm", "be a signing algorithm that KMS has");
  }
  PORTEIRO_TRY(signing.key, call.service.allowed_key(
                                call, {.operation = call.action.name,
                                       .algorithm_key = "kms:SigningAlgorithm",
                                       .algorithm = *name,
                                       .message_type = type ? std::string_view(*type) : "RAW"}));
  PORTEIRO_TRY(call.service.begin(call, op, signing.key));
  PORTEIRO_TRY(call.service.usable(*signing.key, kms::KeyUsage::sign_verify, call.action.name));
  if (!kms::can_sign(signing.key->spec, *algorithm)) {
    return Failure{&bad_usage, "Algorithm " + *name + " is incompatible with key spec " +
                                   std::string(to_string(signing.key->spec)) + "."};
  }
  signing.algorithm = *algorithm;
  signing.hashed = type && *type == "DIGEST";
  if (type && *type == "EXTERNAL_MU") return wrong("EXTERNAL_MU is for ML-DSA keys only.");
  const bool edwards = *algorithm == kms::SigningAlgorithm::ed25519_sha_512;
  if (signing.hashed && edwards) return wrong("ED25519_SHA_512 needs the MessageType RAW.");
  if (signing.hashed && message->size() != kms::bytes_of(kms::digest_used(*algorithm))) {
    return wrong("Digest is invalid length for algorithm " + *name + ".");
  }
  signing.message = std::move(*message);
  PORTEIRO_TRY(call.service.stop_if_dry(call));
  return signing;
}

struct Mac {
  Key* key = nullptr;
  std::string algorithm, value;
};

Answer<Mac> read_mac(Call& call, Op op) {
  Reader& in = call.in;
  in.require("Message");
  in.require("MacAlgorithm");
  const auto message = blob(in, "Message", message_max);
  const Text name =
      in.choice("MacAlgorithm", {"HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"});
  if (in.failure()) return *in.failure();
  Mac mac;
  PORTEIRO_TRY(mac.key, call.service.allowed_key(call, {.operation = call.action.name,
                                                        .algorithm_key = "kms:MacAlgorithm",
                                                        .algorithm = *name}));
  PORTEIRO_TRY(call.service.begin(call, op, mac.key));
  PORTEIRO_TRY(call.service.usable(*mac.key, kms::KeyUsage::generate_verify_mac, call.action.name));
  if (name->substr(9) != to_string(mac.key->spec).substr(5)) {
    return Failure{&bad_usage, "Algorithm " + *name + " is incompatible with key spec " +
                                   std::string(to_string(mac.key->spec)) + "."};
  }
  PORTEIRO_TRY(call.service.stop_if_dry(call));
  mac.algorithm = *name;
  mac.value = kms::mac_of(kms::hmac_digest(mac.key->spec), mac.key->current().material, *message);
  return mac;
}

struct NewPair {
  kms::SecretBytes private_key;
  std::string public_key;
};

Answer<Done> new_data_key_pair(Call& call, bool with_plaintext) {
  Service& service = call.service;
  const EncryptionContext context = context_of(call.in);
  call.in.require("KeyPairSpec");
  const Text name = call.in.text("KeyPairSpec", 64, 1);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(check_recipient(call));
  const auto spec = kms::parse_key_spec(*name);
  if (*name == "SM2") return Failure{&unsupported, "SM2 is not supported here."};
  if (!spec || !kms::is_pair(*spec)) {
    return aws::constraint(*name, "KeyPairSpec", "be a spec of key pairs that KMS has");
  }
  PORTEIRO_TRY(Key * key, service.allowed_key(call, {.operation = call.action.name,
                                                     .context = &context,
                                                     .algorithm_key = "kms:EncryptionAlgorithm",
                                                     .algorithm = "SYMMETRIC_DEFAULT"}));
  PORTEIRO_TRY(service.begin(call, Op::generate_data_key_pair, key));
  PORTEIRO_TRY(service.usable(*key, kms::KeyUsage::encrypt_decrypt, call.action.name));
  if (key->spec != kms::KeySpec::symmetric_default) {
    return Failure{&bad_usage, service.arn_of(*key) + " key spec is " +
                                   std::string(to_string(key->spec)) + " which is not valid for " +
                                   std::string(call.action.name) + "."};
  }
  PORTEIRO_TRY(service.stop_if_dry(call));
  auto seed = kms::SecretBytes::random(service.entropy(), kms::KeyPair::seed_bytes);
  return service.apart(
      call,
      [spec = *spec, seed = std::move(seed)] {
        const auto pair = kms::KeyPair::make(spec, seed);
        return NewPair{pair->private_der(), pair->public_der()};
      },
      [&service, id = key->id, context, name = *name, with_plaintext](
          aws::Writer& out, const NewPair& pair) -> Answer<Done> {
        Key* const still = service.ring().find(id);
        if (still == nullptr) return Failure{&not_found, "The key does not exist any more."};
        PORTEIRO_TRY(service.enabled(*still));
        out.base64("PrivateKeyCiphertextBlob",
                   service.ring().seal(*still, pair.private_key.view(), context));
        if (with_plaintext) out.base64("PrivateKeyPlaintext", pair.private_key.view());
        out.base64("PublicKey", pair.public_key);
        out.plain("KeyId", service.arn_of(*still));
        out.plain("KeyPairSpec", name);
        out.plain("KeyMaterialId", material_id(*still, still->current().number));
        return answered;
      },
      Service::pace_of_making(*spec));
}

}  // namespace

Answer<Done> sign(Call& call) {
  PORTEIRO_TRY(Signing signing, read_signing(call, Op::sign));
  return call.service.apart(
      call,
      [pair = signing.key->pair, algorithm = signing.algorithm,
       message = std::move(signing.message),
       hashed = signing.hashed] { return pair->sign(algorithm, message, hashed); },
      [arn = call.service.arn_of(*signing.key), algorithm = signing.algorithm](
          aws::Writer& out, const Result<std::string>& signature) -> Answer<Done> {
        if (!signature) return failure_of(signature.error());
        out.plain("KeyId", arn);
        out.base64("Signature", signature.value());
        out.plain("SigningAlgorithm", to_string(algorithm));
        return answered;
      });
}

Answer<Done> verify(Call& call) {
  call.in.require("Signature");
  auto signature = blob(call.in, "Signature", signature_max);
  PORTEIRO_TRY(Signing signing, read_signing(call, Op::verify));
  return call.service.apart(
      call,
      [pair = signing.key->pair, algorithm = signing.algorithm,
       message = std::move(signing.message), hashed = signing.hashed,
       given = std::move(*signature)] { return pair->verify(algorithm, message, given, hashed); },
      [arn = call.service.arn_of(*signing.key), algorithm = signing.algorithm](
          aws::Writer& out, bool good) -> Answer<Done> {
        if (!good) return Failure{&bad_signature, ""};
        out.plain("KeyId", arn);
        out.boolean("SignatureValid", true);
        out.plain("SigningAlgorithm", to_string(algorithm));
        return answered;
      });
}

Answer<Done> get_public_key(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(const Key* key, service.allowed_key(call, {.operation = "GetPublicKey"}));
  PORTEIRO_TRY(service.enabled(*key));
  if (key->pair == nullptr) {
    return Failure{&unsupported, service.arn_of(*key) + " is no asymmetric key."};
  }
  call.out.plain("KeyId", service.arn_of(*key));
  call.out.base64("PublicKey", key->pair->public_der());
  call.out.plain("CustomerMasterKeySpec", to_string(key->spec));
  call.out.plain("KeySpec", to_string(key->spec));
  call.out.plain("KeyUsage", to_string(key->usage));
  write_algorithms(call.out, *key);
  return answered;
}

Answer<Done> derive_shared_secret(Call& call) {
  Service& service = call.service;
  call.in.require("KeyAgreementAlgorithm");
  call.in.require("PublicKey");
  call.in.choice("KeyAgreementAlgorithm", {"ECDH"});
  auto other = blob(call.in, "PublicKey", 8192);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(check_recipient(call));
  PORTEIRO_TRY(const Key* key,
               service.allowed_key(call, {.operation = "DeriveSharedSecret",
                                          .algorithm_key = "kms:KeyAgreementAlgorithm",
                                          .algorithm = "ECDH"}));
  PORTEIRO_TRY(service.begin(call, Op::derive_shared_secret, key));
  PORTEIRO_TRY(service.usable(*key, kms::KeyUsage::key_agreement, "DeriveSharedSecret"));
  PORTEIRO_TRY(service.stop_if_dry(call));
  return service.apart(
      call, [pair = key->pair, other = std::move(*other)] { return pair->derive(other); },
      [arn = service.arn_of(*key), external = key->origin == kms::Origin::external](
          aws::Writer& out, const Result<kms::SecretBytes>& secret) -> Answer<Done> {
        if (!secret) return failure_of(secret.error());
        out.plain("KeyId", arn);
        out.base64("SharedSecret", secret.value().view());
        out.plain("KeyAgreementAlgorithm", "ECDH");
        out.plain("KeyOrigin", external ? "EXTERNAL" : "AWS_KMS");
        return answered;
      });
}

Answer<Done> generate_mac(Call& call) {
  PORTEIRO_TRY(const Mac mac, read_mac(call, Op::generate_mac));
  call.out.base64("Mac", mac.value);
  call.out.plain("MacAlgorithm", mac.algorithm);
  call.out.plain("KeyId", call.service.arn_of(*mac.key));
  return answered;
}

Answer<Done> verify_mac(Call& call) {
  call.in.require("Mac");
  const auto given = blob(call.in, "Mac", 6144);
  PORTEIRO_TRY(const Mac mac, read_mac(call, Op::verify_mac));
  if (!kms::same_bytes(mac.value, *given)) return Failure{&bad_mac, ""};
  call.out.plain("KeyId", call.service.arn_of(*mac.key));
  call.out.boolean("MacValid", true);
  call.out.plain("MacAlgorithm", mac.algorithm);
  return answered;
}

Answer<Done> generate_data_key_pair(Call& call) { return new_data_key_pair(call, true); }
Answer<Done> generate_data_key_pair_without_plaintext(Call& call) {
  return new_data_key_pair(call, false);
}

}  // namespace porteiro::protocols::kms_api
