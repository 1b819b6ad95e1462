// Asymmetric keys over OpenSSL: RSA, the NIST curves, secp256k1, Ed25519. A KeyPair does not change
// once it is made, and may be used by several threads at a time. Its operations take from 20 µs
// (Ed25519) to a second (making RSA_4096): callers run them off the loop.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "porteiro/kms/key_spec.hpp"

namespace porteiro::kms {

class KeyPair {
 public:
  using Shared = std::shared_ptr<const KeyPair>;

  // Bytes that make() needs: drawn on the loop, where the entropy is.
  static constexpr std::size_t seed_bytes = 80;
  // A new pair. Curves' keys follow from the seed; RSA's primes come from OpenSSL's own generator.
  static Shared make(KeySpec spec, const SecretBytes& seed);
  // From PKCS #8 in DER. Errors: corrupt (it is no private key of that spec).
  static Result<Shared> from_private(KeySpec spec, std::string_view der);
  // Whether a pair that came from outside is one: its numbers fit each other. Slow for RSA.
  bool is_sound() const;
  // From SubjectPublicKeyInfo in DER: verifies and encrypts only. Errors: corrupt (no key, or of a
  // kind that no spec has).
  static Result<Shared> from_public(std::string_view der);

  ~KeyPair();
  KeySpec spec() const { return spec_; }
  SecretBytes private_der() const;  // PKCS #8. Of a pair with its private key only, as are
  std::string public_der() const;   // sign, decrypt and derive. This one: SubjectPublicKeyInfo.

  // `hashed`: `message` is already its digest, of the algorithm's length (never for Ed25519).
  // ECDSA signatures are DER (RFC 3279), PSS salts as long as the digest (AWS KMS "Sign").
  // Errors: invalid (the spec does not know the algorithm, or a digest of another length).
  Result<std::string> sign(SigningAlgorithm algorithm, std::string_view message,
                           bool hashed = false) const;
  // False: the signature is not good, or the algorithm is not the spec's.
  bool verify(SigningAlgorithm algorithm, std::string_view message, std::string_view signature,
              bool hashed = false) const;

  // RSAES-OAEP with MGF1 of the same digest. Errors: invalid (too long for the key).
  Result<std::string> encrypt(Digest digest, std::string_view plaintext) const;
  Result<SecretBytes> decrypt(Digest digest, std::string_view ciphertext) const;  // Or corrupt.
  std::size_t plaintext_max(Digest digest) const;  // Bytes that encrypt() takes.
  // What an AES key wraps (RFC 5649), and in front of it that AES key, encrypted for this pair.
  // Errors: corrupt.
  Result<SecretBytes> unwrap(Digest digest, std::string_view wrapped) const;

  // ECDH. Errors: invalid (`other` is no public key on the same curve).
  Result<SecretBytes> derive(std::string_view other_public_der) const;

 private:
  struct Key;
  KeyPair(KeySpec spec, std::unique_ptr<Key> key);
  KeySpec spec_;
  std::unique_ptr<Key> key_;
};

}  // namespace porteiro::kms
