#include "porteiro/access/access.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace porteiro::access {
namespace {

// "store:*" and "B/*" stand for all that begins as they do before the star; "*" for all.
bool fits(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  pattern.remove_suffix(1);
  return text.starts_with(pattern);
}

// Why, and what to write into the config if it should not be so. For the log and the audit log.
std::string explanation(const Decision& asked, Reason reason) {
  const std::string role(asked.role), resource(asked.resource), purpose(asked.purpose);
  const bool of_clients = resource == action::of_clients;
  const std::string rule =
      "{ \"do\": \"" + std::string(asked.action) + "\", \"on\": \"" + resource + "\" }";
  // What clients made, all at once, is seldom what is meant. Of the key service's actions the
  // config's schema knows those on keys of the config.
  const char* const or_all = of_clients && asked.action.starts_with("kms:")
                                 ? ", or kms:* where the configuration has no such action,"
                                 : "";
  const std::string add =
      of_clients ? "the configuration declares nothing of that name, or all are asked for; " +
                       rule + or_all + " allows all, those of clients included"
                 : "add " + rule + " to it";
  switch (reason) {
    case Reason::allowed:
      return {};
    case Reason::no_role:
      return "it has no role in the configuration; name one as its \"role\" (the developer's: "
             "\"developer\": {\"role\": …}), with " +
             rule + " among what the role allows";
    case Reason::action:
      return "its role " + role + " does not allow that action; " + add;
    case Reason::resource:
      return "its role " + role + " allows that action on other resources only; " + add;
    case Reason::zone:
      return "it stands in the zone " + std::string(to_string(asked.zone)) +
             ", from which that cannot be reached";
    case Reason::purpose:
      return purpose.empty() ? "the request has no purpose; give its route a \"purpose\" that the "
                               "role " +
                                   role + " allows"
                             : "its role " + role + " does not allow it for the purpose " + purpose;
    case Reason::fields:
      return "its role " + role +
             " does not reach all fields it asks for or would replace; see the \"fields\" of "
             "its rules";
    case Reason::context:
      return "its role " + role +
             " does not allow that encryption context; see the \"context\" "
             "of its rules";
    case Reason::masked:
      return "the client sees masked values only: it may not look for what they hide, write it, or "
             "replace a record that has it";
  }
  broken("a reason of the enumeration", __FILE__, __LINE__);
}

}  // namespace

bool holds(const Context* context, const Context& pairs) {
  if (pairs.empty()) return true;
  return context != nullptr && std::all_of(pairs.begin(), pairs.end(), [&](const auto& pair) {
           const auto found = context->find(pair.first);
           return found != context->end() && found->second == pair.second;
         });
}

std::string_view to_string(Zone zone) {
  constexpr std::array<std::string_view, 3> names{"public", "private", "data"};
  return names[static_cast<std::size_t>(zone)];
}

std::span<const LayerName> layer_names() {
  static constexpr std::array<LayerName, 8> names{{{"client-auth", &Layers::client_auth},
                                                   {"envelopes", &Layers::envelopes},
                                                   {"sealing", &Layers::sealing},
                                                   {"roles", &Layers::roles},
                                                   {"boxes", &Layers::boxes},
                                                   {"audit", &Layers::audit},
                                                   {"masking", &Layers::masking},
                                                   {"key-cache", &Layers::key_cache}}};
  return names;
}

std::vector<std::string_view> switched_off(const Layers& layers) {
  std::vector<std::string_view> names;
  for (const LayerName& each : layer_names()) {
    if (!(layers.*each.layer)) names.push_back(each.name);
  }
  return names;
}

std::string_view to_string(Reason reason) {
  constexpr std::array<std::string_view, 9> names{
      "allowed", "no_role", "action", "resource", "zone", "purpose", "fields", "context", "masked"};
  return names[static_cast<std::size_t>(reason)];
}

bool reaches(Zone from, Zone to) { return from != Zone::public_zone || to == Zone::public_zone; }

Reason Right::fit(std::string_view purpose, const Context* context) const {
  Reason unfit = Reason::purpose;
  for (const Rule* rule : rules) {
    const auto& purposes = rule->purposes;
    if (!purposes.empty() &&
        std::find(purposes.begin(), purposes.end(), purpose) == purposes.end()) {
      continue;
    }
    if (rule->fields.empty() && holds(context, rule->context)) return Reason::allowed;
    unfit = Reason::context;
  }
  return unfit;
}

bool Right::always() const {
  return std::any_of(rules.begin(), rules.end(), [](const Rule* rule) {
    return rule->fields.empty() && rule->purposes.empty() && rule->context.empty();
  });
}

Reason decide(const Role* role, std::string_view action, std::string_view resource) {
  if (role == nullptr) return Reason::no_role;
  Reason reason = Reason::action;
  for (const Rule& rule : role->rules) {
    if (!fits(rule.action, action)) continue;
    if (fits(rule.resource, resource)) return Reason::allowed;
    reason = Reason::resource;
  }
  return reason;
}

Guard::Guard(std::vector<Role> roles, const Clock& clock, telemetry::Telemetry& telemetry,
             Layers layers)
    : clock_(clock), telemetry_(telemetry), layers_(layers) {
  for (Role& role : roles) {
    std::string name = role.name;
    roles_.insert_or_assign(std::move(name), std::move(role));
  }
}

Reason Guard::decide(const Decision& asked, Zone of_resource, const Context* context) const {
  if (!layers_.roles) return Reason::allowed;
  const Right found = right(asked.role, asked.action, asked.resource);
  if (found.reason != Reason::allowed) return found.reason;
  if (!reaches(asked.zone, of_resource)) return Reason::zone;
  return found.fit(asked.purpose, context);
}

Right Guard::right(std::string_view role, std::string_view action,
                   std::string_view resource) const {
  static const Rule everything{"*", "*"};
  if (!layers_.roles) return {Reason::allowed, {&everything}};
  const auto found = roles_.find(role);
  if (found == roles_.end()) return {Reason::no_role, {}};
  Right right{access::decide(&found->second, action, resource), {}};
  for (const Rule& rule : found->second.rules) {
    if (fits(rule.action, action) && fits(rule.resource, resource)) right.rules.push_back(&rule);
  }
  return right;
}

Result<void> Guard::check(const Decision& asked, Zone of_resource, const Context* context) {
  const Reason reason = decide(asked, of_resource, context);
  if (reason == Reason::allowed) return ok();
  return deny(asked, reason);
}

Error Guard::deny(Decision asked, Reason reason) {
  const bool developer = asked.principal == "developer";  // Everybody else is a function.
  std::string text = developer ? "the developer" : "the function " + std::string(asked.principal);
  text.append(" may not do ").append(asked.action).append(" on ").append(asked.resource);
  text.append(": ").append(explanation(asked, reason));
  asked.allowed = false;
  asked.reason = text;
  denied(asked);
  return error(Errc::denied, "this is not allowed; the log says why");
}

void Guard::record(const Decision& decision, Recorder::Done done) {
  if (recorder_ == nullptr || !layers_.audit) return done(ok());
  recorder_->decided(decision, std::move(done));
}

void Guard::denied(const Decision& decision) {
  telemetry_.record(telemetry::Kind::access_denied, decision.trace,
                    telemetry_.intern(decision.principal), telemetry_.intern(decision.action),
                    telemetry_.intern(decision.resource));
  ++telemetry_.counter("porteiro_access_denied_total",
                       "principal=\"" + std::string(decision.principal) + "\"");
  if (recorder_ != nullptr && layers_.audit) recorder_->decided(decision);
  note("denied: " + std::string(decision.reason), decision.trace);
}

void Guard::note(std::string text, Id trace) {
  const Time now = clock_.now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    count_ = 0;
  }
  if (++count_ > notes_per_second_max) {
    ++untold_;
    return;
  }
  const std::uint64_t untold = std::exchange(untold_, 0);
  if (untold > 0) text += "; " + std::to_string(untold) + " other denials were not logged";
  telemetry_.note(telemetry::Level::warning, std::move(text), trace);
}

}  // namespace porteiro::access
