// The actions of SQS, one function each (Amazon SQS API reference). Each checks its parameters,
// does the work and writes the members of its result.
#pragma once
#include "protocols/sqs/service.hpp"

namespace porteiro::protocols::sqs {

Answer<Done> send_message(Call& call);
Answer<Done> send_message_batch(Call& call);
Answer<Done> receive_message(Call& call);
Answer<Done> delete_message(Call& call);
Answer<Done> delete_message_batch(Call& call);
Answer<Done> change_message_visibility(Call& call);
Answer<Done> change_message_visibility_batch(Call& call);

Answer<Done> create_queue(Call& call);
Answer<Done> delete_queue(Call& call);
Answer<Done> purge_queue(Call& call);
Answer<Done> get_queue_url(Call& call);
Answer<Done> list_queues(Call& call);
Answer<Done> list_dead_letter_source_queues(Call& call);
Answer<Done> get_queue_attributes(Call& call);
Answer<Done> set_queue_attributes(Call& call);
Answer<Done> tag_queue(Call& call);
Answer<Done> untag_queue(Call& call);
Answer<Done> list_queue_tags(Call& call);
Answer<Done> add_permission(Call& call);
Answer<Done> remove_permission(Call& call);

Answer<Done> start_message_move_task(Call& call);
Answer<Done> cancel_message_move_task(Call& call);
Answer<Done> list_message_move_tasks(Call& call);

// What every batch has to fulfil as a whole: 1 to 10 entries with good, distinct ids. `entry` is
// the entries' name in the Query protocol.
Answer<void> check_batch(const Input& input, std::string_view entry);
// An entry of a batch result that failed.
void write_failed(aws::Writer& out, std::string_view id, const Failure& failure);
// Writes the failed entries of a batch, after the good ones: `run` is called for each entry, writes
// a good one, and returns what to wait for.
struct BatchNames {
  std::string_view entry, result;  // "SendMessageBatchRequestEntry", "SendMessageBatchResultEntry"
};
template <class Run>
Answer<Done> run_batch(Call& call, const BatchNames& names, Run run) {
  PORTEIRO_TRY(check_batch(call.in, names.entry));
  std::vector<std::pair<std::string_view, Failure>> failed;
  Done done;
  call.out.open_list("Successful");
  for (const MessageInput& entry : call.in.entries) {
    const Answer<journal::Sequence> sequence = run(entry);
    if (!sequence) {
      failed.emplace_back(*entry.id, sequence.error());
      continue;
    }
    done.sequence = std::max(done.sequence, sequence.value());
  }
  call.out.close_list();
  if (failed.empty()) return done;
  call.out.open_list("Failed");
  for (const auto& [id, failure] : failed) write_failed(call.out, id, failure);
  call.out.close_list();
  return done;
}

}  // namespace porteiro::protocols::sqs
