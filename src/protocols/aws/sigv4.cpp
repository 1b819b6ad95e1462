#include "protocols/aws/sigv4.hpp"

#include "porteiro/base/result.hpp"

namespace porteiro::protocols::aws {
namespace {

const ErrorKind* kind_of(identity::SignatureProblem::Kind kind) {
  using Kind = identity::SignatureProblem::Kind;
  switch (kind) {
    case Kind::missing:
      return &missing_token;
    case Kind::incomplete:
      return &incomplete_signature;
    case Kind::unknown_key:
      return &unknown_client;
    case Kind::mismatch:
    case Kind::early:
    case Kind::late:
      return &wrong_signature;
    case Kind::expired:
      return &request_expired;
  }
  PORTEIRO_ASSERT(false);
}

}  // namespace

Answer<std::size_t> verify_signature(const http::Request& request,
                                     const std::vector<Credential>& credentials, Scope scope,
                                     Time now) {
  const auto verified = identity::verify_signature(
      request, credentials,
      {.region = scope.region, .service = scope.service, .skew_max = skew_max}, now);
  if (!verified) return Failure{kind_of(verified.error().kind), verified.error().text};
  return verified.value();
}

}  // namespace porteiro::protocols::aws
