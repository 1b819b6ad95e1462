// The rules for what a message may hold, and the digests clients check it with (Amazon SQS API
// reference, SendMessage and MessageAttributeValue; developer guide, "Amazon SQS message
// metadata").
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/queue/queue.hpp"
#include "protocols/aws/digest.hpp"
#include "protocols/sqs/errors.hpp"
#include "protocols/sqs/input.hpp"

namespace porteiro::protocols::sqs {

// #x9 | #xA | #xD | #x20–#xD7FF | #xE000–#xFFFD | #x10000–#x10FFFF; `text` is UTF-8.
bool valid_contents(std::string_view text);

// A request's message as a queue takes it; rules that no batch breaks as a whole. Errors: what is
// missing, malformed, out of bounds, or not for a queue of this kind.
Answer<queue::SendRequest> send_request(const MessageInput& input, const queue::Options& queue);

// What a FIFO queue asks of each message, which send_request checks, too. Errors:
// missing_parameter, invalid_parameter.
Answer<void> check_order(const MessageInput& input, const queue::Options& queue);

// What counts against the limits: body, and the names, types and values of the attributes. Of
// what was sent; the attributes' binary values count decoded.
std::size_t size_of(const MessageInput& input);

// Sorted by name: length and bytes of name, of type, 1 or 2, length and bytes of the value.
aws::Md5Text digest_of(aws::Md5& md5, std::vector<const queue::Attribute*> attributes);
aws::Md5Text digest_of(aws::Md5& md5, const std::vector<queue::Attribute>& attributes);
aws::Md5Text digest_of_trace_header(aws::Md5& md5, std::string_view value);

std::string sequence_text(std::uint64_t number);  // 20 digits, growing with the number.

}  // namespace porteiro::protocols::sqs
