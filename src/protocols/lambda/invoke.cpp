// Invocations: at once, later, or only looked at.
#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/lambda/worker.hpp"
#include "protocols/lambda/actions.hpp"
#include "protocols/lambda/event_stream.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::size_t payload_max = 6u << 20, event_payload_max = 1u << 20;  // AWS Lambda.
constexpr std::size_t context_max = 3583;                                    // AWS Lambda.
constexpr std::size_t chunk_bytes = 64u << 10;                               // Of a stream; ours.

enum class Kind : std::uint8_t { request, event, dry_run };

struct Order {  // What an invocation's request says.
  Reference reference;
  Kind kind = Kind::request;
  bool tail = false;
  std::string context;
};

// How it ended, for whoever invoked it.
struct Outcome {
  std::string payload, error, log_tail;  // Error: AWS's object; empty: it succeeded.
};

// As one line of ASCII: it goes on in a header.
Answer<std::string> context_of(std::string_view base64) {
  const auto text = from_base64(base64);
  const bool bounded =
      text && base64.size() <= context_max && !nests_deeper(*text, json_levels_max);
  const json object = bounded ? json::parse(*text, nullptr, false) : json();
  if (object.is_object()) return object.dump(-1, ' ', true);
  return Failure{&bad_content, "Client context must be a valid Base64-encoded JSON object."};
}

Answer<Order> order_of(const Call& call, const char* type_header) {
  Order order;
  PORTEIRO_TRY(order.reference, call.service.reference_of(call));
  const std::string_view type = call.request.header(type_header);
  if (type == "Event") {
    order.kind = Kind::event;
  } else if (type == "DryRun") {
    order.kind = Kind::dry_run;
  } else if (!type.empty() && type != "RequestResponse") {
    return constraint(type, "invocationType",
                      "satisfy enum value set: [Event, RequestResponse, DryRun]");
  }
  const std::string_view log = call.request.header("X-Amz-Log-Type");
  if (!log.empty() && log != "None" && log != "Tail") {
    return constraint(log, "logType", "satisfy enum value set: [None, Tail]");
  }
  order.tail = log == "Tail";
  const std::string_view context = call.request.header("X-Amz-Client-Context");
  if (!context.empty()) {
    PORTEIRO_TRY(order.context, context_of(context));
  }
  return order;
}

Answer<void> check_payload(std::string_view payload, Kind kind) {
  const std::size_t most = kind == Kind::event ? event_payload_max : payload_max;
  if (payload.size() > most) {
    return Failure{&too_large, std::to_string(payload.size()) +
                                   " byte payload is too large for the " +
                                   (kind == Kind::event ? "Event" : "RequestResponse") +
                                   " invocation type (limit " + std::to_string(most) + " bytes)"};
  }
  if (!payload.empty() && !json::accept(payload)) {
    return Failure{&bad_content,
                   "Could not parse request body into json: it is not JSON in UTF-8."};
  }
  return ok();
}

lambda::Behalf behalf_of(const Asker& who) {
  return {std::string(who.purpose), std::string(who.client), who.masked};
}

Answer<Output> submit(Call& call, const Order& order, std::string_view payload) {
  const Id request = call.service.new_id();
  const auto accepted =
      call.service.async.submit(order.reference.name, order.reference.qualifier, request,
                                std::string(payload), order.context, behalf_of(call.who));
  if (!accepted) return Failure{&throttled, accepted.error().detail};
  Output output;
  output.status = 202;
  output.sequence = accepted.value();
  output.headers.push_back({"x-amzn-RequestId", lambda::to_uuid(request)});
  return output;
}

Answer<Outcome> outcome_of(const Result<lambda::Reply>& reply, lambda::Direct& direct) {
  Outcome outcome;
  outcome.log_tail = std::move(direct.log_tail);
  outcome.error = std::move(direct.error);
  if (!outcome.error.empty()) return outcome;
  if (reply) {
    outcome.payload = reply.value().body.empty() ? "null" : reply.value().body;
    return outcome;
  }
  const Error& error = reply.error();
  if (error.code == Errc::limit_exceeded) return Failure{&throttled, "Rate Exceeded."};
  if (error.code == Errc::not_found && error.at == "function") return absent(error.detail);
  outcome.error = lambda::error_object("Error", error.detail, direct.request);
  return outcome;
}

using Format = Output (*)(const Outcome&, const std::string& version, bool tail);

// Runs it, and answers in `format` when it has ended.
Answer<Output> run(Call& call, const Order& order, Format format) {
  Service& service = call.service;
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, service.function_of(order.reference));
  PORTEIRO_TRY(const lambda::Version* version,
               service.version_of(*function, order.reference, order.kind == Kind::request));
  const std::string_view payload = call.request.body.empty() ? "{}" : call.request.body;
  PORTEIRO_TRY(check_payload(payload, order.kind));
  if (order.kind == Kind::dry_run) {
    Output output;
    output.status = 204;
    return output;
  }
  if (order.kind == Kind::event) return submit(call, order, payload);
  if (service.problem_of(function->name, version->number) != nullptr) {
    return Failure{&conflict,
                   "The operation cannot be performed at this time. The function is currently in "
                   "the following state: Failed"};
  }
  if (const ErrorKind* const refused = service.admit(function->name)) {
    return Failure{refused, "Rate Exceeded."};
  }
  const std::string key = key_of(function->name, version->number);
  if (function->reserved && service.parts.host.free(key) == 0) {
    service.release(function->name);  // Event source mappings have taken all.
    return Failure{&throttled_by_reserve, "Rate Exceeded."};
  }
  auto direct = std::make_shared<lambda::Direct>();
  direct->request = service.new_id();
  direct->payload = payload;
  direct->client_context = order.context;
  direct->behalf = behalf_of(call.who);
  direct->qualifier = order.reference.qualifier;
  const auto pending = service.postpone(call);
  service.parts.host.invoke(
      key, direct,
      [weak = service.weak_from_this(), pending, direct, format, name = function->name,
       number = version->number, tail = order.tail](Result<lambda::Reply> reply) {
        const auto alive = weak.lock();
        if (alive == nullptr || !alive->open(*pending)) return;
        alive->release(name);
        const auto outcome = outcome_of(reply, *direct);
        if (!outcome) return alive->finish(*pending, outcome.error());
        Output output = format(outcome.value(), number, tail);
        output.headers.push_back({"x-amzn-RequestId", lambda::to_uuid(direct->request)});
        alive->finish(*pending, std::move(output));
        alive->async.look(name);
      });
  Output later;
  later.later = true;
  return later;
}

Output whole(const Outcome& outcome, const std::string& version, bool tail) {
  Output output;
  output.raw = outcome.error.empty() ? outcome.payload : outcome.error;
  output.headers.push_back({"X-Amz-Executed-Version", version});
  if (!outcome.error.empty()) output.headers.push_back({"X-Amz-Function-Error", "Unhandled"});
  if (tail) output.headers.push_back({"X-Amz-Log-Result", to_base64(outcome.log_tail)});
  return output;
}

// The answer is there as a whole; clients get it as they would get a stream's parts.
Output streamed(const Outcome& outcome, const std::string& version, bool tail) {
  Output output;
  output.content_type = event_stream_type;
  output.headers.push_back({"X-Amz-Executed-Version", version});
  std::string_view rest = outcome.payload;
  while (outcome.error.empty() && !rest.empty()) {
    const std::string_view chunk = rest.substr(0, chunk_bytes);
    rest.remove_prefix(chunk.size());
    append_frame(output.raw,
                 {{":event-type", "PayloadChunk"},
                  {":content-type", "application/octet-stream"},
                  {":message-type", "event"}},
                 chunk);
  }
  json end = json::object();
  if (!outcome.error.empty()) {
    end["ErrorCode"] = "Unhandled";
    end["ErrorDetails"] = outcome.error;
  }
  if (tail) end["LogResult"] = to_base64(outcome.log_tail);
  append_frame(output.raw,
               {{":event-type", "InvokeComplete"},
                {":content-type", "application/json"},
                {":message-type", "event"}},
               end.dump(-1, ' ', false, json::error_handler_t::replace));
  return output;
}

}  // namespace

Answer<Output> invoke(Call& call) {
  PORTEIRO_TRY(const Order order, order_of(call, "X-Amz-Invocation-Type"));
  return run(call, order, whole);
}

Answer<Output> invoke_with_response_stream(Call& call) {
  PORTEIRO_TRY(const Order order, order_of(call, "X-Amz-Invocation-Type"));
  if (order.kind == Kind::event) {
    return constraint("Event", "invocationType",
                      "satisfy enum value set: [RequestResponse, DryRun]");
  }
  return run(call, order, streamed);
}

}  // namespace porteiro::protocols::lambda_api
