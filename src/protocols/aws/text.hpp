// Looks at texts of headers and parameters.
#pragma once
#include <string_view>

namespace porteiro::protocols::aws {

// Whether `text` begins with `prefix`, which is in lower case, in any case.
bool starts_like(std::string_view text, std::string_view prefix);

// "host" or "host:port", the host a name, an IPv4 address or an IPv6 address in brackets.
bool valid_authority(std::string_view text);

}  // namespace porteiro::protocols::aws
