#include "lambda/mapping.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "porteiro/base/json_scan.hpp"

namespace porteiro::lambda {
namespace {

constexpr Duration look_interval =
    std::chrono::seconds(1);  // For a queue that a client may remove.
// An invocation's payload has 6 MB (AWS Lambda); beside the bodies there is what is told of them.
constexpr std::size_t batch_bytes_max = 5u << 20;

// Amazon SQS as an event source: 5 batches at first, then up to 300 more a minute.
constexpr std::size_t batches_at_first = 5;
constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

std::size_t bytes_of(const queue::Message& message) {
  std::size_t bytes = message.body.size() + 1024;
  for (const queue::Attribute& each : message.attributes) bytes += each.value.size() + 128;
  return bytes;
}

// A function in this process knows an event by its own id, one outside by that of its message.
Id name_of(const Run& run, std::size_t i) {
  return run.outside ? run.invocation.deliveries[i].message.id : run.invocation.events[i].id;
}

// Which messages the reply names as failed; nullopt: it is no such reply, or names one that the
// batch does not have, or is no JSON. AWS Lambda, "Reporting batch item failures": nothing at all
// names none.
std::optional<std::vector<bool>> failures(const Reply& reply, const Run& run) {
  const std::size_t count = run.invocation.events.size();
  std::vector<bool> failed(count, false);
  const auto raw = find_member(reply.body, "batchItemFailures");
  if (!raw && !reply.body.empty() && !nlohmann::json::accept(reply.body)) return std::nullopt;
  if (!raw) return failed;
  const auto items = nlohmann::json::parse(*raw, nullptr, false);
  if (items.is_null()) return failed;
  if (!items.is_array()) return std::nullopt;
  for (const auto& item : items) {
    const auto name = item.is_object() ? item.find("itemIdentifier") : item.end();
    if (name == item.end() || !name->is_string()) return std::nullopt;
    const auto id = parse_id(name->get_ref<const std::string&>());
    std::size_t place = 0;
    while (id && place < count && name_of(run, place) != *id) ++place;
    if (!id || place == count) return std::nullopt;
    failed[place] = true;
  }
  return failed;
}

}  // namespace

Mapping::Mapping(Shared& shared, queue::Queues& queues, MappingOptions options)
    : Feed(shared),
      queues_(queues),
      options_(std::move(options)),
      window_(shared.environment.scheduler),
      look_(shared.environment.scheduler),
      growth_(shared.environment.scheduler),
      malformed_(shared.telemetry.counter("porteiro_function_malformed_events_total",
                                          "queue=\"" + options_.queue + "\"")),
      filtered_(shared.telemetry.counter("porteiro_function_filtered_messages_total",
                                         "queue=\"" + options_.queue + "\"")) {
  PORTEIRO_ASSERT(options_.batch_max > 0);
  follow_queue();
}

Mapping::~Mapping() {
  if (pool_ != nullptr) pool_->remove_source(*this);
}

// What is held for a function that goes is held for the one that comes in its place.
void Mapping::feed(Pool* pool) {
  if (pool_ != nullptr) {
    if (!held_.empty()) pool_->release();
    pool_->remove_source(*this);
  }
  pool_ = pool;
  if (pool_ == nullptr) return;
  pool_->add_source(*this);
  if (!held_.empty()) pool_->reserve();
  pump_soon();
}

// A declared queue stays; one of a client is looked at from time to time.
void Mapping::follow_queue() {
  queue::Queue* found = queue();
  if (found != watched_ || (found != nullptr && found->created() != watched_since_)) {
    watched_ = found;
    watcher_ = found == nullptr ? nullptr : found->watch([this] { pump(); });
    if (found != nullptr) watched_since_ = found->created();
  }
  if (found != nullptr && found->declared()) return;
  look_.start(look_interval, [this] { follow_queue(); });
}

bool Mapping::room() const {
  if (shared_.stopping || pool_ == nullptr) return false;
  if (!held_.empty()) return true;
  if (running_ >= batches_max()) return false;
  return pool_->waiting() == 0 && pool_->free() > 0;
}

// Functions outside begin with a few workers, and get more while there is work for them.
std::size_t Mapping::batches_max() const {
  const std::size_t most = options_.concurrency_max > 0 ? options_.concurrency_max : unlimited;
  if (!pool_->outside() || running_ == 0) return most;
  const Duration busy = shared_.environment.scheduler.now() - busy_since_;
  const auto seconds = static_cast<std::size_t>(busy / std::chrono::seconds(1));
  return std::min(most, batches_at_first * (1 + seconds));
}

// One more batch runs. Where more would now be too many, others wait for the next second.
void Mapping::begun() {
  if (running_++ == 0) busy_since_ = shared_.environment.scheduler.now();
  if (!pool_->outside() || growth_.running() || running_ < batches_max()) return;
  growth_.start(std::chrono::seconds(1), [this] { pump(); });
}

bool Mapping::take() {
  queue::Queue* from = queue();
  if (from == nullptr) return false;
  auto deliveries = from->receive(options_.batch_max - held_.size());
  if (deliveries.empty()) return false;
  filter(*from, deliveries);
  if (deliveries.empty()) return true;
  if (options_.window > Duration::zero() && options_.batch_max > 1) {
    hold(std::move(deliveries));
  } else {
    dispatch(std::move(deliveries));
  }
  return true;
}

// What no filter lets through has been handled: it is deleted.
void Mapping::filter(queue::Queue& from, std::vector<queue::Delivery>& deliveries) {
  if (options_.filters.empty()) return;
  std::erase_if(deliveries, [&](const queue::Delivery& delivery) {
    if (any_matches(options_.filters, delivery.message.body)) return false;
    ++filtered_;
    static_cast<void>(from.remove(delivery.receipt));
    return true;
  });
}

void Mapping::hold(std::vector<queue::Delivery> deliveries) {
  if (held_.empty()) {
    pool_->reserve();
    window_.start(options_.window, [this] { flush(); });
  }
  for (auto& delivery : deliveries) {
    held_bytes_ += bytes_of(delivery.message);
    held_.push_back(std::move(delivery));
  }
  if (held_.size() >= options_.batch_max || held_bytes_ >= batch_bytes_max) flush();
}

void Mapping::flush() {
  window_.stop();
  held_bytes_ = 0;
  if (held_.empty()) return;
  if (pool_ == nullptr) return give_back();
  pool_->release();
  dispatch(std::exchange(held_, {}));
  pool_->freed();
}

// No function has come in the place of the one it was held for.
void Mapping::give_back() {
  queue::Queue* from = queue();
  for (const queue::Delivery& delivery : std::exchange(held_, {})) {
    if (from == nullptr) continue;
    static_cast<void>(from->change_visibility(delivery.receipt, Duration::zero()));
  }
}

// As one batch, or as several where one would be too large for an invocation.
void Mapping::dispatch(std::vector<queue::Delivery> deliveries) {
  queue::Queue* from = queue();
  if (from == nullptr) return;
  std::vector<queue::Delivery> batch;
  std::size_t bytes = 0;
  const auto hand_on = [&] {
    bytes = 0;
    auto run = run_of(*from, std::exchange(batch, {}));
    if (run->invocation.events.empty()) return;
    begun();
    pool_->submit(std::move(run));
  };
  for (queue::Delivery& delivery : deliveries) {
    const std::size_t more = bytes_of(delivery.message);
    if (!batch.empty() && bytes + more > batch_bytes_max) hand_on();
    bytes += more;
    batch.push_back(std::move(delivery));
  }
  hand_on();
}

// Functions outside get the message itself: what else is known of it is enough.
std::optional<events::Event> Mapping::event_of(const queue::Message& message) const {
  if (pool_->outside()) {
    events::Event bare;
    bare.id = message.id;
    bare.correlation = message.trace == Id{} ? message.id : message.trace;
    return bare;
  }
  if (auto event = unverified(message.body)) return event;
  return wrapped(message, options_.queue);
}

std::shared_ptr<Run> Mapping::run_of(queue::Queue& from, std::vector<queue::Delivery> deliveries) {
  auto run = std::make_shared<Run>();
  run->sink = this;
  Invocation& invocation = run->invocation;
  invocation.queue = options_.queue;
  invocation.events.reserve(deliveries.size());
  for (queue::Delivery& delivery : deliveries) {
    auto event = event_of(delivery.message);
    if (!event) {
      ++malformed_;
      shared_.telemetry.note(
          telemetry::Level::warning,
          "a message of queue " + options_.queue + " is not a text and was deleted",
          delivery.message.trace);
      static_cast<void>(from.remove(delivery.receipt));
      continue;
    }
    invocation.events.push_back(std::move(*event));
    invocation.deliveries.push_back(std::move(delivery));
  }
  return run;
}

void Mapping::ended(Run& run, Result<Reply> outcome, bool crashed) {
  PORTEIRO_ASSERT(running_ > 0);
  --running_;
  queue::Queue* from = queue();
  if (from != nullptr && !crashed) settle(*from, run, outcome);
}

// What failed stays until its visibility timeout ends.
void Mapping::settle(queue::Queue& from, Run& run, const Result<Reply>& outcome) {
  if (!outcome) {
    if (!run.outside && !retryable(outcome.error().code)) remove_all(from, run);
    return;
  }
  const int status = outcome.value().status;
  const bool reports = options_.reports_failures && status >= 200 && status <= 299;
  if (reports) return remove_but(from, run, outcome.value());
  remove_all(from, run);
}

void Mapping::remove_but(queue::Queue& from, Run& run, const Reply& reply) {
  auto stays = failures(reply, run);
  if (!stays) return;
  const Fault fault =
      shared_.environment.strike(FaultPoint::worker_batch_answered, options_.function);
  if (fault.kind == Fault::Kind::partial_batch) {
    std::fill(stays->begin() + static_cast<std::ptrdiff_t>(stays->size() / 2), stays->end(), true);
  }
  for (std::size_t i = 0; i < stays->size(); ++i) {
    if (!(*stays)[i]) static_cast<void>(from.remove(run.invocation.deliveries[i].receipt));
  }
  const bool all = std::none_of(stays->begin(), stays->end(), [](bool failed) { return failed; });
  if (!all && from.options().fifo) warn_of_order(run, *stays);
}

// AWS leaves it to the function to stop at the first failure, and so to lose the order otherwise.
void Mapping::warn_of_order(const Run& run, const std::vector<bool>& stays) {
  const auto& deliveries = run.invocation.deliveries;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    if (!stays[i]) continue;
    for (std::size_t later = i + 1; later < stays.size(); ++later) {
      if (stays[later] || deliveries[later].message.group != deliveries[i].message.group) continue;
      shared_.telemetry.note(
          telemetry::Level::warning,
          "function " + options_.function +
              " reported a failure, but not the later messages of "
              "the same group of queue " +
              options_.queue +
              ": their order is lost. On a FIFO queue a "
              "function has to stop at the first failure and report it and all that follow",
          deliveries[i].message.trace);
      return;
    }
  }
}

void Mapping::stop() { flush(); }

void Mapping::retire() {
  flush();
  feed(nullptr);  // Its last batches may be another pool's, whose place this one takes.
  retired_ = true;
  watcher_.reset();
  look_.stop();
}

void Mapping::reset() {
  window_.stop();
  growth_.stop();
  held_.clear();
  held_bytes_ = 0;
  running_ = 0;
  if (!retired_) follow_queue();
  pump_soon();  // No one else may be left to say that workers are free.
}

}  // namespace porteiro::lambda
