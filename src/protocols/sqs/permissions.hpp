// The queue's policy document: nothing here enforces it; it is kept as AWS keeps it.
#pragma once
#include <string_view>

#include "porteiro/queue/queue.hpp"
#include "protocols/sqs/errors.hpp"

namespace porteiro::protocols::sqs {

// The text may be empty: no policy. Errors: bad_attribute_value (no JSON map, or nested too deep),
// over_limit (too long, too many statements, or principals of one).
Answer<void> set_policy(std::string_view text, queue::Options& options);

}  // namespace porteiro::protocols::sqs
