#include "porteiro/base/origin.hpp"

#include <algorithm>
#include <string>

namespace porteiro::http {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

// Takes ":4566" off; false: what follows the colon is no port.
bool strip_port(std::string_view& host) {
  const std::size_t colon = host.rfind(':');
  const std::size_t bracket = host.rfind(']');
  if (colon == std::string_view::npos) return true;
  if (bracket != std::string_view::npos && colon < bracket) return true;
  const std::string_view port = host.substr(colon + 1);
  const bool digits =
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (port.size() > 5 || !digits) return false;
  host = host.substr(0, colon);
  return true;
}

// Letters, digits, hyphens and dots, as in a DNS name.
bool is_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

bool is_local_origin(const std::string& origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) {
      return is_local_host(std::string_view(origin).substr(scheme.size()));
    }
  }
  return false;  // "null", and the schemes of extensions and files.
}

}  // namespace

bool is_local_host(std::string_view text) {
  const std::string lower = lowered(text);
  std::string_view host = lower;
  if (!strip_port(host)) return false;
  if (host == "localhost" || host == "127.0.0.1" || host == "[::1]") return true;
  constexpr std::string_view suffix = ".localhost";
  return host.size() > suffix.size() && host.ends_with(suffix) && host.front() != '.' &&
         is_name(host);
}

bool is_local(const Request& request) {
  return std::all_of(request.headers.begin(), request.headers.end(), [](const auto& header) {
    if (header.name.size() > 6) return true;
    const std::string name = lowered(header.name);
    if (name == "host") return is_local_host(header.value);
    return name != "origin" || is_local_origin(lowered(header.value));
  });
}

bool is_foreign_page(const Request& request) {
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && !is_local_origin(lowered(origin))) return true;
  // A browser that follows a link or loads an image says so here only; one that was lied to about
  // where a name leads, by its Host.
  const std::string_view site = request.header("sec-fetch-site");
  if (site.empty()) return false;
  return lowered(site) == "cross-site" || !is_local(request);
}

}  // namespace porteiro::http
