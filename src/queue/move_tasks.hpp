// Dead letters on their way back: tasks that move a queue's messages, some in each step.
#pragma once
#include <deque>
#include <functional>

#include "queue/state.hpp"

namespace porteiro::queue {

class MoveTasks {
 public:
  // `find` gives the state of a queue by its name, or null.
  MoveTasks(Shared& shared, std::function<Queue::State*(std::string_view)> find);

  Result<Queues::Started> start(std::string_view source, std::string_view destination,
                                std::uint32_t per_second);
  Result<std::uint64_t> cancel(Id id);
  std::vector<MoveTask> of(std::string_view source, std::size_t max) const;
  const MoveTask* find(Id id) const;
  void forget(std::string_view source);  // The queue goes.
  void clear();

  // The journal.
  void apply(MoveTask task);                  // As it started or ended.
  void apply_moved(std::string_view source);  // One message of it.
  void append_to(std::string& out) const;
  bool read(ByteReader& reader);

 private:
  struct Task {
    MoveTask task;
    Time due{};  // Of the next step, while it runs.
  };
  Task* running(std::string_view source);
  void step();
  void move_some(Task& running, Time now);
  bool move_one(Task& running, Queue::State& source);
  void end(Task& running, MoveTask::Status status, std::string failure = {});
  void arm();
  void forget_old(std::string_view source);

  Shared& shared_;
  std::function<Queue::State*(std::string_view)> find_;
  std::deque<Task> tasks_;  // By start.
  Timer timer_;
};

}  // namespace porteiro::queue
