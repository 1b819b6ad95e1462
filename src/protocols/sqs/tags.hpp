// A queue's tags, kept in its notes as "tag:NAME".
#pragma once
#include "porteiro/queue/queue.hpp"
#include "protocols/sqs/errors.hpp"
#include "protocols/sqs/input.hpp"

namespace porteiro::protocols::sqs {

// Errors: invalid_parameter (more than 50 in all, a name or value that AWS does not allow);
// `options` is then of no use.
Answer<void> add_tags(const TextMap& tags, queue::Options& options);

}  // namespace porteiro::protocols::sqs
