#include "protocols/sqs/actions.hpp"

namespace porteiro::protocols::sqs {
namespace {

using namespace access::action;

// The frequent ones first.
constexpr Action all_actions[] = {
    {"SendMessage", send_message, true, true, queue_send},
    {"ReceiveMessage", receive_message, true, true, queue_receive},
    {"DeleteMessage", delete_message, false, true, queue_receive},
    {"SendMessageBatch", send_message_batch, true, true, queue_send},
    {"DeleteMessageBatch", delete_message_batch, true, true, queue_receive},
    {"ChangeMessageVisibility", change_message_visibility, false, true, queue_receive},
    {"ChangeMessageVisibilityBatch", change_message_visibility_batch, true, true, queue_receive},
    {"GetQueueUrl", get_queue_url, true, false, queue_describe},
    {"GetQueueAttributes", get_queue_attributes, true, false, queue_describe},
    {"SetQueueAttributes", set_queue_attributes, false, true, queue_manage},
    {"CreateQueue", create_queue, true, true, queue_manage},
    {"DeleteQueue", delete_queue, false, true, queue_manage},
    {"PurgeQueue", purge_queue, false, true, queue_manage},
    {"ListQueues", list_queues, true, false, queue_describe},
    {"ListDeadLetterSourceQueues", list_dead_letter_source_queues, true, false, queue_describe},
    {"TagQueue", tag_queue, false, true, queue_manage},
    {"UntagQueue", untag_queue, false, true, queue_manage},
    {"ListQueueTags", list_queue_tags, true, false, queue_describe},
    {"AddPermission", add_permission, false, true, queue_manage},
    {"RemovePermission", remove_permission, false, true, queue_manage},
    {"StartMessageMoveTask", start_message_move_task, true, true, queue_manage},
    {"CancelMessageMoveTask", cancel_message_move_task, true, true, queue_manage},
    {"ListMessageMoveTasks", list_message_move_tasks, true, false, queue_describe},
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
