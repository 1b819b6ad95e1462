#include "porteiro/identity/sigv4.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "porteiro/base/bytes.hpp"
#include "porteiro/identity/digest.hpp"

namespace porteiro::identity {
namespace {

using Kind = SignatureProblem::Kind;

constexpr std::string_view signing_algorithm = "AWS4-HMAC-SHA256";
constexpr std::int64_t expires_max = 7 * 24 * 3600;  // Of a presigned URL, in seconds.

// What the client says it has signed, and how.
struct Claim {
  std::string key, date, region, service, terminator;  // The credential's parts.
  std::string time;                                    // 20150830T123600Z
  std::string signed_headers, signature;
  std::optional<std::int64_t> expires_s;  // Presigned only.
};

SignatureProblem incomplete(std::string text) { return {Kind::incomplete, std::move(text)}; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// The next part of `rest` before `separator`, which goes, too.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool take_credential(std::string_view text, Claim& claim) {
  claim.key = take(text, '/');
  claim.date = take(text, '/');
  claim.region = take(text, '/');
  claim.service = take(text, '/');
  claim.terminator = text;
  return claim.terminator == "aws4_request" && !claim.key.empty();
}

// What an Authorization header has after its algorithm. Whoever asks for a part of it asks here, so
// that the access key that failures are counted for is the one that is verified.
struct Parameters {
  std::optional<std::string_view> credential, signed_headers, signature;
  bool twice = false;  // One of them, well formed or not: it is nobody's then.
};

Parameters parameters_of(std::string_view header) {
  Parameters out;
  std::string_view rest = header;
  take(rest, ' ');
  while (!rest.empty()) {
    std::string_view value = trim(take(rest, ','));
    const std::string_view name = take(value, '=');
    std::optional<std::string_view>* const known = name == "Credential"      ? &out.credential
                                                   : name == "SignedHeaders" ? &out.signed_headers
                                                   : name == "Signature"     ? &out.signature
                                                                             : nullptr;
    if (known == nullptr) continue;
    out.twice = out.twice || known->has_value();
    *known = value;
  }
  return out;
}

Signed<Claim> claim_of_header(const http::Request& request, std::string_view header) {
  Claim claim;
  std::string_view algorithm = header;
  if (take(algorithm, ' ') != signing_algorithm) {
    return incomplete("The Authorization header has to begin with AWS4-HMAC-SHA256.");
  }
  const Parameters parameters = parameters_of(header);
  if (parameters.twice) return incomplete("The Authorization header has a parameter twice.");
  const bool credential = parameters.credential && take_credential(*parameters.credential, claim);
  claim.signed_headers = parameters.signed_headers.value_or("");
  claim.signature = parameters.signature.value_or("");
  if (!credential) return incomplete("Authorization header requires 'Credential' parameter.");
  if (claim.signature.empty()) {
    return incomplete("Authorization header requires 'Signature' parameter.");
  }
  if (claim.signed_headers.empty()) {
    return incomplete("Authorization header requires 'SignedHeaders' parameter.");
  }
  claim.time = request.header("X-Amz-Date");
  if (claim.time.empty()) {
    return incomplete("Authorization header requires existence of a 'X-Amz-Date' header.");
  }
  return claim;
}

Signed<Claim> claim_of_query(const http::Request& request) {
  const auto value = [&request](std::string_view name) {
    return percent_decode(request.query_value(name)).value_or("");
  };
  Claim claim;
  if (value("X-Amz-Algorithm") != signing_algorithm ||
      !take_credential(value("X-Amz-Credential"), claim)) {
    return incomplete(
        "AWS query-string parameters must include a known 'X-Amz-Algorithm' and a "
        "whole 'X-Amz-Credential'.");
  }
  claim.time = value("X-Amz-Date");
  claim.signed_headers = value("X-Amz-SignedHeaders");
  claim.signature = value("X-Amz-Signature");
  const std::string expires = value("X-Amz-Expires");
  std::int64_t seconds = 0;
  const char* const end = expires.data() + expires.size();
  const auto [parsed, failure] = std::from_chars(expires.data(), end, seconds);
  if (failure != std::errc() || parsed != end || seconds < 0 || seconds > expires_max) {
    return incomplete("X-Amz-Expires has to be a number of seconds of at most a week.");
  }
  claim.expires_s = seconds;
  if (claim.time.empty() || claim.signed_headers.empty() || claim.signature.empty()) {
    return incomplete(
        "AWS query-string parameters must include 'X-Amz-Date', "
        "'X-Amz-SignedHeaders' and 'X-Amz-Signature'.");
  }
  return claim;
}

std::optional<Time> time_of(std::string_view text) {  // 20150830T123600Z
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  std::string full;
  full.append(text.substr(0, 4)).append("-").append(text.substr(4, 2)).append("-");
  full.append(text.substr(6, 2)).append("T").append(text.substr(9, 2)).append(":");
  full.append(text.substr(11, 2)).append(":").append(text.substr(13, 2)).append("Z");
  const auto time = parse_rfc3339(full);
  if (!time) return std::nullopt;
  return time.value();
}

Signed<void> check_time(const Claim& claim, Duration skew_max, Time now) {
  const auto signed_at = time_of(claim.time);
  if (!signed_at) return incomplete("X-Amz-Date has to have the form 20150830T123600Z.");
  if (claim.date.size() != 8 || !claim.time.starts_with(claim.date)) {
    return SignatureProblem{Kind::mismatch, "Date in Credential scope does not match X-Amz-Date."};
  }
  const auto minutes = std::chrono::floor<std::chrono::minutes>(skew_max).count();
  const std::string bound = " is more than " + std::to_string(minutes) + " minutes ";
  if (*signed_at > now + skew_max) {
    return SignatureProblem{Kind::early, "Signature not yet current: " + claim.time + bound +
                                             "later than the time here."};
  }
  if (claim.expires_s) {
    if (now > *signed_at + std::chrono::seconds(*claim.expires_s)) {
      return SignatureProblem{Kind::expired, "The request is past the end of its X-Amz-Expires."};
    }
    return ok();
  }
  if (*signed_at < now - skew_max) {
    return SignatureProblem{
        Kind::late, "Signature expired: " + claim.time + bound + "earlier than the time here."};
  }
  return ok();
}

// Each segment encoded once more than it came; dots and empty segments resolved (RFC 3986, 5.2.4).
std::string canonical_path(std::string_view path) {
  std::vector<std::string_view> segments;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::string_view segment = take(rest, '/');
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") segments.push_back(segment);
  }
  std::string out;
  for (const std::string_view segment : segments) out += '/' + percent_encode(segment);
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    std::string_view value = take(query, '&');
    if (value.empty()) continue;
    const std::string_view name = take(value, '=');
    if (name == "X-Amz-Signature") continue;
    const auto again = [](std::string_view text) {
      return percent_encode(percent_decode(text).value_or(std::string(text)));
    };
    pairs.emplace_back(again(name), again(value));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

void append_header_value(std::string& out, std::string_view value) {
  value = trim(value);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != ' ' || value[i - 1] != ' ') out += value[i];  // Trimmed: never the first.
  }
}

std::string canonical_headers(const http::Request& request, std::string_view signed_headers) {
  std::string out;
  while (!signed_headers.empty()) {
    const std::string name(take(signed_headers, ';'));
    out.append(name).append(":");
    bool more = false;
    for (const http::HeaderView& header : request.headers) {
      if (lower(header.name) != name) continue;
      if (std::exchange(more, true)) out += ',';
      append_header_value(out, header.value);
    }
    out += '\n';
  }
  return out;
}

bool signs(std::string_view signed_headers, std::string_view name) {
  while (!signed_headers.empty()) {
    if (take(signed_headers, ';') == name) return true;
  }
  return false;
}

std::string signature_of(const http::Request& request, const Claim& claim,
                         std::string_view secret) {
  std::string canonical(request.method);
  canonical.append("\n").append(canonical_path(request.path()));
  canonical.append("\n").append(canonical_query(request.query())).append("\n");
  canonical.append(canonical_headers(request, claim.signed_headers)).append("\n");
  canonical.append(claim.signed_headers).append("\n").append(sha256_hex(request.body));
  std::string text(signing_algorithm);
  text.append("\n").append(claim.time).append("\n").append(claim.date).append("/");
  text.append(claim.region).append("/").append(claim.service).append("/aws4_request\n");
  text.append(sha256_hex(canonical));
  std::string key = "AWS4" + std::string(secret);
  for (const std::string_view part :
       {std::string_view(claim.date), std::string_view(claim.region),
        std::string_view(claim.service), std::string_view("aws4_request")}) {
    key = hmac_sha256(key, part);
  }
  return to_hex(hmac_sha256(key, text));
}

Signed<void> check_parts(const http::Request& request, const Claim& claim,
                         const SignatureRules& rules) {
  if (claim.service != rules.service || claim.region != rules.region) {
    return SignatureProblem{Kind::mismatch, "Credential should be scoped to " +
                                                std::string(rules.region) + "/" +
                                                std::string(rules.service) + "."};
  }
  if (!signs(claim.signed_headers, "host")) {
    return SignatureProblem{Kind::mismatch,
                            "'Host' must be a 'SignedHeader' in the AWS Authorization."};
  }
  if (!request.header("X-Amz-Target").empty() && !signs(claim.signed_headers, "x-amz-target")) {
    return SignatureProblem{Kind::mismatch, "'X-Amz-Target' must be a 'SignedHeader', too."};
  }
  const std::string_view hash = request.header("X-Amz-Content-SHA256");
  if (!hash.empty() && hash != sha256_hex(request.body)) {
    return SignatureProblem{Kind::mismatch, "X-Amz-Content-SHA256 is not that of the body."};
  }
  if (rules.exact_query && request.query().find('+') != std::string_view::npos) {
    return SignatureProblem{Kind::mismatch, "A '+' in the query has to be sent as %2B or %20."};
  }
  return ok();
}

// Of "AKID/20150830/us-east-1/sqs/aws4_request" the part of that number.
std::string scope_part(std::string_view credential, int number) {
  for (; number > 0; --number) take(credential, '/');
  return std::string(take(credential, '/'));
}

// The same of a request's credential, found where a signature's claim is, and read as it is.
std::string scope_part(const http::Request& request, int number) {
  const std::string_view header = request.header("Authorization");
  if (header.empty()) {
    const auto credential = percent_decode(request.query_value("X-Amz-Credential"));
    return credential ? scope_part(*credential, number) : std::string();
  }
  const Parameters parameters = parameters_of(header);
  if (parameters.twice || !parameters.credential) return {};
  return scope_part(*parameters.credential, number);
}

}  // namespace

Signed<std::size_t> verify_signature(const http::Request& request,
                                     const std::vector<Credential>& credentials,
                                     const SignatureRules& rules, Time now) {
  const std::string_view header = request.header("Authorization");
  if (header.empty() && request.query_value("X-Amz-Signature").empty()) {
    return SignatureProblem{Kind::missing, "Request is missing Authentication Token"};
  }
  PORTEIRO_TRY(const Claim claim,
               header.empty() ? claim_of_query(request) : claim_of_header(request, header));
  const auto known = std::find_if(credentials.begin(), credentials.end(),
                                  [&](const Credential& c) { return c.access_key == claim.key; });
  if (known == credentials.end()) {
    return SignatureProblem{Kind::unknown_key,
                            "The security token included in the request is invalid."};
  }
  PORTEIRO_TRY(check_parts(request, claim, rules));
  if (!same_secret(signature_of(request, claim, known->secret), claim.signature)) {
    return SignatureProblem{
        Kind::mismatch,
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service "
        "documentation for details."};
  }
  PORTEIRO_TRY(check_time(claim, rules.skew_max, now));
  return static_cast<std::size_t>(known - credentials.begin());
}

std::string access_key(const http::Request& request) { return scope_part(request, 0); }
std::string scoped_service(const http::Request& request) { return scope_part(request, 3); }

}  // namespace porteiro::identity
