// Who may do what: roles, and the decision whether a principal may do an action on a resource. What
// no rule allows is denied. Knows no protocol and none of the resources: those who guard one name
// it, ask before each use, and refuse what is denied.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/base/result.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::access {

// The actions that are guarded. An action is "kind:verb"; its resources are of that kind.
namespace action {
inline constexpr std::string_view store_get = "store:get";      // Resources: "B/profile".
inline constexpr std::string_view store_query = "store:query";  // Reads records, too.
inline constexpr std::string_view store_put = "store:put";      // And append.
inline constexpr std::string_view store_erase = "store:erase";
inline constexpr std::string_view store_changes = "store:changes";
}  // namespace action

struct Rule {
  std::string action;    // "store:get", or "store:*" for all of the kind.
  std::string resource;  // "B/profile", "B/*" for all below, or "*" for all.
};

struct Role {
  std::string name;
  std::vector<Rule> rules;  // One that fits is enough; their order means nothing.
};

enum class Reason : std::uint8_t {
  allowed,
  no_role,   // The principal has none.
  action,    // Its role does not allow the action, on nothing.
  resource,  // Its role allows the action, but not on this.
};

// Null: no role. Pure.
Reason decide(const Role* role, std::string_view action, std::string_view resource);

// Whoever acts: a function of the config or of a client.
struct Principal {
  std::string_view name;
  std::string_view role;  // Empty: none.
};

// The roles of a config, and the telemetry of what they deny: a record and, at most
// notes_per_second_max times a second, a line of the log; none of them holds keys or values.
// Belongs to the loop.
class Guard {
 public:
  static constexpr std::uint64_t notes_per_second_max = 20;

  // Borrows both.
  Guard(std::vector<Role> roles, const Clock& clock, telemetry::Telemetry& telemetry);

  // `resource` is a name of the config, never a client's text. Errors: denied; the text is for the
  // principal.
  Result<void> check(const Principal& who, std::string_view action, std::string_view resource,
                     Id trace);
  // Only asks: nothing is told of a denial.
  Reason decide(const Principal& who, std::string_view action, std::string_view resource) const;

 private:
  void tell(const Principal& who, std::string_view action, std::string_view resource,
            const std::string& text, Id trace);

  StringMap<Role> roles_;
  const Clock& clock_;
  telemetry::Telemetry& telemetry_;
  Time second_{};  // When the count began.
  std::uint64_t count_ = 0;
  std::uint64_t untold_ = 0;  // Denials without a line since the last one.
};

}  // namespace porteiro::access
