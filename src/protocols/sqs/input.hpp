// The parameters of one request, of whatever action and protocol. A name means the same in every
// action of SQS, so one structure serves all; what an action does not know, it does not look at.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/aws/form.hpp"
#include "protocols/sqs/errors.hpp"

namespace porteiro::protocols::sqs {

using Text = std::optional<std::string_view>;
using Number = std::optional<std::int64_t>;
using TextList = std::vector<std::string_view>;
using TextMap = std::vector<std::pair<std::string_view, std::string_view>>;

inline constexpr std::size_t list_max = 100;  // Of any list or map; the longest allowed has 50.

struct AttributeInput {
  std::string_view name{};
  Text type, string_value, binary_value;  // Binary: still in base64.
  bool listed = false;                    // Has StringListValues or BinaryListValues.
};

// The message a request is about, and an entry of a batch.
struct MessageInput {
  Text id, body, receipt_handle, group, deduplication_id;
  Number delay, visibility;
  std::vector<AttributeInput> attributes, system_attributes;
  bool given = false;  // Query: some parameter named this entry.
};

struct Input {
  MessageInput message;
  std::vector<MessageInput> entries;
  Text queue_url, queue_name, owner, prefix, next_token, attempt_id, label;
  Text source_arn, destination_arn, task_handle;
  Number messages_max, wait_s, results_max, per_second_max;
  TextList attribute_names, system_attribute_names, message_attribute_names;
  TextList tag_keys, account_ids, actions;
  TextMap attributes, tags;

  // Everything is absent again. Capacities stay, but for those that only an uncommonly large
  // request needs.
  void clear();
  // Keeps a text for which the request has no bytes of its own. The sum of all texts kept between
  // two clear() has to fit into `total_max`, the same at each call.
  std::string_view keep(std::string_view text, std::size_t total_max);

 private:
  std::string kept_;
};

// Where a text or number of that name goes; null: SQS has no such parameter.
Text* find_text(Input& input, std::string_view name);
Number* find_number(Input& input, std::string_view name);
Text* find_text(MessageInput& message, std::string_view name);
Number* find_number(MessageInput& message, std::string_view name);

// Fill `input`, which is empty, with views into `body` and the input's own memory. Errors: those of
// the protocol for what is malformed or ill-typed; unknown parameters are passed over.
Answer<void> decode_json(std::string_view body, Input& input);
Answer<void> decode_query(const aws::Form& form, Input& input);

}  // namespace porteiro::protocols::sqs
