#include "porteiro/lambda/async.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/lambda/worker.hpp"
#include "porteiro/queue/queue.hpp"

namespace porteiro::lambda {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::string_view queue_prefix = "lambda:";  // No name that a client's queue can have.
// Of an event that runs; renewed meanwhile. After a crash it runs again when this is over.
constexpr Duration lease = 10s;
constexpr Duration back_off_min = 1s, back_off_max = 5min;  // Without a place (AWS Lambda).
constexpr std::size_t event_bytes_max = 2u << 20;           // With what is kept beside the payload.
constexpr std::size_t record_bytes_max = 1u << 20;          // Of a message (Amazon SQS).
constexpr std::size_t start_bytes = 1024;  // Of what is told shortened (AWS Lambda).

// What is kept beside the payload, as JSON in an attribute.
struct Ticket {
  std::string qualifier, context;
  Id request{};
  Time accepted{};
  std::uint32_t failures = 0;
  Behalf behalf{};
};

std::string to_text(const Ticket& ticket) {
  return json{{"qualifier", ticket.qualifier},
              {"context", ticket.context},
              {"request", to_text(ticket.request)},
              {"accepted", ticket.accepted.time_since_epoch().count()},
              {"failures", ticket.failures},
              {"purpose", ticket.behalf.purpose},
              {"client", ticket.behalf.client},
              {"masked", ticket.behalf.masked}}
      .dump();
}

Ticket ticket_of(const queue::Message& message) {
  Ticket ticket;
  ticket.accepted = message.sent;
  const json from = message.attributes.empty()
                        ? json()
                        : json::parse(message.attributes.front().value, nullptr, false);
  if (!from.is_object()) return ticket;  // None of ours; nothing else writes here.
  ticket.qualifier = from.value("qualifier", "");
  ticket.context = from.value("context", "");
  ticket.request = parse_id(from.value("request", "")).value_or(Id{});
  ticket.accepted = Time(Duration(from.value("accepted", std::int64_t{0})));
  ticket.failures = from.value("failures", 0u);
  ticket.behalf = {from.value("purpose", ""), from.value("client", ""), from.value("masked", true)};
  return ticket;
}

queue::SendRequest request_of(std::string payload, const Ticket& ticket, Duration delay) {
  queue::SendRequest request;
  request.body = std::move(payload);
  request.delay = delay;
  request.attributes = {{"ticket", "String", to_text(ticket)}};
  return request;
}

// Its first bytes, not cut within a character.
std::string_view start_of(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (text[bytes_max] & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

// The text, if it is JSON, or else a string of it.
void append_as_json(std::string& out, std::string_view text) {
  if (!text.empty() && json::accept(text)) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

struct Ending {
  std::string_view condition;  // "Success", "RetriesExhausted", "EventAgeExceeded" …
  std::uint32_t invocations = 0;
  bool answered = false;
  std::string answer{};  // The function's reply, or its error.
};

struct Told {  // What of an invocation goes to a destination.
  const AsyncPlan& plan;
  const Ticket& ticket;
  const Ending& ending;
  Time now;
};

std::string record_of(const Told& told, std::string_view payload, std::string_view answer) {
  const auto [plan, ticket, ending, now] = told;
  json context = {{"requestId", to_uuid(ticket.request)},
                  {"functionArn", plan.arn},
                  {"condition", ending.condition},
                  {"approximateInvokeCount", ending.invocations}};
  std::string record = "{\"version\":\"1.0\",\"timestamp\":\"" + to_rfc3339(now) + "\"";
  record.append(",\"requestContext\":").append(context.dump());
  record += ",\"requestPayload\":";
  append_as_json(record, payload);
  if (ending.answered) {
    json response = {{"statusCode", 200}, {"executedVersion", plan.version}};
    if (ending.condition != "Success") response["functionError"] = "Unhandled";
    record.append(",\"responseContext\":").append(response.dump());
    record += ",\"responsePayload\":";
    append_as_json(record, answer);
  }
  return record += '}';
}

// What destinations are told (AWS Lambda, "Destinations for asynchronous invocation"). Of what no
// message could hold only the start is told, as a string.
std::string bounded_record(const Told& told, std::string_view payload) {
  std::string_view answer = told.ending.answer;
  std::string record = record_of(told, payload, answer);
  if (record.size() <= record_bytes_max) return record;
  answer = start_of(answer, start_bytes);
  record = record_of(told, payload, answer);
  if (record.size() <= record_bytes_max) return record;
  return record_of(told, start_of(payload, start_bytes), answer);
}

// What the function said of its failure: no more than AWS tells of it.
std::string message_of(const Ending& ending) {
  const auto raw = find_member(ending.answer, "errorMessage");
  const auto text = raw ? string_value(*raw) : std::nullopt;
  return std::string(text && !text->empty() ? start_of(*text, start_bytes) : ending.condition);
}

}  // namespace

struct AsyncInvocations::State : std::enable_shared_from_this<State> {
  State(Environment& environment_, journal::Journal& journal, telemetry::Telemetry& telemetry_,
        AsyncHost host_)
      : environment(environment_),
        telemetry(telemetry_),
        host(std::move(host_)),
        queues(environment_, journal, telemetry_, "lambda.invocations") {}

  struct Run {  // An event that is with the function now.
    Run(std::string function_, Scheduler& scheduler)
        : function(std::move(function_)), renewal(scheduler) {}
    std::string function;
    Time queue_made{};  // The queue may go and come again, with its function.
    queue::Delivery delivery;
    Ticket ticket;
    Timer renewal;
  };
  struct Feed {  // Of one function.
    explicit Feed(Scheduler& scheduler) : pause(scheduler) {}
    std::shared_ptr<queue::Queue::Waiter> watcher;
    Timer pause;
    Duration back_off = back_off_min;
    bool pumping = false;
  };

  Result<queue::Queue*> queue_for(std::string_view function);
  queue::Queue* find(std::string_view function) {
    return queues.find(std::string(queue_prefix) + std::string(function));
  }
  void watch(const std::string& function, queue::Queue& queue);
  void pump(const std::string& function);
  bool take(const std::string& function, queue::Delivery delivery);
  void wait_for_a_place(const std::string& function, const queue::Delivery& delivery);
  void run(const std::string& function, queue::Delivery delivery, Ticket ticket,
           const AsyncPlan& plan);
  void renew(std::uint64_t number);
  void ended(std::uint64_t number, const Direct& direct, const Result<Reply>& outcome);
  void failed(Run& run, const AsyncPlan& plan, std::string answer);
  void give_up(const std::string& function, const queue::Delivery& delivery, const Ticket& ticket,
               const AsyncPlan& plan, const Ending& ending);
  void tell(std::string_view function, const std::string& target, std::string body,
            std::vector<queue::Attribute> attributes = {});
  void remove(const std::string& function, const queue::Delivery& delivery);
  void count(std::string_view function, std::string_view outcome);

  Environment& environment;
  telemetry::Telemetry& telemetry;
  const AsyncHost host;
  queue::Queues queues;
  std::map<std::string, std::unique_ptr<Feed>, std::less<>> feeds;
  std::unordered_map<std::uint64_t, std::unique_ptr<Run>> runs;
  std::uint64_t last_run = 0;
  bool stopped = false;
};

Result<queue::Queue*> AsyncInvocations::State::queue_for(std::string_view function) {
  if (queue::Queue* const queue = find(function)) return queue;
  queue::Options options;
  options.name = std::string(queue_prefix) + std::string(function);
  options.visibility_timeout = lease;
  options.message_bytes_max = event_bytes_max;
  options.depth_max = events_max;
  PORTEIRO_TRY(const auto created, queues.create(std::move(options)));
  watch(std::string(function), *created.queue);
  return created.queue;
}

void AsyncInvocations::State::watch(const std::string& function, queue::Queue& queue) {
  auto& feed = feeds[function];
  if (!feed) feed = std::make_unique<Feed>(environment.scheduler);
  feed->watcher = queue.watch([this, function] { pump(function); });
}

void AsyncInvocations::State::pump(const std::string& function) {
  const auto found = feeds.find(function);
  if (found == feeds.end() || found->second->pumping || found->second->pause.running()) return;
  found->second->pumping = true;
  for (bool more = true; more && !stopped;) {
    queue::Queue* const queue = find(function);
    if (queue == nullptr) break;
    auto deliveries = queue->receive(1, lease);
    more = !deliveries.empty() && take(function, std::move(deliveries.front()));
  }
  if (const auto feed = feeds.find(function); feed != feeds.end()) feed->second->pumping = false;
}

// False: there is no place for more.
bool AsyncInvocations::State::take(const std::string& function, queue::Delivery delivery) {
  Ticket ticket = ticket_of(delivery.message);
  const auto plan = host.plan(function, ticket.qualifier);
  if (!plan) {
    count(function, "dropped");
    remove(function, delivery);
    return true;
  }
  if (environment.scheduler.now() - ticket.accepted > plan->age_max) {
    give_up(function, delivery, ticket, *plan, {"EventAgeExceeded", ticket.failures});
    return true;
  }
  if (plan->never) {
    give_up(function, delivery, ticket, *plan, {"ZeroReservedConcurrency", ticket.failures});
    return true;
  }
  if (!host.admit(function)) {
    wait_for_a_place(function, delivery);
    return false;
  }
  feeds[function]->back_off = back_off_min;
  run(function, std::move(delivery), std::move(ticket), *plan);
  return true;
}

void AsyncInvocations::State::wait_for_a_place(const std::string& function,
                                               const queue::Delivery& delivery) {
  static_cast<void>(find(function)->change_visibility(delivery.receipt, Duration::zero()));
  Feed& feed = *feeds[function];
  feed.pause.start(feed.back_off, [this, function] { pump(function); });
  feed.back_off = std::min(2 * feed.back_off, back_off_max);
}

void AsyncInvocations::State::run(const std::string& function, queue::Delivery delivery,
                                  Ticket ticket, const AsyncPlan& plan) {
  const std::uint64_t number = ++last_run;
  auto run = std::make_unique<Run>(function, environment.scheduler);
  auto direct = std::make_shared<Direct>();
  direct->request = ticket.request;
  direct->payload = delivery.message.body;
  direct->client_context = ticket.context;
  direct->qualifier = ticket.qualifier;
  direct->behalf = ticket.behalf;
  run->queue_made = find(function)->created();
  run->delivery = std::move(delivery);
  run->ticket = std::move(ticket);
  runs.emplace(number, std::move(run));
  renew(number);
  host.invoke(plan.key, direct, [weak = weak_from_this(), number, direct](Result<Reply> outcome) {
    if (const auto state = weak.lock()) state->ended(number, *direct, outcome);
  });
}

void AsyncInvocations::State::renew(std::uint64_t number) {
  Run& run = *runs.at(number);
  run.renewal.start(lease / 2, [this, number] {
    Run& running = *runs.at(number);
    if (queue::Queue* const queue = find(running.function)) {
      static_cast<void>(queue->change_visibility(running.delivery.receipt, lease));
    }
    renew(number);
  });
}

void AsyncInvocations::State::ended(std::uint64_t number, const Direct& direct,
                                    const Result<Reply>& outcome) {
  const auto found = runs.find(number);
  if (found == runs.end()) return;  // Forgotten by a reset.
  const std::unique_ptr<Run> run = std::move(found->second);
  runs.erase(found);
  run->renewal.stop();
  host.release(run->function);
  const queue::Queue* const queue = find(run->function);
  if (queue == nullptr || queue->created() != run->queue_made) return;
  if (const auto feed = feeds.find(run->function); feed != feeds.end()) {
    feed->second->pause.stop();  // There is a place again.
    feed->second->back_off = back_off_min;
  }
  const auto plan = host.plan(run->function, run->ticket.qualifier);
  // Not found: it is in the catalogue, but cannot run for now.
  const bool crowded =
      !outcome && direct.error.empty() &&
      (outcome.error().code == Errc::limit_exceeded || outcome.error().code == Errc::not_found);
  if (!plan) {
    count(run->function, "dropped");
    remove(run->function, run->delivery);
  } else if (crowded) {
    wait_for_a_place(run->function, run->delivery);
  } else if (!outcome || !direct.error.empty()) {
    failed(*run, *plan,
           direct.error.empty() ? error_object("Error", outcome.error().detail, run->ticket.request)
                                : direct.error);
  } else {
    count(run->function, "success");
    if (!plan->on_success.empty()) {
      const Ending ending{"Success", run->ticket.failures + 1, true, outcome.value().body};
      tell(run->function, plan->on_success,
           bounded_record({*plan, run->ticket, ending, environment.scheduler.now()},
                          run->delivery.message.body));
    }
    remove(run->function, run->delivery);
  }
  pump(run->function);
}

// The next try is another message, in the same group of the journal as the end of this one.
void AsyncInvocations::State::failed(Run& run, const AsyncPlan& plan, std::string answer) {
  Ticket next = run.ticket;
  ++next.failures;
  const Duration delay = first_retry * (std::int64_t{1} << std::min(next.failures - 1, 10u));
  const bool old = environment.scheduler.now() + delay - next.accepted > plan.age_max;
  if (next.failures > plan.retries_max || old) {
    const std::string_view why =
        next.failures > plan.retries_max ? "RetriesExhausted" : "EventAgeExceeded";
    return give_up(run.function, run.delivery, next, plan,
                   {why, next.failures, true, std::move(answer)});
  }
  count(run.function, "retried");
  const Result<queue::Sent> sent =
      find(run.function)->send(request_of(run.delivery.message.body, next, delay));
  if (sent) return remove(run.function, run.delivery);
  static_cast<void>(
      find(run.function)->change_visibility(run.delivery.receipt, delay));  // No room: as it was.
}

void AsyncInvocations::State::give_up(const std::string& function, const queue::Delivery& delivery,
                                      const Ticket& ticket, const AsyncPlan& plan,
                                      const Ending& ending) {
  count(function, "failed");
  const std::string& payload = delivery.message.body;
  if (!plan.on_failure.empty()) {
    tell(function, plan.on_failure,
         bounded_record({plan, ticket, ending, environment.scheduler.now()}, payload));
  }
  if (!plan.dead_letter.empty()) {
    std::vector<queue::Attribute> attributes{{"RequestID", "String", to_uuid(ticket.request)},
                                             {"ErrorCode", "Number", "200"},
                                             {"ErrorMessage", "String", message_of(ending)}};
    // What fits without them is not lost for their sake.
    if (payload.size() > record_bytes_max - 2 * start_bytes) attributes.clear();
    tell(function, plan.dead_letter, payload, std::move(attributes));
  }
  remove(function, delivery);
}

void AsyncInvocations::State::tell(std::string_view function, const std::string& target,
                                   std::string body, std::vector<queue::Attribute> attributes) {
  const Result<void> sent = host.send(target, std::move(body), std::move(attributes));
  if (sent) return;
  count(function, "undelivered");
  telemetry.note(telemetry::Level::warning,
                 "an asynchronous invocation of " + std::string(function) +
                     " could not be told of at its destination: " + sent.error().detail);
}

void AsyncInvocations::State::remove(const std::string& function, const queue::Delivery& delivery) {
  static_cast<void>(find(function)->remove(delivery.receipt));
}

void AsyncInvocations::State::count(std::string_view function, std::string_view outcome) {
  std::string labels = "function=\"";
  labels.append(function).append("\",outcome=\"").append(outcome).append("\"");
  ++telemetry.counter("porteiro_function_async_total", labels);
}

AsyncInvocations::AsyncInvocations(Environment& environment, journal::Journal& journal,
                                   telemetry::Telemetry& telemetry, AsyncHost host)
    : state_(std::make_shared<State>(environment, journal, telemetry, std::move(host))) {
  telemetry.describe("porteiro_function_async_total",
                     "Asynchronous invocations, by function and outcome of a try.");
}

AsyncInvocations::~AsyncInvocations() {
  state_->feeds.clear();
  state_->runs.clear();
}

Result<journal::Sequence> AsyncInvocations::submit(std::string_view function,
                                                   std::string_view qualifier, Id request,
                                                   std::string payload, std::string client_context,
                                                   Behalf behalf) {
  PORTEIRO_TRY(queue::Queue * queue, state_->queue_for(function));
  Ticket ticket{std::string(qualifier),
                std::move(client_context),
                request,
                state_->environment.scheduler.now(),
                0,
                std::move(behalf)};
  PORTEIRO_TRY(const queue::Sent sent,
               queue->send(request_of(std::move(payload), ticket, Duration::zero())));
  return sent.sequence;
}

void AsyncInvocations::start() {
  for (const std::string& name : state_->queues.names()) {
    state_->watch(name.substr(queue_prefix.size()), *state_->queues.find(name));
  }
}

void AsyncInvocations::drop(std::string_view function) {
  if (const auto feed = state_->feeds.find(function); feed != state_->feeds.end()) {
    if (feed->second->pumping) return;  // From within: what is left is dropped one by one.
    state_->feeds.erase(feed);
  }
  static_cast<void>(state_->queues.remove(std::string(queue_prefix) + std::string(function)));
}

void AsyncInvocations::look(std::string_view function) {
  const auto feed = state_->feeds.find(function);
  if (feed == state_->feeds.end() || !feed->second->pause.running()) return;
  feed->second->pause.stop();
  feed->second->back_off = back_off_min;
  state_->environment.scheduler.post([weak = std::weak_ptr(state_), name = std::string(function)] {
    if (const auto state = weak.lock()) state->pump(name);
  });
}

void AsyncInvocations::stop() { state_->stopped = true; }

void AsyncInvocations::reset() {
  state_->runs.clear();
  state_->feeds.clear();
  state_->queues.reset();
}

std::size_t AsyncInvocations::running() const { return state_->runs.size(); }

std::size_t AsyncInvocations::waiting() const {
  std::size_t count = 0;
  for (const std::string& name : state_->queues.names()) {
    count += state_->queues.find(name)->depth().total();
  }
  return count;
}

}  // namespace porteiro::lambda
