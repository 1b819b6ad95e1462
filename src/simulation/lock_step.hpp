// Real workers in virtual time. Time moves only while every worker waits on the emulator: it has
// asked something at its port that is not answered yet, all its threads sleep, and nothing of it is
// on its way. What the workers wrote and asked meanwhile is gathered, and then told to the emulator
// all at once, in an order that is no matter of chance: by worker, and of each what it wrote to
// stdout, to stderr, what it asked (the requests of one connection in their order, the connections
// by what they ask), its end. So the host's speed and its scheduling reach no history.
//
// A worker that is busy for too long without asking for anything counts as one that hangs: nothing
// more is heard of it, and the emulator ends it when its own time-outs say so.
#pragma once
#include <memory>
#include <vector>

#include "porteiro/base/scheduler.hpp"
#include "porteiro/simulation/host.hpp"

namespace porteiro::simulation {

inline constexpr std::size_t phase_output_max = 16u << 20;  // Of a stream, of one busy phase.

class LockStep final : public Processes, public http::PrivatePorts {
 public:
  // Borrows all. `hang_max` is of `wall`; `scheduler` is the virtual one, which is told of what
  // comes.
  LockStep(const Host& host, const Clock& wall, Scheduler& scheduler, Duration hang_max);
  LockStep(const LockStep&) = delete;
  LockStep& operator=(const LockStep&) = delete;
  ~LockStep() override;

  // What the emulator sees of a worker is the same in each run: its address ("127.0.0.1:10001" and
  // so on) stands for that of its real port wherever the worker itself is told it, or tells it.
  std::unique_ptr<Process> start(ProcessOptions options, ProcessListener& listener) override;
  Result<std::unique_ptr<http::PrivatePort>> open(http::Handler handler,
                                                  const std::string& path) override;

  // Called whenever virtual time would move: waits until every worker waits, and posts what they
  // said. False: that did not come to pass until `until`, of `wall`.
  bool settle(Time until);

 private:
  struct Call;
  struct Worker;
  class Port;
  class Child;
  bool gather(Time until);
  bool all_wait();
  void end_hung();
  void tell();

  const Host& host_;
  const Clock& wall_;
  Scheduler& scheduler_;
  const Duration hang_max_;
  std::vector<std::shared_ptr<Worker>> workers_;  // In the order in which their ports were opened.
  std::uint64_t last_number_ = 0;
};

}  // namespace porteiro::simulation
