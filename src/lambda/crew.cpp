#include "lambda/crew.hpp"

#include <algorithm>
#include <utility>

namespace porteiro::lambda {

Crew::Crew(Scheduler& scheduler, Duration idle_max, std::unique_ptr<Workers> workers,
           std::function<void()> freed, std::function<void()> gone)
    : scheduler_(scheduler),
      idle_max_(idle_max),
      workers_(std::move(workers)),
      freed_(std::move(freed)),
      gone_(std::move(gone)),
      reaper_(scheduler),
      killer_(scheduler),
      pause_(scheduler) {}

std::unique_ptr<Worker> Crew::take() {
  if (idle_.empty()) return nullptr;
  const std::uint64_t version = workers_->version();
  const auto old = std::stable_partition(idle_.begin(), idle_.end(), [version](const Held& held) {
    return held.worker->version == version;
  });
  std::vector<Held> outdated(std::make_move_iterator(old), std::make_move_iterator(idle_.end()));
  idle_.erase(old, idle_.end());
  for (Held& held : outdated) end(std::move(held.worker));
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Worker> worker = std::move(idle_.back().worker);
  idle_.pop_back();
  return worker;
}

std::unique_ptr<Worker> Crew::start(Started started) {
  const std::uint64_t version = workers_->version();
  // The worker's address is known once it is there, and neither callback runs before.
  auto self = std::make_shared<const Worker*>(nullptr);
  std::unique_ptr<Worker> worker = workers_->start(
      {[this, started = std::move(started)](std::optional<Failure> failure) mutable {
         if (!failure) failures_ = 0;
         Started once = std::move(started);
         once(std::move(failure));
       },
       [this, self] { died(*self); }});
  *self = worker.get();
  worker->version = version;
  return worker;
}

void Crew::keep(std::unique_ptr<Worker> worker) {
  if (!worker->alive()) return end(std::move(worker));
  idle_.push_back({std::move(worker), scheduler_.now()});
  if (!reaper_.running()) arm_reaper();
}

void Crew::end(std::unique_ptr<Worker> worker) {
  Worker& asked = *worker;
  ending_.push_back({std::move(worker), scheduler_.now()});
  if (!killer_.running()) arm_killer();
  asked.stop();
}

void Crew::end_idle() {
  for (Held& held : std::exchange(idle_, {})) end(std::move(held.worker));
}

void Crew::reset() {
  end_idle();
  pause_.stop();
  failures_ = 0;
}

// Also one that starts or runs has died: its Run hears of that by itself.
void Crew::died(const Worker* worker) {
  const auto is_it = [worker](const Held& held) { return held.worker.get() == worker; };
  if (const auto found = std::find_if(idle_.begin(), idle_.end(), is_it); found != idle_.end()) {
    const std::unique_ptr<Worker> last = std::move(found->worker);
    idle_.erase(found);
  } else if (const auto other = std::find_if(ending_.begin(), ending_.end(), is_it);
             other != ending_.end()) {
    const std::unique_ptr<Worker> last = std::move(other->worker);
    ending_.erase(other);
  } else {
    return;
  }
  gone_();
}

void Crew::arm_reaper() {
  if (idle_.empty()) return;
  reaper_.start(idle_.front().since + idle_max_ - scheduler_.now(), [this] { reap(); });
}

void Crew::reap() {
  const Time now = scheduler_.now();
  while (!idle_.empty() && now - idle_.front().since >= idle_max_) {
    std::unique_ptr<Worker> worker = std::move(idle_.front().worker);
    idle_.erase(idle_.begin());
    end(std::move(worker));
  }
  arm_reaper();
}

void Crew::arm_killer() {
  if (ending_.empty()) return;
  killer_.start(ending_.front().since + stop_max - scheduler_.now(), [this] { kill(); });
}

void Crew::kill() {
  const Time now = scheduler_.now();
  while (!ending_.empty() && now - ending_.front().since >= stop_max) {
    ending_.pop_front();
    gone_();
  }
  arm_killer();
}

void Crew::start_failed(Failure why) {
  failure_ = std::move(why);
  failed_version_ = workers_->version();
  if (pause_.running()) return;  // It began before the one that failed first.
  const Duration pause =
      std::min(start_pause_max, start_pause_min * (std::int64_t{1} << std::min(failures_, 20U)));
  ++failures_;
  pause_end_ = scheduler_.now() + pause;
  pause_.start(pause, [this] { freed_(); });
}

Duration Crew::pause() {
  if (!pause_.running()) return Duration::zero();
  if (workers_->version() == failed_version_) return pause_end_ - scheduler_.now();
  pause_.stop();
  failures_ = 0;
  return Duration::zero();
}

}  // namespace porteiro::lambda
