// Receiving, and what becomes of what was received.
#include <algorithm>
#include <limits>

#include "queue/state.hpp"

namespace porteiro::queue {
namespace {

constexpr Duration visibility_max = std::chrono::hours(12);     // AWS SQS.
constexpr Duration attempt_interval = std::chrono::minutes(5);  // AWS SQS.
constexpr Duration throttled_pause = std::chrono::milliseconds(100);

std::string uuid(Id id) {
  std::string text = to_text(id);
  for (const std::size_t place : {20U, 16U, 12U, 8U}) text.insert(place, 1, '-');
  return text;
}

}  // namespace

Message Queue::State::message_of(const Slot& slot) const {
  Message message;
  slot.content.unpack(message);
  message.id = slot.id;
  message.sent = slot.sent;
  message.first_received = slot.first_received;
  message.receives = slot.receives;
  message.ephemeral = slot.ephemeral;
  if (options.fifo) message.number = slot.number;
  return message;
}

std::vector<Delivery> Queue::State::receive(const ReceiveRequest& request) {
  const Time now = env.scheduler.now();
  advance(now);
  std::vector<Delivery> out;
  const bool attempt = options.fifo && !request.attempt_id.empty();
  if (attempt) {
    if (auto repeated = repeat(request, now)) return std::move(*repeated);
  }
  const Duration visibility =
      request.visibility < Duration::zero() ? options.visibility_timeout : request.visibility;
  const Time visible_at = now + std::min(visibility, visibility_max);
  Fault fault;
  if (first_ready() != no_slot) fault = env.strike(FaultPoint::queue_receive, options.name);
  if (fault.kind == Fault::Kind::throttle) {
    arm(key_of(now + throttled_pause));  // Or who waits would not hear of what is there.
    return out;
  }
  while (out.size() < request.max && in_flight.size() < options.in_flight_max) {
    const std::uint32_t slot = fault.kind == Fault::Kind::reorder ? last_ready() : first_ready();
    if (slot == no_slot || held_back(slot)) break;
    const Slot& s = slab[slot];
    if (worn_out(s)) {
      give_up(slot);
    } else {
      deliver(slot, now, visible_at, out);
    }
  }
  groups.end_batch();
  if (attempt && !out.empty()) remember_attempt(request.attempt_id, out, now);
  return out;
}

// What is not durable yet is given to nobody: its effect could survive a crash that it does not.
bool Queue::State::held_back(std::uint32_t slot) {
  const journal::Sequence stored = slab[slot].stored;
  if (stored <= journal.journal().durable()) return false;
  if (!std::exchange(awaits_journal, true)) {
    journal.journal().when_durable(stored, [this, weak = std::weak_ptr(alive)](Result<void> done) {
      if (weak.expired() || !done) return;
      awaits_journal = false;
      serve_soon();
    });
  }
  return true;
}

void Queue::State::deliver(std::uint32_t slot, Time now, Time visible_at,
                           std::vector<Delivery>& out) {
  Slot& s = slab[slot];
  if (++s.receives == s.arrived_with + 1) s.first_received = now;
  s.received = now;
  s.delivery = next_delivery++;
  unplace(slot);
  place(slot, Where::in_flight, key_of(visible_at));
  if (!s.ephemeral) journal.received(options.name, slot, s);
  out.push_back({message_of(s), {slot, s.delivery, s.id}});
  if (shared.observer != nullptr) {
    shared.observer->leased(options.name, s.number, out.back().message, out.size() - 1, now,
                            visible_at);
  }
  const Id trace = out.back().message.trace;
  ++counters.received;
  counters.billed += requests_of(out.back().message.body.size());
  telemetry.record(telemetry::Kind::message_received, trace, name, s.receives,
                   static_cast<std::uint64_t>((now - s.sent).count()));
  if (s.receives > s.arrived_with + 1) {
    ++counters.redelivered;
    telemetry.record(telemetry::Kind::message_redelivered, trace, name, s.receives);
  }
}

// The deliveries of an earlier receive with this attempt id, hidden anew; nullopt: there was none,
// or one of them no longer counts.
std::optional<std::vector<Delivery>> Queue::State::repeat(const ReceiveRequest& request, Time now) {
  while (!attempt_ids.empty()) {
    const auto oldest = attempts.find(attempt_ids.front());
    if (oldest != attempts.end() && oldest->second.until > now) break;
    if (oldest != attempts.end()) attempts.erase(oldest);
    attempt_ids.pop_front();
  }
  const auto found = attempts.find(request.attempt_id);
  if (found == attempts.end() || found->second.until <= now) return {};
  for (const Attempt::Part& part : found->second.parts) {
    const auto slot = counting(part.receipt);
    if (!slot || slab[slot.value()].where != Where::in_flight ||
        slab[slot.value()].place.key != part.visible_at) {
      return {};
    }
  }
  const Duration visibility =
      request.visibility < Duration::zero() ? options.visibility_timeout : request.visibility;
  const std::int64_t visible_at = key_of(now + std::min(visibility, visibility_max));
  std::vector<Delivery> out;
  for (Attempt::Part& part : found->second.parts) {
    const auto slot = static_cast<std::uint32_t>(part.receipt.slot);
    part.visible_at = visible_at;
    hide(slot, visible_at);
    if (!slab[slot].ephemeral) journal.hidden(options.name, slot, visible_at);
    out.push_back({message_of(slab[slot]), part.receipt});
  }
  return out;
}

void Queue::State::remember_attempt(const std::string& id, const std::vector<Delivery>& deliveries,
                                    Time now) {
  Attempt attempt{{}, now + attempt_interval};
  for (const Delivery& delivery : deliveries) {
    attempt.parts.push_back({delivery.receipt, slab[delivery.receipt.slot].place.key});
  }
  if (attempts.insert_or_assign(id, std::move(attempt)).second) attempt_ids.push_back(id);
}

// A dead-letter queue that does not exist, or no more, takes nothing: the message stays.
bool Queue::State::worn_out(const Slot& slot) const {
  if (options.receives_max == 0 || slot.receives - slot.arrived_with < options.receives_max) {
    return false;
  }
  return options.dead_letter_queue.empty() ||
         shared.queues.find(options.dead_letter_queue) != nullptr;
}

void Queue::State::give_up(std::uint32_t slot) {
  if (options.dead_letter_queue.empty()) return drop(slot);
  Queue* target = shared.queues.find(options.dead_letter_queue);
  Message message = message_of(slab[slot]);
  message.dead_letter_source = options.name;
  if (options
          .fifo) {  // AWS SQS: "Setting-up dead-letter queue retention", and the FIFO rules there.
    message.sent = env.scheduler.now();
    message.deduplication_id = uuid(message.id);
  }
  discard(slot, Observer::End::dead_lettered);
  ++counters.dead;
  telemetry.record(telemetry::Kind::message_dead, message.trace, target->state_->name,
                   message.receives);
  target->state_->accept_moved(slot, options.name, message);
  tell_lost(std::move(message), true);
}

std::optional<Queue::State::Letter> Queue::State::first_letter() {
  advance(env.scheduler.now());
  const std::uint32_t slot = first_ready();
  if (slot == no_slot) return {};
  return Letter{slot, message_of(slab[slot])};
}

// Not held to depth_max: what was accepted once is not lost for want of room here.
void Queue::State::accept_moved(std::uint32_t from, std::string_view source,
                                const Message& message) {
  const std::uint32_t slot = take_in(message);
  Slot& s = slab[slot];
  Time visible_from{};
  if (options.fifo) {
    groups.join(slot, message.group);
    visible_from = groups.visible_from(slot);  // It overtakes none of its group.
  }
  if (shared.observer != nullptr) shared.observer->arrived(options.name, s.number, message);
  const bool late = visible_from > env.scheduler.now();
  enter(slot, late ? Where::delayed : Where::ready, late ? key_of(visible_from) : 0);
  if (!s.ephemeral) s.stored = journal.moved(source, from, options.name, slot, s);
}

void Queue::State::drop(std::uint32_t slot) {
  Message message = message_of(slab[slot]);
  discard(slot, Observer::End::dropped);
  if (!message.ephemeral) journal.removed(options.name, slot);
  ++counters.dropped;
  telemetry.record(telemetry::Kind::message_dropped, message.trace, name);
  tell_lost(std::move(message), false);
}

// Posted, so that no caller of ours finds the queue changed under it by `lost`.
void Queue::State::tell_lost(Message message, bool dead_lettered) {
  if (!lost) return;
  env.scheduler.post(
      [this, weak = std::weak_ptr(alive), message = std::move(message), dead_lettered] {
        if (!weak.expired()) lost(message, dead_lettered);
      });
}

// The slot of the message, if this receipt is its last one.
Result<std::uint32_t> Queue::State::counting(const Receipt& receipt) const {
  if (!slab.taken(receipt.slot) || slab[receipt.slot].id != receipt.message) {
    return error(Errc::not_found,
                 "the message of this delivery is no longer in queue " + options.name);
  }
  const Slot& s = slab[receipt.slot];
  if (s.delivery != receipt.delivery || (options.fifo && s.where != Where::in_flight)) {
    return error(Errc::stale, "this delivery no longer counts: its time in queue " + options.name +
                                  " is over, or the message was delivered again");
  }
  return static_cast<std::uint32_t>(receipt.slot);
}

Result<journal::Sequence> Queue::State::remove(const Receipt& receipt) {
  advance(env.scheduler.now());
  PORTEIRO_TRY(const std::uint32_t slot, counting(receipt));
  if (env.strike(FaultPoint::queue_delete, options.name).kind == Fault::Kind::drop_ack) {
    return journal.last();
  }
  const bool ephemeral = slab[slot].ephemeral;
  const Id trace = slab[slot].content.trace();
  discard(slot, Observer::End::removed);
  ++counters.deleted;
  ++counters.billed;
  telemetry.record(telemetry::Kind::message_deleted, trace, name);
  return ephemeral ? journal::Sequence{0} : journal.removed(options.name, slot);
}

Result<journal::Sequence> Queue::State::change_visibility(const Receipt& receipt,
                                                          Duration visibility) {
  if (visibility < Duration::zero() || visibility > visibility_max) {
    return error(Errc::invalid, "a visibility timeout is 0 s to 12 h", "visibility");
  }
  const Time now = env.scheduler.now();
  advance(now);
  PORTEIRO_TRY(const std::uint32_t slot, counting(receipt));
  const Slot& s = slab[slot];
  if (s.where != Where::in_flight) {
    return error(Errc::stale, "this delivery is no longer in flight in queue " + options.name);
  }
  if (now + visibility > s.received + visibility_max) {
    return error(Errc::invalid, "a message is hidden for at most 12 h from its receipt", "total");
  }
  const bool ephemeral = s.ephemeral;
  const std::int64_t visible_at = visibility == Duration::zero() ? 0 : key_of(now + visibility);
  hide(slot, visible_at);
  return ephemeral ? journal::Sequence{0} : journal.hidden(options.name, slot, visible_at);
}

}  // namespace porteiro::queue
