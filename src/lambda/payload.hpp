// What a function outside gets for an invocation, and what its answer means, in the forms of AWS:
// the payload of an Invoke as it is, "Records" for messages of a queue, an API Gateway event
// (payload 2.0) for a request to a route.
#pragma once
#include <string>
#include <string_view>

#include "porteiro/lambda/external.hpp"

namespace porteiro::lambda {

// `done` runs at once, unless a sealed body has to be unsealed. Errors: those of lambda::body().
using PayloadDone = UniqueFunction<void(Result<std::string>)>;
void make_payload(const std::shared_ptr<const Invocation>& invocation,
                  const ExternalOptions& options, const Surroundings& surroundings,
                  Services& services, PayloadDone done);

// The answer of a function behind a route: with `statusCode` it says status, headers, cookies and
// body; anything else is the body of a 200. Errors: invalid (no JSON, or a member of a wrong kind,
// in `at`).
Result<Reply> route_reply(std::string_view answer);

std::string function_arn(const Surroundings& surroundings, std::string_view name);
std::string trace_header(Id trace);  // X-Ray's form: "Root=1-5759e988-bd862e3fe1be46a994272793;…"

}  // namespace porteiro::lambda
