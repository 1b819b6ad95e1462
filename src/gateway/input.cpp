#include "gateway/input.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "gateway/json_shape.hpp"
#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_tree.hpp"

namespace porteiro::gateway {
namespace {

using nlohmann::json;

Result<std::string> make_token(const kms::Tokens& tokens, const std::string& name,
                               std::string_view value, const std::string& place) {
  auto token = tokens.make(name, value);
  if (token) return token;
  if (token.error().code != Errc::invalid) {
    return error(Errc::internal, "the token " + name + " cannot be made: " + token.error().detail);
  }
  return error(Errc::invalid, token.error().detail, place);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// Whether `text` is `lower_case`, in whatever case.
bool is_word(std::string_view text, std::string_view lower_case) {
  return text.size() == lower_case.size() &&
         std::equal(text.begin(), text.end(), lower_case.begin(), [](char c, char wanted) {
           return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == wanted;
         });
}

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// The parser's own messages quote the input, so only the place of the error is kept.
Result<json> parse_body(std::string_view text) {
  if (text.starts_with(byte_order_mark)) {
    return error(Errc::invalid, "begins with a byte order mark; send the JSON without one", "body");
  }
  const JsonShape shape = shape_of(text);
  if (shape.too_deep) {
    return error(Errc::invalid, "is nested more than 64 deep; make it flatter", "body");
  }
  try {
    auto document = json_tree(text);
    if (document.is_discarded()) document = json::parse(text);  // It says where.
    if (!shape.repeated) return document;
    return error(Errc::invalid, "is given twice; give each member once", "body." + *shape.repeated);
  } catch (const json::parse_error& problem) {
    return error(Errc::invalid, "is not valid JSON: look at byte " + std::to_string(problem.byte),
                 "body");
  } catch (const json::exception&) {
    return error(Errc::invalid, "holds a number that is out of range", "body");
  }
}

std::string to_text(const json& document) {
  std::string text;
  stores::append_compact(text, document);
  return text;
}

// Replaces what is at the rule's place, if anything is; the token goes to `subject` when that is
// still empty.
Result<void> tokenise(json& document, const TokenRules::Body& rule, const kms::Tokens& tokens,
                      std::string& subject) {
  json* at = &document;
  for (const std::string& name : rule.path) {
    if (!at->is_object()) return ok();
    const auto member = at->find(name);
    if (member == at->end()) return ok();
    at = &*member;
  }
  if (at->is_null()) return ok();
  if (!at->is_string()) return error(Errc::invalid, "has to be a string", rule.place);
  PORTEIRO_TRY(auto token,
               make_token(tokens, rule.token, at->get_ref<const std::string&>(), rule.place));
  if (subject.empty()) subject = token;
  *at = std::move(token);
  return ok();
}

Result<void> read_body(const CompiledRoute& route, const TokenRules& rules,
                       const kms::Tokens& tokens, std::string_view body, bool fingerprinted,
                       Input& input) {
  const Route& options = route.options;
  if (body.empty()) {
    if (options.has_body) {
      return error(Errc::invalid, "is missing: this route needs a JSON body", "body");
    }
    return ok();
  }
  if (!options.has_body && (options.method == "GET" || options.method == "DELETE")) {
    return error(Errc::invalid, "is not taken by this route; send none", "body");
  }
  PORTEIRO_TRY(auto document, parse_body(body));
  const bool sealed = !options.seal_key.empty();
  const bool shaped = !options.body.empty();
  if (shaped) {
    if (!document.is_object()) return error(Errc::invalid, "has to be an object", "body");
    PORTEIRO_TRY(stores::check_document(options.body, document, "body"));
  }
  if (sealed) input.to_seal = shaped ? to_text(document) : std::string(body);
  for (const TokenRules::Body& rule : rules.body) {
    PORTEIRO_TRY(tokenise(document, rule, tokens, input.subject));
  }
  if (sealed) {
    if (fingerprinted) input.tokenised_body = to_text(document);
    return ok();
  }
  input.data += ",\"body\":";
  if (shaped || !rules.body.empty()) {
    input.data += to_text(document);
  } else {
    input.data += body;
  }
  return ok();
}

std::optional<std::string> decode_query(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '+', ' ');
  auto decoded = percent_decode(plain);
  if (decoded && !valid_utf8(*decoded)) return std::nullopt;
  return decoded;
}

Result<void> read_query(const CompiledRoute& route, std::string_view query, const TokenRules& rules,
                        const kms::Tokens& tokens, Input& input) {
  const std::vector<std::string>& taken = route.options.query;
  std::vector<std::string> seen;
  bool first = true;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    if (seen.size() == query_parameters_max) {
      return error(Errc::invalid, "has more than 64 parameters", "query");
    }
    const std::size_t sign = std::min(pair.find('='), pair.size());
    const auto name = decode_query(pair.substr(0, sign));
    auto value = decode_query(pair.substr(std::min(sign + 1, pair.size())));
    if (!name || !value) {
      return error(Errc::invalid, "is not percent-encoded UTF-8", "query");
    }
    if (std::find(seen.begin(), seen.end(), *name) != seen.end()) {
      return error(Errc::invalid, "has a parameter twice; give each once", "query");
    }
    seen.push_back(*name);
    if (std::find(taken.begin(), taken.end(), *name) == taken.end()) continue;
    if (const auto rule = rules.query.find(*name); rule != rules.query.end()) {
      PORTEIRO_TRY(*value, make_token(tokens, rule->second, *value, "query." + rule->first));
      if (input.subject.empty()) input.subject = *value;
    }
    if (!std::exchange(first, false)) input.data += ',';
    append_json_string(input.data, *name);
    input.data += ':';
    append_json_string(input.data, *value);
  }
  return ok();
}

}  // namespace

Result<TokenRules> token_rules(const std::vector<TokenPlace>& places) {
  TokenRules rules;
  for (const TokenPlace& place : places) {
    const std::size_t dot = place.place.find('.');
    const std::string head = place.place.substr(0, dot);
    std::string rest = dot == std::string::npos ? std::string() : place.place.substr(dot + 1);
    bool fits = !rest.empty();
    if (head == "path" && fits) {
      rules.path.insert_or_assign(rest, place.token);
    } else if (head == "query" && fits) {
      rules.query.insert_or_assign(rest, place.token);
    } else if (head == "body" && fits) {
      TokenRules::Body rule{place.place, {}, place.token};
      while (true) {
        const std::size_t end = rest.find('.');
        rule.path.push_back(rest.substr(0, end));
        fits = fits && !rule.path.back().empty();
        if (end == std::string::npos) break;
        rest.erase(0, end + 1);
      }
      rules.body.push_back(std::move(rule));
    } else {
      fits = false;
    }
    if (!fits) {
      return error(Errc::invalid, "a token's place has to be path.NAME, query.NAME or body.NAME",
                   place.place);
    }
  }
  return rules;
}

Result<std::string> path_value(const CompiledRoute::Param& param, const kms::Tokens& tokens,
                               std::string_view raw) {
  std::string decoded;
  if (raw.find('%') != std::string_view::npos) {
    decoded = percent_decode(raw).value_or(std::string());  // The router has checked it.
    raw = decoded;
  }
  if (param.token.empty()) return std::string(raw);
  return make_token(tokens, param.token, raw, param.place);
}

std::optional<std::string_view> refused_form(std::string_view content_type,
                                             std::string_view content_encoding) {
  if (!content_encoding.empty() && !is_word(content_encoding, "identity")) {
    return "a body is taken as it is: send it without Content-Encoding";
  }
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  constexpr std::string_view family = "application/", suffix = "+json";
  const bool json_suffix = type.size() > family.size() + suffix.size() &&
                           is_word(type.substr(0, family.size()), family) &&
                           is_word(type.substr(type.size() - suffix.size()), suffix);
  if (!type.empty() && !json_suffix && !is_word(type, "application/json")) {
    return "a body has to be JSON: send Content-Type: application/json";
  }
  content_type.remove_prefix(std::min(content_type.find(';'), content_type.size()));
  while (!content_type.empty()) {
    content_type.remove_prefix(1);
    std::string_view parameter = content_type.substr(0, content_type.find(';'));
    content_type.remove_prefix(parameter.size());
    parameter = trimmed(parameter);
    const std::size_t sign = std::min(parameter.find('='), parameter.size());
    if (!is_word(parameter.substr(0, sign), "charset")) continue;
    std::string_view charset = parameter.substr(std::min(sign + 1, parameter.size()));
    if (charset.size() > 1 && charset.front() == '"' && charset.back() == '"') {
      charset = charset.substr(1, charset.size() - 2);
    }
    if (!is_word(charset, "utf-8")) return "a body has to be UTF-8: JSON knows no other charset";
  }
  return std::nullopt;
}

Result<Input> read_input(const CompiledRoute& route, const TokenRules& rules,
                         const kms::Tokens& tokens, const http::Request& request,
                         const PathValues& values, bool fingerprinted) {
  Input input;
  input.data.reserve(96 + request.body.size());
  input.data += "{\"path\":{";
  for (std::size_t i = 0; i < values.count; ++i) {
    const CompiledRoute::Param& param = route.params[i];
    PORTEIRO_TRY(auto value, path_value(param, tokens, values.raw[i]));
    if (i > 0) input.data += ',';
    append_json_string(input.data, param.name);
    input.data += ':';
    append_json_string(input.data, value);
    if (input.subject.empty() && !param.token.empty()) input.subject = std::move(value);
  }
  input.data += "},\"query\":{";
  PORTEIRO_TRY(read_query(route, request.query(), rules, tokens, input));
  input.data += '}';
  PORTEIRO_TRY(read_body(route, rules, tokens, request.body, fingerprinted, input));
  input.data += '}';
  return input;
}

void add_headers(std::string& data, const CompiledRoute& route, const http::Request& request) {
  std::string members;
  for (const std::string& wanted : route.options.headers) {
    std::string value;
    for (const http::HeaderView& header : request.headers) {
      if (!is_word(header.name, wanted)) continue;
      if (!value.empty()) value += ',';
      value += header.value;
    }
    if (value.empty() || !valid_utf8(value)) continue;
    if (!members.empty()) members += ',';
    append_json_string(members, wanted);
    members += ':';
    append_json_string(members, value);
  }
  if (members.empty()) return;
  data.pop_back();
  data.append(",\"headers\":{").append(members).append("}}");
}

}  // namespace porteiro::gateway
