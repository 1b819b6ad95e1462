// Signature Version 4 of a request to a service, with the services' own errors.
#pragma once
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/base/time.hpp"
#include "porteiro/identity/sigv4.hpp"
#include "porteiro/protocols/aws.hpp"
#include "protocols/aws/failure.hpp"

namespace porteiro::protocols::aws {

inline constexpr Duration skew_max = std::chrono::minutes(15);  // Between client and us.

struct Scope {
  std::string_view region, service;
};

// Which of the credentials it was. Fails when the request is not signed for `scope` by one of
// `credentials`, or not at this time, or was changed since. The body counts always;
// X-Amz-Content-SHA256, when sent, has to name it.
Answer<std::size_t> verify_signature(const http::Request& request,
                                     const std::vector<Credential>& credentials, Scope scope,
                                     Time now);

using identity::access_key;
using identity::scoped_service;

}  // namespace porteiro::protocols::aws
