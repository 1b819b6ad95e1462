#include "porteiro/base/scheduler.hpp"

namespace porteiro {

void Timer::start(Duration delay, Task task) {
  stop();
  task_ = std::move(task);
  id_ = scheduler_.after(delay, [this] {
    id_ = 0;
    Task due = std::move(task_);  // It may end this timer's life or start it anew.
    due();
  });
}

void Timer::stop() {
  if (id_ == 0) return;
  scheduler_.cancel(std::exchange(id_, 0));
  task_ = nullptr;
}

}  // namespace porteiro
