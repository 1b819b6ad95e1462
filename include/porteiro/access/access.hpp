// Who may do what: roles, and the decision whether a principal may do an action on a resource. What
// no rule allows is denied. Knows no protocol and none of the resources: those who guard one name
// it, ask before each use, and refuse what is denied.
#pragma once
#include <cstdint>
#include <span>
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

// Where who asks, and what is asked for, stand. Only the gateway stands between public and private,
// and only what is in the private zone reaches the data zone.
enum class Zone : std::uint8_t { public_zone, private_zone, data_zone };
std::string_view to_string(Zone zone);  // "public", "private", "data".

// The checks that a config may switch off one by one, to measure what each costs, and for nothing
// else. All are on by default.
struct Layers {
  bool client_auth = true;  // The gateway's: who a client is, and its scopes.
  bool envelopes = true;    // Events are signed, and verified before a function sees them.
  bool sealing = true;      // Restricted bodies are sealed before they are an event.
  bool roles = true;        // Zones, roles and purposes of functions, at stores and keys.
  bool boxes = true;        // Protected fields are sealed in the stores.
  bool audit = true;        // Access to audited stores is recorded.
  bool masking = true;      // Of values in replies whose reader may not have them whole.
  bool key_cache = true;    // Off: every use of a key is a call to the key service.
};
// "client-auth", …: as configs name them, in the order above.
struct LayerName {
  std::string_view name;
  bool Layers::*layer;
};
std::span<const LayerName> layer_names();
std::vector<std::string_view> switched_off(
    const Layers& layers);  // Their names; empty: all are on.

// Null: no role. Pure.
Reason decide(const Role* role, std::string_view action, std::string_view resource);

// Whoever acts: a function of the config or of a client, a client of the gateway, the developer.
struct Principal {
  std::string_view name;
  std::string_view role;  // Empty: none.
  Zone zone = Zone::private_zone;
};

// A decision as it is told and audited. None of its texts is a client's: names are those of the
// config, the subject is a token. Views are valid during the call that they are given to.
struct Decision {
  bool allowed = false;
  std::string_view principal;  // "lender", "get-person", "developer"; "anonymous": nobody is known.
  std::string_view role;       // Empty: none.
  Zone zone = Zone::private_zone;
  std::string_view action;     // "store:get", "kms:Decrypt", "event:deliver", "request:send".
  std::string_view resource;   // "A/person", "vault".
  std::string_view purpose{};  // What the access is for, as the request's route declares it.
  std::string_view subject{};  // Whose data, as a token.
  std::span<const std::string> fields{};  // Which were read or written; empty: not known, or all.
  std::string_view reason{};              // Why it was denied, for people; empty when allowed.
  Id trace{};
};

// Who keeps decisions: the audit log. Belongs to the loop.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void decided(const Decision& decision) = 0;
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
  // Tells of a denial that somebody else decided: the gateway, the key service, who verifies
  // events.
  void denied(const Decision& decision);
  // Tells the recorder of something that was allowed and done, such as an erasure.
  void allowed(const Decision& decision) {
    if (recorder_ != nullptr) recorder_->decided(decision);
  }
  // Given every denial, from check() and denied(). Null: nobody keeps them. Borrowed.
  void record_with(Recorder* recorder) { recorder_ = recorder; }
  // Only asks: nothing is told of a denial.
  Reason decide(const Principal& who, std::string_view action, std::string_view resource) const;

 private:
  void note(std::string text, Id trace);

  StringMap<Role> roles_;
  const Clock& clock_;
  telemetry::Telemetry& telemetry_;
  Time second_{};  // When the count began.
  std::uint64_t count_ = 0;
  Recorder* recorder_ = nullptr;
  std::uint64_t untold_ = 0;  // Denials without a line since the last one.
};

}  // namespace porteiro::access
