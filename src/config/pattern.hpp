// The small part of regular expressions that schemas need, without backtracking or recursion: time
// is linear, and a long text cannot exhaust the stack as std::regex does.
//
// '^' first; then literals, '.', \S, \d, \ and a sign, [classes], (a|b) of literals, each with ?,
// *,
// +, {m}, {m,} or {m,n}, always as many as there are; '$' last, or the rest of the text is free.
#pragma once
#include <string_view>

namespace porteiro::config {

bool is_pattern(std::string_view pattern);  // Is of the kind above.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace porteiro::config
