#include <algorithm>

#include "porteiro/events/event.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/sqs/actions.hpp"
#include "protocols/sqs/message.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::size_t batch_bytes_max = 1u << 20;  // Of all messages together (AWS SQS, 2025).

// The trace id of "Root=1-5759e988-bd862e3fe1be46a994272793;…" (AWS X-Ray tracing header).
Id trace_of(std::string_view header) {
  const std::size_t root = header.find("Root=1-");
  if (root == std::string_view::npos) return {};
  const std::string_view id = header.substr(root + 7, 33);
  if (id.size() != 33 || id[8] != '-') return {};
  return parse_id(std::string(id.substr(0, 8)).append(id.substr(9))).value_or(Id{});
}

struct Accepted {
  queue::Sent sent;
  aws::Md5Text body, attributes, trace_header;
  bool has_attributes = false, has_trace_header = false;
};

Answer<Accepted> send(Service& service, queue::Queue& queue, const MessageInput& input) {
  const queue::Options& options = queue.options();
  PORTEIRO_TRY(queue::SendRequest request, send_request(input, options));
  if (service.options.events_only.contains(options.name)) {
    const auto event = events::parse_event(request.body);
    if (!event) {
      return Failure{&bad_contents, "The messages of this queue have to be events: " +
                                        event.error().at + " " + event.error().detail};
    }
    request.trace = event.value().correlation;
  } else if (!request.trace_header.empty()) {
    request.trace = trace_of(request.trace_header);
  }
  Accepted accepted;
  accepted.body = service.md5.of(request.body);
  accepted.has_attributes = !request.attributes.empty();
  if (accepted.has_attributes) accepted.attributes = digest_of(service.md5, request.attributes);
  accepted.has_trace_header = !request.trace_header.empty();
  if (accepted.has_trace_header) {
    accepted.trace_header = digest_of_trace_header(service.md5, request.trace_header);
  }
  const auto sent = queue.send(std::move(request));
  if (!sent) return failure_of(sent.error());
  accepted.sent = sent.value();
  return accepted;
}

void write(aws::Writer& out, const Accepted& accepted) {
  std::string id;
  aws::append_uuid(id, accepted.sent.id);
  out.plain("MessageId", id);
  out.plain("MD5OfMessageBody", aws::view(accepted.body));
  if (accepted.has_attributes) {
    out.plain("MD5OfMessageAttributes", aws::view(accepted.attributes));
  }
  if (accepted.has_trace_header) {
    out.plain("MD5OfMessageSystemAttributes", aws::view(accepted.trace_header));
  }
  if (accepted.sent.number != 0) {
    out.plain("SequenceNumber", sequence_text(accepted.sent.number));
  }
}

// What a FIFO queue asks of each entry refuses the whole batch, under one code.
Answer<void> check_orders(const Input& input, const queue::Options& queue) {
  for (const MessageInput& entry : input.entries) {
    const auto checked = check_order(entry, queue);
    if (!checked) return aws::invalid(checked.error().message);
  }
  return ok();
}

Answer<void> check_size(const Input& input) {
  std::size_t size = 0;
  for (const MessageInput& entry : input.entries) size += size_of(entry);
  if (size <= batch_bytes_max) return ok();
  return Failure{&batch_too_long, "Batch requests cannot be longer than " +
                                      std::to_string(batch_bytes_max) + " bytes. You have sent " +
                                      std::to_string(size) + " bytes."};
}

}  // namespace

Answer<Done> send_message(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  PORTEIRO_TRY(const Accepted accepted, send(call.service, *queue, call.in.message));
  write(call.out, accepted);
  return Done{accepted.sent.sequence};
}

Answer<Done> send_message_batch(Call& call) {
  static constexpr BatchNames names{"SendMessageBatchRequestEntry", "SendMessageBatchResultEntry"};
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  PORTEIRO_TRY(check_batch(call.in, names.entry));
  PORTEIRO_TRY(check_orders(call.in, queue->options()));
  PORTEIRO_TRY(check_size(call.in));
  return run_batch(call, names, [&](const MessageInput& entry) -> Answer<journal::Sequence> {
    PORTEIRO_TRY(const Accepted accepted, send(call.service, *queue, entry));
    call.out.open_item(names.result);
    call.out.text("Id", *entry.id);
    write(call.out, accepted);
    call.out.close_item(names.result);
    return accepted.sent.sequence;
  });
}

}  // namespace porteiro::protocols::sqs
