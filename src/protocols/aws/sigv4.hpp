// AWS Signature Version 4 of a request: the Authorization header, or the X-Amz- parameters of a
// presigned URL ("Create a signed AWS API request", AWS IAM user guide).
#pragma once
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/base/time.hpp"
#include "porteiro/protocols/aws.hpp"
#include "protocols/aws/failure.hpp"

namespace porteiro::protocols::aws {

inline constexpr Duration skew_max = std::chrono::minutes(15);  // Between client and us.

struct Scope {
  std::string_view region, service;
};

// Fails when the request is not signed for `scope` by one of `credentials`, or not at this time,
// or was changed since. The body counts always; X-Amz-Content-SHA256, when sent, has to name it.
Answer<void> verify_signature(const http::Request& request,
                              const std::vector<Credential>& credentials, Scope scope, Time now);

// The service in the scope of the request's credentials, signed or not; empty when there is none.
std::string_view scoped_service(const http::Request& request);

// The access key of the request's credentials, signed or not; empty when there is none.
std::string_view access_key(const http::Request& request);

}  // namespace porteiro::protocols::aws
