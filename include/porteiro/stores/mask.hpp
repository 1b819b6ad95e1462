// How a protected value looks to who may not see it whole. A field declares a pattern:
//   all       ***                 whatever the value is; the only one for lists and json
//   initials  A. M. S.            of a text's words
//   first:N   Ana***              the first N characters, N from 1 to 4
//   last:N    ***35               the last N characters
//   email     a***@example.com    all but the first character of the part before the @
//   digits    ***.***.***-**      each letter and digit
// Of a short value at most half of the characters stay, whatever N says.
#pragma once
#include <string>
#include <string_view>

namespace porteiro::stores {

bool is_mask(std::string_view pattern);

// `raw` is a JSON value; the result is a JSON string. A null stays. An unknown pattern is "all".
std::string masked(std::string_view pattern, std::string_view raw);

}  // namespace porteiro::stores
