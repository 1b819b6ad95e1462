// What whoever asks at a port may do with queues, and how it is told. The developer, and functions
// that the developer made, may do everything; a function of the config what its role allows.
#pragma once
#include <string_view>

#include "porteiro/protocols/aws.hpp"
#include "porteiro/queue/queue.hpp"

namespace porteiro::protocols::aws {

// Whether there is a queue of that name makes no difference to a denial. Errors: denied, told to
// the guard.
Result<void> check_queue(access::Guard& guard, queue::Queues& queues, const Asker& who,
                         std::string_view action, std::string_view name);

// Who may do something with a queue may know that it is there. Tells nothing.
bool sees_queue(const access::Guard& guard, queue::Queues& queues, const Asker& who,
                std::string_view name);

}  // namespace porteiro::protocols::aws
