#include "gateway/wanted.hpp"

#include <algorithm>

namespace porteiro::gateway {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is(std::string_view text, std::string_view lower_case) {
  return text.size() == lower_case.size() &&
         std::equal(text.begin(), text.end(), lower_case.begin(),
                    [](char c, char wanted) { return lower(c) == wanted; });
}

// What follows the scheme; empty: `authorization` has another one, or nothing follows.
std::string_view after_scheme(std::string_view authorization, std::string_view scheme) {
  const std::size_t blank = authorization.find(' ');
  if (blank == std::string_view::npos || !is(authorization.substr(0, blank), scheme)) return {};
  authorization.remove_prefix(blank);
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

Shown shown_by_header(std::string_view authorization, bool with_signatures) {
  using Kind = Shown::Kind;
  if (const auto text = after_scheme(authorization, "bearer"); !text.empty()) {
    return {Kind::bearer, text};
  }
  if (const auto text = after_scheme(authorization, "apikey"); !text.empty()) {
    return {Kind::key, text};
  }
  if (with_signatures && !after_scheme(authorization, "aws4-hmac-sha256").empty()) {
    return {Kind::signature, {}};
  }
  return {};
}

}  // namespace

Wanted::Wanted(const http::Request& request) {
  const auto take = [](std::string_view& into, const http::HeaderView& header,
                       std::string_view name) {
    if (into.empty() && is(header.name, name)) into = header.value;
  };
  const auto take_credential = [this](std::string_view& into, const http::HeaderView& header,
                                      std::string_view name) {
    if (!is(header.name, name)) return;
    if (into.empty()) {
      into = header.value;
    } else if (into != header.value) {
      contradicts = true;
    }
  };
  for (const http::HeaderView& header : request.headers) {
    switch (header.name.size()) {
      case 6:
        take(prefer, header, "prefer");
        break;
      case 9:
        take_credential(api_key, header, "x-api-key");
        break;
      case 11:
        take(traceparent, header, "traceparent");
        break;
      case 12:
        take(content_type, header, "content-type");
        break;
      case 13:
        take_credential(authorization, header, "authorization");
        break;
      case 16:
        take(content_encoding, header, "content-encoding");
        break;
      case 15:
        if (!idempotency_key && is(header.name, "idempotency-key")) idempotency_key = header.value;
        break;
      default:
        break;
    }
  }
}

bool Wanted::respond_async() const {
  std::string_view rest = prefer;
  while (!rest.empty()) {
    std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
    one = one.substr(0, one.find_first_of(" \t;"));
    if (is(one, "respond-async")) return true;
  }
  return false;
}

Shown shown_by(const http::Request& request, const Wanted& headers, bool with_signatures) {
  using Kind = Shown::Kind;
  if (headers.contradicts) return {Kind::confused, {}};
  const bool presigned = with_signatures && !request.query_value("X-Amz-Signature").empty();
  const bool keyed = !headers.api_key.empty();
  if (headers.authorization.empty()) {
    if (presigned) return {keyed ? Kind::confused : Kind::signature, {}};
    if (keyed) return {Kind::key, headers.api_key};
    return {};
  }
  const Shown shown = shown_by_header(headers.authorization, with_signatures);
  const bool differ = keyed && shown.text != headers.api_key;
  return presigned || differ ? Shown{Kind::confused, {}} : shown;
}

}  // namespace porteiro::gateway
