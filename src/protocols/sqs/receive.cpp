#include "protocols/sqs/actions.hpp"
#include "protocols/sqs/attributes.hpp"
#include "protocols/sqs/wanted.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::int64_t messages_max = 10;
constexpr std::int64_t wait_max_s = 20;

struct Checked {
  queue::ReceiveRequest request;
  Duration wait{};
};

Answer<Checked> check(const Input& in, const queue::Options& queue) {
  Checked checked;
  const std::int64_t most = in.messages_max.value_or(1);
  if (most < 1 || most > messages_max) {
    return aws::bad_value(std::to_string(most), "MaxNumberOfMessages",
                          "Must be between 1 and 10, if provided.");
  }
  checked.request.max = static_cast<std::size_t>(most);
  checked.wait = queue.wait;
  if (in.wait_s) {
    if (*in.wait_s < 0 || *in.wait_s > wait_max_s) {
      return aws::bad_value(std::to_string(*in.wait_s), "WaitTimeSeconds",
                            "Must be >= 0 and <= 20, if provided.");
    }
    checked.wait = std::chrono::seconds(*in.wait_s);
  }
  if (in.message.visibility) {
    const std::int64_t visibility = *in.message.visibility;
    if (visibility < 0 || visibility > visibility_max_s) {
      return aws::bad_value(std::to_string(visibility), "VisibilityTimeout",
                            "Must be >= 0 and <= 43200, if provided.");
    }
    checked.request.visibility = std::chrono::seconds(visibility);
  }
  if (!in.attempt_id) return checked;
  if (!queue.fifo) {
    return aws::bad_value(*in.attempt_id, "ReceiveRequestAttemptId",
                          "The request include parameter that is not valid for this queue type.");
  }
  const auto plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (in.attempt_id->empty() || in.attempt_id->size() > 128 ||
      !std::all_of(in.attempt_id->begin(), in.attempt_id->end(), plain)) {
    return aws::bad_value(*in.attempt_id, "ReceiveRequestAttemptId",
                          "ReceiveRequestAttemptId can only include alphanumeric and punctuation "
                          "characters. 1 to 128 in length.");
  }
  checked.request.attempt_id = *in.attempt_id;
  return checked;
}

// A standard queue with too many messages in flight says so; a FIFO queue gives none.
bool over_the_limit(const queue::Queue& queue) {
  const queue::Options& options = queue.options();
  return !options.fifo && queue.depth().in_flight >= options.in_flight_max;
}

}  // namespace

Answer<Done> receive_message(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  const queue::Options& options = queue->options();
  PORTEIRO_TRY(Checked checked, check(call.in, options));
  PORTEIRO_TRY(Wanted wanted, Wanted::of(call.in));
  const auto deliveries = queue->receive(checked.request);
  if (deliveries.empty()) {
    if (over_the_limit(*queue)) {
      return Failure{&over_limit, "Too many messages are in flight (" +
                                      std::to_string(options.in_flight_max) +
                                      "): delete some, or wait until they are visible again."};
    }
    if (checked.wait == Duration::zero()) return Done{};
    if (call.request.client != nullptr) checked.request.caller = *call.request.client;
    return call.service.poll(call, *queue, std::move(checked.request), checked.wait,
                             std::move(wanted));
  }
  const AwsOptions& aws = call.service.aws;
  const ReplyContext context{call.out,   call.service.md5, wanted,      aws.account,
                             aws.region, options.name,     options.fifo};
  call.out.open_list("Messages");
  for (const queue::Delivery& delivery : deliveries) write_delivery(context, delivery);
  call.out.close_list();
  return Done{call.service.last_sequence()};  // That it was received survives, too.
}

}  // namespace porteiro::protocols::sqs
