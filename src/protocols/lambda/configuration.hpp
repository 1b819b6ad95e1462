// A version's settings: out of requests, and as the FunctionConfiguration of answers.
#pragma once
#include "protocols/lambda/service.hpp"

namespace porteiro::protocols::lambda_api {

inline constexpr std::size_t description_max = 256;

// Takes the members that CreateFunction and UpdateFunctionConfiguration share; what is wrong is
// kept in `in`. Absent ones leave `settings` as they are.
void take_settings(Reader& in, lambda::Settings& settings);
void take_architecture(Reader& in, lambda::Settings& settings);

// `qualifier` ends the ARN; empty: it has none.
json configuration_of(const Service& service, const lambda::CatalogueFunction& function,
                      const lambda::Version& version, std::string_view qualifier = {});

std::string time_text(Time time);  // "2026-03-01T12:00:00.123+0000", as LastModified.
double seconds_of(Time time);      // Since 1970, as other dates.

// A queue or a function that events may go to, as far as who asks may have it invoked; `member`
// names it in errors. Errors: invalid_value (also: there is none), no_access.
Answer<void> check_target(const Call& call, std::string_view arn, std::string_view member);

}  // namespace porteiro::protocols::lambda_api
