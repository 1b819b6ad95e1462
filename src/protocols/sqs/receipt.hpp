// Receipt handles: opaque to clients, checked against accident and mix-up (not against malice:
// who can speak to the service may delete messages anyway).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/queue/message.hpp"

namespace porteiro::protocols::sqs {

inline constexpr std::size_t handle_size = 56;  // Base64 digits.

void append_handle(std::string& out, std::string_view queue, const queue::Receipt& receipt);
// nullopt: not a handle that append_handle made for this queue.
std::optional<queue::Receipt> parse_handle(std::string_view handle, std::string_view queue);

}  // namespace porteiro::protocols::sqs
