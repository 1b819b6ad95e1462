// What a service answers instead of a result: one of its errors, under the name that each protocol
// gives it.
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "porteiro/base/result.hpp"

namespace porteiro::protocols::aws {

struct ErrorKind {
  std::string_view type;        // JSON's __type, "com.amazonaws.sqs#QueueDoesNotExist".
  std::string_view query_code;  // The Query protocol's Code; empty: JSON clients get no other name.
  int status = 400;
};

struct Failure {
  const ErrorKind* kind;
  std::string message;
};

template <class T>
using Answer =
    BOOST_OUTCOME_V2_NAMESPACE::basic_result<T, Failure,
                                             BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

// The errors of all services (AWS "Common Errors"; the names in JSON are Coral's).
#define PORTEIRO_CORAL "com.amazon.coral.service#"
inline constexpr ErrorKind invalid_parameter{PORTEIRO_CORAL "InvalidParameterValueException",
                                             "InvalidParameterValue"};
inline constexpr ErrorKind missing_parameter{PORTEIRO_CORAL "MissingRequiredParameterException",
                                             "MissingParameter"};
inline constexpr ErrorKind invalid_action{PORTEIRO_CORAL "InvalidAction", "InvalidAction"};
inline constexpr ErrorKind missing_action{PORTEIRO_CORAL "MissingAction", "MissingAction"};
inline constexpr ErrorKind unknown_operation{PORTEIRO_CORAL "UnknownOperationException", ""};
inline constexpr ErrorKind bad_serialization{PORTEIRO_CORAL "SerializationException", ""};
inline constexpr ErrorKind bad_query{PORTEIRO_CORAL "MalformedQueryString", "MalformedQueryString",
                                     404};
inline constexpr ErrorKind bad_query_parameter{PORTEIRO_CORAL "InvalidQueryParameter",
                                               "InvalidQueryParameter"};
inline constexpr ErrorKind bad_method{PORTEIRO_CORAL "MethodNotAllowed", "MethodNotAllowed", 405};
inline constexpr ErrorKind access_denied{PORTEIRO_CORAL "AccessDeniedException", "AccessDenied",
                                         403};
inline constexpr ErrorKind missing_token{PORTEIRO_CORAL "MissingAuthenticationTokenException",
                                         "MissingAuthenticationToken", 403};
inline constexpr ErrorKind incomplete_signature{PORTEIRO_CORAL "IncompleteSignatureException",
                                                "IncompleteSignature"};
inline constexpr ErrorKind unknown_client{PORTEIRO_CORAL "UnrecognizedClientException",
                                          "InvalidClientTokenId", 403};
inline constexpr ErrorKind wrong_signature{PORTEIRO_CORAL "InvalidSignatureException",
                                           "SignatureDoesNotMatch", 403};
inline constexpr ErrorKind request_expired{PORTEIRO_CORAL "RequestExpired", "RequestExpired"};
inline constexpr ErrorKind unavailable{PORTEIRO_CORAL "ServiceUnavailableException",
                                       "ServiceUnavailable", 503};
inline constexpr ErrorKind internal_failure{PORTEIRO_CORAL "InternalFailure", "InternalFailure",
                                            500};
#undef PORTEIRO_CORAL
// Of the services whose names in JSON have no prefix.
inline constexpr ErrorKind validation{"ValidationException", "", 400};
inline constexpr ErrorKind serialization{"SerializationException", "", 400};

// "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: …", as the services word it.
inline Failure bad_value(std::string_view value, std::string_view parameter,
                         std::string_view reason) {
  std::string text = "Value ";
  text.append(value).append(" for parameter ").append(parameter);
  return {&invalid_parameter, text.append(" is invalid. Reason: ").append(reason)};
}

inline Failure invalid(std::string message) { return {&invalid_parameter, std::move(message)}; }

inline Failure missing(std::string_view parameter) {
  std::string text = "The request must contain the parameter ";
  return {&missing_parameter, text.append(parameter).append(".")};
}

}  // namespace porteiro::protocols::aws
