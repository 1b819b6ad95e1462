#include "protocols/data/input.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/protocols/data.hpp"

namespace porteiro::protocols::data {
namespace {

using nlohmann::json;
using stores::Comparison;
using stores::Type;

Error wrong(std::string detail, std::string at) {
  return error(Errc::invalid, std::move(detail), std::move(at));
}

// Null: it is not there.
const json* member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

// `at` is the object's place; empty: the body.
std::string below(std::string_view at, std::string_view name) {
  std::string out(at);
  if (!out.empty()) out += '.';
  return out.append(name);
}

Result<void> only(const json& object, std::initializer_list<std::string_view> names,
                  std::string_view at) {
  if (!object.is_object()) {
    return wrong("has to be an object", at.empty() ? "body" : std::string(at));
  }
  for (const auto& [name, value] : object.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string known;
    for (const std::string_view each : names) {
      if (!known.empty()) known += ", ";
      known += each;
    }
    return wrong("there is a member that the data API does not know; known here: " + known,
                 at.empty() ? "body" : std::string(at));
  }
  return ok();
}

Result<std::string> text_of(const json& object, const char* name, std::string_view at) {
  const json* value = member(object, name);
  if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty()) {
    return wrong("has to be a text that is not empty", below(at, name));
  }
  return value->get<std::string>();
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Comparison> comparison_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Comparison>, 5> known{
      {{"eq", Comparison::equal},
       {"lt", Comparison::less},
       {"lte", Comparison::less_equal},
       {"gt", Comparison::greater},
       {"gte", Comparison::greater_equal}}};
  for (const auto& [text, comparison] : known) {
    if (text == name) return comparison;
  }
  return std::nullopt;
}

// Tokens and references are the store's affair; other values are brought into canonical form.
Result<void> add_filter(stores::Query& query, const stores::Field& field, Comparison comparison,
                        json value) {
  if (value.is_null() || value.is_structured()) {
    return wrong("a field is compared with a text, a number or a boolean", field.name);
  }
  const bool by_token = !field.token.empty() || field.type == Type::reference;
  if (!by_token) {
    PORTEIRO_TRY(stores::check_value(field, value, field.name));
  }
  query.filters.push_back({field.name, comparison, std::move(value)});
  return ok();
}

Result<void> add_filters(stores::Query& query, const json& where,
                         const stores::Collection& collection) {
  if (!where.is_object()) return wrong("has to be an object: field to value", "where");
  for (const auto& [name, wanted] : where.items()) {
    const stores::Field* field = collection.field(name);
    if (field == nullptr) return wrong("the collection has no field of a name in it", "where");
    if (!wanted.is_object()) {
      PORTEIRO_TRY(add_filter(query, *field, Comparison::equal, wanted));
      continue;
    }
    for (const auto& [sign, value] : wanted.items()) {
      const auto comparison = comparison_of(sign);
      if (!comparison) return wrong("compares with eq, lt, lte, gt and gte", field->name);
      PORTEIRO_TRY(add_filter(query, *field, *comparison, value));
    }
  }
  return ok();
}

Result<stores::Expect> expect_of(const json& write, std::string_view at) {
  const json* value = member(write, "expect");
  if (value == nullptr) return stores::Expect{};
  if (*value == "absent") return stores::Expect{stores::Expect::Kind::absent};
  if (*value == "present") return stores::Expect{stores::Expect::Kind::present};
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > 0) {
    return stores::Expect{stores::Expect::Kind::version, value->get<std::uint64_t>()};
  }
  return wrong("is \"absent\", \"present\" or a version", below(at, "expect"));
}

Result<stores::Write> write_of(json& write, const std::string& at) {
  if (write.is_object() && write.contains("put")) {
    PORTEIRO_TRY(only(write, {"put", "document", "expect"}, at));
    PORTEIRO_TRY(std::string collection, text_of(write, "put", at));
    PORTEIRO_TRY(const stores::Expect expect, expect_of(write, at));
    json* document = write.contains("document") ? &write["document"] : nullptr;
    if (document == nullptr || !document->is_object()) {
      return wrong("has to be an object", below(at, "document"));
    }
    return stores::Write(stores::write::Put{std::move(collection), std::move(*document), expect});
  }
  if (write.is_object() && write.contains("append")) {
    PORTEIRO_TRY(only(write, {"append", "key", "field", "item"}, at));
    PORTEIRO_TRY(std::string collection, text_of(write, "append", at));
    PORTEIRO_TRY(std::string key, text_of(write, "key", at));
    PORTEIRO_TRY(std::string field, text_of(write, "field", at));
    if (!write.contains("item")) return wrong("is missing", below(at, "item"));
    return stores::Write(stores::write::Append{std::move(collection), std::move(key),
                                               std::move(field), std::move(write["item"])});
  }
  if (write.is_object() && write.contains("erase")) {
    PORTEIRO_TRY(only(write, {"erase", "key", "expect"}, at));
    PORTEIRO_TRY(std::string collection, text_of(write, "erase", at));
    PORTEIRO_TRY(std::string key, text_of(write, "key", at));
    PORTEIRO_TRY(const stores::Expect expect, expect_of(write, at));
    return stores::Write(stores::write::Erase{std::move(collection), std::move(key), expect});
  }
  return wrong("a write has the member put, append or erase", at);
}

// "17" in quotes, as an ETag is given.
std::optional<std::uint64_t> version_of(std::string_view etag) {
  if (etag.size() < 3 || etag.front() != '"' || etag.back() != '"') return std::nullopt;
  const auto version = whole_number(etag.substr(1, etag.size() - 2));
  return version && *version > 0 ? version : std::nullopt;
}

}  // namespace

Result<json> parse_body(std::string_view text) {
  if (nests_deeper(text, json_levels_max)) {
    return wrong("the body is nested more than " + std::to_string(json_levels_max) + " levels deep",
                 "body");
  }
  json body = json::parse(text, nullptr, false);
  if (body.is_discarded()) return wrong("the body is not JSON", "body");
  return body;
}

Result<stores::Expect> precondition(const http::Request& request) {
  using Kind = stores::Expect::Kind;
  const std::string_view match = request.header("If-Match");
  const std::string_view none = request.header("If-None-Match");
  if (!match.empty() && !none.empty()) {
    return wrong("does not go with If-None-Match", "If-Match");
  }
  if (!none.empty()) {
    if (none == "*") return stores::Expect{Kind::absent};
    return wrong("of a write is *: there is no record yet", "If-None-Match");
  }
  if (match.empty()) return stores::Expect{};
  if (match == "*") return stores::Expect{Kind::present};
  if (const auto version = version_of(match)) return stores::Expect{Kind::version, *version};
  return wrong("is the ETag of one version, with its quotes, or *", "If-Match");
}

Result<std::string> once_key(std::string_view function, std::string_view given) {
  if (given.empty()) return std::string();
  if (given.size() > data_once_bytes_max || !valid_utf8(given)) {
    return wrong(
        "a once-key has at most " + std::to_string(data_once_bytes_max) + " bytes, of UTF-8",
        "once_key");
  }
  std::string key = "data/";
  key.append(function).append("/").append(given);
  return key;
}

Result<stores::Query> query_of(const json& body, const stores::Collection& collection) {
  PORTEIRO_TRY(only(body, {"where", "order", "limit", "after"}, {}));
  stores::Query query;
  if (const json* where = member(body, "where")) {
    PORTEIRO_TRY(add_filters(query, *where, collection));
  }
  if (const json* order = member(body, "order")) {
    if (*order != "asc" && *order != "desc") return wrong("is \"asc\" or \"desc\"", "order");
    query.descending = *order == "desc";
  }
  if (const json* limit = member(body, "limit")) {
    if (!limit->is_number_unsigned() || *limit < 1 || *limit > stores::query_limit_max) {
      return wrong("is 1 to " + std::to_string(stores::query_limit_max), "limit");
    }
    query.limit = limit->get<std::size_t>();
  }
  const json* after = member(body, "after");
  if (after == nullptr || after->is_null()) return query;
  PORTEIRO_TRY(query.after, text_of(body, "after", {}));
  return query;
}

Result<stores::Batch> batch_of(json body) {
  PORTEIRO_TRY(only(body, {"writes", "once_key"}, {}));
  stores::Batch batch;
  const auto writes = body.find("writes");
  if (writes == body.end() || !writes->is_array() || writes->empty() ||
      writes->size() > data_writes_max) {
    return wrong("has to be a list of 1 to " + std::to_string(data_writes_max) + " writes",
                 "writes");
  }
  batch.writes.reserve(writes->size());
  for (std::size_t i = 0; i < writes->size(); ++i) {
    PORTEIRO_TRY(auto write, write_of((*writes)[i], "writes[" + std::to_string(i) + "]"));
    batch.writes.push_back(std::move(write));
  }
  if (body.contains("once_key")) {
    PORTEIRO_TRY(batch.once_key, text_of(body, "once_key", {}));
  }
  return batch;
}

Result<std::uint64_t> number_of(const http::Request& request, const char* name, std::uint64_t usual,
                                std::uint64_t least, std::uint64_t most) {
  const std::string_view text = request.query_value(name);
  if (text.empty()) return usual;
  const auto number = whole_number(text);
  if (number && *number >= least && *number <= most) return *number;
  return wrong("is a whole number from " + std::to_string(least) + " to " + std::to_string(most),
               name);
}

}  // namespace porteiro::protocols::data
