#include "protocols/sqs/input.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::size_t bytes_kept = 64u << 10;

template <class Owner, class Slot>
struct Place {
  std::string_view name;
  Slot Owner::*slot;
};

// The frequent ones first.
constexpr Place<Input, Text> input_texts[] = {
    {"QueueUrl", &Input::queue_url},
    {"QueueName", &Input::queue_name},
    {"QueueOwnerAWSAccountId", &Input::owner},
    {"QueueNamePrefix", &Input::prefix},
    {"NextToken", &Input::next_token},
    {"ReceiveRequestAttemptId", &Input::attempt_id},
    {"Label", &Input::label},
    {"SourceArn", &Input::source_arn},
    {"DestinationArn", &Input::destination_arn},
    {"TaskHandle", &Input::task_handle},
};
constexpr Place<Input, Number> input_numbers[] = {
    {"MaxNumberOfMessages", &Input::messages_max},
    {"WaitTimeSeconds", &Input::wait_s},
    {"MaxResults", &Input::results_max},
    {"MaxNumberOfMessagesPerSecond", &Input::per_second_max},
};
constexpr Place<MessageInput, Text> message_texts[] = {
    {"MessageBody", &MessageInput::body},
    {"ReceiptHandle", &MessageInput::receipt_handle},
    {"MessageGroupId", &MessageInput::group},
    {"MessageDeduplicationId", &MessageInput::deduplication_id},
    {"Id", &MessageInput::id},
};
constexpr Place<MessageInput, Number> message_numbers[] = {
    {"VisibilityTimeout", &MessageInput::visibility},
    {"DelaySeconds", &MessageInput::delay},
};

template <class Owner, class Slot, std::size_t n>
Slot* find(Owner& owner, const Place<Owner, Slot> (&places)[n], std::string_view name) {
  for (const auto& place : places) {
    if (place.name == name) return &(owner.*place.slot);
  }
  return nullptr;
}

}  // namespace

void Input::clear() {
  message.id = message.body = message.receipt_handle = message.group = std::nullopt;
  message.deduplication_id = std::nullopt;
  message.delay = message.visibility = std::nullopt;
  message.attributes.clear();
  message.system_attributes.clear();
  entries.clear();
  for (const auto& place : input_texts) (this->*place.slot).reset();
  for (const auto& place : input_numbers) (this->*place.slot).reset();
  for (TextList* list : {&attribute_names, &system_attribute_names, &message_attribute_names,
                         &tag_keys, &account_ids, &actions}) {
    list->clear();
  }
  attributes.clear();
  tags.clear();
  kept_.clear();
  if (kept_.capacity() > bytes_kept) kept_.shrink_to_fit();
}

std::string_view Input::keep(std::string_view text, std::size_t total_max) {
  if (kept_.empty()) kept_.reserve(total_max);
  PORTEIRO_ASSERT(kept_.capacity() - kept_.size() >= text.size());
  const std::size_t start = kept_.size();
  kept_.append(text);
  return std::string_view(kept_).substr(start);
}

Text* find_text(Input& input, std::string_view name) { return find(input, input_texts, name); }
Number* find_number(Input& input, std::string_view name) {
  return find(input, input_numbers, name);
}
Text* find_text(MessageInput& message, std::string_view name) {
  return find(message, message_texts, name);
}
Number* find_number(MessageInput& message, std::string_view name) {
  return find(message, message_numbers, name);
}

}  // namespace porteiro::protocols::sqs
