#include "queue/state.hpp"

#include <algorithm>
#include <limits>

namespace porteiro::queue {
namespace {

constexpr Duration visibility_max = std::chrono::hours(12);  // AWS SQS.
constexpr Duration delay_max = std::chrono::seconds(900);    // AWS SQS.
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

std::int64_t key_of(Time time) { return time.time_since_epoch().count(); }

std::string labels(const Options& options) { return "queue=\"" + options.name + "\""; }

}  // namespace

Queue::State::State(Environment& environment, telemetry::Telemetry& telemetry_, EntryWriter& writer,
                    Queues& queues_, Options options_)
    : env(environment),
      telemetry(telemetry_),
      journal(writer),
      queues(queues_),
      options(std::move(options_)),
      name(telemetry.intern(options.name)),
      ready(slab.slots(), &Slot::place),
      delayed(slab.slots(), &Slot::place),
      in_flight(slab.slots(), &Slot::place),
      retention(slab.slots(), &Slot::expiry),
      next_id(make_id(env.entropy)),
      telling(watchers.end()),
      timer(env.scheduler),
      armed(never),
      counters{telemetry.counter("porteiro_queue_messages_sent_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_received_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_deleted_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_redelivered_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_dead_lettered_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_dropped_total", labels(options))} {
  next_delivery = make_id(env.entropy).low | 1;
  const auto gauge = [&](std::string_view state, const Order& order) {
    telemetry.gauge("porteiro_queue_depth",
                    labels(options) + ",state=\"" + std::string(state) + "\"",
                    [weak = std::weak_ptr(alive), &order] {
                      return weak.expired() ? 0.0 : static_cast<double>(order.size());
                    });
  };
  gauge("ready", ready);
  gauge("delayed", delayed);
  gauge("in_flight", in_flight);
}

Queue::State::~State() {
  for (Waiter* waiter : waiters) waiter->queue = nullptr;
  for (Waiter* waiter : watchers) waiter->queue = nullptr;
}

Result<Sent> Queue::State::send(SendRequest request) {
  if (request.body.empty() || request.body.size() > options.message_bytes_max) {
    return error(Errc::invalid,
                 "a message of queue " + options.name + " has 1 to " +
                     std::to_string(options.message_bytes_max) + " bytes, this one " +
                     std::to_string(request.body.size()),
                 "body");
  }
  if (request.delay > delay_max) {
    return error(Errc::invalid, "the delay of a message is at most 900 s", "delay");
  }
  const Time now = env.scheduler.now();
  advance(now);
  if (depth().total() >= options.depth_max) {
    return error(Errc::limit_exceeded, "queue " + options.name + " is full (" +
                                           std::to_string(options.depth_max) +
                                           " messages); send again later");
  }
  Duration delay = request.delay < Duration::zero() ? options.delay : request.delay;
  const Fault fault = env.strike(FaultPoint::queue_send, options.name);
  if (fault.kind == Fault::Kind::delay) delay += fault.delay;
  next_id.low += 0x9e3779b97f4a7c15U;  // Odd: all 2^64 values before one comes again.
  auto message = std::make_shared<Message>();
  message->id = next_id;
  message->trace = request.trace;
  message->body = std::move(request.body);
  message->sent = now;
  message->ephemeral = request.ephemeral;
  if (fault.kind == Fault::Kind::duplicate && depth().total() + 1 < options.depth_max) {
    store(std::make_shared<Message>(*message), delay, now);
  }
  store(std::move(message), delay, now);
  return Sent{next_id, request.ephemeral ? journal::Sequence{0} : journal.last()};
}

std::uint32_t Queue::State::store(std::shared_ptr<Message> message, Duration delay, Time now) {
  const bool ephemeral = message->ephemeral;
  const Id trace = message->trace;
  env.wrote(Place::queue, message->body);
  const std::uint32_t slot = slab.take();
  Slot& s = slab.slots()[slot];
  s.message = std::move(message);
  s.number = next_number++;
  if (delay > Duration::zero()) {
    place(slot, Where::delayed, key_of(now + delay));
  } else {
    make_ready(slot);
  }
  expire_by_retention(slot);
  if (!ephemeral) journal.put(options.name, slot, s);
  ++counters.sent;
  telemetry.record(telemetry::Kind::message_sent, trace, name, depth().total());
  return slot;
}

std::vector<Delivery> Queue::State::receive(std::size_t max, Duration visibility) {
  const Time now = env.scheduler.now();
  advance(now);
  if (visibility < Duration::zero()) visibility = options.visibility_timeout;
  const Time visible_at = now + std::min(visibility, visibility_max);
  std::vector<Delivery> out;
  while (out.size() < max && !ready.empty() && in_flight.size() < options.in_flight_max) {
    const std::uint32_t slot = ready.first();
    const Slot& s = slab.slots()[slot];
    if (options.receives_max != 0 && s.message->receives - s.arrived_with >= options.receives_max) {
      give_up(slot);
    } else {
      deliver(slot, now, visible_at, out);
    }
  }
  return out;
}

void Queue::State::deliver(std::uint32_t slot, Time now, Time visible_at,
                           std::vector<Delivery>& out) {
  Slot& s = slab.slots()[slot];
  // Whoever still holds an earlier delivery keeps what it saw.
  if (s.message.use_count() > 1) s.message = std::make_shared<Message>(*s.message);
  Message& message = *s.message;
  if (++message.receives == s.arrived_with + 1) message.first_received = now;
  s.delivery = next_delivery++;
  unplace(slot);
  place(slot, Where::in_flight, key_of(visible_at));
  if (!message.ephemeral) journal.received(options.name, slot, s, now);
  ++counters.received;
  const auto waited = static_cast<std::uint64_t>((now - message.sent).count());
  telemetry.record(telemetry::Kind::message_received, message.trace, name, message.receives,
                   waited);
  if (message.receives > s.arrived_with + 1) {
    ++counters.redelivered;
    telemetry.record(telemetry::Kind::message_redelivered, message.trace, name, message.receives);
  }
  out.push_back({s.message, {slot, s.delivery}});
}

void Queue::State::give_up(std::uint32_t slot) {
  Queue* target =
      options.dead_letter_queue.empty() ? nullptr : queues.find(options.dead_letter_queue);
  if (target == nullptr || target->state_.get() == this) {
    drop(slot);
    return;
  }
  std::shared_ptr<Message> message = slab.slots()[slot].message;
  discard(slot);
  ++counters.dead;
  telemetry.record(telemetry::Kind::message_dead, message->trace, target->state_->name,
                   message->receives);
  target->state_->accept_moved(slot, options.name, message);
  tell_lost(std::move(message), true);
}

// Not held to depth_max: what was accepted once is not lost for want of room here.
void Queue::State::accept_moved(std::uint32_t from, std::string_view source,
                                std::shared_ptr<Message> message) {
  const std::uint32_t slot = slab.take();
  Slot& s = slab.slots()[slot];
  s.arrived_with = message->receives;
  s.message = std::move(message);
  s.number = next_number++;
  env.wrote(Place::queue, s.message->body);
  make_ready(slot);
  expire_by_retention(slot);
  if (!s.message->ephemeral) journal.moved(source, from, options.name, slot, s);
}

void Queue::State::drop(std::uint32_t slot) {
  std::shared_ptr<Message> message = slab.slots()[slot].message;
  discard(slot);
  if (!message->ephemeral) journal.removed(options.name, slot);
  ++counters.dropped;
  telemetry.record(telemetry::Kind::message_dropped, message->trace, name);
  tell_lost(std::move(message), false);
}

// Posted, so that no caller of ours finds the queue changed under it by `lost`.
void Queue::State::tell_lost(std::shared_ptr<const Message> message, bool dead_lettered) {
  if (!lost) return;
  env.scheduler.post(
      [this, weak = std::weak_ptr(alive), message = std::move(message), dead_lettered] {
        if (!weak.expired()) lost(*message, dead_lettered);
      });
}

Result<journal::Sequence> Queue::State::remove(Receipt receipt) {
  advance(env.scheduler.now());
  if (!slab.taken(receipt.slot) ||
      slab.slots()[static_cast<std::size_t>(receipt.slot)].delivery != receipt.delivery) {
    return error(Errc::stale, "this delivery no longer counts: the message of queue " +
                                  options.name + " was delivered again or has gone");
  }
  const auto slot = static_cast<std::uint32_t>(receipt.slot);
  const bool ephemeral = slab.slots()[slot].message->ephemeral;
  const Id trace = slab.slots()[slot].message->trace;
  const bool was_full = in_flight.size() >= options.in_flight_max;
  discard(slot);
  if (was_full) serve_soon();
  ++counters.deleted;
  telemetry.record(telemetry::Kind::message_deleted, trace, name);
  return ephemeral ? journal::Sequence{0} : journal.removed(options.name, slot);
}

Result<void> Queue::State::change_visibility(Receipt receipt, Duration visibility) {
  if (visibility < Duration::zero() || visibility > visibility_max) {
    return error(Errc::invalid, "a visibility timeout is 0 s to 12 h", "visibility");
  }
  const Time now = env.scheduler.now();
  advance(now);
  const auto slot = static_cast<std::uint32_t>(receipt.slot);
  if (!slab.taken(receipt.slot) || slab.slots()[slot].delivery != receipt.delivery ||
      slab.slots()[slot].where != Where::in_flight) {
    return error(Errc::stale, "this delivery is no longer in flight in queue " + options.name);
  }
  const bool now_visible = visibility == Duration::zero();
  const std::int64_t visible_at = now_visible ? 0 : key_of(now + visibility);
  unplace(slot);
  if (now_visible) {
    make_ready(slot);
  } else {
    place(slot, Where::in_flight, visible_at);
  }
  if (!slab.slots()[slot].message->ephemeral) journal.hidden(options.name, slot, visible_at);
  return boost::outcome_v2::success();
}

std::vector<Message> Queue::State::peek(std::size_t max) const {
  std::vector<const Slot*> taken;
  for (const Slot& slot : slab.slots()) {
    if (slot.message) taken.push_back(&slot);
  }
  std::sort(taken.begin(), taken.end(),
            [](const Slot* a, const Slot* b) { return a->number < b->number; });
  std::vector<Message> out;
  for (const Slot* slot : taken) {
    if (out.size() == max) break;
    out.push_back(*slot->message);
  }
  return out;
}

void Queue::State::purge() {
  reset();
  journal.purged(options.name);
}

void Queue::State::reset() {
  for (Order* order : {&ready, &delayed, &in_flight, &retention}) order->clear();
  slab.clear();
}

Order& Queue::State::order_of(Where where) {
  return where == Where::ready ? ready : where == Where::delayed ? delayed : in_flight;
}

void Queue::State::place(std::uint32_t slot, Where where, std::int64_t key) {
  slab.slots()[slot].where = where;
  order_of(where).add(slot, key);
  if (where != Where::ready) arm(key);
}

void Queue::State::unplace(std::uint32_t slot) { order_of(slab.slots()[slot].where).remove(slot); }

void Queue::State::expire_by_retention(std::uint32_t slot) {
  const std::int64_t due = key_of(slab.slots()[slot].message->sent + options.retention);
  retention.add(slot, due);
  arm(due);
}

void Queue::State::discard(std::uint32_t slot) {
  unplace(slot);
  retention.remove(slot);
  slab.give_back(slot);
}

void Queue::State::make_ready(std::uint32_t slot) {
  place(slot, Where::ready, static_cast<std::int64_t>(slab.slots()[slot].number));
  serve_soon();
}

void Queue::State::advance(Time now) {
  const std::int64_t key = key_of(now);
  while (retention.first_key() <= key) drop(retention.first());
  for (Order* order : {&delayed, &in_flight}) {
    while (order->first_key() <= key) {
      const std::uint32_t slot = order->first();
      order->remove(slot);
      make_ready(slot);
    }
  }
}

bool Queue::State::apply_put(StoredMessage stored) {
  if (!slab.take(stored.slot)) return false;
  Slot& s = slab.slots()[stored.slot];
  s.message = std::move(stored.content.message);
  s.delivery = stored.content.delivery;
  s.arrived_with = stored.content.arrived_with;
  s.number = next_number++;
  const Where where = stored.content.where;
  if (where == Where::ready) {
    make_ready(stored.slot);
  } else {
    place(stored.slot, where, stored.visible_at);
  }
  expire_by_retention(stored.slot);
  return true;
}

bool Queue::State::apply_received(std::uint32_t slot, std::uint64_t delivery,
                                  std::int64_t visible_at, Time at) {
  if (!slab.taken(slot)) return false;
  Slot& s = slab.slots()[slot];
  if (++s.message->receives == s.arrived_with + 1) s.message->first_received = at;
  s.delivery = delivery;
  unplace(slot);
  place(slot, Where::in_flight, visible_at);
  return true;
}

bool Queue::State::apply_hidden(std::uint32_t slot, std::int64_t visible_at) {
  if (!slab.taken(slot)) return false;
  unplace(slot);
  if (visible_at == 0) {
    make_ready(slot);
  } else {
    place(slot, Where::in_flight, visible_at);
  }
  return true;
}

bool Queue::State::apply_removed(std::uint32_t slot) {
  if (!slab.taken(slot)) return false;
  discard(slot);
  return true;
}

std::size_t Queue::State::snapshot(std::string& out) const {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> kept;
  for (std::uint32_t i = 0; i < slab.slots().size(); ++i) {
    const Slot& slot = slab.slots()[i];
    if (slot.message && !slot.message->ephemeral) kept.emplace_back(slot.number, i);
  }
  std::sort(kept.begin(), kept.end());
  for (const auto& [number, slot] : kept) append_message(out, slot, slab.slots()[slot]);
  return kept.size();
}

}  // namespace porteiro::queue
