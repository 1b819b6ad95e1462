// The attributes of a queue: what SQS calls them, what they may be, and where they are kept (those
// that change nothing here in the queue's notes, as "attribute:Policy").
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/queue/queue.hpp"
#include "protocols/sqs/errors.hpp"
#include "protocols/sqs/input.hpp"

namespace porteiro::protocols::sqs {

class Service;

inline constexpr std::int64_t visibility_max_s = 43'200;  // 12 hours, counted from the receipt.

std::string seconds(Duration duration);  // Whole seconds, as attributes and errors have them.

bool is_attribute_name(std::string_view name);  // Of a queue; "All" is not.

// Puts the attributes into `options`: those of a queue that is there, or, when `creating`, of a new
// one with its name. Errors: bad_attribute_name, bad_attribute_value, invalid_parameter; `options`
// is then of no use.
Answer<void> apply_attributes(Service& service, const TextMap& attributes, bool creating,
                              queue::Options& options);

// The first of the attributes that `options` has another value for; nullopt: none. Errors: those of
// apply_attributes.
Answer<std::optional<std::string>> differing_attribute(Service& service, const TextMap& attributes,
                                                       const queue::Options& options);

// As GetQueueAttributes shows it; nullopt: this queue has none, or SQS knows no such attribute.
std::optional<std::string> attribute_of(Service& service, const queue::Queue& queue,
                                        std::string_view name);
const TextList& attribute_names();  // All, as GetQueueAttributes lists them.

// A client's own attribute kept in the notes; empty: none.
std::string note_of(const queue::Options& options, std::string_view attribute);
void set_note(queue::Options& options, std::string_view attribute, std::string_view value);

}  // namespace porteiro::protocols::sqs
