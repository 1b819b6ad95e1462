#include "porteiro/base/http.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"

namespace porteiro::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

struct Reason {
  int status;
  std::string_view text;
};
constexpr Reason reasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

}  // namespace

std::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

std::string_view Request::header(std::string_view name) const {
  for (const HeaderView& header : headers) {
    if (same_name(header.name, name)) return header.value;
  }
  return {};
}

std::string_view Request::query_value(std::string_view name) const {
  std::string_view rest = query();
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    if (pair.starts_with(name)) {
      if (pair.size() == name.size()) return {};
      if (pair[name.size()] == '=') return pair.substr(name.size() + 1);
    }
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
  }
  return {};
}

std::string_view reason(int status) {
  for (const Reason& each : reasons) {
    if (each.status == status) return each.text;
  }
  return status < 400 ? "OK" : "Error";
}

Response problem(int status, std::string_view detail, std::string_view field) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  std::string& body = response.body;
  body.reserve(96 + detail.size() + field.size());
  body += R"({"type":"about:blank","title":)";
  append_json_string(body, reason(status));
  body += R"(,"status":)";
  body += std::to_string(status);
  if (!detail.empty()) {
    body += R"(,"detail":)";
    append_json_string(body, detail);
  }
  if (!field.empty()) {
    body += R"(,"field":)";
    append_json_string(body, field);
  }
  body += '}';
  return response;
}

int status_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return 400;
    case Errc::denied:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::stale:
      return 409;
    case Errc::limit_exceeded:
      return 429;
    case Errc::unavailable:
      return 503;
    case Errc::timeout:
      return 504;
    case Errc::corrupt:
      return 500;
    case Errc::internal:
      return 500;
  }
  broken("an error code of the enumeration", __FILE__, __LINE__);
}

Response problem(const Error& error) {
  return problem(status_of(error.code), error.detail, error.at);
}

}  // namespace porteiro::http
