// A one-pass look at JSON text without building a tree: the raw text of an object's members.
// For hot paths that read a few members of text we mostly pass on; nlohmann serves everywhere else.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/base/function.hpp"

namespace porteiro {

// The first quote, backslash or control character from `at` on, or `end`: what a JSON string's text
// is passed up to, eight bytes at a time.
inline const char* plain_end(const char* at, const char* end) {
  const auto special = [](const char* of) {  // Has the top bit of each that is found.
    constexpr std::uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
    std::uint64_t eight = 0;
    std::memcpy(&eight, of, 8);
    const std::uint64_t quote = eight ^ (ones * '"'), slash = eight ^ (ones * '\\');
    // A byte less than what is taken from it borrows, which sets its top bit.
    return (((eight - ones * 0x20) & ~eight) | ((quote - ones) & ~quote) |
            ((slash - ones) & ~slash)) &
           tops;
  };
  if constexpr (std::endian::native == std::endian::little) {
    // What a borrow adds stands behind the first.
    const auto first = [](std::uint64_t found) { return std::countr_zero(found) / 8; };
    const bool short_text = end - at < 8;
    for (; end - at >= 8; at += 8) {
      if (const std::uint64_t found = special(at); found != 0) return at + first(found);
    }
    if (!short_text) {  // The last eight, of which some were looked at before.
      const std::uint64_t found = special(end - 8);
      return found == 0 ? end : end - 8 + first(found);
    }
  }
  const auto plain = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  };
  while (at != end && plain(*at)) ++at;
  return at;
}

// Calls `member(name, value)` for each member of the object `text`, with the name unescaped only
// when it holds no backslash (else as written) and the value's raw text. `member` returns false to
// stop early. False: `text` is not one well-formed JSON object (nesting at most 64 deep).
bool scan_object(std::string_view text,
                 UniqueFunction<bool(std::string_view, std::string_view)> member);

// The same for the elements of the array `text`.
bool scan_array(std::string_view text, UniqueFunction<bool(std::string_view)> element);

// The raw text of the member `path` ("data.path.cpf"); nullopt: absent or malformed.
std::optional<std::string_view> find_member(std::string_view text, std::string_view path);

// The value of a raw JSON string such as find_member gives; nullopt: not a string.
std::optional<std::string> string_value(std::string_view raw);

// Whether objects and arrays of the JSON text are nested more than `levels` deep. Says nothing of
// whether it is JSON. To be asked before a tree of a client's text is copied or written: both
// recurse.
bool nests_deeper(std::string_view text, std::size_t levels);
inline constexpr std::size_t json_levels_max = 64;

}  // namespace porteiro
