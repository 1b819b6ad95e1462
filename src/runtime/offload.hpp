// Lanes as threads. The only threads of the process beside the loop's.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/loop.hpp"

namespace porteiro::runtime {

class ThreadOffload final : public Offload {
 public:
  explicit ThreadOffload(Loop& loop) : loop_(loop) {}
  ThreadOffload(const ThreadOffload&) = delete;
  ThreadOffload& operator=(const ThreadOffload&) = delete;
  ~ThreadOffload() override;  // Finishes the work it was given; completions are dropped.

  Lane lane(std::string_view name) override;
  void run(Lane lane, Task work, Task done) override;

 private:
  struct Job {
    Task work;
    Task done;
  };
  struct Worker {
    std::mutex mutex;
    std::condition_variable wanted;
    std::deque<Job> jobs;
    bool ending = false;
    std::thread thread;
  };
  void serve(Worker& worker);
  void completed(Task done);  // On a lane's thread.
  void deliver();             // On the loop's thread.

  Loop& loop_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;
  std::vector<Task> completions_;  // Guarded by `mutex_`.
  std::vector<Task> delivering_;
};

}  // namespace porteiro::runtime
