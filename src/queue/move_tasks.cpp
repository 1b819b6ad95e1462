#include "queue/move_tasks.hpp"

#include <algorithm>

namespace porteiro::queue {
namespace {

constexpr std::uint32_t per_second_max = 500;  // AWS SQS, StartMessageMoveTask.
constexpr std::size_t kept_max = 10;           // Tasks of a source: AWS lists no more.
constexpr std::uint32_t step_messages = 200;   // When no rate is given.
constexpr Duration step_time = std::chrono::milliseconds(10);

}  // namespace

MoveTasks::MoveTasks(Shared& shared, std::function<Queue::State*(std::string_view)> find)
    : shared_(shared), find_(std::move(find)), timer_(shared.env.scheduler) {}

Result<Queues::Started> MoveTasks::start(std::string_view source, std::string_view destination,
                                         std::uint32_t per_second) {
  Queue::State* from = find_(source);
  if (from == nullptr) {
    return error(Errc::not_found, "no queue is called " + std::string(source), "source");
  }
  Queue::State* to = destination.empty() ? nullptr : find_(destination);
  if (!destination.empty() && to == nullptr) {
    return error(Errc::not_found, "no queue is called " + std::string(destination), "destination");
  }
  if (to != nullptr && (to == from || to->options.fifo != from->options.fifo)) {
    return error(Errc::invalid, "messages move to another queue of the same kind", "destination");
  }
  if (per_second > per_second_max) {
    return error(Errc::invalid, "at most 500 messages a second are moved", "per_second");
  }
  if (shared_.queues.sources_of(source).empty()) {
    return error(Errc::invalid, "queue " + std::string(source) + " is no queue's dead-letter queue",
                 "source");
  }
  if (running(source) != nullptr) {
    return error(Errc::conflict,
                 "a task moves the messages of queue " + std::string(source) + " already");
  }
  Task task;
  task.task.id = make_id(shared_.env.entropy);
  task.task.source = source;
  task.task.destination = destination;
  task.task.per_second = per_second;
  task.task.to_move = from->depth().ready;
  task.task.started = shared_.env.scheduler.now();
  const Id id = task.task.id;
  const journal::Sequence sequence = shared_.journal.task(task.task);
  apply(std::move(task.task));
  return Queues::Started{id, sequence};
}

Result<std::uint64_t> MoveTasks::cancel(Id id) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                  [&](const Task& task) { return task.task.id == id; });
  if (found == tasks_.end()) return error(Errc::not_found, "no task has this handle");
  if (found->task.status != MoveTask::Status::running) {
    return error(Errc::conflict, "this task has ended; only a running one can be cancelled");
  }
  end(*found, MoveTask::Status::cancelled);
  return found->task.moved;
}

std::vector<MoveTask> MoveTasks::of(std::string_view source, std::size_t max) const {
  std::vector<MoveTask> out;
  for (auto task = tasks_.rbegin(); task != tasks_.rend() && out.size() < max; ++task) {
    if (task->task.source == source) out.push_back(task->task);
  }
  return out;
}

const MoveTask* MoveTasks::find(Id id) const {
  for (const Task& task : tasks_) {
    if (task.task.id == id) return &task.task;
  }
  return nullptr;
}

void MoveTasks::forget(std::string_view source) {
  std::erase_if(tasks_, [&](const Task& task) { return task.task.source == source; });
}

void MoveTasks::clear() {
  tasks_.clear();
  timer_.stop();
}

MoveTasks::Task* MoveTasks::running(std::string_view source) {
  for (Task& task : tasks_) {
    if (task.task.source == source && task.task.status == MoveTask::Status::running) return &task;
  }
  return nullptr;
}

void MoveTasks::step() {
  const Time now = shared_.env.scheduler.now();
  for (Task& task : tasks_) {
    if (task.task.status == MoveTask::Status::running && task.due <= now) move_some(task, now);
  }
  arm();
}

void MoveTasks::move_some(Task& running, Time now) {
  Queue::State* source = find_(running.task.source);
  if (source == nullptr) {
    return end(running, MoveTask::Status::failed, "the source queue does not exist");
  }
  const std::uint32_t rate = running.task.per_second;
  const std::uint32_t messages = rate == 0 ? step_messages : 1;
  for (std::uint32_t i = 0; i < messages; ++i) {
    if (!move_one(running, *source)) return;
  }
  running.due = now + (rate == 0 ? step_time : Duration(std::chrono::seconds(1)) / rate);
}

// False: the task has ended.
bool MoveTasks::move_one(Task& running, Queue::State& source) {
  auto letter = source.first_letter();
  if (!letter) {
    end(running, MoveTask::Status::completed);
    return false;
  }
  Message& message = letter->message;
  const std::string& wanted =
      running.task.destination.empty() ? message.dead_letter_source : running.task.destination;
  Queue::State* target = wanted.empty() ? nullptr : find_(wanted);
  if (target == nullptr || target->options.fifo != source.options.fifo) {
    end(running, MoveTask::Status::failed,
        wanted.empty() ? "CouldNotDetermineMessageSource"
                       : "the destination queue does not exist or is of the other kind");
    return false;
  }
  message.id = make_id(shared_.env.entropy);
  message.sent = shared_.env.scheduler.now();
  message.first_received = Time{};
  message.receives = 0;
  message.dead_letter_source.clear();
  source.discard(letter->slot, Observer::End::moved);
  target->accept_moved(letter->slot, source.options.name, message);
  ++running.task.moved;
  return true;
}

void MoveTasks::end(Task& running, MoveTask::Status status, std::string failure) {
  running.task.status = status;
  running.task.failure = std::move(failure);
  shared_.journal.task(running.task);
}

void MoveTasks::arm() {
  Time next = Time::max();
  for (const Task& task : tasks_) {
    if (task.task.status == MoveTask::Status::running) next = std::min(next, task.due);
  }
  if (next == Time::max()) return;
  timer_.start(std::max(next - shared_.env.scheduler.now(), Duration::zero()), [this] { step(); });
}

void MoveTasks::forget_old(std::string_view source) {
  const auto of_source = [&](const Task& task) { return task.task.source == source; };
  if (std::count_if(tasks_.begin(), tasks_.end(), of_source) <=
      static_cast<std::ptrdiff_t>(kept_max)) {
    return;
  }
  tasks_.erase(std::find_if(tasks_.begin(), tasks_.end(), of_source));
}

void MoveTasks::apply(MoveTask task) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                  [&](const Task& each) { return each.task.id == task.id; });
  if (found != tasks_.end()) {
    found->task = std::move(task);
    return;
  }
  const std::string source = task.source;
  tasks_.push_back({std::move(task), shared_.env.scheduler.now()});
  forget_old(source);
  arm();
}

void MoveTasks::apply_moved(std::string_view source) {
  if (Task* task = running(source)) ++task->task.moved;
}

void MoveTasks::append_to(std::string& out) const {
  append_u32(out, static_cast<std::uint32_t>(tasks_.size()));
  for (const Task& task : tasks_) append_task(out, task.task);
}

bool MoveTasks::read(ByteReader& reader) {
  const auto count = reader.u32();
  if (!count) return false;
  for (std::uint32_t i = 0; i < *count; ++i) {
    auto task = read_task(reader);
    if (!task) return false;
    apply(std::move(*task));
  }
  return true;
}

}  // namespace porteiro::queue
