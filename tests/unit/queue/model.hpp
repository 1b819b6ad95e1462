// A plain model of all queues of an emulator, standard and FIFO: every question is answered by
// looking at everything. It follows the public header, not the implementation.
#pragma once
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/queue/queue.hpp"

namespace porteiro::queue::test {

struct ModelMessage {
  int identity = 0;  // Of this message in this queue; another one where it is moved to.
  Id id{};           // As the real queue gave it; zero: not seen yet.
  std::string body, group, deduplication_id, source;
  std::size_t attributes = 0;
  std::uint64_t number = 0, trace = 0;
  Time sent{}, first_received{}, received{};
  Where where = Where::ready;
  Time visible_at{};
  std::uint32_t receives = 0, receives_here = 0;
  int delivery = 0;  // The number of the last one; 0: none.
  bool ephemeral = false;
};

struct ModelWaiter {
  int who;
  ReceiveRequest request;
  Time until;
  bool fresh;  // Its attempt id has not been looked up.
};

struct ModelQueue {
  struct First {  // What deduplication remembers.
    std::string key;
    Id id;
    std::uint64_t number;
    Time sent;
    bool ephemeral;
  };
  struct Attempt {
    std::string id;
    Time until;
    std::vector<std::pair<int, Time>> parts;  // Delivery, and until when it is hidden.
  };

  Options options;
  bool declared = true;
  Time created{}, modified{};
  std::vector<ModelMessage> messages;  // By arrival.
  std::vector<First> firsts;
  std::vector<Attempt> attempts;
  std::vector<ModelWaiter> waiters;
  std::uint64_t next_number = 1, kept_number = 1;  // Kept: what a restart finds.

  std::size_t count(Where where) const {
    return static_cast<std::size_t>(std::count_if(
        messages.begin(), messages.end(), [&](const ModelMessage& m) { return m.where == where; }));
  }
  bool in_flight(const std::string& group) const {
    return std::any_of(messages.begin(), messages.end(), [&](const ModelMessage& m) {
      return m.where == Where::in_flight && m.group == group;
    });
  }
  ModelMessage* by_delivery(int delivery) {
    for (ModelMessage& m : messages) {
      if (m.delivery == delivery) return &m;
    }
    return nullptr;
  }
  ModelMessage* by_identity(int identity) {
    for (ModelMessage& m : messages) {
      if (m.identity == identity) return &m;
    }
    return nullptr;
  }
  void erase(const ModelMessage& message) {
    messages.erase(messages.begin() + (&message - messages.data()));
  }

  // The place of the message to be received next; `batch`: deliveries that do not lock.
  std::optional<std::size_t> next(bool youngest, const std::vector<int>& batch = {}) const;
  // Its group's earlier ones are not overtaken; else it may be received from `from` on.
  void arrive(ModelMessage message, Time from, Time now);
};

inline std::optional<std::size_t> ModelQueue::next(bool youngest,
                                                   const std::vector<int>& batch) const {
  std::optional<std::size_t> found;
  std::vector<std::string> seen;  // Groups whose turn is decided: they give their first, or none.
  if (options.fifo) {
    for (const ModelMessage& m : messages) {
      const bool ours = std::find(batch.begin(), batch.end(), m.delivery) != batch.end();
      if (m.where == Where::in_flight && !ours) seen.push_back(m.group);
    }
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ModelMessage& m = messages[i];
    if (m.where != Where::ready) continue;
    if (options.fifo) {
      if (std::find(seen.begin(), seen.end(), m.group) != seen.end()) continue;
      seen.push_back(m.group);
    }
    found = i;
    if (!youngest) break;
  }
  return found;
}

inline void ModelQueue::arrive(ModelMessage message, Time from, Time now) {
  for (const ModelMessage& m : messages) {
    const bool before = options.fifo && m.group == message.group && m.where == Where::delayed;
    if (before) from = std::max(from, m.visible_at);
  }
  message.where = from > now ? Where::delayed : Where::ready;
  message.visible_at = from;
  message.number = next_number++;
  if (!message.ephemeral) kept_number = next_number;
  messages.push_back(std::move(message));
}

struct ModelTask {
  std::string source, destination;
  std::uint32_t per_second = 0;
  MoveTask::Status status = MoveTask::Status::running;
  std::uint64_t moved = 0, to_move = 0, unkept = 0;  // Unkept: moved, but not in the journal.
  Time due{};
  Id id{};
};

class Model {
 public:
  std::vector<ModelQueue> queues;  // As names() gives them.
  std::vector<ModelTask> tasks;    // By start.
  std::vector<std::string> log;    // What `on_lost` says.

  ModelQueue* find(std::string_view name) {
    for (ModelQueue& q : queues) {
      if (q.options.name == name) return &q;
    }
    return nullptr;
  }

  struct Answer {
    std::optional<Errc> error;
    bool duplicate = false;
    Id id{};
    std::uint64_t number = 0;
    int identity = 0, twin = 0;  // Of what was stored; 0: nothing.
  };
  Answer send(ModelQueue& q, const SendRequest& request, Fault fault, Time now);
  std::vector<ModelMessage> receive(ModelQueue& q, const ReceiveRequest& request, Fault fault,
                                    Time now);
  std::optional<Errc> check(ModelQueue& q, int identity, int delivery) const;
  std::optional<Errc> change_visibility(ModelQueue& q, int identity, int delivery,
                                        Duration visibility, Time now);
  std::optional<Errc> start_move(const std::string& source, const std::string& destination,
                                 std::uint32_t per_second, Time now);
  // What the attempt id gave before, hidden anew; nullopt: nothing, or it no longer counts.
  std::optional<std::vector<ModelMessage>> repeat(ModelQueue& q, const ReceiveRequest& request,
                                                  Time now);
  void advance(Time now);
  void step_tasks(Time now);
  Time next_event(Time after) const;
  void compact();
  void restart(Time now);

 private:
  std::optional<Errc> refused(const ModelQueue& q, const SendRequest& request) const;
  void give_up(ModelQueue& q, std::size_t place, Time now);
  bool move_one(ModelTask& task, Time now);
  int count_ = 0;
};

inline std::optional<Errc> Model::refused(const ModelQueue& q, const SendRequest& request) const {
  if (request.body.empty() || request.delay > std::chrono::seconds(900)) return Errc::invalid;
  if (!q.options.fifo) {
    return request.deduplication_id.empty() ? std::nullopt : std::optional(Errc::invalid);
  }
  const bool keyed = !request.deduplication_id.empty() || q.options.content_based_deduplication;
  if (request.group.empty() || request.delay > Duration::zero() || !keyed) return Errc::invalid;
  return {};
}

inline Model::Answer Model::send(ModelQueue& q, const SendRequest& request, Fault fault, Time now) {
  advance(now);
  if (const auto error = refused(q, request)) return {.error = error};
  std::string key = request.deduplication_id;
  if (key.empty()) key = "content of " + request.body;
  if (q.options.deduplicate_by_group) key = request.group + " " + key;
  for (const ModelQueue::First& first : q.firsts) {
    const bool counts = q.options.fifo && first.sent + std::chrono::minutes(5) > now;
    if (counts && first.key == key) {
      return {.error = {}, .duplicate = true, .id = first.id, .number = first.number};
    }
  }
  if (q.messages.size() >= q.options.depth_max) return {.error = Errc::limit_exceeded};
  if (fault.kind == Fault::Kind::throttle) return {.error = Errc::unavailable};
  ModelMessage m;
  m.body = request.body;
  if (fault.kind == Fault::Kind::poison) m.body.resize((m.body.size() + 1) / 2);
  m.group = request.group;
  m.deduplication_id = request.deduplication_id;
  m.attributes = request.attributes.size();
  m.trace = request.trace.low;
  m.sent = now;
  m.ephemeral = request.ephemeral;
  Time from =
      now + (request.delay < Duration::zero() || q.options.fifo ? q.options.delay : request.delay);
  if (fault.kind == Fault::Kind::delay) from += fault.delay;
  Answer answer;
  const bool twice = fault.kind == Fault::Kind::duplicate && !q.options.fifo &&
                     q.messages.size() + 1 < q.options.depth_max;
  if (twice) {
    m.identity = answer.twin = ++count_;
    q.arrive(m, from, now);
  }
  m.identity = answer.identity = ++count_;
  q.arrive(m, from, now);
  answer.number = q.options.fifo ? q.messages.back().number : 0;
  if (q.options.fifo) q.firsts.push_back({key, {}, answer.number, now, m.ephemeral});
  return answer;
}

inline std::optional<std::vector<ModelMessage>> Model::repeat(ModelQueue& q,
                                                              const ReceiveRequest& request,
                                                              Time now) {
  if (!q.options.fifo || request.attempt_id.empty()) return {};
  const auto attempt = std::find_if(q.attempts.begin(), q.attempts.end(), [&](const auto& each) {
    return each.id == request.attempt_id && each.until > now;
  });
  if (attempt == q.attempts.end()) return {};
  for (const auto& [delivery, visible_at] : attempt->parts) {
    const ModelMessage* m = q.by_delivery(delivery);
    if (m == nullptr || m->where != Where::in_flight || m->visible_at != visible_at) return {};
  }
  std::vector<ModelMessage> out;
  for (auto& [delivery, visible_at] : attempt->parts) {
    ModelMessage& m = *q.by_delivery(delivery);
    m.visible_at = visible_at =
        now +
        (request.visibility < Duration::zero() ? q.options.visibility_timeout : request.visibility);
    out.push_back(m);
  }
  return out;
}

inline void Model::give_up(ModelQueue& q, std::size_t place, Time now) {
  ModelMessage m = q.messages[place];
  q.messages.erase(q.messages.begin() + static_cast<std::ptrdiff_t>(place));
  ModelQueue* dead = find(q.options.dead_letter_queue);
  log.push_back((dead != nullptr ? "dead " : "lost ") + m.body);
  if (dead == nullptr) return;
  m.identity = ++count_;
  m.source = q.options.name;
  if (q.options.fifo) {
    m.sent = now;
    m.deduplication_id.clear();  // Its id, which is not ours to know.
  }
  m.receives_here = 0;
  m.delivery = 0;
  dead->arrive(std::move(m), now, now);
}

inline std::vector<ModelMessage> Model::receive(ModelQueue& q, const ReceiveRequest& request,
                                                Fault fault, Time now) {
  advance(now);
  if (auto repeated = repeat(q, request, now)) return std::move(*repeated);
  std::vector<ModelMessage> out;
  std::vector<int> batch;
  if (fault.kind == Fault::Kind::throttle) return out;
  while (out.size() < request.max && q.count(Where::in_flight) < q.options.in_flight_max) {
    const auto place = q.next(fault.kind == Fault::Kind::reorder, batch);
    if (!place) break;
    ModelMessage& m = q.messages[*place];
    const bool somewhere =
        q.options.dead_letter_queue.empty() || find(q.options.dead_letter_queue) != nullptr;
    if (q.options.receives_max != 0 && m.receives_here >= q.options.receives_max && somewhere) {
      give_up(q, *place, now);
      continue;
    }
    ++m.receives;
    if (++m.receives_here == 1) m.first_received = now;
    m.delivery = ++count_;
    m.received = now;
    m.visible_at = now + (request.visibility < Duration::zero() ? q.options.visibility_timeout
                                                                : request.visibility);
    m.where = Where::in_flight;
    batch.push_back(m.delivery);
    out.push_back(m);
  }
  if (!out.empty() && !request.attempt_id.empty() && q.options.fifo) {
    std::erase_if(q.attempts, [&](const auto& each) { return each.id == request.attempt_id; });
    ModelQueue::Attempt attempt{request.attempt_id, now + std::chrono::minutes(5), {}};
    for (const ModelMessage& m : out) attempt.parts.emplace_back(m.delivery, m.visible_at);
    q.attempts.push_back(std::move(attempt));
  }
  return out;
}

inline std::optional<Errc> Model::check(ModelQueue& q, int identity, int delivery) const {
  const ModelMessage* m = q.by_identity(identity);
  if (m == nullptr) return Errc::not_found;
  if (m->delivery != delivery) return Errc::stale;
  if (q.options.fifo && m->where != Where::in_flight) return Errc::stale;
  return {};
}

inline std::optional<Errc> Model::change_visibility(ModelQueue& q, int identity, int delivery,
                                                    Duration visibility, Time now) {
  if (visibility > std::chrono::hours(12)) return Errc::invalid;
  if (const auto error = check(q, identity, delivery)) return error;
  ModelMessage& m = *q.by_identity(identity);
  if (m.where != Where::in_flight) return Errc::stale;
  if (now + visibility > m.received + std::chrono::hours(12)) return Errc::invalid;
  m.visible_at = now + visibility;
  if (visibility == Duration::zero()) m.where = Where::ready;
  return {};
}

inline std::optional<Errc> Model::start_move(const std::string& source,
                                             const std::string& destination,
                                             std::uint32_t per_second, Time now) {
  ModelQueue* from = find(source);
  if (from == nullptr) return Errc::not_found;
  if (!destination.empty() && find(destination) == nullptr) return Errc::not_found;
  if (source == destination || per_second > 500) return Errc::invalid;
  const bool feeds = std::any_of(queues.begin(), queues.end(), [&](const ModelQueue& q) {
    return q.options.dead_letter_queue == source;
  });
  if (!feeds) return Errc::invalid;
  for (const ModelTask& task : tasks) {
    const bool runs = task.status == MoveTask::Status::running;
    if (runs && task.source == source) return Errc::conflict;
  }
  ModelTask task{.source = source, .destination = destination, .per_second = per_second};
  task.to_move = from->count(Where::ready);
  task.due = now;
  tasks.push_back(std::move(task));
  return {};
}

inline bool Model::move_one(ModelTask& task, Time now) {
  ModelQueue* source = find(task.source);
  if (source == nullptr) {
    task.status = MoveTask::Status::failed;
    return false;
  }
  const auto place = source->next(false);
  if (!place) {
    task.status = MoveTask::Status::completed;
    return false;
  }
  ModelMessage m = source->messages[*place];
  ModelQueue* target = find(task.destination.empty() ? m.source : task.destination);
  if (target == nullptr) {
    task.status = MoveTask::Status::failed;
    return false;
  }
  source->messages.erase(source->messages.begin() + static_cast<std::ptrdiff_t>(*place));
  m.identity = ++count_;
  m.id = {};
  m.sent = now;
  m.first_received = {};
  m.receives = m.receives_here = 0;
  m.delivery = 0;
  m.source.clear();
  ++task.moved;
  if (m.ephemeral) ++task.unkept;
  target->arrive(std::move(m), now, now);
  return true;
}

inline void Model::step_tasks(Time now) {
  for (ModelTask& task : tasks) {
    if (task.status != MoveTask::Status::running || task.due > now) continue;
    while (move_one(task, now)) {
      if (task.per_second == 0) continue;
      task.due = now + Duration(std::chrono::seconds(1)) / task.per_second;
      break;
    }
  }
}

inline void Model::advance(Time now) {
  for (ModelQueue& q : queues) {
    for (std::size_t i = 0; i < q.messages.size();) {
      ModelMessage& m = q.messages[i];
      if (m.sent + q.options.retention <= now) {
        log.push_back("lost " + m.body);
        q.erase(m);
        continue;
      }
      if (m.visible_at <= now) m.where = Where::ready;
      ++i;
    }
  }
}

inline Time Model::next_event(Time after) const {
  Time next = Time::max();
  for (const ModelQueue& q : queues) {
    for (const ModelMessage& m : q.messages) {
      if (m.visible_at > after) next = std::min(next, m.visible_at);
      next = std::min(next, m.sent + q.options.retention);
    }
    for (const ModelWaiter& w : q.waiters) next = std::min(next, w.until);
  }
  for (const ModelTask& task : tasks) {
    if (task.status == MoveTask::Status::running) next = std::min(next, task.due);
  }
  return next;
}

inline void Model::compact() {
  for (ModelQueue& q : queues) q.kept_number = q.next_number;
  for (ModelTask& task : tasks) task.unkept = 0;
}

// What was ephemeral is gone, and nothing remembers it; who waited and what attempt ids gave, too.
inline void Model::restart(Time now) {
  std::stable_partition(queues.begin(), queues.end(),
                        [](const ModelQueue& q) { return q.declared; });
  for (ModelQueue& q : queues) {
    std::erase_if(q.messages, [](const ModelMessage& m) { return m.ephemeral; });
    std::erase_if(q.firsts, [](const ModelQueue::First& f) { return f.ephemeral; });
    q.attempts.clear();
    q.waiters.clear();
    q.next_number = q.kept_number;
  }
  for (ModelTask& task : tasks) {
    if (task.status != MoveTask::Status::running) continue;
    task.moved -= task.unkept;
    task.unkept = 0;
    task.due = now;
  }
}

}  // namespace porteiro::queue::test
