// An event source mapping: feeds one function from one queue in batches, as AWS Lambda does from
// SQS. Several may take from one queue. Queue and function are known by their names: a client may
// delete them and make them again.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lambda/feed.hpp"
#include "porteiro/lambda/mappings.hpp"

namespace porteiro::lambda {

class Mapping final : public Feed {
 public:
  Mapping(Shared& shared, queue::Queues& queues, MappingOptions options);
  ~Mapping() override;

  void feed(Pool* pool);  // Null: there is no function of this name. It outlives the next call.

  void ended(Run& run, Result<Reply> outcome, bool crashed) override;
  void stop();    // What is held is handed on.
  void retire();  // The same, and nothing is taken any more; gone when busy() is false.
  void reset();   // What is held and what runs is forgotten.
  bool busy() const { return running_ > 0; }
  const MappingOptions& options() const { return options_; }

 private:
  bool room() const override;
  bool take() override;
  void follow_queue();
  queue::Queue* queue() const { return queues_.find(options_.queue); }
  void filter(queue::Queue& from, std::vector<queue::Delivery>& deliveries);
  void hold(std::vector<queue::Delivery> deliveries);
  void give_back();
  std::size_t batches_max() const;
  void begun();
  std::optional<events::Event> event_of(const queue::Message& message) const;
  void flush();
  void dispatch(std::vector<queue::Delivery> deliveries);
  std::shared_ptr<Run> run_of(queue::Queue& from, std::vector<queue::Delivery> deliveries);
  void settle(queue::Queue& from, Run& run, const Result<Reply>& outcome);
  void remove_but(queue::Queue& from, Run& run, const Reply& reply);
  void warn_of_order(const Run& run, const std::vector<bool>& stays);

  queue::Queues& queues_;
  const MappingOptions options_;
  Pool* pool_ = nullptr;
  std::vector<queue::Delivery> held_;  // A batch that fills; a worker is reserved for it.
  std::size_t held_bytes_ = 0;
  std::size_t running_ = 0;  // Batches that were handed on and have not ended.
  bool retired_ = false;
  Time busy_since_{};  // Since when it is more than none.
  Timer window_, look_, growth_;
  std::uint64_t &malformed_, &filtered_;
  const queue::Queue* watched_ = nullptr;  // Only to compare with: it may be gone.
  Time watched_since_{};                   // When that queue was made.
  std::shared_ptr<queue::Queue::Waiter> watcher_;
};

}  // namespace porteiro::lambda
