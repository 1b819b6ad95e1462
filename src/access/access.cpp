#include "porteiro/access/access.hpp"

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

std::string denial(const Principal& who, std::string_view action, std::string_view resource,
                   Reason reason) {
  std::string text = "the function " + std::string(who.name);
  text.append(" may not do ").append(action).append(" on ").append(resource);
  if (reason == Reason::no_role) return text + ": it has no role in the configuration";
  text.append(": its role ").append(who.role);
  return text + (reason == Reason::action ? " does not allow that action"
                                          : " allows that action on other resources only");
}

}  // namespace

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

Guard::Guard(std::vector<Role> roles, const Clock& clock, telemetry::Telemetry& telemetry)
    : clock_(clock), telemetry_(telemetry) {
  for (Role& role : roles) {
    std::string name = role.name;
    roles_.insert_or_assign(std::move(name), std::move(role));
  }
}

Reason Guard::decide(const Principal& who, std::string_view action,
                     std::string_view resource) const {
  const auto found = roles_.find(who.role);
  return access::decide(found == roles_.end() ? nullptr : &found->second, action, resource);
}

Result<void> Guard::check(const Principal& who, std::string_view action, std::string_view resource,
                          Id trace) {
  const Reason reason = decide(who, action, resource);
  if (reason == Reason::allowed) return ok();
  std::string text = denial(who, action, resource, reason);
  denied({.principal = who.name,
          .role = who.role,
          .zone = who.zone,
          .action = action,
          .resource = resource,
          .reason = text,
          .trace = trace});
  return error(Errc::denied, std::move(text));
}

void Guard::denied(const Decision& decision) {
  telemetry_.record(telemetry::Kind::access_denied, decision.trace,
                    telemetry_.intern(decision.principal), telemetry_.intern(decision.action),
                    telemetry_.intern(decision.resource));
  ++telemetry_.counter("porteiro_access_denied_total",
                       "principal=\"" + std::string(decision.principal) + "\"");
  if (recorder_ != nullptr) recorder_->decided(decision);
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
