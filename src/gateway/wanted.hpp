// The headers that the gateway reads, found in one pass.
#pragma once
#include <optional>
#include <string_view>

#include "porteiro/base/http.hpp"

namespace porteiro::gateway {

// A header that comes twice counts as it came first.
struct Wanted {
  explicit Wanted(const http::Request& request);
  std::string_view api_key, authorization, traceparent, prefer, content_type, content_encoding;
  std::optional<std::string_view> idempotency_key;
  bool contradicts = false;  // One of the first two came twice, and the two differ.
  bool respond_async() const;
};

// What a request shows of who sent it. Pure.
struct Shown {
  enum class Kind : std::uint8_t {
    nothing,
    key,        // An API key: X-Api-Key, or Authorization with the scheme ApiKey.
    bearer,     // An API key or a token: Authorization with the scheme Bearer.
    signature,  // AWS Signature Version 4, in Authorization or in the query.
    confused,   // More than one, and not the same: nobody can say which one counts.
  };
  Kind kind = Kind::nothing;
  std::string_view text;  // The key or the token; a view into the request.
};

// Signatures are looked for only `with_signatures`.
Shown shown_by(const http::Request& request, const Wanted& headers, bool with_signatures);

}  // namespace porteiro::gateway
