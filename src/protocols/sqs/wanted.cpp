#include "protocols/sqs/wanted.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/sqs/attributes.hpp"
#include "protocols/sqs/input.hpp"
#include "protocols/sqs/message.hpp"
#include "protocols/sqs/receipt.hpp"

namespace porteiro::protocols::sqs {
namespace {

enum System : std::size_t {
  sender_id,
  sent_timestamp,
  receive_count,
  first_receive_timestamp,
  sequence_number,
  deduplication_id,
  group_id,
  trace_header,
  dead_letter_source,
};
constexpr std::string_view system_names[] = {
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
};
constexpr std::uint32_t all_system = (1U << std::size(system_names)) - 1;

std::uint64_t milliseconds(Time time) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  return static_cast<std::uint64_t>(since.count());
}

// The system attributes of one message, those that are wanted and there.
class SystemAttributes {
 public:
  explicit SystemAttributes(const ReplyContext& context) : context_(context) {}

  void write(const queue::Message& message) {
    aws::Writer& out = context_.out;
    if (!context_.wanted.any_system()) return;
    out.open_map("Attributes");
    put(sender_id, context_.account);
    put(sent_timestamp, milliseconds(message.sent));
    put(receive_count, message.receives);
    put(first_receive_timestamp, milliseconds(message.first_received));
    if (context_.wanted.system(sequence_number) && message.number != 0) {
      put(sequence_number, sequence_text(message.number));
    }
    if (context_.fifo) put(deduplication_id, message.deduplication_id);
    put(group_id, message.group);
    put(trace_header, message.trace_header);
    if (!message.dead_letter_source.empty() && context_.wanted.system(dead_letter_source)) {
      put(dead_letter_source,
          aws::to_text({"sqs", context_.region, context_.account, message.dead_letter_source}));
    }
    out.close_map();
  }

 private:
  void put(System which, std::string_view value) {
    if (value.empty() || !context_.wanted.system(which)) return;
    context_.out.entry("Attribute", "Name", system_names[which], value);
  }
  void put(System which, std::uint64_t value) {
    if (!context_.wanted.system(which)) return;
    std::string text;
    aws::append_number(text, value);
    put(which, std::string_view(text));
  }

  const ReplyContext& context_;
};

void write_attribute(aws::Writer& out, const queue::Attribute& attribute) {
  out.open_entry("MessageAttribute", attribute.name);
  if (attribute.type.starts_with("Binary")) {
    out.plain("BinaryValue", to_base64(attribute.value));
  } else {
    out.text("StringValue", attribute.value);
  }
  out.text("DataType", attribute.type);
  out.close_entry("MessageAttribute");
}

}  // namespace

Answer<void> Wanted::add_system(std::string_view name) {
  if (name == "All") {
    system_ = all_system;
    return ok();
  }
  const auto found = std::find(std::begin(system_names), std::end(system_names), name);
  if (found != std::end(system_names)) {
    system_ |= 1U << (found - std::begin(system_names));
    return ok();
  }
  if (is_attribute_name(name)) return ok();  // AttributeNames allows a queue's; a message has none.
  return Failure{&bad_attribute_name, "Unknown Attribute " + std::string(name) + "."};
}

Answer<Wanted> Wanted::of(const Input& input) {
  Wanted wanted;
  for (const std::string_view name : input.system_attribute_names) {
    PORTEIRO_TRY(wanted.add_system(name));
  }
  for (const std::string_view name : input.attribute_names) {
    PORTEIRO_TRY(wanted.add_system(name));
  }
  for (const std::string_view name : input.message_attribute_names) {
    if (name == "All" || name == ".*" || name == "*") {
      wanted.all_ = true;
    } else if (name.ends_with(".*")) {
      wanted.names_.emplace_back(std::string(name.substr(0, name.size() - 2)) + "*");
    } else {
      wanted.names_.emplace_back(name);
    }
  }
  return wanted;
}

bool Wanted::attribute(std::string_view name) const {
  if (all_) return true;
  for (const std::string_view wanted : names_) {
    if (wanted == name) return true;
    const bool prefix = wanted.ends_with('*');
    if (prefix && name.starts_with(wanted.substr(0, wanted.size() - 1))) return true;
  }
  return false;
}

void write_delivery(const ReplyContext& context, const queue::Delivery& delivery) {
  aws::Writer& out = context.out;
  const queue::Message& message = delivery.message;
  std::string text;
  text.reserve(handle_size);
  aws::append_uuid(text, message.id);
  out.open_item("Message");
  out.plain("MessageId", text);
  text.clear();
  append_handle(text, context.queue, delivery.receipt);
  out.plain("ReceiptHandle", text);
  out.plain("MD5OfBody", aws::view(context.md5.of(message.body)));
  out.text("Body", message.body);
  SystemAttributes(context).write(message);
  if (context.wanted.any_attribute() && !message.attributes.empty()) {
    std::vector<const queue::Attribute*> chosen;
    for (const queue::Attribute& attribute : message.attributes) {
      if (context.wanted.attribute(attribute.name)) chosen.push_back(&attribute);
    }
    if (!chosen.empty()) {
      out.plain("MD5OfMessageAttributes", aws::view(digest_of(context.md5, chosen)));
      out.open_map("MessageAttributes");
      for (const queue::Attribute* attribute : chosen) write_attribute(out, *attribute);
      out.close_map();
    }
  }
  out.close_item("Message");
}

}  // namespace porteiro::protocols::sqs
