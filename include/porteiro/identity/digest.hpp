// The digests that signatures of requests are made with. Pure.
#pragma once
#include <string>
#include <string_view>

namespace porteiro::identity {

std::string sha256_hex(std::string_view bytes);  // Lower-case hexadecimal digits.
std::string hmac_sha256(std::string_view key, std::string_view message);  // RFC 2104: 32 bytes.
bool same_secret(std::string_view a, std::string_view b);                 // In constant time.

}  // namespace porteiro::identity
