#include "lambda/source.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::lambda {
namespace {

constexpr int turns_max = 64;  // Receives in one go; the loop's other work comes between.

// A function in this process knows an event by its own id, one outside by that of its message.
Id name_of(const Run& run, std::size_t i) {
  return run.outside ? run.invocation.deliveries[i].message.id : run.invocation.events[i].id;
}

bool has_name(const Run& run, Id id) {
  for (std::size_t i = 0; i < run.invocation.events.size(); ++i) {
    if (name_of(run, i) == id) return true;
  }
  return false;
}

// The events that a batch's reply names as failed; nullopt: it names one the batch does not have.
std::optional<std::vector<Id>> failures(const Reply& reply, const Run& run) {
  std::vector<Id> failed;
  const auto raw = find_member(reply.body, "batchItemFailures");
  if (!raw) return failed;
  const auto items = nlohmann::json::parse(*raw, nullptr, false);
  if (!items.is_array()) return failed;
  for (const auto& item : items) {
    const auto name = item.is_object() ? item.find("itemIdentifier") : item.end();
    if (name == item.end() || !name->is_string()) return std::nullopt;
    const auto id = parse_id(name->get_ref<const std::string&>());
    if (!id || !has_name(run, *id)) return std::nullopt;
    failed.push_back(*id);
  }
  return failed;
}

// A message that a client sent as it liked, as an event: its body is the data, as JSON if it is
// some. nullopt: it is no text.
std::optional<events::Event> wrapped(const queue::Message& message, const std::string& queue) {
  if (!valid_utf8(message.body)) return std::nullopt;
  events::Event event;
  event.id = message.id;
  event.source = "/porteiro/queue/" + queue;
  event.type = "message.received";
  event.time = message.sent;
  event.correlation = message.trace ? message.trace : message.id;
  if (nlohmann::json::accept(message.body)) {
    event.data = message.body;
  } else {
    append_json_string(event.data, message.body);
  }
  return event;
}

// A client waits for the outcome of a function outside and nobody else will ask for it: it hears of
// a failure at once, as from API Gateway, and may try again itself.
bool waits_for_it(const Run& run) {
  return run.outside && run.invocation.deliveries.front().message.ephemeral;
}

}  // namespace

Source::Source(Shared& shared, queue::Queue& queue, SourceOptions options,
               Functions::Replied replied, Pool* fallback, StringMap<Pool*> by_type)
    : shared_(shared),
      queue_(queue),
      options_(std::move(options)),
      replied_(std::move(replied)),
      fallback_(fallback),
      by_type_(std::move(by_type)),
      window_(shared.services.environment.scheduler),
      malformed_(shared.telemetry.counter("porteiro_function_malformed_events_total",
                                          "queue=\"" + options_.queue + "\"")) {
  if (fallback_ != nullptr) pools_.push_back(fallback_);
  for (const auto& [type, function] : options_.by_type) {
    Pool* pool = pool_for(type);
    if (std::find(pools_.begin(), pools_.end(), pool) == pools_.end()) pools_.push_back(pool);
  }
  for (Pool* pool : pools_) pool->add_source(*this);
  watcher_ = queue_.watch([this] { pump(); });
}

// A message's function is known only when it was received: one may find its function busy, and
// then no other is received before that one has a worker.
bool Source::room() const {
  if (shared_.stopping) return false;
  if (!held_.empty()) return true;
  bool some = false;
  for (const Pool* pool : pools_) {
    if (pool->waiting() > 0) return false;
    some = some || pool->free() > 0;
  }
  return some;
}

void Source::pump() {
  if (pumping_) return;  // The loop below goes on.
  pumping_ = true;
  const std::size_t batch = by_type_.empty() ? options_.batch_max : 1;
  int turns = 0;
  while (room() && turns < turns_max) {
    auto deliveries = queue_.receive(batch - held_.size());
    if (deliveries.empty()) break;
    ++turns;
    if (batch > 1 && options_.window > Duration::zero()) {
      hold(std::move(deliveries));
    } else {
      dispatch(std::move(deliveries));
    }
  }
  pumping_ = false;
  if (turns == turns_max) pump_soon();
}

void Source::pump_soon() {
  if (std::exchange(posted_, true)) return;
  shared_.services.environment.scheduler.post([this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    posted_ = false;
    pump();
  });
}

void Source::hold(std::vector<queue::Delivery> deliveries) {
  if (held_.empty()) {
    fallback_->reserve();
    window_.start(options_.window, [this] { flush(); });
  }
  for (auto& delivery : deliveries) held_.push_back(std::move(delivery));
  if (held_.size() >= options_.batch_max) flush();
}

void Source::flush() {
  window_.stop();
  if (held_.empty()) return;
  fallback_->release();
  dispatch(std::exchange(held_, {}));
  fallback_->freed();
}

void Source::dispatch(std::vector<queue::Delivery> deliveries) {
  auto run = std::make_shared<Run>();
  run->sink = this;
  run->invocation.queue = options_.queue;
  run->invocation.route = static_cast<bool>(replied_);
  run->invocation.events.reserve(deliveries.size());
  std::size_t good = 0;
  for (queue::Delivery& delivery : deliveries) {
    auto event = events::parse_event(delivery.message.body);
    auto other = event || replied_ ? std::nullopt : wrapped(delivery.message, options_.queue);
    if (!event && !other) {
      refuse(delivery, event.error());
      continue;
    }
    run->invocation.events.push_back(event ? std::move(event).value() : std::move(*other));
    if (&delivery != &deliveries[good]) deliveries[good] = std::move(delivery);
    ++good;
  }
  if (good == 0) return;
  deliveries.resize(good);
  run->invocation.deliveries = std::move(deliveries);
  const events::Event& event = run->invocation.event();
  if (Pool* pool = pool_for(event.type)) return pool->submit(std::move(run));
  if (replied_) {
    replied_(event, error(Errc::not_found, "no function takes events of type " + event.type));
  }
  remove(*run);
}

Pool* Source::pool_for(std::string_view type) const {
  if (by_type_.empty()) return fallback_;
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? fallback_ : found->second;
}

void Source::refuse(const queue::Delivery& delivery, const Error& why) {
  ++malformed_;
  shared_.telemetry.note(telemetry::Level::warning,
                         "a message of queue " + options_.queue +
                             " is not an event and was deleted: " + why.detail +
                             (why.at.empty() ? "" : " (" + why.at + ")"),
                         delivery.message.trace);
  static_cast<void>(queue_.remove(delivery.receipt));
}

void Source::ended(Run& run, Result<Reply> outcome, bool crashed) {
  if (crashed) return;
  if (!replied_) return batch_ended(run, outcome);
  if (!outcome && retryable(outcome.error().code) && !waits_for_it(run)) return;
  replied_(run.invocation.event(), std::move(outcome));
  remove(run);
}

void Source::batch_ended(Run& run, const Result<Reply>& outcome) {
  if (!outcome) {
    if (!retryable(outcome.error().code)) remove(run);
    return;
  }
  const int status = outcome.value().status;
  if (status < 200 || status > 299) return remove(run);
  const auto failed = failures(outcome.value(), run);
  if (!failed) return;
  if (failed->empty()) return remove(run);
  const auto& deliveries = run.invocation.deliveries;
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    const bool stays = std::find(failed->begin(), failed->end(), name_of(run, i)) != failed->end();
    if (!stays) static_cast<void>(queue_.remove(deliveries[i].receipt));
  }
}

// A stale receipt is no error here: the message was delivered again meanwhile, to whom it is left.
void Source::remove(const Run& run) {
  for (const queue::Delivery& delivery : run.invocation.deliveries) {
    static_cast<void>(queue_.remove(delivery.receipt));
  }
}

void Source::stop() { flush(); }

void Source::reset() {
  window_.stop();
  held_.clear();
  pump_soon();  // No one else may be left to say that workers are free.
}

}  // namespace porteiro::lambda
