// The loop as the core sees it. One thread runs all its tasks; nothing here blocks.
#pragma once
#include <cstdint>

#include "porteiro/base/function.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro {

using TimerId = std::uint64_t;  // 0 is no timer.

class Scheduler : public Clock {
 public:
  // Runs `task` after the running one, in the order of the posts, at the same virtual time.
  virtual void post(Task task) = 0;
  // Runs `task` once `delay` has passed (at least; a negative delay counts as zero). Timers that
  // are due at the same time run in the order in which they were made.
  virtual TimerId after(Duration delay, Task task) = 0;
  virtual bool cancel(TimerId timer) = 0;  // False: it ran already, or never was.
};

// A timer that its owner's death cancels. Not copyable, not movable.
class Timer {
 public:
  explicit Timer(Scheduler& scheduler) : scheduler_(scheduler) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { stop(); }
  void start(Duration delay, Task task);  // Replaces a running one.
  void stop();
  bool running() const { return id_ != 0; }

 private:
  Scheduler& scheduler_;
  TimerId id_ = 0;
  Task task_;  // Kept here so that what the scheduler holds is one pointer.
};

// Work that may block, off the loop. A lane runs its work one after another, in order; lanes run
// beside each other. `done` runs on the loop, after `work`. The simulation runs `work` at once.
class Offload {
 public:
  using Lane = std::uint32_t;
  virtual ~Offload() = default;
  virtual Lane lane(std::string_view name) = 0;  // A new lane; made at start-up.
  virtual void run(Lane lane, Task work, Task done) = 0;
};

}  // namespace porteiro
