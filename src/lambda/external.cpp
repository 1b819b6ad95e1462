// A worker of a function outside: its process, its port with the Runtime API, its output.
#include "porteiro/lambda/external.hpp"

#include <array>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "lambda/code_watch.hpp"
#include "lambda/launch.hpp"
#include "lambda/output.hpp"
#include "lambda/payload.hpp"
#include "lambda/runtime_api.hpp"
#include "lambda/sandbox.hpp"
#include "porteiro/base/origin.hpp"

namespace porteiro::lambda {
namespace {

constexpr std::size_t shown_error_bytes_max = 1024;

// In the words of AWS: what Go's os/exec says of a process.
std::string exit_text(const ProcessEnd& end) {
  if (end.signal != 0) {
    const char* known = ::sigdescr_np(end.signal);
    std::string name = known == nullptr ? "signal " + std::to_string(end.signal) : known;
    name.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(name.front())));
    return "Runtime exited with error: signal: " + name;
  }
  if (end.status == 0) return "Runtime exited without providing a reason";
  return "Runtime exited with error: exit status " + std::to_string(end.status);
}

std::string exit_type(const Result<ProcessEnd>& end) {
  return end ? "Runtime.ExitError" : "Runtime.InvalidEntrypoint";
}

std::string milliseconds_text(Duration duration) {
  std::array<char, 32> text;
  const double value = std::chrono::duration<double, std::milli>(duration).count();
  std::snprintf(text.data(), text.size(), "%.2f ms", value);
  return text.data();
}

std::string milliseconds_of(Time time) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

// The name, with the version that a client has published.
std::string qualified(const ExternalOptions& options) {
  return options.version == "$LATEST" ? options.name : options.name + ":" + options.version;
}

// As it was asked for: an alias stays an alias.
std::string asked_for(const Invocation& invocation, const ExternalOptions& options) {
  const bool named = invocation.direct && !invocation.direct->qualifier.empty();
  return named ? options.name + ":" + invocation.direct->qualifier : qualified(options);
}

// What the functions of one config share with each of their workers. Outlives them.
struct Common {
  const ExternalOptions options;
  const Surroundings& surroundings;
  Services& services;
  Environment& environment() const { return services.environment; }
};

// Its token has 256 bits; without a data API there is none.
std::shared_ptr<Caller> make_caller(const Common& common) {
  auto caller = std::make_shared<Caller>();
  caller->function = common.options.name;
  caller->stores = &common.services.stores;
  if (!common.surroundings.data) return caller;
  std::array<std::byte, 32> bytes;
  common.environment().entropy.fill(bytes);
  caller->token =
      to_base64url(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return caller;
}

// A batch has a purpose, and a client, if all its events have the same.
void tell_cause(Caller& caller, const Invocation* invocation) {
  caller.trace = {};
  caller.purpose.clear();
  caller.client.clear();
  caller.masked = false;
  if (invocation == nullptr) return;
  const events::Event& first = invocation->event();
  caller.trace = first.correlation;
  caller.purpose = first.purpose;
  caller.client = first.principal;
  for (const events::Event& each : invocation->events) {
    if (each.purpose != first.purpose) caller.purpose.clear();
    if (each.principal != first.principal) caller.client.clear();
    caller.masked = caller.masked || each.masked;
  }
}

bool is_data(const http::Request& request) {
  const std::string_view path = request.path();
  return path.starts_with(data_path) &&
         (path.size() == data_path.size() || path[data_path.size()] == '/');
}

class ExternalWorker final : public Worker, ProcessListener, RuntimeApi::Listener {
 public:
  ExternalWorker(const Common& common, Workers::Callbacks callbacks, const std::string& stream)
      : common_(common),
        callbacks_(std::move(callbacks)),
        caller_(make_caller(common)),
        mask_(common.surroundings.mask.with(caller_->token)),
        output_(common.environment().scheduler, common.services.telemetry, common.options.name,
                mask_),
        api_(*this),
        init_timer_(common.environment().scheduler),
        born_(common.environment().scheduler.now()) {
    if (Result<void> begun = begin(stream); !begun) fail_soon(begun.error());
  }

  void invoke(std::shared_ptr<const Invocation> invocation, Completion done) override;
  bool alive() const override { return alive_; }
  bool never_began() const override { return never_began_; }
  std::string give_up(std::string_view why) override {
    output_.note(telemetry::Level::error, std::string(why));
    if (!invocation_) return {};
    return output_.tail(to_uuid(invocation_->id) + " " + std::string(why) + "\n" + report());
  }
  void stop() override {
    if (process_) process_->signal(SIGTERM);
  }

 private:
  Result<void> begin(const std::string& stream);
  Result<std::string> socket_path() const;
  void handle(const http::Request& request, http::Responder respond);
  void fail_soon(Error why);
  void start_ended(std::optional<Failure> failure);
  void give(std::string payload);
  void finish(Result<Reply> outcome, std::string object);
  void complete();
  Result<Reply> reply_to(std::string_view content_type, std::string_view body);
  std::string report() const;
  void fail_invocation(Errc code, std::string_view type, std::string object);
  Time now() const { return common_.environment().scheduler.now(); }
  const std::string& name() const { return common_.options.name; }

  void output(Stream stream, std::string_view bytes) override;
  void ended(Result<ProcessEnd> end) override;

  void ready() override;
  void responded(std::string_view content_type, std::string_view body) override;
  void failed(std::string_view type, std::string_view object) override;
  void too_large(std::size_t bytes) override;
  void init_failed(std::string_view type, std::string_view object) override;
  void refused(std::string_view why) override {
    output_.note(telemetry::Level::warning,
                 "the runtime API refused a request: " + std::string(why));
  }

  const Common& common_;
  Workers::Callbacks callbacks_;
  const std::shared_ptr<Caller> caller_;
  const Mask mask_;  // Its token, too.
  Output output_;
  RuntimeApi api_;
  Timer init_timer_;
  const Time born_;
  Duration init_took_{0};
  bool alive_ = true;
  bool asked_ = false;   // Its program runs: it has sent a request.
  std::string refusal_;  // Why there is no sandbox; empty: there is, or none was wanted.
  bool never_began_ = false;
  std::unique_ptr<http::PrivatePort> port_;
  std::unique_ptr<Process> process_;

  std::shared_ptr<const Invocation> invocation_;  // That runs; with `done_`.
  Completion done_;
  struct Answer {
    Result<Reply> outcome;
    std::string object;
  };
  std::optional<Answer> answer_;  // Has come and is not handed on yet.
  Time began_{};
  std::shared_ptr<int> life_ = std::make_shared<int>(0);
};

Result<void> ExternalWorker::begin(const std::string& stream) {
  const Environment& environment = common_.environment();
  if (environment.processes == nullptr || environment.private_ports == nullptr) {
    return error(Errc::unavailable, "functions outside cannot run here: there are no processes");
  }
  PORTEIRO_TRY(const std::string socket, socket_path());
  PORTEIRO_TRY(port_, environment.private_ports->open(
                          [this](const http::Request& request, http::Responder respond) {
                            handle(request, std::move(respond));
                          },
                          socket));
  const Launch launch{port_->address(), stream, environment.modelled, caller_->token};
  process_ = environment.processes->start(
      launch_options(common_.options, common_.surroundings, environment.files, launch), *this);
  init_timer_.start(init_max, [this] {
    const std::string text = "its start took longer than " + to_text(init_max);
    output_.note(telemetry::Level::error, text);
    start_ended(Failure{error(Errc::timeout, "a worker of " + name() + " is not ready: " + text),
                        error_object("Sandbox.Timedout", "Init phase timed out", {})});
  });
  return ok();
}

// Of its port, if it runs in a sandbox; else empty.
Result<std::string> ExternalWorker::socket_path() const {
  if (common_.options.isolation == Isolation::none) return std::string();
  const std::string& folder = common_.surroundings.sockets;
  if (folder.empty()) {
    return error(Errc::unavailable, "sandboxes cannot be made here; set \"isolation\" to \"none\"");
  }
  PORTEIRO_TRY(common_.environment().files.make_directory(folder));
  return folder + "/" + to_text(make_id(common_.environment().entropy));
}

void ExternalWorker::output(Stream stream, std::string_view bytes) {
  if (common_.options.isolation == Isolation::sandbox && !asked_ && refusal_.empty()) {
    refusal_ = sandbox_refusal(bytes).value_or(std::string());
  }
  output_.write(stream, bytes);
}

// All that a worker may reach is behind its port, so that porteiro knows who asks.
void ExternalWorker::handle(const http::Request& request, http::Responder respond) {
  if (http::is_foreign_page(request)) {
    return respond(http::problem(403, "pages of other sites may not ask here"));
  }
  asked_ = true;
  const Surroundings& surroundings = common_.surroundings;
  const auto& services = surroundings.services;
  const bool data = surroundings.data && is_data(request);
  if (!data && (!services || RuntimeApi::takes(request))) {
    return api_.handle(request, std::move(respond));
  }
  caller_->active = callbacks_.started || (done_ && !answer_);
  tell_cause(*caller_, invocation_.get());
  if (data) return surroundings.data(caller_, request, std::move(respond));
  // Nothing would say for whom and for what it asks.
  if (!caller_->active) {
    return respond(
        http::problem(403,
                      "this worker has no invocation now: the services answer a start or "
                      "an invocation; end what it does before it answers"));
  }
  services(*caller_, request, std::move(respond));
}

void ExternalWorker::fail_soon(Error why) {
  alive_ = false;
  common_.environment().scheduler.post(
      [this, why = std::move(why), weak = std::weak_ptr(life_)]() mutable {
        if (weak.expired()) return;
        std::string object = error_object("Runtime.InvalidEntrypoint", why.detail, {});
        start_ended(Failure{std::move(why), std::move(object)});
      });
}

// Once. It may end this worker's life.
void ExternalWorker::start_ended(std::optional<Failure> failure) {
  init_timer_.stop();
  if (failure) {
    alive_ = false;
    failure->log_tail = output_.tail("");
  }
  auto started = std::exchange(callbacks_.started, nullptr);
  if (started) started(std::move(failure));
}

void ExternalWorker::ready() {
  init_took_ = now() - born_;
  start_ended(std::nullopt);
}

void ExternalWorker::init_failed(std::string_view type, std::string_view object) {
  std::string text = "its start failed with " + std::string(type) + ": ";
  text += object.substr(0, shown_error_bytes_max);
  output_.note(telemetry::Level::error, std::move(text));
  start_ended(
      Failure{error(Errc::internal, "a worker of " + name() +
                                        " could not start; its log "
                                        "says why"),
              object.empty() ? error_object(type, "the start failed", {}) : std::string(object)});
}

// A process that has ended is told of in the order: its start, its invocation, itself.
void ExternalWorker::ended(Result<ProcessEnd> end) {
  alive_ = false;
  output_.end();
  std::string text = end ? exit_text(end.value()) : end.error().detail;
  if (!refusal_.empty()) text = std::move(refusal_);
  const std::string type = exit_type(end);
  const std::weak_ptr<int> weak = life_;
  if (callbacks_.started) {
    output_.note(telemetry::Level::error, "its worker has ended while it started: " + text);
    start_ended(
        Failure{error(Errc::internal, "a worker of " + name() + " could not start: " + text),
                error_object(type, text, {})});
  } else if (answer_) {
    complete();
  } else if (done_) {
    never_began_ = !api_.handed_out();
    output_.note(telemetry::Level::error, "its worker has ended: " + text);
    Error why = error(Errc::unavailable, "the worker of " + name() + " has ended: " + text);
    finish(std::move(why), error_object(type, text, invocation_->id));
  }
  if (weak.expired()) return;
  if (Task gone = std::exchange(callbacks_.ended, nullptr)) gone();
}

void ExternalWorker::invoke(std::shared_ptr<const Invocation> invocation, Completion done) {
  invocation_ = std::move(invocation);
  done_ = std::move(done);
  began_ = now();
  const std::string id = to_uuid(invocation_->id);
  output_.begin(id, invocation_->event().correlation);
  output_.append_tail("START RequestId: " + id + " Version: " + common_.options.version);
  make_payload(invocation_, common_.options, common_.surroundings, common_.services,
               [this, weak = std::weak_ptr(life_),
                of = std::weak_ptr(invocation_)](Result<std::string> payload) {
                 if (weak.expired() || !done_ || invocation_ != of.lock()) return;
                 if (payload) return give(std::move(payload).value());
                 finish(payload.error(), {});
               });
}

void ExternalWorker::give(std::string payload) {
  const Invocation& invocation = *invocation_;
  RuntimeApi::Invocation given;
  given.id = to_uuid(invocation.id);
  // As many bits as a number of JavaScript has.
  const std::uint64_t seed = common_.environment().random.next() >> 11U;
  given.headers = {{"Lambda-Runtime-Aws-Request-Id", given.id},
                   {"Lambda-Runtime-Deadline-Ms", milliseconds_of(invocation.deadline)},
                   {"Lambda-Runtime-Invoked-Function-Arn",
                    function_arn(common_.surroundings, asked_for(invocation, common_.options))},
                   {"Lambda-Runtime-Trace-Id", trace_header(invocation.event().correlation)},
                   {"Porteiro-Now-Ms", milliseconds_of(now())},
                   {"Porteiro-Seed", std::to_string(seed)}};
  if (invocation.direct && !invocation.direct->client_context.empty()) {
    given.headers.push_back({"Lambda-Runtime-Client-Context", invocation.direct->client_context});
  }
  if (invocation.direct && !invocation.direct->cognito_identity.empty()) {
    given.headers.push_back(
        {"Lambda-Runtime-Cognito-Identity", invocation.direct->cognito_identity});
  }
  given.payload = std::move(payload);
  api_.give(std::move(given));
}

Result<Reply> ExternalWorker::reply_to(std::string_view content_type, std::string_view body) {
  if (!invocation_->route) {
    Reply reply;
    if (!content_type.empty()) reply.content_type = content_type;
    reply.body = body;
    return reply;
  }
  Result<Reply> reply = route_reply(body);
  if (reply) return reply;
  output_.note(telemetry::Level::error, "its answer is not what a route takes: " +
                                            reply.error().at + " " + reply.error().detail);
  return Reply{500, "application/json", "{\"message\":\"Internal Server Error\"}"};
}

void ExternalWorker::responded(std::string_view content_type, std::string_view body) {
  if (!done_) return;
  finish(reply_to(content_type, body), {});
}

void ExternalWorker::failed(std::string_view type, std::string_view object) {
  if (!done_) return;
  std::string text = "the function failed with " + std::string(type) + ": ";
  text += object.substr(0, shown_error_bytes_max);
  output_.note(telemetry::Level::error, std::move(text));
  fail_invocation(
      Errc::internal, type,
      object.empty() ? error_object(type, "the function failed", {}) : std::string(object));
}

void ExternalWorker::too_large(std::size_t bytes) {
  if (!done_) return;
  output_.note(telemetry::Level::error, "its answer of " + std::to_string(bytes) +
                                            " bytes is larger than " +
                                            std::to_string(response_bytes_max));
  constexpr std::string_view type = "Function.ResponseSizeTooLarge";
  fail_invocation(Errc::internal, type,
                  error_object(type,
                               "Response payload size exceeded maximum allowed payload "
                               "size (6291556 bytes).",
                               {}));
}

void ExternalWorker::fail_invocation(Errc code, std::string_view type, std::string object) {
  finish(error(code, name() + " failed with " + std::string(type) + "; its log says more"),
         std::move(object));
}

// Whoever wants the log tail waits until what was written before the answer is here, too.
void ExternalWorker::finish(Result<Reply> outcome, std::string object) {
  answer_ = Answer{std::move(outcome), std::move(object)};
  if (!invocation_->direct || !alive_) return complete();
  common_.environment().scheduler.post(
      [this, weak = std::weak_ptr(life_), of = std::weak_ptr(invocation_)] {
        if (!weak.expired() && answer_ && invocation_ == of.lock()) complete();
      });
}

void ExternalWorker::complete() {
  Answer answer = std::move(*answer_);
  answer_.reset();
  if (invocation_->direct) {
    invocation_->direct->error = std::move(answer.object);
    invocation_->direct->log_tail = output_.tail(report());
  }
  invocation_.reset();
  Completion done = std::exchange(done_, nullptr);
  done(std::move(answer.outcome));
}

std::string ExternalWorker::report() const {
  const std::string id = to_uuid(invocation_->id);
  const Duration took = now() - began_;
  const auto billed = std::chrono::ceil<std::chrono::milliseconds>(took).count();
  std::string lines = "END RequestId: " + id + "\nREPORT RequestId: " + id +
                      "\tDuration: " + milliseconds_text(took) +
                      "\tBilled Duration: " + std::to_string(billed) +
                      " ms\tMemory Size: " + std::to_string(common_.options.memory_mib) + " MB";
  if (invocation_->cold) lines += "\tInit Duration: " + milliseconds_text(init_took_);
  return lines + "\n";
}

class ExternalWorkers final : public Workers {
 public:
  ExternalWorkers(ExternalOptions options, const Surroundings& surroundings, Services& services)
      : common_{std::move(options), surroundings, services},
        watch_(services.environment.files, services.environment.scheduler,
               watched(common_.options)) {}

  std::unique_ptr<Worker> start(Callbacks callbacks) override {
    const std::string day = to_rfc3339(common_.environment().scheduler.now()).substr(0, 10);
    std::string stream = day.substr(0, 4) + "/" + day.substr(5, 2) + "/" + day.substr(8, 2);
    stream +=
        "/[" + common_.options.version + "]" + to_text(make_id(common_.environment().entropy));
    return std::make_unique<ExternalWorker>(common_, std::move(callbacks), stream);
  }
  std::uint64_t version() override { return watch_.version(); }

 private:
  // A command's arguments may be files, too: ["python3", "worker.py"].
  static std::vector<std::string> watched(const ExternalOptions& options) {
    if (!options.watched) return {};
    std::vector<std::string> roots = options.layers;
    if (!options.code.empty()) roots.push_back(options.code);
    for (const std::string& word : options.command) {
      if (word.starts_with('/')) {
        roots.push_back(word);
      } else if (options.code.empty() && !word.starts_with('-')) {
        roots.push_back(options.directory + "/" + word);
      }
    }
    return roots;
  }

  const Common common_;
  CodeWatch watch_;
};

}  // namespace

std::unique_ptr<Workers> external_workers(ExternalOptions options, const Surroundings& surroundings,
                                          Services& services) {
  return std::make_unique<ExternalWorkers>(std::move(options), surroundings, services);
}

}  // namespace porteiro::lambda
