// Names of things in AWS: ARNs, and ids in the form of a UUID.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/base/id.hpp"

namespace porteiro::protocols::aws {

struct Arn {
  std::string_view service, region, account, resource;
};

// "arn:aws:sqs:us-east-1:000000000000:orders"; the partition follows from the region.
std::string to_text(const Arn& arn);
std::optional<Arn> parse_arn(std::string_view text);  // Views into `text`; nullopt: not an ARN.

void append_uuid(std::string& out, Id id);  // 8-4-4-4-12 lower-case hexadecimal digits.

}  // namespace porteiro::protocols::aws
