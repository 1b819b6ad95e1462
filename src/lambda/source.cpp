#include "lambda/source.hpp"

#include <algorithm>

namespace porteiro::lambda {
namespace {

constexpr std::size_t verifying_max = 64;

// A client waits for the outcome of a function outside and nobody else will ask for it: it hears of
// a failure at once, as from API Gateway, and may try again itself.
bool waits_for_it(const Run& run) {
  return run.outside && run.invocation.deliveries.front().message.ephemeral;
}

}  // namespace

Source::Source(Shared& shared, queue::Queue& queue, SourceOptions options, Ways ways,
               Pool* fallback, StringMap<Pool*> by_type)
    : Feed(shared),
      queue_(queue),
      options_(std::move(options)),
      ways_(std::move(ways)),
      fallback_(fallback),
      by_type_(std::move(by_type)),
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
  if (shared_.stopping || verifying_ >= verifying_max) return false;
  bool some = false;
  for (const Pool* pool : pools_) {
    if (pool->waiting() > 0) return false;
    some = some || pool->free() > 0;
  }
  return some;
}

bool Source::take() {
  auto deliveries = queue_.receive(1);
  if (deliveries.empty()) return false;
  queue::Delivery& delivery = deliveries.front();
  auto event = events::parse_event(delivery.message.body);
  if (!event) {
    refuse(delivery, event.error());
    return true;
  }
  auto run = std::make_shared<Run>();
  run->sink = this;
  run->invocation.queue = options_.queue;
  run->invocation.route = true;
  run->invocation.events.push_back(std::move(event).value());
  run->invocation.deliveries = std::move(deliveries);
  if (ways_.envelopes == nullptr) {
    this->run(std::move(run));
  } else {
    verify(std::move(run));
  }
  return true;
}

void Source::verify(std::shared_ptr<Run> run) {
  const events::Event& event = run->invocation.event();
  const bool sent_here = run->invocation.deliveries.front().message.sent_here;
  const auto verdict = ways_.envelopes->verify(event, options_.queue, sent_here);
  if (verdict) return judged(std::move(run), *verdict);
  ++verifying_;
  ways_.envelopes->verify_later(
      event, options_.queue, sent_here,
      [this, weak = std::weak_ptr(generation_), run](Result<events::Verdict> known) mutable {
        if (weak.expired()) return;
        --verifying_;
        if (known) judged(std::move(run), known.value());  // Else the message comes again.
        pump_soon();
      });
}

void Source::judged(std::shared_ptr<Run> run, events::Verdict verdict) {
  if (verdict == events::Verdict::valid) return this->run(std::move(run));
  ways_.envelopes->refused(verdict, run->invocation.event(), options_.queue);
  remove_all(queue_, *run);
}

void Source::run(std::shared_ptr<Run> run) {
  const std::string& type = run->invocation.event().type;
  if (Pool* pool = pool_for(type)) return pool->submit(std::move(run));
  ways_.replied(run->invocation.event(),
                error(Errc::not_found, "no function takes events of type " + type));
  remove_all(queue_, *run);
}

void Source::reset() {
  verifying_ = 0;
  generation_ = std::make_shared<int>(0);
  pump_soon();  // No one else may be left to say that workers are free.
}

Pool* Source::pool_for(std::string_view type) const {
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
  if (!outcome && retryable(outcome.error().code) && !waits_for_it(run)) return;
  ways_.replied(run.invocation.event(), std::move(outcome));
  remove_all(queue_, run);
}

}  // namespace porteiro::lambda
