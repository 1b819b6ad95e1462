// The real Scheduler: Asio's io_context with base's TimerQueue and one timer of the system.
// A turn runs a bounded number of tasks and then what asked for the turn's end; I/O comes between.
#pragma once
#include <vector>

#include "porteiro/base/timer_queue.hpp"
#include "runtime/asio.hpp"

namespace porteiro::runtime {

class TurnEnd : public Counted<TurnEnd> {  // Something that gathers work within a turn.
 public:
  virtual ~TurnEnd() = default;
  virtual void turn_ends() = 0;
};

class Loop final : public Scheduler {
 public:
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The system's time at the start plus steady progress. It is read once for a batch of handlers or
  // tasks: within one it stands still.
  Time now() const override;
  void post(Task task) override;
  TimerId after(Duration delay, Task task) override;
  bool cancel(TimerId timer) override;

  void run();
  void quit();
  bool pump(Duration wait_max);  // As Runtime's.

  asio::io_context& io() { return io_; }
  void entered() { fresh_ = false; }  // Called first by every I/O handler: time has passed.
  // Calls `item` once at the end of this turn, or of the next when none is running.
  void at_turn_end(boost::intrusive_ptr<TurnEnd> item);

 private:
  void wake();  // Has a turn run after the handlers that are ready now.
  void turn();
  void run_tasks();
  void arm();

  asio::io_context io_;
  SteadyTimer timer_;
  const std::chrono::steady_clock::time_point steady_start_;
  const Time start_;
  mutable Time now_;
  mutable bool fresh_ = true;
  TimerQueue queue_;
  std::optional<Time> armed_;  // When the timer will call; it may be early, never late.
  std::vector<boost::intrusive_ptr<TurnEnd>> ends_;
  std::vector<boost::intrusive_ptr<TurnEnd>> ending_;
  bool turning_ = false;
  bool woken_ = false;
  bool quitting_ = false;
};

}  // namespace porteiro::runtime
