// The journal without a directory: counts, and keeps nothing.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "journal/waiters.hpp"

namespace porteiro::journal {

class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(Scheduler& scheduler) : scheduler_(scheduler) {}
  Stream join(std::string_view name, Participant& participant) override;
  Result<void> start() override { return success(); }
  Sequence append(Stream stream, std::string_view entry) override;
  Sequence last() const override { return last_; }
  Sequence durable() const override { return last_; }
  bool full() const override { return false; }
  void when_durable(Sequence sequence, UniqueFunction<void(Result<void>)> done) override;
  void close(Task done) override { scheduler_.post(std::move(done)); }
  Result<void> clear() override { return success(); }

 private:
  Scheduler& scheduler_;
  std::vector<std::string> names_;
  Sequence last_ = 0;
  Waiters waiters_;
  bool wake_posted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace porteiro::journal
