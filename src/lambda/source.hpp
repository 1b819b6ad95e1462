// The event source of routes: takes the events of a queue one by one, each for the function of its
// type, and gives each outcome back before the message is deleted.
#pragma once
#include <algorithm>
#include <memory>

#include "lambda/feed.hpp"

namespace porteiro::lambda {

class Source final : public Feed {
 public:
  struct Ways {  // In and out.
    Functions::Replied replied;
    events::Envelopes* envelopes;  // Null: events are taken as they are.
  };
  Source(Shared& shared, queue::Queue& queue, SourceOptions options, Ways ways, Pool* fallback,
         StringMap<Pool*> by_type);

  void ended(Run& run, Result<Reply> outcome, bool crashed) override;
  bool feeds(const Pool* pool) const {
    return std::find(pools_.begin(), pools_.end(), pool) != pools_.end();
  }
  void reset();

 private:
  bool room() const override;
  bool take() override;
  Pool* pool_for(std::string_view type) const;
  void refuse(const queue::Delivery& delivery, const Error& why);
  void verify(std::shared_ptr<Run> run);
  void judged(std::shared_ptr<Run> run, events::Verdict verdict);
  void run(std::shared_ptr<Run> run);

  queue::Queue& queue_;
  const SourceOptions options_;
  const Ways ways_;
  Pool* const fallback_;  // May be null when by_type_ is not empty.
  const StringMap<Pool*> by_type_;
  std::vector<Pool*> pools_;  // All of them, each once.
  std::uint64_t& malformed_;
  std::size_t verifying_ = 0;                                   // Whose key has been asked for.
  std::shared_ptr<int> generation_ = std::make_shared<int>(0);  // Of these; new with a reset.
  std::shared_ptr<queue::Queue::Waiter> watcher_;
};

}  // namespace porteiro::lambda
