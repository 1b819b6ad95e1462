#include "porteiro/identity/token.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "identity/strict_json.hpp"

namespace porteiro::identity {
namespace {

using nlohmann::json;

constexpr std::size_t subject_bytes_max = 256;
constexpr double seconds_max = 253402300799;  // The end of the year 9999.

Error refused(std::string_view reason) {
  return error(Errc::denied, "the token " + std::string(reason));
}

struct Parts {
  std::string_view header, claims, signature;
};

Result<Parts> split(std::string_view text) {
  if (text.size() > token_bytes_max) return refused("is larger than 8 KiB");
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
    return refused("does not have three parts");
  }
  return Parts{text.substr(0, first), text.substr(first + 1, second - first - 1),
               text.substr(second + 1)};
}

Result<json> part(std::string_view text) {
  const auto bytes = decode_strictly(text);
  auto document = bytes ? parse_strictly(*bytes) : std::nullopt;
  if (!document) return refused("is malformed");
  return std::move(*document);
}

bool same_word(std::string_view text, std::string_view lower_case) {
  return std::equal(
      text.begin(), text.end(), lower_case.begin(), lower_case.end(), [](char c, char wanted) {
        return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == wanted;
      });
}

struct Header {
  std::string key;
  Algorithm algorithm;
};

Result<Header> read_header(const json& header) {
  // Extensions that would have to be understood, and keys that a token brings for itself.
  for (const char* name : {"crit", "b64", "enc", "zip", "jwk", "jku", "x5u", "x5c"}) {
    if (header.contains(name)) return refused("has a header that is not taken here");
  }
  const std::string* algorithm = text_member(header, "alg");
  if (algorithm == nullptr || (*algorithm != "RS256" && *algorithm != "ES256")) {
    return refused("is not signed with RS256 or ES256");
  }
  if (const auto type = header.find("typ"); type != header.end()) {
    const std::string* text = text_member(header, "typ");
    if (text == nullptr || (!same_word(*text, "jwt") && !same_word(*text, "at+jwt"))) {
      return refused("has another type than JWT");
    }
  }
  const std::string* key = text_member(header, "kid");
  if (key == nullptr) return refused("names no key");
  return Header{*key, *algorithm == "RS256" ? Algorithm::rs256 : Algorithm::es256};
}

bool is_for(const json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_string()) return *found == audience;
  if (!found->is_array()) return false;
  return std::all_of(found->begin(), found->end(),
                     [](const json& each) { return each.is_string(); }) &&
         std::find(found->begin(), found->end(), audience) != found->end();
}

// A NumericDate (RFC 7519, 2); nullopt: none.
std::optional<Time> date(const json& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > seconds_max) return std::nullopt;
  // Nanoseconds reach to the year 2262; what is later is never.
  constexpr double nanoseconds_max = 9.2e18;
  const double nanoseconds = std::min(std::floor(seconds * 1e9), nanoseconds_max);
  if (value.is_number_float()) return Time(Duration(static_cast<std::int64_t>(nanoseconds)));
  if (seconds * 1e9 >= nanoseconds_max)
    return Time(Duration(static_cast<std::int64_t>(nanoseconds)));
  return Time(std::chrono::seconds(value.get<std::int64_t>()));
}

Result<Period> read_period(const json& claims) {
  const auto expires = claims.find("exp");
  if (expires == claims.end()) return refused("never expires");
  const auto end = date(*expires);
  if (!end) return refused("has a malformed time");
  Period period{.expires = *end};
  for (const char* name : {"nbf", "iat"}) {
    const auto found = claims.find(name);
    if (found == claims.end()) continue;
    const auto begin = date(*found);
    if (!begin) return refused("has a malformed time");
    period.begins = std::max(period.begins, *begin - token_skew_max);
  }
  return period;
}

Result<std::optional<std::vector<std::string>>> read_scopes(const json& claims) {
  const auto found = claims.find("scope");
  if (found == claims.end()) return std::optional<std::vector<std::string>>();
  const std::string* text = text_member(claims, "scope");
  if (text == nullptr) return refused("has a malformed scope");
  std::vector<std::string> scopes;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    if (!one.empty()) scopes.emplace_back(one);
  }
  return std::optional(std::move(scopes));
}

}  // namespace

bool has_token_form(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 2;
}

const char* Period::missed_by(Time now) const {
  if (now >= expires) return "the token has expired";
  return now < begins ? "the token is for a time to come" : nullptr;
}

Result<Token> read_token(std::string_view text, const std::vector<Issuer>& issuers) {
  PORTEIRO_TRY(const Parts parts, split(text));
  PORTEIRO_TRY(const json header_json, part(parts.header));
  PORTEIRO_TRY(const Header header, read_header(header_json));
  PORTEIRO_TRY(const json claims, part(parts.claims));
  auto signature = decode_strictly(parts.signature);
  if (!signature || signature->empty()) return refused("is malformed");

  const std::string* from = text_member(claims, "iss");
  const auto issuer = std::find_if(issuers.begin(), issuers.end(), [&](const Issuer& each) {
    return from != nullptr && each.issuer == *from && is_for(claims, each.audience);
  });
  if (issuer == issuers.end()) return refused("is not from an issuer known here, or not for us");
  const PublicKey* key = issuer->keys.find(header.key);
  if (key == nullptr) return refused("names a key that its issuer does not have");
  if (key->algorithm() != header.algorithm)
    return refused("is signed with another algorithm than its key's");
  PORTEIRO_TRY(const Period period, read_period(claims));
  const std::string* subject = text_member(claims, "sub");
  if (subject == nullptr || subject->empty() || subject->size() > subject_bytes_max) {
    return refused("names no subject");
  }
  PORTEIRO_TRY(auto scopes, read_scopes(claims));
  const std::size_t signed_bytes = parts.header.size() + 1 + parts.claims.size();
  return Token{.issuer = static_cast<std::size_t>(issuer - issuers.begin()),
               .subject = *subject,
               .scopes = std::move(scopes),
               .period = period,
               .key = *key,
               .message = std::string(text.substr(0, signed_bytes)),
               .signature = std::move(*signature)};
}

}  // namespace porteiro::identity
