// An event source: takes messages of a queue when a worker is free, and gives each outcome back.
#pragma once
#include "lambda/pool.hpp"

namespace porteiro::lambda {

class Source final : public Sink {
 public:
  Source(Shared& shared, queue::Queue& queue, SourceOptions options, Functions::Replied replied,
         Pool* fallback, StringMap<Pool*> by_type);

  void pump() override;
  void ended(Run& run, Result<Reply> outcome, bool crashed) override;
  void stop();   // What is held is handed on; nothing more is received.
  void reset();  // What is held is forgotten.

 private:
  bool room() const;
  void pump_soon();
  void hold(std::vector<queue::Delivery> deliveries);
  void flush();
  void dispatch(std::vector<queue::Delivery> deliveries);
  Pool* pool_for(std::string_view type) const;
  void refuse(const queue::Delivery& delivery, const Error& why);
  void batch_ended(Run& run, const Result<Reply>& outcome);
  void remove(const Run& run);

  Shared& shared_;
  queue::Queue& queue_;
  const SourceOptions options_;
  const Functions::Replied replied_;
  Pool* const fallback_;  // May be null when by_type_ is not empty.
  const StringMap<Pool*> by_type_;
  std::vector<Pool*> pools_;  // All of them, each once.
  bool pumping_ = false, posted_ = false;
  std::vector<queue::Delivery> held_;  // A batch that fills; a worker is reserved for it.
  Timer window_;
  std::uint64_t& malformed_;
  std::shared_ptr<queue::Queue::Waiter> watcher_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace porteiro::lambda
