// What a receipt handle gives the right to: deleting its message, and changing its visibility.
#include "protocols/sqs/actions.hpp"
#include "protocols/sqs/attributes.hpp"
#include "protocols/sqs/receipt.hpp"

namespace porteiro::protocols::sqs {
namespace {

Answer<queue::Receipt> receipt_of(const MessageInput& input, const queue::Options& queue) {
  if (!input.receipt_handle || input.receipt_handle->empty()) {
    return aws::missing("ReceiptHandle");
  }
  const auto receipt = parse_handle(*input.receipt_handle, queue.name);
  if (receipt) return *receipt;
  return Failure{&bad_receipt, "The input receipt handle is invalid."};
}

Failure bad_handle(const MessageInput& input, std::string_view reason) {
  return aws::bad_value(*input.receipt_handle, "ReceiptHandle", reason);
}

Answer<journal::Sequence> remove(queue::Queue& queue, const MessageInput& input) {
  PORTEIRO_TRY(const queue::Receipt receipt, receipt_of(input, queue.options()));
  const auto removed = queue.remove(receipt);
  if (removed) return removed.value();
  switch (removed.error().code) {
    case Errc::not_found:
      return journal::Sequence(0);  // Deleting again succeeds.
    case Errc::stale:
      if (!queue.options().fifo) return journal::Sequence(0);  // Succeeds, and deletes nothing.
      return bad_handle(input, "The receipt handle has expired.");
    default:
      return failure_of(removed.error());
  }
}

Answer<journal::Sequence> change(queue::Queue& queue, const MessageInput& input) {
  if (!input.visibility) return aws::missing("VisibilityTimeout");
  const std::int64_t seconds = *input.visibility;
  if (seconds < 0 || seconds > visibility_max_s) {
    return aws::bad_value(std::to_string(seconds), "VisibilityTimeout",
                          "VisibilityTimeout must be an integer between 0 and 43200.");
  }
  PORTEIRO_TRY(const queue::Receipt receipt, receipt_of(input, queue.options()));
  const auto changed = queue.change_visibility(receipt, std::chrono::seconds(seconds));
  if (changed) return changed.value();
  switch (changed.error().code) {
    case Errc::not_found:
      return bad_handle(input,
                        "Message does not exist or is not available for visibility timeout "
                        "change.");
    case Errc::stale:
      if (queue.options().fifo) return bad_handle(input, "The receipt handle has expired.");
      return Failure{&not_in_flight, "The specified message isn't in flight."};
    case Errc::invalid:
      return aws::bad_value(std::to_string(seconds), "VisibilityTimeout",
                            "Total VisibilityTimeout for the message is beyond the limit [43200 "
                            "seconds].");
    default:
      return failure_of(changed.error());
  }
}

// One that is good: nothing but its id.
template <class Settle>
Answer<Done> batch(Call& call, const BatchNames& names, Settle settle) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  return run_batch(call, names, [&](const MessageInput& entry) -> Answer<journal::Sequence> {
    PORTEIRO_TRY(const journal::Sequence sequence, settle(*queue, entry));
    call.out.open_item(names.result);
    call.out.text("Id", *entry.id);
    call.out.close_item(names.result);
    return sequence;
  });
}

}  // namespace

Answer<Done> delete_message(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  PORTEIRO_TRY(const journal::Sequence sequence, remove(*queue, call.in.message));
  return Done{sequence};
}

Answer<Done> delete_message_batch(Call& call) {
  return batch(call, {"DeleteMessageBatchRequestEntry", "DeleteMessageBatchResultEntry"}, remove);
}

Answer<Done> change_message_visibility(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  PORTEIRO_TRY(const journal::Sequence sequence, change(*queue, call.in.message));
  return Done{sequence};
}

Answer<Done> change_message_visibility_batch(Call& call) {
  return batch(
      call, {"ChangeMessageVisibilityBatchRequestEntry", "ChangeMessageVisibilityBatchResultEntry"},
      change);
}

}  // namespace porteiro::protocols::sqs
