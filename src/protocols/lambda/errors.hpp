// The errors of Lambda (the service's model). They answer with JSON and their name in a header;
// what the Query protocol calls Code is the member Reason here.
#pragma once
#include "protocols/aws/failure.hpp"

namespace porteiro::protocols::lambda_api {

using aws::Answer;
using aws::ErrorKind;
using aws::Failure;
using aws::serialization;
using aws::validation;

inline constexpr ErrorKind no_resource{"ResourceNotFoundException", "", 404};
inline constexpr ErrorKind conflict{"ResourceConflictException", "", 409};
inline constexpr ErrorKind invalid_value{"InvalidParameterValueException", "", 400};
inline constexpr ErrorKind bad_content{"InvalidRequestContentException", "", 400};
inline constexpr ErrorKind too_large{"RequestEntityTooLargeException", "", 413};
inline constexpr ErrorKind code_storage{"CodeStorageExceededException", "", 400};
inline constexpr ErrorKind policy_too_long{"PolicyLengthExceededException", "", 400};
inline constexpr ErrorKind precondition{"PreconditionFailedException", "", 412};
inline constexpr ErrorKind service_failure{"ServiceException", "", 500};
inline constexpr ErrorKind no_operation{"UnknownOperationException", "", 404};
inline constexpr ErrorKind no_access{"AccessDeniedException", "", 403};
inline constexpr ErrorKind unavailable{"ServiceUnavailableException", "", 503};
inline constexpr ErrorKind throttled_by_reserve{
    "TooManyRequestsException", "ReservedFunctionConcurrentInvocationLimitExceeded", 429};
inline constexpr ErrorKind throttled{"TooManyRequestsException",
                                     "ConcurrentInvocationLimitExceeded", 429};

inline Failure wrong(std::string message) { return {&invalid_value, std::move(message)}; }
inline Failure absent(std::string message) { return {&no_resource, std::move(message)}; }

}  // namespace porteiro::protocols::lambda_api
