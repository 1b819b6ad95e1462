#include "protocols/aws/rights.hpp"

#include <algorithm>
#include <array>

namespace porteiro::protocols {

access::Decision asked_by(const Asker& who, std::string_view action, std::string_view resource) {
  return {.principal = who.principal.name,
          .role = who.principal.role,
          .zone = who.principal.zone,
          .action = action,
          .resource = resource,
          .purpose = who.purpose,
          .client = who.client,
          .trace = who.trace};
}

namespace aws {
namespace {

// Queues stand in the private zone.
constexpr access::Zone queues_zone = access::Zone::private_zone;

std::string_view told_name(queue::Queues& queues, std::string_view name) {
  const queue::Queue* const queue = queues.find(name);
  const bool declared = queue != nullptr && queue->declared();
  return declared ? std::string_view(queue->options().name) : access::action::of_clients;
}

}  // namespace

Result<void> check_queue(access::Guard& guard, queue::Queues& queues, const Asker& who,
                         std::string_view action, std::string_view name) {
  if (who.principal.developer) return ok();
  if (action == access::action::queue_describe && sees_queue(guard, queues, who, name)) return ok();
  return guard.check(asked_by(who, action, told_name(queues, name)), queues_zone);
}

bool sees_queue(const access::Guard& guard, queue::Queues& queues, const Asker& who,
                std::string_view name) {
  using namespace access::action;
  if (who.principal.developer) return true;
  constexpr std::array actions{queue_send, queue_receive, queue_describe, queue_manage};
  const std::string_view told = told_name(queues, name);
  return std::any_of(actions.begin(), actions.end(), [&](std::string_view action) {
    return guard.decide(asked_by(who, action, told), queues_zone) == access::Reason::allowed;
  });
}

}  // namespace aws
}  // namespace porteiro::protocols
