// AWS Signature Version 4 of a request: the Authorization header, or the X-Amz- parameters of a
// presigned URL ("Create a signed AWS API request", AWS IAM user guide). Pure. What was signed may
// be sent again while it counts: AWS refuses no repeated signature either.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::identity {

struct Credential {
  std::string access_key, secret;
};

struct SignatureRules {
  std::string_view region, service;              // What a signature has to be scoped to.
  Duration skew_max = std::chrono::minutes(15);  // Between client and us; AWS's own bound.
  // Refuses what has one canonical form and two meanings: a raw '+' in the query is signed as one,
  // and a form's reader takes it for a space.
  bool exact_query = false;
};

struct SignatureProblem {
  enum class Kind : std::uint8_t {
    missing,      // Nothing is signed.
    incomplete,   // A part of the signature is missing or malformed.
    unknown_key,  // Nobody has this access key.
    mismatch,     // Changed since, or signed with another secret, scope or set of headers.
    early,        // Signed for a time to come; the signature itself is right, as for the next two.
    late,         // Signed too long ago.
    expired,      // A presigned URL is past its end.
  };
  Kind kind = Kind::missing;
  std::string text;  // In the words of AWS; may quote the scope and the time that the client sent.
};
template <class T>
using Signed =
    BOOST_OUTCOME_V2_NAMESPACE::basic_result<T, SignatureProblem,
                                             BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

// Which of `credentials` signed the request, as it is, at this time, within the rules: its index.
// The body counts always; X-Amz-Content-SHA256, when sent, has to name it; the Host header has to
// be signed.
Signed<std::size_t> verify_signature(const http::Request& request,
                                     const std::vector<Credential>& credentials,
                                     const SignatureRules& rules, Time now);

// The parts of the credential's scope that a request names, signed or not, decoded as they are when
// it is verified; empty: there is none.
std::string access_key(const http::Request& request);
std::string scoped_service(const http::Request& request);

}  // namespace porteiro::identity
