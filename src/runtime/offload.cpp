#include "runtime/offload.hpp"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/post.hpp>
#include <string>

namespace porteiro::runtime {

ThreadOffload::~ThreadOffload() {
  for (const auto& worker : workers_) {
    const std::lock_guard lock(worker->mutex);
    worker->ending = true;
    worker->wanted.notify_one();
  }
  for (const auto& worker : workers_) worker->thread.join();
}

Offload::Lane ThreadOffload::lane(std::string_view name) {
  Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // Signals are the loop's.
  worker.thread = std::thread([this, &worker] { serve(worker); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const std::string short_name(name.substr(0, 15));  // What the kernel keeps.
  pthread_setname_np(worker.thread.native_handle(), short_name.c_str());
  return static_cast<Lane>(workers_.size() - 1);
}

void ThreadOffload::run(Lane lane, Task work, Task done) {
  PORTEIRO_ASSERT(lane < workers_.size());
  Worker& worker = *workers_[lane];
  bool idle = false;
  {
    const std::lock_guard lock(worker.mutex);
    idle = worker.jobs.empty();
    worker.jobs.push_back({std::move(work), std::move(done)});
  }
  if (idle) worker.wanted.notify_one();
}

void ThreadOffload::serve(Worker& worker) {
  std::deque<Job> batch;
  for (;;) {
    {
      std::unique_lock lock(worker.mutex);
      worker.wanted.wait(lock, [&worker] { return worker.ending || !worker.jobs.empty(); });
      if (worker.jobs.empty()) return;
      batch.swap(worker.jobs);
    }
    for (Job& job : batch) {
      job.work();
      job.work = nullptr;
      completed(std::move(job.done));
    }
    batch.clear();
  }
}

void ThreadOffload::completed(Task done) {
  if (!done) return;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = completions_.empty();
    completions_.push_back(std::move(done));
  }
  if (first) asio::post(loop_.io(), [this] { deliver(); });
}

void ThreadOffload::deliver() {
  {
    const std::lock_guard lock(mutex_);
    delivering_.swap(completions_);
  }
  loop_.entered();
  for (Task& done : delivering_) loop_.post(std::move(done));
  delivering_.clear();
}

}  // namespace porteiro::runtime
