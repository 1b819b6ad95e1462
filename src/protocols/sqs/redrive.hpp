// RedrivePolicy and RedriveAllowPolicy: who gives its dead letters to whom.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/queue/queue.hpp"
#include "protocols/sqs/errors.hpp"

namespace porteiro::protocols::sqs {

class Service;

struct Redrive {
  std::string dead_letter_queue;  // Empty: no policy.
  std::uint32_t receives_max = 0;
};

// What a text says, whether or not there is such a queue; it may be empty: no policy. Errors:
// invalid_parameter, saying what is wrong with it.
Answer<Redrive> parse_redrive_policy(const Service& service, std::string_view text);

// The same, put into `options`, whose name and kind are set. Errors: the target, too: it is there,
// of the same kind, another queue, and allows this one.
Answer<void> set_redrive_policy(Service& service, std::string_view text, queue::Options& options);
Answer<void> set_redrive_allow_policy(Service& service, std::string_view text,
                                      queue::Options& options);
std::optional<std::string> redrive_policy(Service& service, const queue::Options& options);

}  // namespace porteiro::protocols::sqs
