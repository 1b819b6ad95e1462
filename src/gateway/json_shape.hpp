// What a JSON parser lets pass in silence: how deep a text is nested, and members given twice, of
// which each reader would take another one.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace porteiro::gateway {

struct JsonShape {
  bool too_deep = false;                // More than `nesting_max`; then the rest was not looked at.
  std::optional<std::string> repeated;  // The place of the first such member: "debts[1].due_on".
};

// One pass, no tree. Of a text that is not well-formed JSON only `too_deep` means anything.
JsonShape shape_of(std::string_view text);

}  // namespace porteiro::gateway
