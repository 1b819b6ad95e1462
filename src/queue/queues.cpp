// The names, and the journal's side of all queues.
#include <algorithm>

#include "queue/state.hpp"

namespace porteiro::queue {
namespace {

using namespace std::chrono_literals;

Error damaged(std::string_view what) {
  return error(Errc::corrupt, "the journal's queue " + std::string(what) +
                                  " cannot be read: it is damaged or another version's");
}

Error undeclared(std::string_view queue) {
  return error(Errc::invalid, "the data directory holds messages of queue " + std::string(queue) +
                                  ", which the config does not declare; declare it, or start "
                                  "with another data directory");
}

Result<void> check(const Options& options) {
  const auto within = [](Duration value, Duration low, Duration high) {
    return low <= value && value <= high;
  };
  if (options.name.empty()) return error(Errc::invalid, "a queue needs a name", "name");
  if (!within(options.visibility_timeout, 0s, 12h)) {
    return error(Errc::invalid, "a visibility timeout is 0 s to 12 h", "visibility_timeout");
  }
  if (!within(options.delay, 0s, 900s)) {
    return error(Errc::invalid, "a delay is 0 s to 900 s", "delay");
  }
  if (!within(options.retention, 60s, 24h * 14)) {
    return error(Errc::invalid, "a retention is 60 s to 14 days", "retention");
  }
  if (options.message_bytes_max == 0 || options.depth_max == 0 || options.in_flight_max == 0) {
    return error(Errc::invalid, "a queue's bounds are at least 1", "depth_max");
  }
  if (options.dead_letter_queue == options.name) {
    return error(Errc::invalid, "a queue cannot be its own dead-letter queue", "dead_letter_queue");
  }
  return boost::outcome_v2::success();
}

}  // namespace

struct Queues::State {
  State(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry_,
        Queues& self)
      : env(environment), telemetry(telemetry_), writer(journal, journal.join("queues", self)) {}

  Environment& env;
  telemetry::Telemetry& telemetry;
  EntryWriter writer;
  StringMap<std::unique_ptr<Queue>> queues;
  std::vector<Queue*> in_order;  // Of creation.

  Queue::State* state_of(std::string_view name) {
    const auto found = queues.find(name);
    return found == queues.end() ? nullptr : found->second->state_.get();
  }
  Result<void> replay(EntryKind kind, Queue::State& queue, ByteReader& reader);
};

Queues::Queues(Environment& environment, journal::Journal& journal, telemetry::Telemetry& telemetry)
    : state_(std::make_unique<State>(environment, journal, telemetry, *this)) {}
Queues::~Queues() = default;

Result<Queue*> Queues::create(Options options) {
  PORTEIRO_TRY(check(options));
  if (state_->queues.contains(options.name)) {
    return error(Errc::conflict, "a queue named " + options.name + " exists", "name");
  }
  const std::string name = options.name;
  std::unique_ptr<Queue> queue(new Queue(std::make_unique<Queue::State>(
      state_->env, state_->telemetry, state_->writer, *this, std::move(options))));
  Queue* raw = queue.get();
  state_->queues.emplace(name, std::move(queue));
  state_->in_order.push_back(raw);
  return raw;
}

Queue* Queues::find(std::string_view name) {
  const auto found = state_->queues.find(name);
  return found == state_->queues.end() ? nullptr : found->second.get();
}

std::vector<std::string> Queues::names() const {
  std::vector<std::string> names;
  for (const Queue* queue : state_->in_order) names.push_back(queue->options().name);
  return names;
}

void Queues::reset() {
  for (Queue* queue : state_->in_order) queue->state_->reset();
}

std::string Queues::snapshot() {
  std::string out(1, format_version);
  std::string messages;
  for (Queue* queue : state_->in_order) {
    messages.clear();
    const std::size_t count = queue->state_->snapshot(messages);
    if (count == 0) continue;
    append_sized(out, queue->options().name);
    append_u32(out, static_cast<std::uint32_t>(count));
    out += messages;
  }
  return out;
}

Result<void> Queues::restore(std::string_view snapshot) {
  if (snapshot.empty() || snapshot.front() != format_version) return damaged("snapshot");
  ByteReader reader(snapshot.substr(1));
  while (!reader.rest().empty()) {
    const auto name = reader.sized();
    const auto count = reader.u32();
    if (!name || !count) return damaged("snapshot");
    Queue::State* queue = state_->state_of(*name);
    if (queue == nullptr) return undeclared(*name);
    for (std::uint32_t i = 0; i < *count; ++i) {
      auto message = read_message(reader);
      if (!message || !queue->apply_put(std::move(*message))) return damaged("snapshot");
    }
  }
  return boost::outcome_v2::success();
}

Result<void> Queues::replay(std::string_view entry) {
  if (entry.size() < 2 || entry[0] != format_version) return damaged("entry");
  ByteReader reader(entry.substr(2));
  const auto name = reader.sized();
  if (!name) return damaged("entry");
  Queue::State* queue = state_->state_of(*name);
  if (queue == nullptr) return undeclared(*name);
  return state_->replay(static_cast<EntryKind>(entry[1]), *queue, reader);
}

Result<void> Queues::State::replay(EntryKind kind, Queue::State& queue, ByteReader& reader) {
  bool applied = false;
  if (kind == EntryKind::put) {
    auto message = read_message(reader);
    applied = message && queue.apply_put(std::move(*message));
  } else if (kind == EntryKind::purged) {
    queue.reset();
    applied = true;
  } else {
    const auto slot = reader.u32();
    if (!slot) return damaged("entry");
    if (kind == EntryKind::received) {
      const auto delivery = reader.u64(), visible_at = reader.u64(), at = reader.u64();
      applied = at && queue.apply_received(*slot, *delivery, static_cast<std::int64_t>(*visible_at),
                                           Time(Duration(static_cast<std::int64_t>(*at))));
    } else if (kind == EntryKind::hidden) {
      const auto visible_at = reader.u64();
      applied = visible_at && queue.apply_hidden(*slot, static_cast<std::int64_t>(*visible_at));
    } else if (kind == EntryKind::removed) {
      applied = queue.apply_removed(*slot);
    } else if (kind == EntryKind::moved) {
      const auto target = reader.sized();
      if (!target) return damaged("entry");
      Queue::State* to = state_of(*target);
      if (to == nullptr) return undeclared(*target);
      auto message = read_message(reader);
      applied = message && queue.apply_removed(*slot) && to->apply_put(std::move(*message));
    }
  }
  if (!applied || !reader.rest().empty()) return damaged("entry");
  return boost::outcome_v2::success();
}

}  // namespace porteiro::queue
