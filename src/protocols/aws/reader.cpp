#include "protocols/aws/reader.hpp"

#include <algorithm>
#include <cmath>

#include "porteiro/base/json_scan.hpp"

namespace porteiro::protocols::aws {
namespace {

constexpr std::size_t members_max = 1000;  // Of a list or map; the longest allowed has fewer.

std::string member_name(std::string_view name) {  // As the service's errors write it.
  std::string out(name);
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') out[0] = static_cast<char>(out[0] + 32);
  return out;
}

std::string number_text(double value) {
  const json number = value == std::trunc(value) && std::abs(value) < 1e15
                          ? json(static_cast<std::int64_t>(value))
                          : json(value);
  return number.dump();
}

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (c & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace

Failure constraint(std::string_view value, std::string_view member, std::string_view must) {
  std::string text = "1 validation error detected: Value '";
  text.append(value).append("' at '").append(member_name(member));
  return {&validation, text.append("' failed to satisfy constraint: Member must ").append(must)};
}

Answer<Reader> Reader::parse(std::string_view text) {
  if (nests_deeper(text, json_levels_max)) {
    return Failure{&serialization, "The request's body is nested more than 64 deep."};
  }
  json object = text.empty() ? json::object() : json::parse(text, nullptr, false);
  if (!object.is_object()) {
    return Failure{&serialization, "The request's body is not one JSON object in UTF-8."};
  }
  return Reader(std::move(object));
}

void Reader::fail(Failure failure) {
  if (!failure_) failure_ = std::move(failure);
}

void Reader::take(const Reader& part) {
  if (part.failure_) fail(*part.failure_);
}

std::optional<std::string> Reader::other_than(std::initializer_list<std::string_view> names) const {
  for (const auto& [name, value] : object_.items()) {
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!known && !value.is_null()) return name;
  }
  return std::nullopt;
}

void Reader::require(const char* name) {
  if (!has(name)) {
    fail({&validation, "1 validation error detected: Value null at '" + member_name(name) +
                           "' failed to satisfy constraint: Member must not be null"});
  }
}

const json* Reader::find(const char* name) const {
  if (failure_) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Reader::has(const char* name) const { return find(name) != nullptr; }

const json* Reader::of_type(const char* name, bool (json::*is)() const noexcept,
                            const char* wanted) {
  const json* const value = find(name);
  if (value == nullptr || (value->*is)()) return value;
  fail({&serialization, "The member " + std::string(name) + " has to be " + wanted + "."});
  return nullptr;
}

Text Reader::text(const char* name, std::size_t max, std::size_t min) {
  const json* const value = of_type(name, &json::is_string, "a string");
  if (value == nullptr) return std::nullopt;
  const std::string& text = value->get_ref<const std::string&>();
  const std::size_t length = characters(text);
  if (length > max) {
    const std::string shown = length > 256 ? "…" : text;
    fail(constraint(shown, name, "have length less than or equal to " + std::to_string(max)));
  } else if (length < min) {
    fail(constraint(text, name, "have length greater than or equal to " + std::to_string(min)));
  }
  return text;
}

Text Reader::choice(const char* name, std::initializer_list<std::string_view> values) {
  const json* const value = of_type(name, &json::is_string, "a string");
  if (value == nullptr) return std::nullopt;
  const std::string& text = value->get_ref<const std::string&>();
  std::string known;
  for (const std::string_view each : values) {
    if (text == each) return text;
    known.append(known.empty() ? "" : ", ").append(each);
  }
  fail(constraint(text, name, "satisfy enum value set: [" + known + "]"));
  return std::nullopt;
}

std::optional<double> Reader::real(const char* name, double min, double max) {
  const json* const value = of_type(name, &json::is_number, "a number");
  if (value == nullptr) return std::nullopt;
  const auto number = value->get<double>();
  if (number < min) {
    fail(constraint(number_text(number), name,
                    "have value greater than or equal to " + number_text(min)));
  } else if (number > max) {
    fail(constraint(number_text(number), name,
                    "have value less than or equal to " + number_text(max)));
  }
  return number;
}

Number Reader::number(const char* name, std::int64_t min, std::int64_t max) {
  const auto value = real(name, static_cast<double>(min), static_cast<double>(max));
  if (!value || failure_) return std::nullopt;
  if (*value != std::trunc(*value)) {
    fail({&serialization, "The member " + std::string(name) + " has to be an integer."});
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> Reader::boolean(const char* name) {
  const json* const value = of_type(name, &json::is_boolean, "true or false");
  if (value == nullptr) return std::nullopt;
  return value->get<bool>();
}

std::optional<TextMap> Reader::texts(const char* name) {
  const json* const value = of_type(name, &json::is_object, "a map");
  if (value == nullptr) return std::nullopt;
  TextMap out;
  for (const auto& [key, text] : value->items()) {
    if (!text.is_string() || out.size() >= members_max) {
      fail(
          {&serialization, "The map " + std::string(name) + " has to hold strings, not too many."});
      return std::nullopt;
    }
    out[key] = text.get<std::string>();
  }
  return out;
}

std::optional<std::map<std::string, double>> Reader::reals(const char* name, double min,
                                                           double max) {
  const json* const value = of_type(name, &json::is_object, "a map");
  if (value == nullptr) return std::nullopt;
  std::map<std::string, double> out;
  Reader members(*value);
  for (const auto& [key, each] : value->items()) {
    const auto number = members.real(key.c_str(), min, max);
    if (number) out[key] = *number;
  }
  take(members);
  return out;
}

std::optional<TextList> Reader::list(const char* name) {
  const json* const value = of_type(name, &json::is_array, "a list");
  if (value == nullptr) return std::nullopt;
  TextList out;
  for (const json& text : *value) {
    if (!text.is_string() || out.size() >= members_max) {
      fail({&serialization,
            "The list " + std::string(name) + " has to hold strings, not too many."});
      return std::nullopt;
    }
    out.push_back(text.get<std::string>());
  }
  return out;
}

Reader Reader::part(const char* name) {
  const json* const value = of_type(name, &json::is_object, "a structure");
  return Reader(value == nullptr ? json::object() : *value);
}

std::vector<Reader> Reader::parts(const char* name) {
  std::vector<Reader> out;
  const json* const value = of_type(name, &json::is_array, "a list");
  if (value == nullptr) return out;
  for (const json& each : *value) {
    if (!each.is_object() || out.size() >= members_max) {
      fail({&serialization,
            "The list " + std::string(name) + " has to hold structures, not too many."});
      break;
    }
    out.emplace_back(each);
  }
  return out;
}

}  // namespace porteiro::protocols::aws
