// A queue's messages: sending, and where each is.
#include "queue/state.hpp"

#include <algorithm>

#include "porteiro/base/memory.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::queue {
namespace {

constexpr Duration delay_max = std::chrono::seconds(900);  // AWS SQS.
constexpr std::size_t id_bytes_max = 128;                  // AWS SQS: group, deduplication id.
constexpr std::int64_t worth_returning_bytes = 16 << 20;

std::string labels(const Options& options) { return "queue=\"" + options.name + "\""; }

std::size_t size_of(const SendRequest& request) {
  std::size_t size = request.body.size();
  for (const Attribute& each : request.attributes) {
    size += each.name.size() + each.type.size() + each.value.size();
  }
  return size;
}

}  // namespace

Queue::State::State(Shared& shared_, Options options_, bool declared_)
    : shared(shared_),
      env(shared.env),
      telemetry(shared.telemetry),
      journal(shared.journal),
      options(std::move(options_)),
      declared(declared_),
      name(telemetry.intern(options.name)),
      created(env.scheduler.now()),
      modified(created),
      declared_options(options),
      ready(slab, &Slot::place),
      delayed(slab, &Slot::place),
      in_flight(slab, &Slot::place),
      retention(slab, &Slot::expiry),
      groups(slab),
      next_id(make_id(env.entropy)),
      telling(watchers.end()),
      timer(env.scheduler),
      armed(never),
      counters{telemetry.counter("porteiro_queue_messages_sent_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_received_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_deleted_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_redelivered_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_dead_lettered_total", labels(options)),
               telemetry.counter("porteiro_queue_messages_dropped_total", labels(options)),
               telemetry.counter("porteiro_queue_billed_requests_total", labels(options))} {
  next_delivery = make_id(env.entropy).low | 1;
  const auto gauge = [&](std::string_view state, std::size_t Depth::*part) {
    telemetry.gauge("porteiro_queue_depth",
                    labels(options) + ",state=\"" + std::string(state) + "\"",
                    [weak = std::weak_ptr(alive), this, part] {
                      return weak.expired() ? 0.0 : static_cast<double>(depth().*part);
                    });
  };
  gauge("ready", &Depth::ready);
  gauge("delayed", &Depth::delayed);
  gauge("in_flight", &Depth::in_flight);
}

Queue::State::~State() {
  for (Waiter* waiter : waiters) waiter->queue = nullptr;
  for (Waiter* waiter : watchers) waiter->queue = nullptr;
  telemetry.forget(labels(options));
}

Result<void> Queue::State::check(SendRequest& request) const {
  const std::size_t size = size_of(request);
  if (request.body.empty() || size > options.message_bytes_max) {
    return error(Errc::invalid,
                 "a message of queue " + options.name + " has 1 to " +
                     std::to_string(options.message_bytes_max) + " bytes, this one " +
                     std::to_string(size),
                 "body");
  }
  if (request.delay > delay_max) {
    return error(Errc::invalid, "the delay of a message is at most 900 s", "delay");
  }
  if (request.group.size() > id_bytes_max) {
    return error(Errc::invalid, "a message group's name has at most 128 bytes", "group");
  }
  if (request.deduplication_id.size() > id_bytes_max) {
    return error(Errc::invalid, "a deduplication id has at most 128 bytes", "deduplication_id");
  }
  if (!options.fifo) {
    if (request.deduplication_id.empty()) return ok();
    return error(Errc::invalid, "only a FIFO queue takes a deduplication id", "deduplication_id");
  }
  if (request.group.empty()) {
    return error(Errc::invalid, "a message of a FIFO queue names its group", "group");
  }
  if (request.delay > Duration::zero()) {
    return error(Errc::invalid, "a FIFO queue takes no delay of a single message", "delay");
  }
  request.delay = Duration(-1);
  if (!request.deduplication_id.empty()) return ok();
  if (!options.content_based_deduplication) {
    return error(Errc::invalid,
                 "a message of queue " + options.name +
                     " needs a deduplication id, as its content does not serve for one",
                 "deduplication_id");
  }
  const auto digest = kms::sha256(request.body);
  request.deduplication_id = to_hex({digest.data(), digest.size()});
  return ok();
}

std::string Queue::State::deduplication_key(const SendRequest& request) const {
  if (!options.deduplicate_by_group) return request.deduplication_id;
  return request.group + '\0' + request.deduplication_id;
}

Result<Sent> Queue::State::send(SendRequest request) {
  PORTEIRO_TRY(check(request));
  const Time now = env.scheduler.now();
  advance(now);
  std::string key;
  if (options.fifo) {
    key = deduplication_key(request);
    if (const auto* first = deduplication.find(key, now)) {
      return Sent{first->id, journal.last(), first->number};
    }
  }
  if (depth().total() >= options.depth_max) {
    return error(Errc::limit_exceeded, "queue " + options.name + " is full (" +
                                           std::to_string(options.depth_max) +
                                           " messages); send again later");
  }
  const Fault fault = env.strike(FaultPoint::queue_send, options.name);
  if (fault.kind == Fault::Kind::throttle) {
    return error(Errc::unavailable, "queue " + options.name + " is throttled; send again later");
  }
  Duration delay = request.delay < Duration::zero() ? options.delay : request.delay;
  if (fault.kind == Fault::Kind::delay) delay += fault.delay;
  if (fault.kind == Fault::Kind::poison) request.body.resize((request.body.size() + 1) / 2);
  next_id.low += 0x9e3779b97f4a7c15U;  // Odd: all 2^64 values before one comes again.
  Message message;
  message.id = next_id;
  message.trace = request.trace;
  message.body = std::move(request.body);
  message.sent = now;
  message.ephemeral = request.ephemeral;
  message.sent_here = request.sent_here;
  message.attributes = std::move(request.attributes);
  message.trace_header = std::move(request.trace_header);
  message.group = std::move(request.group);
  message.deduplication_id = std::move(request.deduplication_id);
  const bool twice = fault.kind == Fault::Kind::duplicate && !options.fifo &&
                     depth().total() + 1 < options.depth_max;
  if (twice) store(message, now + delay, now);
  const bool ephemeral = message.ephemeral;
  const std::uint32_t slot = store(message, now + delay, now);
  const std::uint64_t number = options.fifo ? slab[slot].number : 0;
  if (options.fifo) deduplication.remember(std::move(key), {next_id, number, now, ephemeral});
  return Sent{next_id, ephemeral ? journal::Sequence{0} : journal.last(), number};
}

// A slot for the message, in none of the lists yet.
std::uint32_t Queue::State::take_in(const Message& message) {
  env.wrote(Place::queue, message.body);
  const std::uint32_t slot = slab.take();
  Slot& s = slab[slot];
  s.content = Content(message);
  s.id = message.id;
  s.sent = message.sent;
  s.receives = s.arrived_with = message.receives;
  s.first_received = message.first_received;
  s.ephemeral = message.ephemeral;
  s.number = next_number++;
  return slot;
}

std::uint32_t Queue::State::store(const Message& message, Time visible_from, Time now) {
  const std::uint32_t slot = take_in(message);
  Slot& s = slab[slot];
  if (options.fifo) {
    groups.join(slot, message.group);
    Time& from = groups.visible_from(slot);
    from = visible_from = std::max(from, visible_from);
  }
  if (shared.observer != nullptr) shared.observer->arrived(options.name, s.number, message);
  const bool late = visible_from > now;
  enter(slot, late ? Where::delayed : Where::ready, late ? key_of(visible_from) : 0);
  if (!s.ephemeral) s.stored = journal.put(options.name, slot, s);
  ++counters.sent;
  counters.billed += requests_of(message.body.size());
  telemetry.record(telemetry::Kind::message_sent, message.trace, name, depth().total());
  return slot;
}

void Queue::State::enter(std::uint32_t slot, Where where, std::int64_t key) {
  const Slot& s = slab[slot];
  weigh(static_cast<std::int64_t>(s.content.bytes().size() + sizeof(Slot)));
  if (where == Where::ready) {
    make_ready(slot);
  } else {
    place(slot, where, key);
  }
  retention.add(slot, key_of(s.sent));
  arm(key_of(s.sent + options.retention));
}

std::vector<Peeked> Queue::State::peek(std::size_t max, std::size_t skip) const {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> taken;
  for (std::uint32_t i = 0; i < slab.size(); ++i) {
    if (slab.taken(i)) taken.emplace_back(slab[i].number, i);
  }
  skip = std::min(skip, taken.size());
  const std::size_t end = skip + std::min(max, taken.size() - skip);
  std::partial_sort(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(end), taken.end());
  std::vector<Peeked> out;
  for (std::size_t i = skip; i < end; ++i) {
    const std::uint32_t slot = taken[i].second;
    const Slot& s = slab[slot];
    Peeked peeked{message_of(s), s.where, {}, false};
    if (s.where != Where::ready) peeked.visible_at = Time(Duration(s.place.key));
    if (s.where == Where::ready && options.fifo) peeked.blocked = groups.locked(slot);
    out.push_back(std::move(peeked));
  }
  return out;
}

journal::Sequence Queue::State::purge() {
  empty();
  return journal.purged(options.name);
}

Queue::Erased Queue::State::erase(const std::function<bool(const Message&)>& which) {
  Erased erased;
  for (std::uint32_t slot = 0; slot < slab.size(); ++slot) {
    if (!slab.taken(slot) || !which(message_of(slab[slot]))) continue;
    ++erased.messages;
    if (slab[slot].where == Where::in_flight) ++erased.in_flight;
    drop(slot);
  }
  return erased;
}

void Queue::State::empty() {
  if (shared.observer != nullptr) shared.observer->emptied(options.name);
  for (Order* order : {&ready, &delayed, &in_flight, &retention}) order->clear();
  groups.clear();
  slab.clear();
  attempts.clear();
  attempt_ids.clear();
  weigh(-weight);
}

void Queue::State::reset() {
  empty();
  deduplication.clear();
  options = declared_options;
  modified = created;
  configured = false;
}

journal::Sequence Queue::State::configure(Options changed) {
  apply_configured(env.scheduler.now(), std::move(changed));
  return journal.configured(modified, options);
}

void Queue::State::apply_configured(Time at, Options changed) {
  changed.name = options.name;
  options = std::move(changed);
  modified = at;
  created = std::min(created, at);  // Of a declared queue: when it was first known.
  configured = true;
  arm(key_of(at));  // The retention may be shorter now.
}

void Queue::State::place(std::uint32_t slot, Where where, std::int64_t key) {
  slab[slot].where = where;
  if (where == Where::ready) {
    options.fifo ? groups.add(slot) : ready.add(slot, static_cast<std::int64_t>(slab[slot].number));
  } else {
    order_of(where).add(slot, key);
    arm(key);
    if (options.fifo && where == Where::in_flight) groups.lock(slot);
  }
  if (shared.observer != nullptr) shared.observer->depth(options.name, depth());
}

void Queue::State::unplace(std::uint32_t slot) {
  const Where where = slab[slot].where;
  if (where == Where::ready) return options.fifo ? groups.remove(slot) : ready.remove(slot);
  order_of(where).remove(slot);
  if (options.fifo && where == Where::in_flight) groups.unlock(slot);
}

void Queue::State::discard(std::uint32_t slot, Observer::End how) {
  if (shared.observer != nullptr) shared.observer->ended(options.name, slab[slot].number, how);
  unplace(slot);
  retention.remove(slot);
  if (options.fifo) groups.leave(slot);
  const auto bytes = static_cast<std::int64_t>(slab[slot].content.bytes().size() + sizeof(Slot));
  slab.give_back(slot);
  weigh(-bytes);
  serve_soon();  // A group may be free now, or there may be room in flight.
}

// The allocator keeps what is freed: after a large queue was emptied it is told to give it back.
void Queue::State::weigh(std::int64_t bytes) {
  weight += bytes;
  weight_max = std::max(weight_max, weight);
  weight_since_empty_max = std::max(weight_since_empty_max, weight);
  // Only an empty slab frees its slots, so the end counts, too.
  const bool emptied = weight == 0 && weight_since_empty_max >= worth_returning_bytes;
  const bool fell = weight_max >= worth_returning_bytes && weight <= weight_max / 4;
  if (!emptied && !fell) return;
  weight_max = weight;
  if (emptied) weight_since_empty_max = 0;
  env.scheduler.post([] { return_free_memory(); });
}

void Queue::State::make_ready(std::uint32_t slot) {
  place(slot, Where::ready, 0);
  serve_soon();
}

void Queue::State::hide(std::uint32_t slot, std::int64_t visible_at) {
  if (shared.observer != nullptr) {
    shared.observer->hidden(options.name, slab[slot].number, Time(Duration(visible_at)));
  }
  unplace(slot);
  if (visible_at == 0) {
    make_ready(slot);
  } else {
    place(slot, Where::in_flight, visible_at);
  }
  groups.end_batch();
}

void Queue::State::advance(Time now) {
  const std::int64_t key = key_of(now), oldest = key_of(now - options.retention);
  while (retention.first_key() <= oldest) drop(retention.first());
  for (Order* order : {&delayed, &in_flight}) {
    while (order->first_key() <= key) {
      const std::uint32_t slot = order->first();
      unplace(slot);
      make_ready(slot);
    }
  }
}

}  // namespace porteiro::queue
