// JSON Web Tokens (RFC 7519) that an issuer signed with RS256 or ES256 (RFC 7518), and the sets of
// public keys (RFC 7517) that verify them. No other algorithm is known, none is taken from the
// token alone: the key that it names says which one counts. Pure; a PublicKey may be used by any
// thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::identity {

enum class Algorithm : std::uint8_t { rs256, es256 };

class PublicKey {
 public:
  // Takes over an EVP_PKEY that fits the algorithm.
  PublicKey(std::shared_ptr<void> key, Algorithm algorithm)
      : key_(std::move(key)), algorithm_(algorithm) {}
  Algorithm algorithm() const { return algorithm_; }
  // Whether the private half made `signature` (as RFC 7518 writes it: ES256's is R and S, 64 bytes)
  // of `message`. Takes up to 0.2 ms: off the loop.
  bool verify(std::string_view message, std::string_view signature) const;

 private:
  std::shared_ptr<void> key_;
  Algorithm algorithm_;
};

class KeySet {
 public:
  static constexpr std::size_t keys_max = 100;
  // Of the text of a JWK set. Keys for other uses and of other kinds are left out (RFC 7517, 5).
  // Errors: invalid (no JSON, a private or secret key, RSA below 2048 bits, a key without a `kid`
  // or with one that another key has, no key at all); the text says what to do.
  static Result<KeySet> parse(std::string_view json);
  const PublicKey* find(std::string_view id) const;  // Null: there is none.
  std::size_t size() const { return keys_.size(); }

 private:
  StringMap<PublicKey> keys_;
};

// Who signs tokens, and for whom.
struct Issuer {
  std::string issuer;    // What `iss` has to be.
  std::string audience;  // What `aud` has to be, or to hold.
  KeySet keys;
};

// When a token counts.
struct Period {
  Time begins = Time::min();              // A clock that is a minute off is allowed for.
  Time expires{};                         // It counts until the nanosecond before.
  const char* missed_by(Time now) const;  // Why it does not count now; null: it does.
};

// A token as it was read: nothing of it counts before its signature is verified.
struct Token {
  std::size_t issuer;  // Which of those it was read with.
  std::string subject;
  std::optional<std::vector<std::string>> scopes;  // Its `scope` claim; nullopt: it has none.
  Period period;
  PublicKey key;
  std::string message, signature;
  bool verify() const { return key.verify(message, signature); }
};

inline constexpr std::size_t token_bytes_max = 8u << 10;
inline constexpr Duration token_skew_max = std::chrono::seconds(60);  // Of `nbf` and `iat`.

bool has_token_form(std::string_view text);  // Three parts with dots between them.

// Checks form, header, key, issuer and audience, and that it says until when it counts; left to the
// caller are the signature and the time. Errors: denied, with a reason that quotes nothing of it.
Result<Token> read_token(std::string_view text, const std::vector<Issuer>& issuers);

}  // namespace porteiro::identity
