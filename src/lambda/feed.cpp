#include "lambda/feed.hpp"

#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"

namespace porteiro::lambda {
namespace {

constexpr int turns_max = 64;  // Receives in one go.

}  // namespace

void Feed::pump() {
  if (pumping_) return;  // The loop below goes on.
  pumping_ = true;
  int turns = 0;
  while (turns < turns_max && room() && take()) ++turns;
  pumping_ = false;
  if (turns == turns_max) pump_soon();
}

void Feed::pump_soon() {
  if (std::exchange(posted_, true)) return;
  shared_.environment.scheduler.post([this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    posted_ = false;
    pump();
  });
}

std::optional<events::Event> wrapped(const queue::Message& message, std::string_view queue) {
  if (!valid_utf8(message.body)) return std::nullopt;
  events::Event event;
  event.id = message.id;
  event.source = "/porteiro/queue/" + std::string(queue);
  event.type = "message.received";
  event.time = message.sent;
  event.correlation = message.trace ? message.trace : message.id;
  if (nlohmann::json::accept(message.body)) {
    event.data = message.body;
  } else {
    append_json_string(event.data, message.body);
  }
  return event;
}

std::optional<events::Event> unverified(std::string_view json) {
  auto event = events::parse_event(json);
  if (!event) return std::nullopt;
  event.value().principal.clear();
  event.value().purpose.clear();
  event.value().audience.clear();
  event.value().signature.clear();
  return std::move(event).value();
}

void remove_all(queue::Queue& queue, const Run& run) {
  for (const queue::Delivery& delivery : run.invocation.deliveries) {
    static_cast<void>(queue.remove(delivery.receipt));
  }
}

}  // namespace porteiro::lambda
