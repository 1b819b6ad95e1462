// The answer of a function behind a route, in the forms of API Gateway's payload 2.0.
#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "lambda/payload.hpp"
#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::lambda {
namespace {

using nlohmann::json;

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < '\x7f' &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
  });
}
bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
  });
}
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Those that belong to the connection or that the gateway itself gives.
bool is_ours(const std::string& name) {
  constexpr std::array<std::string_view, 9> ours{
      "connection", "content-length",    "date",    "keep-alive",      "te",
      "trailer",    "transfer-encoding", "upgrade", "x-correlation-id"};
  return std::find(ours.begin(), ours.end(), name) != ours.end();
}

Result<int> status_of(const json& member) {
  int status = 0;
  if (member.is_number_integer()) {
    status = member.get<int>();
  } else if (member.is_string()) {
    const auto& text = member.get_ref<const std::string&>();
    std::from_chars(text.data(), text.data() + text.size(), status);
  }
  if (status >= 200 && status <= 599) return status;
  return error(Errc::invalid, "has to be a number from 200 to 599", "statusCode");
}

Result<void> read_headers(const json& headers, Reply& reply) {
  if (!headers.is_object()) return error(Errc::invalid, "has to be an object", "headers");
  for (const auto& [name, value] : headers.items()) {
    const bool scalar = value.is_string() || value.is_number() || value.is_boolean();
    std::string text = value.is_string() ? value.get<std::string>() : scalar ? value.dump() : "";
    if (!scalar || !is_name(name) || !is_value(text)) {
      return error(Errc::invalid, "holds a name or value that no header can have", "headers");
    }
    if (const std::string known = lower(name); known == "content-type") {
      reply.content_type = std::move(text);
    } else if (!is_ours(known)) {
      reply.headers.push_back({name, std::move(text)});
    }
  }
  return ok();
}

Result<void> read_cookies(const json& cookies, Reply& reply) {
  if (!cookies.is_array()) return error(Errc::invalid, "has to be an array", "cookies");
  for (const json& cookie : cookies) {
    if (!cookie.is_string() || !is_value(cookie.get_ref<const std::string&>())) {
      return error(Errc::invalid, "holds what is no cookie", "cookies");
    }
    reply.headers.push_back({"Set-Cookie", cookie.get<std::string>()});
  }
  return ok();
}

Result<void> read_body(const json& answer, Reply& reply) {
  const auto body = answer.find("body");
  if (body == answer.end() || body->is_null()) return ok();
  reply.body = body->is_string() ? body->get<std::string>()
                                 : body->dump(-1, ' ', false, json::error_handler_t::replace);
  const auto encoded = answer.find("isBase64Encoded");
  if (encoded == answer.end() || *encoded != true) return ok();
  auto bytes = from_base64(reply.body);
  if (!bytes) return error(Errc::invalid, "is not base64", "body");
  reply.body = std::move(*bytes);
  return ok();
}

}  // namespace

Result<Reply> route_reply(std::string_view answer) {
  if (answer.empty()) return Reply{200, "application/json", "null"};
  const json parsed = json::parse(answer, nullptr, false);
  if (parsed.is_discarded()) return error(Errc::invalid, "is not JSON", "answer");
  const auto status = parsed.is_object() ? parsed.find("statusCode") : parsed.end();
  if (!parsed.is_object() || status == parsed.end()) {
    return Reply{200, "application/json", std::string(answer)};
  }
  if (nests_deeper(answer, json_levels_max)) {
    return error(Errc::invalid, "is nested more than 64 deep; give the body as a string", "body");
  }
  Reply reply;
  PORTEIRO_TRY(reply.status, status_of(*status));
  reply.content_type = "text/plain;charset=UTF-8";
  if (const auto headers = parsed.find("headers"); headers != parsed.end() && !headers->is_null()) {
    PORTEIRO_TRY(read_headers(*headers, reply));
  }
  if (const auto cookies = parsed.find("cookies"); cookies != parsed.end() && !cookies->is_null()) {
    PORTEIRO_TRY(read_cookies(*cookies, reply));
  }
  PORTEIRO_TRY(read_body(parsed, reply));
  return reply;
}

}  // namespace porteiro::lambda
