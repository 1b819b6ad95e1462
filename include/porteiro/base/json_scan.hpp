// A one-pass look at JSON text without building a tree: the raw text of an object's members.
// For hot paths that read a few members of text we mostly pass on; nlohmann serves everywhere else.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/base/function.hpp"

namespace porteiro {

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
