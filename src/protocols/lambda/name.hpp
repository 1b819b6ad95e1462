// How a request names a function: by its name, a partial or a whole ARN, each maybe with a
// qualifier (AWS Lambda API reference, "FunctionName").
#pragma once
#include <string>
#include <string_view>

#include "porteiro/protocols/aws.hpp"
#include "protocols/lambda/errors.hpp"

namespace porteiro::protocols::lambda_api {

inline constexpr std::size_t name_max = 64, qualifier_max = 128, arn_max = 200;

struct Reference {
  std::string name, qualifier;  // Qualifier empty: none was given.
};

// `qualifier` is the request's parameter of that name; empty: there is none. Errors: validation
// (the form), invalid_value (two qualifiers that differ), no_resource (of another account or
// region).
Answer<Reference> parse_reference(std::string_view text, std::string_view qualifier,
                                  const AwsOptions& aws);

bool is_function_name(std::string_view text);
bool is_qualifier(std::string_view text);  // $LATEST, a version or an alias.
bool is_alias_name(std::string_view text);

// "arn:aws:lambda:us-east-1:000000000000:function:orders", with ":qualifier" if there is one.
std::string function_arn(const AwsOptions& aws, std::string_view name,
                         std::string_view qualifier = {});
Failure no_function(const AwsOptions& aws, const Reference& reference);

}  // namespace porteiro::protocols::lambda_api
