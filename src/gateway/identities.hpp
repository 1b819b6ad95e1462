// Which client a request comes from, by what it shows: an API key, a signature, a token, a verified
// certificate. Reads no clock and no file. Belongs to the loop.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/admission.hpp"
#include "gateway/wanted.hpp"
#include "porteiro/identity/token.hpp"

namespace porteiro::gateway {

// A token that is good in all but its signature, which nobody has verified yet.
struct UnverifiedToken {
  identity::Token token;
  Admission::Digest digest;           // Of its text.
  std::size_t certified = anonymous;  // Whom the connection's certificate names.
};

struct Identity {
  enum class Kind : std::uint8_t {
    nobody,      // It shows nothing.
    client,      // `caller`.
    unknown,     // What it shows is wrong.
    untimely,    // What it shows is right, but not at this time: no guess at a secret.
    unverified,  // `token` has to be verified first, off the loop; then learn() says who it is.
  };
  Kind kind = Kind::nobody;
  std::size_t caller = anonymous;
  // What its token says it may, narrowing what the client may; null: nothing narrows it. Belongs to
  // the Identities, until the next call.
  const std::vector<std::string>* scopes = nullptr;
  const char* told = nullptr;  // Of the two refused: what the client is told. A constant.
  std::string reason{};        // Of the two refused: for the log; quotes nothing of the request.
  std::unique_ptr<UnverifiedToken> token{};
};

class Identities {
 public:
  static constexpr std::size_t tokens_max = 4096;  // Verified ones that are remembered.

  // Borrows `admission`, whose callers are those of `options`. Errors: invalid (a key set that is
  // none, an issuer that is not there, two clients with one access key, subject or certificate).
  static Result<Identities> create(const Options& options, Admission& admission);

  bool signatures() const { return !signers_.empty(); }
  bool tokens() const { return !issuers_.empty(); }

  Identity find(const http::Request& request, const Shown& shown, Time now);
  // Who has the token, whose signature was verified (or found wrong). It is remembered, so that its
  // next request costs no verification, be it too late by then.
  Identity learn(const UnverifiedToken& unverified, bool right, Time now);
  // The name that failures of this request count under, beside its peer's: that of a known access
  // key. Empty: there is none.
  std::string account(const http::Request& request, const Shown& shown) const;
  void forget() { tokens_.clear(), order_.clear(); }  // All tokens.

 private:
  struct KnownToken {
    Admission::Digest digest;
    std::size_t caller = anonymous;
    bool narrowed = false;
    std::vector<std::string> scopes;
    identity::Period period;
  };
  explicit Identities(const Options& options, Admission& admission)
      : region_(options.region), admission_(&admission) {}
  Result<void> add(const Client& client, std::size_t caller, const Options& options);
  Result<void> add_token(const Client& client, std::size_t caller, const Options& options);
  Identity by_key(const Shown& shown, Time now);
  Identity by_signature(const http::Request& request, Time now) const;
  static Identity by_token(const KnownToken& token, Time now);
  std::size_t by_certificate(const http::Request& request) const;
  const KnownToken* known(const Admission::Digest& digest) const;
  const KnownToken& remember(KnownToken token);

  std::string region_;
  Admission* admission_;
  std::vector<identity::Credential> signers_;
  std::vector<std::size_t> signer_callers_;  // Of each of them.
  StringMap<std::size_t> certificates_;      // "subject CN=…", "fingerprint 0a…".
  std::vector<identity::Issuer> issuers_;
  std::vector<StringMap<std::size_t>> subjects_;  // Of each issuer; "" stands for all others.
  std::unordered_map<Id, KnownToken> tokens_;     // By the digest's first half.
  std::deque<Id> order_;                          // Of the tokens, as they were verified.
};

}  // namespace porteiro::gateway
