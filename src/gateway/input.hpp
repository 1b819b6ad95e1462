// What a request brings, checked and made safe: path, query and body become the event's data, with
// tokens in place of restricted values. Pure. No error text and no `at` holds a client's value;
// that of a member given twice holds its name.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "gateway/compiled.hpp"
#include "gateway/router.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/kms/tokens.hpp"

namespace porteiro::gateway {

struct Input {
  std::string data;  // {"path":{…},"query":{…},"body":…}; without "body" when that is sealed.
  std::string subject;  // The first token that was made; empty: none.
  std::string to_seal;  // The body in clear, for a route that seals it; empty: nothing to seal.
  std::string tokenised_body;  // What of `to_seal` may go into a fingerprint, if one is needed.
};

inline constexpr std::size_t query_parameters_max = 64;
inline constexpr std::size_t nesting_max = 64;  // Of a body.

// Errors: invalid, with `at` naming the place ("path.cpf", "body.debts[0].due_on"); internal (a
// token that does not exist).
Result<Input> read_input(const CompiledRoute& route, const TokenRules& rules,
                         const kms::Tokens& tokens, const http::Request& request,
                         const PathValues& values, bool fingerprinted);

// Puts the headers that the route's events take into `data`, as "headers": a header that came more
// than once as one, with commas; one that is not UTF-8 is left out.
void add_headers(std::string& data, const CompiledRoute& route, const http::Request& request);

// One path parameter's value, or its token. Errors: as above.
Result<std::string> path_value(const CompiledRoute::Param& param, const kms::Tokens& tokens,
                               std::string_view raw);

// Why a body with these headers is not taken; nullopt: it is. Taken is JSON in UTF-8, not encoded;
// an empty header says nothing.
std::optional<std::string_view> refused_form(std::string_view content_type,
                                             std::string_view content_encoding);

}  // namespace porteiro::gateway
