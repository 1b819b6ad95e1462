// The check of documents against fields, with canonical forms put in place.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/format.hpp"
#include "porteiro/stores/schema.hpp"
#include "stores/decimal.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;
using nlohmann::json;

Error wrong(std::string detail, std::string_view at) {
  return error(Errc::invalid, std::move(detail), std::string(at));
}

// An unknown member's name is the client's text: it is repeated only when it looks like a name.
std::string place_of(std::string_view at, std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool harmless = !name.empty() && name.size() <= name_bytes_max &&
                        std::all_of(name.begin(), name.end(),
                                    [&](char c) { return letter(c) || c == '_' || c == '-'; });
  std::string place(at);
  if (harmless) place.append(place.empty() ? "" : ".").append(name);
  return place;
}

std::string member_of(std::string_view at, std::string_view name) {
  std::string place(at);
  return place.append(place.empty() ? "" : ".").append(name);
}

// What failed in a part that was checked as if it were the whole: nearly all parts are good, and
// need no name.
Error within(std::string place, Error failed) {
  if (!failed.at.empty() && failed.at.front() != '[') place += '.';
  failed.at.insert(0, place);
  return failed;
}

Result<void> check_format(std::string_view format, json& value, std::string_view at) {
  if (!value.is_string()) return wrong("has to be a string", at);
  if (format.empty()) return success();
  auto form = canonical(format, value.get_ref<const std::string&>());
  if (!form) return wrong(form.error().detail, at);
  value = std::move(form).value();
  return success();
}

Result<void> check_decimal(json& value, std::string_view at) {
  std::string text;
  if (value.is_string()) {
    text = value.get_ref<const std::string&>();
  } else if (value.is_number()) {
    text = value.dump();
    if (std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) > 15) {
      return wrong("has more than 15 digits: write it as a string, so that none is lost", at);
    }
    if (text.size() > 2 && text.ends_with(".0")) text.resize(text.size() - 2);
  }
  auto form = canonical_decimal(text);
  if (!form) {
    return wrong("has to be a decimal number without exponent, such as \"12.50\", with at most " +
                     std::to_string(decimal_digits_max) + " digits on each side of the point",
                 at);
  }
  value = std::move(*form);
  return success();
}

Result<void> check_list(const Field& field, json& value, std::string_view at) {
  if (!value.is_array()) return wrong("has to be a list", at);
  if (value.size() > field.items_max) {
    return wrong("has at most " + std::to_string(field.items_max) + " items", at);
  }
  if (field.items.empty()) return success();
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (auto checked = check_document(field.items, value[i], ""); !checked) {
      const std::string item = std::string(at) + "[" + std::to_string(i) + "]";
      return within(item, checked.error());
    }
  }
  return success();
}

}  // namespace

Result<void> check_value(const Field& field, json& value, std::string_view at) {
  switch (field.type) {
    case Type::string:
      return check_format(field.format, value, at);
    case Type::time:
      return check_format("date-time", value, at);
    case Type::date:
      return check_format("date", value, at);
    case Type::uuid:
      return check_format("uuid", value, at);
    case Type::reference:
    case Type::token:
      if (value.is_string() && value.get_ref<const std::string&>().empty()) {
        return wrong("must not be empty", at);
      }
      return check_format(field.format, value, at);
    case Type::integer:
      if (!fits_integer(value)) return wrong("has to be an integer of 64 bits", at);
      return success();
    case Type::decimal:
      return check_decimal(value, at);
    case Type::boolean:
      if (!value.is_boolean()) return wrong("has to be true or false", at);
      return success();
    case Type::enumeration: {
      if (value.is_string() &&
          std::find(field.values.begin(), field.values.end(),
                    value.get_ref<const std::string&>()) != field.values.end()) {
        return success();
      }
      std::string all;
      for (const std::string& each : field.values) all.append(all.empty() ? "" : ", ").append(each);
      return wrong("has to be one of: " + all, at);
    }
    case Type::json:
      return success();
    case Type::list:
      return check_list(field, value, at);
  }
  return wrong("has no known type", at);
}

Result<void> check_document(const std::vector<Field>& fields, json& document, std::string_view at) {
  if (!document.is_object()) return wrong("has to be an object", at);
  for (auto member = document.begin(); member != document.end();) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& each) { return each.name == member.key(); });
    if (field == fields.end()) {
      return wrong("there is no such field here", place_of(at, member.key()));
    }
    if (member->is_null()) {
      member = document.erase(member);
      continue;
    }
    if (auto checked = check_value(*field, *member, ""); !checked) {
      return within(member_of(at, member.key()), checked.error());
    }
    ++member;
  }
  for (const Field& field : fields) {
    if (field.required && !document.contains(field.name)) {
      return wrong("is required", member_of(at, field.name));
    }
  }
  return success();
}

void append_compact(std::string& out, const json& value) {
  bool first = true;
  const auto separate = [&] {
    if (!std::exchange(first, false)) out += ',';
  };
  if (value.is_string()) {
    append_json_string(out, value.get_ref<const std::string&>());
  } else if (value.is_object()) {
    out += '{';
    for (auto member = value.begin(); member != value.end(); ++member) {
      separate();
      append_json_string(out, member.key());
      out += ':';
      append_compact(out, *member);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (const json& item : value) {
      separate();
      append_compact(out, item);
    }
    out += ']';
  } else if (value.is_number_unsigned()) {
    out += std::to_string(value.get<std::uint64_t>());
  } else if (value.is_number_integer()) {
    out += std::to_string(value.get<std::int64_t>());
  } else {
    out += value.dump();
  }
}

}  // namespace porteiro::stores
