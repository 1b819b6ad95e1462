#include "porteiro/base/bytes.hpp"

#include <array>
#include <cstring>

#include "porteiro/base/json_scan.hpp"

namespace porteiro {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";
constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> values_of(std::string_view digits) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    table[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr auto base64_values = values_of({base64_digits, 64});
constexpr auto base64url_values = values_of({base64url_digits, 64});
constexpr auto hex_values = [] {
  auto table = values_of({hex_digits, 16});
  for (char c = 'A'; c <= 'F'; ++c) {
    table[static_cast<unsigned char>(c)] = static_cast<std::int8_t>(c - 'A' + 10);
  }
  return table;
}();

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

std::string encode64(std::string_view bytes, const char* digits) {  // Without padding.
  std::string out((bytes.size() * 4 + 2) / 3, '\0');
  char* to = out.data();
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3, to += 4) {
    const unsigned group =
        byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
    to[0] = digits[group >> 18];
    to[1] = digits[(group >> 12) & 63];
    to[2] = digits[(group >> 6) & 63];
    to[3] = digits[group & 63];
  }
  const std::size_t rest = bytes.size() - at;
  if (rest == 0) return out;
  unsigned group = byte_at(bytes, at) << 16;
  if (rest == 2) group |= byte_at(bytes, at + 1) << 8;
  to[0] = digits[group >> 18];
  to[1] = digits[(group >> 12) & 63];
  if (rest == 2) to[2] = digits[(group >> 6) & 63];
  return out;
}

std::optional<std::string> decode64(std::string_view text,
                                    const std::array<std::int8_t, 256>& values) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out(text.size() * 3 / 4, '\0');
  char* to = out.data();
  const auto value = [&](std::size_t at) { return int{values[byte_at(text, at)]}; };
  std::size_t at = 0;
  for (; at + 4 <= text.size(); at += 4, to += 3) {
    const int group = value(at) << 18 | value(at + 1) << 12 | value(at + 2) << 6 | value(at + 3);
    if (group < 0) return std::nullopt;  // One that is no digit has all upper bits.
    to[0] = static_cast<char>(group >> 16);
    to[1] = static_cast<char>(group >> 8 & 0xff);
    to[2] = static_cast<char>(group & 0xff);
  }
  const std::size_t rest = text.size() - at;
  if (rest == 0) return out;
  const int group = value(at) << 18 | value(at + 1) << 12 | (rest == 3 ? value(at + 2) << 6 : 0);
  // The bits that are left carry nothing: other values would be a second text of the same bytes.
  if (group < 0 || (group & (rest == 3 ? 0xff : 0xffff)) != 0) return std::nullopt;
  to[0] = static_cast<char>(group >> 16);
  if (rest == 3) to[1] = static_cast<char>(group >> 8 & 0xff);
  return out;
}

template <class T>
void append_little(std::string& out, T value) {
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<char>(value >> (8 * i) & 0xff);
  out.append(bytes, sizeof(T));
}

template <class T>
std::optional<T> take_little(std::string_view& rest) {
  if (rest.size() < sizeof(T)) return std::nullopt;
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(byte_at(rest, i)) << (8 * i);
  rest.remove_prefix(sizeof(T));
  return value;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Length of the UTF-8 sequence at `at`; 0: none of the well-formed ones of Unicode's table 3-7.
std::size_t utf8_sequence(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
  unsigned low = 0x80;
  unsigned high = 0xbf;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned next = byte_at(text, at + i);
    if (next < low || next > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string out(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[2 * i] = hex_digits[byte_at(bytes, i) >> 4];
    out[2 * i + 1] = hex_digits[byte_at(bytes, i) & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out(text.size() / 2, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_values[byte_at(text, 2 * i)];
    const int low = hex_values[byte_at(text, 2 * i + 1)];
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out = encode64(bytes, base64_digits);
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.ends_with("=="))
    text.remove_suffix(2);
  else if (text.ends_with('='))
    text.remove_suffix(1);
  return decode64(text, base64_values);
}

std::string to_base64url(std::string_view bytes) { return encode64(bytes, base64url_digits); }

std::optional<std::string> from_base64url(std::string_view text) {
  return decode64(text, base64url_values);
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_values[byte_at(text, i + 1)];
    const int low = hex_values[byte_at(text, i + 2)];
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    constexpr char upper_digits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += upper_digits[byte >> 4];
    out += upper_digits[byte & 15];
  }
  return out;
}

namespace {

std::size_t plain_until(std::string_view text, std::size_t at) {
  return static_cast<std::size_t>(plain_end(text.data() + at, text.data() + text.size()) -
                                  text.data());
}

void append_escape(std::string& out, unsigned char byte) {
  out += '\\';
  switch (byte) {
    case '"':
      out += '"';
      break;
    case '\\':
      out += '\\';
      break;
    case '\n':
      out += 'n';
      break;
    case '\r':
      out += 'r';
      break;
    case '\t':
      out += 't';
      break;
    case '\b':
      out += 'b';
      break;
    case '\f':
      out += 'f';
      break;
    default:
      out += "u00";
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 15];
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  std::size_t end = plain_until(text, 0);
  if (std::array<char, 64> quoted; end == text.size() && end + 2 <= quoted.size()) {  // Nearly all.
    quoted[0] = quoted[end + 1] = '"';
    text.copy(quoted.data() + 1, end);
    out.append(quoted.data(), end + 2);
    return;
  }
  out += '"';
  for (std::size_t begin = 0;;) {
    out.append(text, begin, end - begin);
    if (end == text.size()) break;
    append_escape(out, static_cast<unsigned char>(text[end]));
    begin = end + 1;
    end = plain_until(text, begin);
  }
  out += '"';
}

bool valid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - at >= 8) {
      std::memcpy(&eight, text.data() + at, 8);
      if ((eight & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    const std::size_t length = utf8_sequence(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

void append_u32(std::string& out, std::uint32_t value) { append_little(out, value); }
void append_u64(std::string& out, std::uint64_t value) { append_little(out, value); }
void append_sized(std::string& out, std::string_view bytes) {
  append_u32(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

std::optional<std::uint32_t> ByteReader::u32() { return take_little<std::uint32_t>(rest_); }
std::optional<std::uint64_t> ByteReader::u64() { return take_little<std::uint64_t>(rest_); }
std::optional<std::string_view> ByteReader::sized() {
  std::string_view after = rest_;
  const auto size = take_little<std::uint32_t>(after);
  if (!size || *size > after.size()) return std::nullopt;
  const std::string_view bytes = after.substr(0, *size);
  rest_ = after.substr(*size);
  return bytes;
}

}  // namespace porteiro
