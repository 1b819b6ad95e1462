#include "gateway/identities.hpp"

#include <algorithm>
#include <utility>

namespace porteiro::gateway {
namespace {

constexpr std::string_view signed_service = "execute-api";  // API Gateway's, in a scope.
constexpr Duration skew_max = std::chrono::minutes(5);      // Between signing and our time.
constexpr std::size_t credential_bytes_max = identity::token_bytes_max;

constexpr const char* key_unknown = "the API key is not known here";
constexpr const char* token_refused =
    "the token is not taken: it has to be current, for this audience, and from an issuer and "
    "about a subject that are known here";
constexpr const char* clients_differ =
    "the certificate of this connection is another client's; send nothing but your own";
constexpr const char* signature_refused =
    "the signature is not taken: sign for the service execute-api and this region, with a secret "
    "that is known here";
constexpr const char* time_refused =
    "the signature is right, but not at this time: look at the clock, or sign again";
constexpr const char* token_time_refused =
    "the token is right, but not at this time: look at the clock, or get another one";

Identity client(std::size_t caller, const std::vector<std::string>* scopes = nullptr) {
  Identity identity;
  identity.kind = Identity::Kind::client;
  identity.caller = caller;
  identity.scopes = scopes;
  return identity;
}

Identity refused(Identity::Kind kind, const char* told, std::string reason) {
  Identity identity;
  identity.kind = kind;
  identity.told = told;
  identity.reason = std::move(reason);
  return identity;
}

Identity unknown(const char* told, std::string reason) {
  return refused(Identity::Kind::unknown, told, std::move(reason));
}

// What a request shows, and whose certificate its connection has: both say the same client, or else
// neither counts.
Identity agreed(Identity found, std::size_t certified) {
  if (found.kind != Identity::Kind::client || certified == anonymous) return found;
  if (found.caller == certified) return found;
  return unknown(clients_differ, "the certificate and the credential are of different clients");
}

Error taken(const Client& client, std::string_view what) {
  std::string text = "the client " + client.name + " has the ";
  return error(Errc::invalid, text.append(what).append(" of another client; give each its own"));
}

const char* reason_of(identity::SignatureProblem::Kind kind) {
  using Kind = identity::SignatureProblem::Kind;
  switch (kind) {
    case Kind::missing:
    case Kind::incomplete:
      return "the signature is incomplete";
    case Kind::unknown_key:
      return "the access key of the signature is not known";
    case Kind::mismatch:
      return "the signature does not match";
    case Kind::early:
      return "the request is signed for a time to come";
    case Kind::late:
    case Kind::expired:
      return "the signature is too old";
  }
  PORTEIRO_ASSERT(false);
}

bool is_about_time(identity::SignatureProblem::Kind kind) {
  using Kind = identity::SignatureProblem::Kind;
  return kind == Kind::early || kind == Kind::late || kind == Kind::expired;
}

}  // namespace

Result<Identities> Identities::create(const Options& options, Admission& admission) {
  Identities identities(options, admission);
  for (const IssuerOptions& described : options.issuers) {
    identity::Issuer issuer{described.issuer, described.audience, {}};
    if (!described.keys.empty()) {
      auto keys = identity::KeySet::parse(described.keys);
      if (!keys) {
        return error(Errc::invalid, described.key_file + " " + keys.error().detail,
                     "/gateway/issuers/" + described.name + "/jwks");
      }
      issuer.keys = std::move(keys).value();
    }
    identities.issuers_.push_back(std::move(issuer));
  }
  identities.subjects_.resize(identities.issuers_.size());
  for (std::size_t i = 0; i < options.clients.size(); ++i) {
    PORTEIRO_TRY(identities.add(options.clients[i], i + 1, options));
  }
  return identities;
}

Result<void> Identities::add(const Client& client, std::size_t caller, const Options& options) {
  if (client.signer) {
    for (const identity::Credential& other : signers_) {
      if (other.access_key == client.signer->access_key) return taken(client, "access key");
    }
    signers_.push_back(*client.signer);
    signer_callers_.push_back(caller);
  }
  if (client.certificate) {
    const CertificateOwner& owner = *client.certificate;
    const std::string name =
        owner.fingerprint.empty() ? "subject " + owner.subject : "fingerprint " + owner.fingerprint;
    if (!certificates_.emplace(name, caller).second) return taken(client, "certificate");
  }
  return client.token ? add_token(client, caller, options) : ok();
}

Result<void> Identities::add_token(const Client& client, std::size_t caller,
                                   const Options& options) {
  const auto issuer =
      std::find_if(options.issuers.begin(), options.issuers.end(),
                   [&](const IssuerOptions& each) { return each.name == client.token->issuer; });
  if (issuer == options.issuers.end()) {
    return error(Errc::invalid, "the client " + client.name + " names the issuer " +
                                    client.token->issuer + ", which is not there");
  }
  auto& subjects = subjects_[static_cast<std::size_t>(issuer - options.issuers.begin())];
  if (!subjects.emplace(client.token->subject, caller).second) return taken(client, "subject");
  return ok();
}

Identity Identities::find(const http::Request& request, const Shown& shown, Time now) {
  const std::size_t certified = by_certificate(request);
  const bool nothing = shown.kind == Shown::Kind::nothing || shown.kind == Shown::Kind::confused;
  if (nothing) return certified == anonymous ? Identity{} : client(certified);
  Identity found =
      shown.kind == Shown::Kind::signature ? by_signature(request, now) : by_key(shown, now);
  if (found.token) found.token->certified = certified;
  return agreed(std::move(found), certified);
}

std::size_t Identities::by_certificate(const http::Request& request) const {
  if (request.certificate == nullptr || certificates_.empty()) return anonymous;
  auto found = certificates_.find("fingerprint " + request.certificate->fingerprint);
  if (found == certificates_.end()) {
    found = certificates_.find("subject " + request.certificate->subject);
  }
  return found == certificates_.end() ? anonymous : found->second;
}

Identity Identities::by_key(const Shown& shown, Time now) {
  if (shown.text.size() > credential_bytes_max) {
    return unknown(key_unknown, "the credential is larger than 8 KiB");
  }
  const Admission::Digest digest = admission_->digest(shown.text);
  if (const auto caller = admission_->identify(digest)) return client(*caller);
  const bool token =
      shown.kind == Shown::Kind::bearer && tokens() && identity::has_token_form(shown.text);
  if (!token) return unknown(key_unknown, "the API key is not known");
  if (const KnownToken* seen = known(digest)) return by_token(*seen, now);
  auto read = identity::read_token(shown.text, issuers_);
  if (!read) return unknown(token_refused, read.error().detail);
  Identity found;
  found.kind = Identity::Kind::unverified;
  found.token = std::make_unique<UnverifiedToken>(UnverifiedToken{std::move(read).value(), digest});
  return found;
}

Identity Identities::learn(const UnverifiedToken& unverified, bool right, Time now) {
  const identity::Token& token = unverified.token;
  if (!right) return unknown(token_refused, "the signature of the token does not match");
  const StringMap<std::size_t>& subjects = subjects_[token.issuer];
  auto owner = subjects.find(token.subject);
  const bool own = owner != subjects.end();
  if (!own) owner = subjects.find("");
  if (owner == subjects.end()) {
    return unknown(token_refused, "no client has the subject of the token");
  }
  KnownToken learned{unverified.digest, owner->second, token.scopes.has_value() || !own,
                     token.scopes.value_or(std::vector<std::string>{}), token.period};
  // Kept is what a scope of the client's own can be, not what a token says beside.
  std::erase_if(learned.scopes, [&](const std::string& scope) {
    return !admission_->allowed(learned.caller, scope);
  });
  return agreed(by_token(remember(std::move(learned)), now), unverified.certified);
}

Identity Identities::by_token(const KnownToken& token, Time now) {
  if (const char* missed = token.period.missed_by(now)) {
    return refused(Identity::Kind::untimely, token_time_refused, missed);
  }
  return client(token.caller, token.narrowed ? &token.scopes : nullptr);
}

const Identities::KnownToken* Identities::known(const Admission::Digest& digest) const {
  const auto found = tokens_.find(half(digest));
  const bool seen = found != tokens_.end() && same(found->second.digest, digest);
  return seen ? &found->second : nullptr;
}

const Identities::KnownToken& Identities::remember(KnownToken token) {
  const Id id = half(token.digest);
  if (!tokens_.contains(id)) {
    order_.push_back(id);
    if (order_.size() > tokens_max) {
      tokens_.erase(order_.front());
      order_.pop_front();
    }
  }
  return tokens_.insert_or_assign(id, std::move(token)).first->second;
}

Identity Identities::by_signature(const http::Request& request, Time now) const {
  const auto verified = identity::verify_signature(
      request, signers_,
      {.region = region_, .service = signed_service, .skew_max = skew_max, .exact_query = true},
      now);
  if (verified) return client(signer_callers_[verified.value()]);
  const auto kind = verified.error().kind;
  if (!is_about_time(kind)) return unknown(signature_refused, reason_of(kind));
  return refused(Identity::Kind::untimely, time_refused, reason_of(kind));
}

std::string Identities::account(const http::Request& request, const Shown& shown) const {
  if (shown.kind != Shown::Kind::signature) return {};
  const std::string key = identity::access_key(request);
  const bool is_known = std::any_of(signers_.begin(), signers_.end(),
                                    [&](const auto& each) { return each.access_key == key; });
  return is_known ? "access key " + key : std::string();
}

}  // namespace porteiro::gateway
