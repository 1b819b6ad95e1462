// The event source of routes: takes the events of a queue one by one, each for the function of its
// type, and gives each outcome back before the message is deleted.
#pragma once
#include <algorithm>

#include "lambda/feed.hpp"

namespace porteiro::lambda {

class Source final : public Feed {
 public:
  Source(Shared& shared, queue::Queue& queue, SourceOptions options, Functions::Replied replied,
         Pool* fallback, StringMap<Pool*> by_type);

  void ended(Run& run, Result<Reply> outcome, bool crashed) override;
  bool feeds(const Pool* pool) const {
    return std::find(pools_.begin(), pools_.end(), pool) != pools_.end();
  }
  void reset() { pump_soon(); }  // No one else may be left to say that workers are free.

 private:
  bool room() const override;
  bool take() override;
  Pool* pool_for(std::string_view type) const;
  void refuse(const queue::Delivery& delivery, const Error& why);

  queue::Queue& queue_;
  const SourceOptions options_;
  const Functions::Replied replied_;
  Pool* const fallback_;  // May be null when by_type_ is not empty.
  const StringMap<Pool*> by_type_;
  std::vector<Pool*> pools_;  // All of them, each once.
  std::uint64_t& malformed_;
  std::shared_ptr<queue::Queue::Waiter> watcher_;
};

}  // namespace porteiro::lambda
