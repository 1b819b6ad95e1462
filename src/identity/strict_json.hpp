// JSON of strangers that decides on rights: no member twice, nothing deep.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::identity {

inline constexpr std::size_t levels_max = 8;

// nullopt: no JSON object, a member given twice (readers differ in which one counts), too deep.
inline std::optional<nlohmann::json> parse_strictly(std::string_view text) {
  using nlohmann::json;
  if (nests_deeper(text, levels_max)) return std::nullopt;
  std::vector<std::set<std::string>> open;
  bool repeated = false;
  const auto watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key) {
      repeated = !open.back().insert(value.get_ref<const std::string&>()).second || repeated;
    }
    return true;
  };
  json document = json::parse(text, watch, false);
  if (document.is_discarded() || !document.is_object() || repeated) return std::nullopt;
  return document;
}

// The text member `name`; null: absent, or no text.
inline const std::string* text_member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return nullptr;
  return &found->get_ref<const std::string&>();
}

// Unpadded base64url in its one canonical form (RFC 4648, 3.5: the unused bits are zero).
inline std::optional<std::string> decode_strictly(std::string_view text) {
  auto bytes = from_base64url(text);
  if (!bytes || to_base64url(*bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace porteiro::identity
