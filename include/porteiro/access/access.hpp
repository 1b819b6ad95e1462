// Who may do what: roles, and the decision whether a principal may do an action on a resource. What
// no rule allows is denied. Knows no protocol and none of the resources: those who guard one name
// it, ask before each use, and refuse what is denied.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/function.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/base/result.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::access {

// The actions that are guarded. An action is "kind:verb"; its resources are of that kind. Of the
// key service's actions, which have AWS's names, two are a function's when it opens or makes sealed
// texts.
namespace action {
inline constexpr std::string_view store_get = "store:get";      // Resources: "B/profile".
inline constexpr std::string_view store_query = "store:query";  // Reads records, too.
inline constexpr std::string_view store_put = "store:put";      // And append.
inline constexpr std::string_view store_erase = "store:erase";
inline constexpr std::string_view store_changes = "store:changes";
inline constexpr std::string_view kms_decrypt = "kms:Decrypt";  // Resources: "vault".
inline constexpr std::string_view kms_generate = "kms:GenerateDataKey";
inline constexpr std::string_view queue_send = "queue:send";        // Resources: "orders".
inline constexpr std::string_view queue_receive = "queue:receive";  // And delete, and hide.
inline constexpr std::string_view queue_describe = "queue:describe";
inline constexpr std::string_view queue_manage = "queue:manage";
inline constexpr std::string_view function_invoke = "function:invoke";  // Resources: "score".
inline constexpr std::string_view function_manage = "function:manage";  // All but that.
// What clients made has no name that may be told: it is reached by rules for all of a kind.
inline constexpr std::string_view of_clients = "*";
}  // namespace action

using Context = std::map<std::string, std::string, std::less<>>;  // An encryption context.

// Whether the context (null: there is none) has all these pairs.
bool holds(const Context* context, const Context& pairs);

struct Rule {
  std::string action;    // "store:get", or "store:*" for all of the kind.
  std::string resource;  // "B/profile", "B/*" for all below, or "*" for all.
  // Of a collection: the protected fields that may be read, and all that may be written. Empty:
  // all.
  std::vector<std::string> fields{};
  std::vector<std::string> purposes{};  // What it may be for; empty: anything, or nothing said.
  // Of a key: pairs that the encryption context has to hold.
  Context context{};
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
  zone,      // It stands where nothing reaches the resource, whatever its role says.
  purpose,   // The request names no purpose, or none that its role allows.
  fields,    // Its role does not reach all fields that are asked for.
  context,   // The encryption context is none that its role allows.
  masked,    // It acts for a client that sees masked values: it may not write or look for them.
};
std::string_view to_string(Reason reason);  // "no_role"

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
  bool roles = true;        // Zones, roles and purposes, at all that functions reach.
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

// Whether what stands in `from` may reach what stands in `to`: nothing public reaches the others.
bool reaches(Zone from, Zone to);

// Null: no role. Pure. Looks neither at purposes nor at fields nor at contexts.
Reason decide(const Role* role, std::string_view action, std::string_view resource);

// The rules of a role that fit one action on one resource: looked up once, used often.
struct Right {
  Reason reason = Reason::no_role;   // Not allowed: why there are no rules.
  std::vector<const Rule*> rules{};  // The guard's.
  bool always() const;               // Allowed for any purpose, all fields, any context.
  // Whether a rule fits a use for this purpose with this encryption context (null: none is known):
  // allowed, purpose or context. Rules about fields fit none, since only stores have fields.
  Reason fit(std::string_view purpose, const Context* context) const;
};

// Whoever acts: a function of the config or of a client, a client of the gateway, the developer.
struct Principal {
  std::string_view name{};
  std::string_view role{};  // Empty: none.
  Zone zone = Zone::private_zone;
  bool developer = false;  // Or what the developer made: a function of the Lambda service.
};

// A decision as it is told and audited. None of its texts is a client's: names are those of the
// config, the subject is a token. Views are valid during the call that they are given to.
struct Decision {
  bool allowed = false;
  bool refused = false;        // It may, but it was not done: `reason` says why.
  std::string_view principal;  // "lender", "get-person", "developer"; "anonymous": nobody is known.
  std::string_view role;       // Empty: none.
  Zone zone = Zone::private_zone;
  std::string_view action;     // "store:get", "kms:Decrypt", "event:deliver", "request:send".
  std::string_view resource;   // "A/person", "vault".
  std::string_view purpose{};  // What the access is for, as the request's route declares it.
  std::string_view client{};   // The gateway's client whose request led to it; empty: none did.
  std::string_view subject{};  // Whose data, as a token.
  std::span<const std::string> fields{};  // Which were read or written; empty: not known, or all.
  std::string_view reason{};              // Why it was denied, for people; empty when allowed.
  Id trace{};
};

// Who keeps decisions: the audit log. Belongs to the loop.
class Recorder {
 public:
  using Done = UniqueFunction<void(Result<void>)>;
  virtual ~Recorder() = default;
  virtual void decided(const Decision& decision) = 0;
  // The same; `done` runs when it is written, as durably as the recorder is. It may run at once.
  // Errors: unavailable (it is not, and will not be).
  virtual void decided(const Decision& decision, Done done) {
    decided(decision);
    done(ok());
  }
};

// The roles of a config, and the telemetry of what they deny: a record and, at most
// notes_per_second_max times a second, a line of the log; none of them holds keys or values.
// Belongs to the loop.
class Guard {
 public:
  static constexpr std::uint64_t notes_per_second_max = 20;

  // Borrows both. With the layer `roles` off everything is allowed, with `audit` off nothing that
  // is allowed is recorded.
  Guard(std::vector<Role> roles, const Clock& clock, telemetry::Telemetry& telemetry,
        Layers layers = {});

  // `asked` has no reason yet; its resource, a name of the config or action::of_clients, never a
  // client's text, stands in `of_resource`. Errors: denied; its text may go to anybody, since why
  // is told only to the log and the recorder.
  Result<void> check(const Decision& asked, Zone of_resource, const Context* context = nullptr);
  // The error for a denied principal, after telling of it and why.
  Error deny(Decision asked, Reason reason);
  // What the role allows; valid as long as the guard. Tells nothing.
  Right right(std::string_view role, std::string_view action, std::string_view resource) const;
  // Hands a decision that is no denial to the recorder; `done` runs at once when there is none.
  void record(const Decision& decision, Recorder::Done done);
  const Layers& layers() const { return layers_; }
  // Tells of a denial that somebody else decided: the gateway, the key service, who verifies
  // events.
  void denied(const Decision& decision);
  // Given every denial, from check() and denied(). Null: nobody keeps them. Borrowed.
  void record_with(Recorder* recorder) { recorder_ = recorder; }
  // Only asks: nothing is told of a denial.
  Reason decide(const Decision& asked, Zone of_resource, const Context* context = nullptr) const;

 private:
  void note(std::string text, Id trace);

  StringMap<Role> roles_;
  const Clock& clock_;
  telemetry::Telemetry& telemetry_;
  const Layers layers_;
  Time second_{};  // When the count began.
  std::uint64_t count_ = 0;
  Recorder* recorder_ = nullptr;
  std::uint64_t untold_ = 0;  // Denials without a line since the last one.
};

}  // namespace porteiro::access
