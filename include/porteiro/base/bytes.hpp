// Text forms of bytes, JSON's string escape, and the string map that looks up by view.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace porteiro {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }  // ASCII.

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // Strict: padding required.
std::string to_base64url(std::string_view bytes);               // Without padding.
std::optional<std::string> from_base64url(std::string_view text);
std::optional<std::string> percent_decode(std::string_view text);  // nullopt: a bad escape.
std::string percent_encode(std::string_view text);                 // RFC 3986 unreserved stay.
void append_json_string(std::string& out, std::string_view text);  // Quotes included.
bool valid_utf8(std::string_view text);
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

// Fixed-width little-endian integers and length-prefixed strings, for files and frames.
void append_u32(std::string& out, std::uint32_t value);
void append_u64(std::string& out, std::uint64_t value);
void append_sized(std::string& out, std::string_view bytes);  // u32 length, then the bytes.

// Reads what the three above wrote; each read fails (nullopt) at the end of the input.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  std::optional<std::uint32_t> u32();
  std::optional<std::uint64_t> u64();
  std::optional<std::string_view> sized();  // A view into the input.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept {
    return std::hash<std::string_view>{}(s);
  }
};
template <class V>
using StringMap = std::unordered_map<std::string, V, StringHash, std::equal_to<>>;

}  // namespace porteiro
