// Message move tasks: dead letters on their way back.
#include "porteiro/base/bytes.hpp"
#include "protocols/aws/document.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/sqs/actions.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::int64_t per_second_max = 500;
constexpr std::int64_t tasks_listed_max = 10;

Failure no_queue_for(std::string_view parameter) {
  return {&no_resource, "The resource that you specified for the " + std::string(parameter) +
                            " parameter doesn't exist."};
}

Answer<std::string> queue_of_arn(const Call& call, std::string_view arn, std::string_view right,
                                 std::string_view parameter) {
  if (!arn.starts_with("arn:")) {
    return aws::invalid("You must use this format to specify the " + std::string(parameter) +
                        ": arn:<partition>:<service>:<region>:<account-id>:<resource-id>");
  }
  const std::string_view name = call.service.name_of_arn(arn);
  PORTEIRO_TRY(call.service.allow(call, right, name));
  if (name.empty() || call.service.queues.find(name) == nullptr) return no_queue_for(parameter);
  return std::string(name);
}

std::string handle_of(Service& service, const queue::MoveTask& task) {
  std::string text = "{\"taskId\":\"";
  aws::append_uuid(text, task.id);
  text += "\",\"sourceArn\":";
  append_json_string(text, service.arn_of(task.source));
  return to_base64(text + "}");
}

struct TaskHandle {
  Id task;
  std::string source_arn;
};

std::optional<TaskHandle> parse_task_handle(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || !valid_utf8(*bytes)) return std::nullopt;
  const auto handle = aws::parse_map(*bytes);
  if (!handle) return std::nullopt;
  const auto task_id = handle->find("taskId"), source_arn = handle->find("sourceArn");
  for (const auto& member : {task_id, source_arn}) {
    if (member == handle->end() || !member->is_string()) return std::nullopt;
  }
  const auto task = parse_id(task_id->get_ref<const std::string&>());
  return TaskHandle{task.value_or(Id{}), source_arn->get<std::string>()};
}

std::string_view text_of(queue::MoveTask::Status status) {
  switch (status) {
    case queue::MoveTask::Status::running:
      return "RUNNING";
    case queue::MoveTask::Status::completed:
      return "COMPLETED";
    case queue::MoveTask::Status::cancelled:
      return "CANCELLED";
    case queue::MoveTask::Status::failed:
      return "FAILED";
  }
  return "FAILED";
}

void write(Call& call, const queue::MoveTask& task) {
  constexpr std::string_view tag = "ListMessageMoveTasksResultEntry";
  aws::Writer& out = call.out;
  out.open_item(tag);
  if (task.status == queue::MoveTask::Status::running) {
    out.text("TaskHandle", handle_of(call.service, task));
  }
  out.plain("Status", text_of(task.status));
  out.text("SourceArn", call.service.arn_of(task.source));
  if (!task.destination.empty()) {
    out.text("DestinationArn", call.service.arn_of(task.destination));
  }
  if (task.per_second != 0) out.number("MaxNumberOfMessagesPerSecond", task.per_second);
  out.number("ApproximateNumberOfMessagesMoved", task.moved);
  out.number("ApproximateNumberOfMessagesToMove", task.to_move);
  if (!task.failure.empty()) out.text("FailureReason", task.failure);
  const auto started =
      std::chrono::duration_cast<std::chrono::milliseconds>(task.started.time_since_epoch());
  out.number("StartedTimestamp", static_cast<std::uint64_t>(started.count()));
  out.close_item(tag);
}

// The destination is empty: the messages go back to where they came from.
Answer<void> check_move(Service& service, const std::string& source,
                        const std::string& destination) {
  if (service.queues.sources_of(source).empty()) {
    return aws::invalid("Source queue must be configured as a Dead Letter Queue.");
  }
  if (destination.empty()) return ok();
  if (destination == source) {
    return aws::invalid("Source queue arn and destination queue arn cannot be the same.");
  }
  if (service.queues.find(source)->options().fifo !=
      service.queues.find(destination)->options().fifo) {
    return aws::invalid("The source queue and destination queue must be of the same queue type.");
  }
  return ok();
}

}  // namespace

Answer<Done> start_message_move_task(Call& call) {
  Service& service = call.service;
  const Input& in = call.in;
  if (!in.source_arn) return aws::missing("SourceArn");
  PORTEIRO_TRY(const std::string source,
               queue_of_arn(call, *in.source_arn, call.action.right, "SourceArn"));
  PORTEIRO_TRY(service.allow(call, access::action::queue_receive, source));
  std::string destination;
  if (!in.destination_arn) {  // Each message says itself where it goes back to.
    PORTEIRO_TRY(service.allow(call, access::action::queue_send, access::action::of_clients));
  } else {
    PORTEIRO_TRY(destination, queue_of_arn(call, *in.destination_arn, access::action::queue_send,
                                           "DestinationArn"));
  }
  const std::int64_t per_second = in.per_second_max.value_or(1);
  if (per_second < 1 || per_second > per_second_max) {
    return aws::bad_value(std::to_string(per_second), "MaxNumberOfMessagesPerSecond",
                          "Must be between 1 and 500, if provided.");
  }
  PORTEIRO_TRY(check_move(service, source, destination));
  const auto started = service.queues.start_move(
      source, destination, in.per_second_max ? static_cast<std::uint32_t>(per_second) : 0);
  if (!started) {
    if (started.error().code == Errc::conflict) {
      return aws::invalid(
          "There is already a task running. Only one active task is allowed for a "
          "source queue arn at a given time.");
    }
    return failure_of(started.error());
  }
  const queue::MoveTask* const task = service.queues.find_move(started.value().task);
  PORTEIRO_ASSERT(task != nullptr);
  call.out.text("TaskHandle", handle_of(service, *task));
  return Done{started.value().sequence};
}

Answer<Done> cancel_message_move_task(Call& call) {
  if (!call.in.task_handle) return aws::missing("TaskHandle");
  const auto handle = parse_task_handle(*call.in.task_handle);
  if (!handle) return aws::invalid("Value for parameter TaskHandle is invalid.");
  PORTEIRO_TRY(const std::string source,
               queue_of_arn(call, handle->source_arn, call.action.right, "SourceArn"));
  const queue::MoveTask* const task = call.service.queues.find_move(handle->task);
  if (task == nullptr || task->source != source) {
    return Failure{&no_resource, "Task does not exist."};
  }
  const auto moved = call.service.queues.cancel_move(handle->task);
  if (!moved) {
    if (moved.error().code == Errc::conflict)
      return aws::invalid("Only active tasks can be cancelled.");
    return failure_of(moved.error());
  }
  call.out.number("ApproximateNumberOfMessagesMoved", moved.value());
  return Done{call.service.last_sequence()};
}

Answer<Done> list_message_move_tasks(Call& call) {
  const Input& in = call.in;
  if (!in.source_arn) return aws::missing("SourceArn");
  PORTEIRO_TRY(const std::string source,
               queue_of_arn(call, *in.source_arn, call.action.right, "SourceArn"));
  const std::int64_t most = in.results_max.value_or(1);
  if (most < 1 || most > tasks_listed_max) {
    return aws::bad_value(std::to_string(most), "MaxResults", "Must be between 1 and 10.");
  }
  const auto tasks = call.service.queues.moves(source, static_cast<std::size_t>(most));
  if (tasks.empty()) return Done{};
  call.out.open_list("Results");
  for (const queue::MoveTask& task : tasks) write(call, task);
  call.out.close_list();
  return Done{};
}

}  // namespace porteiro::protocols::sqs
