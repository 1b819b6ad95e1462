// Completions that wait for a sequence to be durable: in the order of their sequences, and of
// their coming within one.
#pragma once
#include <deque>

#include "porteiro/journal/journal.hpp"

namespace porteiro::journal {

class Waiters {
 public:
  using Done = UniqueFunction<void(Result<void>)>;
  void add(Sequence sequence, Done done);
  // Both may be re-entered through the completions, which may add others.
  void run(Sequence durable);      // Runs those that wait for a sequence up to `durable`.
  void fail(const Error& reason);  // Runs all that wait when it is called.

 private:
  struct Waiter {
    Sequence sequence;
    Done done;
  };
  std::deque<Waiter> waiters_;
};

}  // namespace porteiro::journal
