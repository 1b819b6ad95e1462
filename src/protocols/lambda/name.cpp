#include "protocols/lambda/name.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/names.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::string_view pattern =
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?"
    "(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?";

bool word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool is_account(std::string_view part) {
  return part.size() == 12 && std::all_of(part.begin(), part.end(), is_digit);
}

// "us-east-1": ends with a hyphen and one digit, and has no capitals.
bool is_region(std::string_view part) {
  return part.size() >= 9 && is_digit(part.back()) && part[part.size() - 2] == '-' &&
         part[2] == '-' && std::all_of(part.begin(), part.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
         });
}

std::string_view next(std::string_view text) { return text.substr(0, text.find(':')); }
void skip(std::string_view& text, std::string_view part) {
  text.remove_prefix(std::min(part.size() + 1, text.size()));
}

Failure malformed(std::string_view text) {
  return {&validation, "1 validation error detected: Value '" + std::string(text) +
                           "' at 'functionName' failed to satisfy constraint: Member must satisfy "
                           "regular expression pattern: " +
                           std::string(pattern)};
}

}  // namespace

bool is_function_name(std::string_view text) {
  return !text.empty() && text.size() <= name_max && std::all_of(text.begin(), text.end(), word);
}

bool is_qualifier(std::string_view text) {
  return !text.empty() && text.size() <= qualifier_max &&
         (text == "$LATEST" || std::all_of(text.begin(), text.end(), word));
}

bool is_alias_name(std::string_view text) {
  return is_qualifier(text) && text != "$LATEST" &&
         !std::all_of(text.begin(), text.end(), is_digit);
}

std::string function_arn(const AwsOptions& aws, std::string_view name, std::string_view qualifier) {
  std::string resource = "function:";
  resource.append(name);
  if (!qualifier.empty()) resource.append(":").append(qualifier);
  return aws::to_text({"lambda", aws.region, aws.account, resource});
}

Failure no_function(const AwsOptions& aws, const Reference& reference) {
  return absent("Function not found: " + function_arn(aws, reference.name, reference.qualifier));
}

Answer<Reference> parse_reference(std::string_view text, std::string_view qualifier,
                                  const AwsOptions& aws) {
  std::string_view rest = text, account, region;
  if (text.size() > arn_max) return malformed(text);
  if (rest.starts_with("arn:")) {
    const auto arn = aws::parse_arn(text);
    if (!arn || arn->service != "lambda" || !arn->resource.starts_with("function:")) {
      return malformed(text);
    }
    region = arn->region;
    account = arn->account;
    rest = arn->resource;
  } else {
    if (is_region(next(rest)) && rest.find(':') != rest.npos) {
      region = next(rest);
      skip(rest, region);
    }
    if (is_account(next(rest)) && rest.find(':') != rest.npos) {
      account = next(rest);
      skip(rest, account);
    }
  }
  if (rest.starts_with("function:")) rest.remove_prefix(9);
  Reference reference{std::string(next(rest)), {}};
  if (!is_function_name(reference.name)) return malformed(text);
  if (rest.size() > reference.name.size()) {
    skip(rest, reference.name);
    if (!is_qualifier(rest)) return malformed(text);
    reference.qualifier = rest;
  }
  if (!qualifier.empty()) {
    if (!is_qualifier(qualifier)) {
      return Failure{&validation, "1 validation error detected: Value '" + std::string(qualifier) +
                                      "' at 'qualifier' failed to satisfy constraint: Member must "
                                      "satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)"};
    }
    if (!reference.qualifier.empty() && reference.qualifier != qualifier) {
      return wrong(
          "The derived qualifier from the function name does not match the specified qualifier.");
    }
    reference.qualifier = qualifier;
  }
  const bool elsewhere =
      (!account.empty() && account != aws.account) || (!region.empty() && region != aws.region);
  if (elsewhere) return absent("Function not found: " + std::string(text));
  return reference;
}

}  // namespace porteiro::protocols::lambda_api
