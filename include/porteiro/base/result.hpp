// Errors are values. A `Result<T>` holds a T or an `Error`; an expected failure never throws.
#pragma once
#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/success_failure.hpp>
#include <boost/outcome/try.hpp>
#include <string>
#include <string_view>

namespace porteiro {

// One code for each reaction a caller can have; the texts are for people.
enum class Errc {
  invalid,         // The input is wrong; the same request will fail again. HTTP 400.
  denied,          // The caller may not. HTTP 403.
  not_found,       // HTTP 404.
  conflict,        // A precondition failed: it exists already or has another version. HTTP 409.
  stale,           // A receipt, lease or token that no longer counts.
  limit_exceeded,  // A bound was reached and nothing was kept; later may work. HTTP 429 or 503.
  unavailable,     // A part is down or refused for now; a retry may work. HTTP 503.
  timeout,         // The deadline passed; the outcome may be unknown. HTTP 504.
  corrupt,         // Stored or sealed data failed its check; nothing of it may be used.
  internal,        // A function or an engine failed by itself. HTTP 500.
};

std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::internal;
  std::string detail;  // For people: what happened and what to do. Never restricted data.
  std::string at;      // Where in the input, e.g. "body.cpf" or a JSON pointer; may be empty.
};

// Reading the value of an error (or the error of a value) ends the process: check first.
template <class T>
using Result =
    BOOST_OUTCOME_V2_NAMESPACE::basic_result<T, Error,
                                             BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

using BOOST_OUTCOME_V2_NAMESPACE::success;  // `return success();` for a Result<void>.

inline Error error(Errc code, std::string detail, std::string at = {}) {
  return Error{code, std::move(detail), std::move(at)};
}

// What a Result<void> function returns when all went well.
inline auto ok() { return BOOST_OUTCOME_V2_NAMESPACE::success(); }

// PORTEIRO_TRY(auto x, f()); PORTEIRO_TRY(g());  hands an error on to the caller.
#define PORTEIRO_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)

// A broken invariant ends the process, in release builds too. Never used on input.
[[noreturn]] void broken(const char* condition, const char* file, int line);
#define PORTEIRO_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::porteiro::broken(#condition, __FILE__, __LINE__))

}  // namespace porteiro
