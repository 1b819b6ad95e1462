// RedrivePolicy and RedriveAllowPolicy: who gives its dead letters to whom.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/queue/queue.hpp"
#include "protocols/sqs/errors.hpp"

namespace porteiro::protocols::sqs {

class Service;

// The text may be empty: no policy. Errors: invalid_parameter, saying what is wrong with it.
Answer<void> set_redrive_policy(Service& service, std::string_view text, queue::Options& options);
Answer<void> set_redrive_allow_policy(Service& service, std::string_view text,
                                      queue::Options& options);
std::optional<std::string> redrive_policy(Service& service, const queue::Options& options);

}  // namespace porteiro::protocols::sqs
