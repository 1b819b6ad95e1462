// The external workers of one function that run nothing now: idle ones, kept warm (the last used is
// taken first) until they were not used for too long, and those that were asked to end. Knows when
// starting another one makes no sense for now. A worker that starts or runs belongs to its Run.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "porteiro/lambda/worker.hpp"

namespace porteiro::lambda {

// How long a worker has to end when it is asked to; then it is killed. AWS Lambda gives 2 s.
inline constexpr Duration stop_max = std::chrono::seconds(2);
// After a failed start; doubles with each further one in a row.
inline constexpr Duration start_pause_min = std::chrono::milliseconds(100);
inline constexpr Duration start_pause_max = std::chrono::seconds(10);

class Crew {
 public:
  using Started = UniqueFunction<void(std::optional<Failure>)>;
  // `freed`: a pause has ended. `gone`: there is one worker less.
  Crew(Scheduler& scheduler, Duration idle_max, std::unique_ptr<Workers> workers,
       std::function<void()> freed, std::function<void()> gone);

  std::unique_ptr<Worker> take();  // Null: there is no warm one. Those of old code are ended.
  std::unique_ptr<Worker> start(Started started);
  void keep(std::unique_ptr<Worker> worker);  // It is idle now, or gone when it is not alive.
  void end(std::unique_ptr<Worker> worker);   // Asked to end, killed after stop_max.
  void end_idle();                            // All of them.
  void reset();                               // And pauses are forgotten.

  std::size_t idle() const { return idle_.size(); }
  std::size_t size() const { return idle_.size() + ending_.size(); }

  void start_failed(Failure why);
  // How long no worker is to be started; zero: now. New code ends a pause.
  Duration pause();
  bool paused() const { return pause_.running(); }
  const Failure& last_failure() const { return failure_; }

 private:
  struct Held {
    std::unique_ptr<Worker> worker;
    Time since;  // Idle since, or asked to end at.
  };
  void died(const Worker* worker);
  void arm_reaper();
  void reap();
  void arm_killer();
  void kill();

  Scheduler& scheduler_;
  const Duration idle_max_;
  const std::unique_ptr<Workers> workers_;
  const std::function<void()> freed_, gone_;
  std::vector<Held> idle_;   // Oldest first.
  std::deque<Held> ending_;  // Likewise.
  Timer reaper_, killer_, pause_;
  Time pause_end_{};
  std::uint32_t failures_ = 0;        // Starts that failed in a row.
  std::uint64_t failed_version_ = 0;  // Of the code that could not start.
  Failure failure_;
};

}  // namespace porteiro::lambda
