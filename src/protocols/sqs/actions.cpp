#include "protocols/sqs/actions.hpp"

namespace porteiro::protocols::sqs {
namespace {

// The frequent ones first.
constexpr Action all_actions[] = {
    {"SendMessage", send_message, true, true},
    {"ReceiveMessage", receive_message, true, true},
    {"DeleteMessage", delete_message, false, true},
    {"SendMessageBatch", send_message_batch, true, true},
    {"DeleteMessageBatch", delete_message_batch, true, true},
    {"ChangeMessageVisibility", change_message_visibility, false, true},
    {"ChangeMessageVisibilityBatch", change_message_visibility_batch, true, true},
    {"GetQueueUrl", get_queue_url, true, false},
    {"GetQueueAttributes", get_queue_attributes, true, false},
    {"SetQueueAttributes", set_queue_attributes, false, true},
    {"CreateQueue", create_queue, true, true},
    {"DeleteQueue", delete_queue, false, true},
    {"PurgeQueue", purge_queue, false, true},
    {"ListQueues", list_queues, true, false},
    {"ListDeadLetterSourceQueues", list_dead_letter_source_queues, true, false},
    {"TagQueue", tag_queue, false, true},
    {"UntagQueue", untag_queue, false, true},
    {"ListQueueTags", list_queue_tags, true, false},
    {"AddPermission", add_permission, false, true},
    {"RemovePermission", remove_permission, false, true},
    {"StartMessageMoveTask", start_message_move_task, true, true},
    {"CancelMessageMoveTask", cancel_message_move_task, true, true},
    {"ListMessageMoveTasks", list_message_move_tasks, true, false},
};
static_assert(std::size(all_actions) == actions_count);

}  // namespace

const Action* find_action(std::string_view name) {
  for (const Action& action : all_actions) {
    if (action.name == name) return &action;
  }
  return nullptr;
}

std::size_t number_of(const Action& action) {
  return static_cast<std::size_t>(&action - all_actions);
}

}  // namespace porteiro::protocols::sqs
