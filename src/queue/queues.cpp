// The names, and the journal's side of all queues.
#include <algorithm>

#include "queue/move_tasks.hpp"
#include "queue/options.hpp"
#include "queue/state.hpp"

namespace porteiro::queue {
namespace {

Error damaged(std::string_view what) {
  return error(Errc::corrupt, "the journal's queue " + std::string(what) +
                                  " cannot be read: it is damaged or another version's");
}

Error undeclared(std::string_view queue) {
  return error(Errc::invalid, "the data directory holds messages of queue " + std::string(queue) +
                                  ", which the config does not declare; declare it, or start "
                                  "with another data directory");
}

}  // namespace

struct Queues::State {
  State(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry,
        std::string_view stream, Queues& self)
      : writer(journal, journal.join(stream, self)),
        shared{environment, telemetry, writer, self, nullptr},
        tasks(shared, [this](std::string_view name) { return state_of(name); }) {}

  EntryWriter writer;
  Shared shared;
  StringMap<std::unique_ptr<Queue>> queues;
  std::vector<Queue*> in_order;  // Of creation.
  MoveTasks tasks;

  Queue::State* state_of(std::string_view name) {
    const auto found = queues.find(name);
    return found == queues.end() ? nullptr : found->second->state_.get();
  }
  Queue* add(Options options, bool declared);
  void drop(Queue& queue);
  Result<void> restore_queue(ByteReader& reader);
  Result<void> replay_own(EntryKind kind, std::string_view name, ByteReader& reader);
  Result<void> replay(EntryKind kind, Queue::State& queue, ByteReader& reader);
  bool replay_of_slot(EntryKind kind, Queue::State& queue, ByteReader& reader);
};

Queue* Queues::State::add(Options options, bool declared) {
  const std::string name = options.name;
  std::unique_ptr<Queue> queue(
      new Queue(std::make_unique<Queue::State>(shared, std::move(options), declared)));
  Queue* raw = queue.get();
  queues.emplace(name, std::move(queue));
  in_order.push_back(raw);
  return raw;
}

void Queues::State::drop(Queue& queue) {
  queue.state_->end_waits();
  tasks.forget(queue.options().name);
  if (shared.observer != nullptr) shared.observer->emptied(queue.options().name);
  std::erase(in_order, &queue);
  queues.erase(std::string(queue.options().name));
}

Queues::Queues(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry,
               std::string_view stream)
    : state_(std::make_unique<State>(environment, journal, telemetry, stream, *this)) {}
Queues::~Queues() = default;

Result<Queue*> Queues::declare(Options options) {
  PORTEIRO_TRY(check(options));
  if (state_->queues.contains(options.name)) {
    return error(Errc::conflict, "a queue named " + options.name + " exists", "name");
  }
  return state_->add(std::move(options), true);
}

Result<Queues::Created> Queues::create(Options options) {
  PORTEIRO_TRY(check(options));
  if (state_->queues.contains(options.name)) {
    return error(Errc::conflict, "a queue named " + options.name + " exists", "name");
  }
  Queue* queue = state_->add(std::move(options), false);
  return Created{queue, state_->writer.created(queue->created(), queue->options())};
}

Result<journal::Sequence> Queues::remove(std::string_view name) {
  Queue* queue = find(name);
  if (queue == nullptr) {
    return error(Errc::not_found, "no queue is called " + std::string(name), "name");
  }
  if (queue->declared()) {
    return error(Errc::denied,
                 "queue " + std::string(name) + " is declared by the config and cannot be removed",
                 "name");
  }
  const journal::Sequence sequence = state_->writer.dropped(name);
  state_->drop(*queue);
  return sequence;
}

Queue* Queues::find(std::string_view name) {
  const auto found = state_->queues.find(name);
  return found == state_->queues.end() ? nullptr : found->second.get();
}

std::size_t Queues::count() const { return state_->in_order.size(); }

std::vector<std::string> Queues::names() const {
  std::vector<std::string> names;
  for (const Queue* queue : state_->in_order) names.push_back(queue->options().name);
  return names;
}

std::vector<std::string> Queues::sources_of(std::string_view dead_letter_queue) const {
  std::vector<std::string> names;
  for (const Queue* queue : state_->in_order) {
    if (queue->options().dead_letter_queue == dead_letter_queue) {
      names.push_back(queue->options().name);
    }
  }
  return names;
}

void Queues::reset() {
  state_->tasks.clear();
  const std::vector<Queue*> all = state_->in_order;
  for (Queue* queue : all) {
    queue->declared() ? queue->state_->reset() : state_->drop(*queue);
  }
}

void Queues::observe(Observer* observer) { state_->shared.observer = observer; }

Result<Queues::Started> Queues::start_move(std::string_view source, std::string_view destination,
                                           std::uint32_t per_second) {
  return state_->tasks.start(source, destination, per_second);
}
Result<std::uint64_t> Queues::cancel_move(Id task) { return state_->tasks.cancel(task); }
std::vector<MoveTask> Queues::moves(std::string_view source, std::size_t max) const {
  return state_->tasks.of(source, max);
}
const MoveTask* Queues::find_move(Id task) const { return state_->tasks.find(task); }

std::string Queues::snapshot() {
  std::string out(1, format_version);
  append_u32(out, static_cast<std::uint32_t>(state_->in_order.size()));
  for (Queue* queue : state_->in_order) queue->state_->snapshot(out);
  state_->tasks.append_to(out);
  return out;
}

Result<void> Queues::restore(std::string_view snapshot) {
  if (snapshot.empty() || snapshot.front() != format_version) return damaged("snapshot");
  ByteReader reader(snapshot.substr(1));
  const auto count = reader.u32();
  if (!count) return damaged("snapshot");
  for (std::uint32_t i = 0; i < *count; ++i) {
    PORTEIRO_TRY(state_->restore_queue(reader));
  }
  if (!state_->tasks.read(reader) || !reader.rest().empty()) return damaged("snapshot");
  return ok();
}

// A queue that the config declared when this was written may be gone, if nothing is in it.
Result<void> Queues::State::restore_queue(ByteReader& reader) {
  const auto name = reader.sized();
  const auto flags = reader.u32();
  if (!name || !flags || name->empty()) return damaged("snapshot");
  Queue::State* queue = state_of(*name);
  const bool known = queue != nullptr;
  if (!known) {
    ByteReader ahead = reader;
    const auto created = ahead.u64(), modified = ahead.u64();
    auto options = *flags != 0 && modified ? read_options(ahead) : Options{};
    if (!created || !options) return damaged("snapshot");
    options->name = *name;
    queue = add(std::move(*options), false)->state_.get();
  }
  if (!queue->restore(*flags, reader)) return damaged("snapshot");
  if (known || (*flags & 1) != 0) return ok();
  if (queue->depth().total() > 0) return undeclared(*name);
  drop(*queues.find(*name)->second);
  return ok();
}

Result<void> Queues::replay(std::string_view entry) {
  if (entry.size() < 2 || entry[0] != format_version) return damaged("entry");
  ByteReader reader(entry.substr(2));
  const auto name = reader.sized();
  const auto kind = static_cast<EntryKind>(entry[1]);
  if (!name || name->empty() || kind < EntryKind::put || kind > EntryKind::task) {
    return damaged("entry");
  }
  if (kind >= EntryKind::created) return state_->replay_own(kind, *name, reader);
  Queue::State* queue = state_->state_of(*name);
  if (queue == nullptr) return undeclared(*name);
  return state_->replay(kind, *queue, reader);
}

// What is about a queue or a task as a whole.
Result<void> Queues::State::replay_own(EntryKind kind, std::string_view name, ByteReader& reader) {
  Queue::State* queue = state_of(name);
  if (kind == EntryKind::task) {
    auto task = read_task(reader);
    if (!task) return damaged("entry");
    tasks.apply(std::move(*task));
  } else if (kind == EntryKind::dropped) {
    if (queue != nullptr) queue->declared ? queue->reset() : drop(*queues.find(name)->second);
  } else {
    const auto at = read_time(reader);
    auto options = at ? read_options(reader) : std::nullopt;
    if (!options) return damaged("entry");
    options->name = name;
    if (kind == EntryKind::created && queue == nullptr) {
      queue = add(std::move(*options), false)->state_.get();
      queue->created = queue->modified = *at;
    } else if (kind == EntryKind::configured) {
      if (queue == nullptr) return undeclared(name);
      if (options->fifo == queue->options.fifo) queue->apply_configured(*at, std::move(*options));
    }
  }
  return reader.rest().empty() ? Result<void>(ok()) : damaged("entry");
}

Result<void> Queues::State::replay(EntryKind kind, Queue::State& queue, ByteReader& reader) {
  bool applied = true;
  if (kind == EntryKind::put) {
    auto message = read_message(reader);
    applied = message && queue.apply_put(std::move(*message));
    if (applied) queue.remember_sent(message->slot);
  } else if (kind == EntryKind::purged) {
    queue.empty();
  } else if (kind == EntryKind::moved) {
    const auto slot = reader.u32();
    const auto target = reader.sized();
    if (!target) return damaged("entry");
    Queue::State* to = state_of(*target);
    if (to == nullptr) return undeclared(*target);
    auto message = read_message(reader);
    const bool by_task = message && message->content.receives == 0;  // Else it was given up.
    applied = message && queue.apply_removed(*slot) && to->apply_put(std::move(*message));
    if (applied && by_task) tasks.apply_moved(queue.options.name);
  } else {
    applied = replay_of_slot(kind, queue, reader);
  }
  if (!applied || !reader.rest().empty()) return damaged("entry");
  return ok();
}

bool Queues::State::replay_of_slot(EntryKind kind, Queue::State& queue, ByteReader& reader) {
  const auto slot = reader.u32();
  if (!slot) return false;
  if (kind == EntryKind::received) {
    const auto delivery = reader.u64(), visible_at = reader.u64();
    const auto at = read_time(reader);
    return at &&
           queue.apply_received(*slot, *delivery, static_cast<std::int64_t>(*visible_at), *at);
  }
  if (kind == EntryKind::hidden) {
    const auto visible_at = reader.u64();
    return visible_at && queue.apply_hidden(*slot, static_cast<std::int64_t>(*visible_at));
  }
  return queue.apply_removed(*slot);
}

}  // namespace porteiro::queue
