#include "lambda/payload.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/lambda/event_data.hpp"

namespace porteiro::lambda {
namespace {

using nlohmann::json;

std::int64_t milliseconds(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// `,"name":"value"`, or without the comma after an opening brace.
void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (out.back() != '{') out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

std::string queue_arn(const Surroundings& surroundings, std::string_view queue) {
  return "arn:aws:sqs:" + surroundings.region + ":" + surroundings.account + ":" +
         std::string(queue);
}

void append_attributes(std::string& out, const queue::Message& message, const MessageText& known,
                       const Surroundings& surroundings) {
  out += "\"attributes\":{";
  append_member(out, "ApproximateReceiveCount", std::to_string(message.receives));
  append_member(out, "SentTimestamp", std::to_string(milliseconds(message.sent)));
  append_member(out, "SenderId", surroundings.account);
  append_member(out, "ApproximateFirstReceiveTimestamp",
                std::to_string(milliseconds(message.first_received)));
  if (!message.trace_header.empty()) append_member(out, "AWSTraceHeader", message.trace_header);
  if (!message.group.empty()) append_member(out, "MessageGroupId", message.group);
  if (message.number > 0) {
    append_member(out, "SequenceNumber", known.sequence_number);
    append_member(out, "MessageDeduplicationId", message.deduplication_id);
  }
  if (!message.dead_letter_source.empty()) {
    append_member(out, "DeadLetterQueueSourceArn",
                  queue_arn(surroundings, message.dead_letter_source));
  }
  out += '}';
}

void append_message_attributes(std::string& out, const queue::Message& message) {
  out += ",\"messageAttributes\":{";
  bool first = true;
  for (const queue::Attribute& attribute : message.attributes) {
    if (!std::exchange(first, false)) out += ',';
    append_json_string(out, attribute.name);
    const bool binary = attribute.type.starts_with("Binary");
    out += binary ? ":{\"binaryValue\":" : ":{\"stringValue\":";
    append_json_string(out, binary ? to_base64(attribute.value) : attribute.value);
    out += ",\"stringListValues\":[],\"binaryListValues\":[],\"dataType\":";
    append_json_string(out, attribute.type);
    out += '}';
  }
  out += '}';
}

std::string records(const Invocation& invocation, const Surroundings& surroundings) {
  std::string out = "{\"Records\":[";
  for (const queue::Delivery& delivery : invocation.deliveries) {
    const queue::Message& message = delivery.message;
    const MessageText known = surroundings.message_text
                                  ? surroundings.message_text(invocation.queue, delivery)
                                  : MessageText();
    if (out.back() == '}') out += ',';
    out += '{';
    append_member(out, "messageId", to_hyphened(message.id));
    append_member(out, "receiptHandle", known.receipt_handle);
    append_member(out, "body", message.body);
    out += ',';
    append_attributes(out, message, known, surroundings);
    append_message_attributes(out, message);
    append_member(out, "md5OfBody", known.md5_of_body);
    append_member(out, "eventSource", "aws:sqs");
    append_member(out, "eventSourceARN", queue_arn(surroundings, invocation.queue));
    append_member(out, "awsRegion", surroundings.region);
    out += '}';
  }
  out += "]}";
  return out;
}

const ServedRoute* route_of(const ExternalOptions& options, const events::Event& event) {
  const ServedRoute* found = nullptr;
  for (const ServedRoute& route : options.routes) {
    if (route.event != event.type) continue;
    if (event.source.ends_with(route.path)) return &route;
    if (found == nullptr) found = &route;
  }
  return found;
}

// "{name}" in the route's path becomes the value that came; tokens stand where the gateway put
// them.
std::string raw_path(std::string_view path, const events::Event& event) {
  std::string out;
  while (!path.empty()) {
    const std::size_t open = std::min(path.find('{'), path.size());
    out += path.substr(0, open);
    path.remove_prefix(open);
    const std::size_t close = path.find('}');
    if (close == std::string_view::npos) break;
    const auto value = member(event, "path." + std::string(path.substr(1, close - 1)));
    out += percent_encode(value.value_or(std::string()));
    path.remove_prefix(close + 1);
  }
  return out += path;
}

std::string raw_query(std::string_view query) {
  std::string out;
  scan_object(query, [&out](std::string_view name, std::string_view value) {
    if (!out.empty()) out += '&';
    out += percent_encode(name);
    out += '=';
    out += percent_encode(string_value(value).value_or(std::string(value)));
    return true;
  });
  return out;
}

// "12/Mar/2020:19:03:58 +0000", from "2020-03-12T19:03:58.123Z".
std::string common_log_time(Time time) {
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::string text = to_rfc3339(time);
  std::size_t month = 1;
  std::from_chars(text.data() + 5, text.data() + 7, month);
  return text.substr(8, 2) + "/" + months.at(std::clamp<std::size_t>(month, 1, 12) - 1) + "/" +
         text.substr(0, 4) + ":" + text.substr(11, 8) + " +0000";
}

// Those that the route lets through, and what the emulator itself knows of the request.
void append_headers(std::string& out, const events::Event& event, bool has_body) {
  out += '{';
  append_member(out, "x-correlation-id", to_text(event.correlation));
  if (has_body) append_member(out, "content-type", "application/json");
  const std::string_view taken = find_member(event.data, "headers").value_or("{}");
  scan_object(taken, [&out](std::string_view name, std::string_view value) {
    if (name == "x-correlation-id" || name == "content-type") return true;
    append_member(out, name, string_value(value).value_or(std::string()));
    return true;
  });
  out += '}';
}

std::string api_event(const Invocation& invocation, const ExternalOptions& options,
                      const Surroundings& surroundings, std::optional<std::string> body) {
  const events::Event& event = invocation.event();
  const ServedRoute* route = route_of(options, event);
  const std::string method = route == nullptr ? "POST" : route->method;
  const std::string path = route == nullptr ? "/" : route->path;
  const std::string key = method + " " + path;
  const std::string raw = raw_path(path, event);
  const std::string_view query = find_member(event.data, "query").value_or("{}");
  const std::string_view parameters = find_member(event.data, "path").value_or("{}");
  const std::string id = to_hyphened(event.id);
  std::string out = "{";
  append_member(out, "version", "2.0");
  append_member(out, "routeKey", key);
  append_member(out, "rawPath", raw);
  append_member(out, "rawQueryString", raw_query(query));
  out += ",\"headers\":";
  append_headers(out, event, body.has_value());
  if (query != "{}") (out += ",\"queryStringParameters\":") += query;
  if (parameters != "{}") (out += ",\"pathParameters\":") += parameters;
  out += ",\"requestContext\":{";
  append_member(out, "accountId", surroundings.account);
  append_member(out, "apiId", "porteiro");
  append_member(out, "domainName", "localhost");
  append_member(out, "domainPrefix", "localhost");
  out += ",\"http\":{";
  append_member(out, "method", method);
  append_member(out, "path", raw);
  append_member(out, "protocol", "HTTP/1.1");
  append_member(out, "sourceIp", "127.0.0.1");
  append_member(out, "userAgent", member(event, "headers.user-agent").value_or(std::string()));
  out += '}';
  append_member(out, "requestId", id);
  append_member(out, "routeKey", key);
  append_member(out, "stage", "$default");
  append_member(out, "time", common_log_time(event.time));
  out += ",\"timeEpoch\":" + std::to_string(milliseconds(event.time)) + "}";
  if (body) append_member(out, "body", *body);
  out += ",\"isBase64Encoded\":false}";
  return out;
}

}  // namespace

std::string function_arn(const Surroundings& surroundings, std::string_view name) {
  return "arn:aws:lambda:" + surroundings.region + ":" + surroundings.account +
         ":function:" + std::string(name);
}

std::string trace_header(Id trace) {
  const std::string id = to_text(trace);
  return "Root=1-" + id.substr(0, 8) + "-" + id.substr(8) + ";Parent=" + id.substr(16) +
         ";Sampled=0";
}

void make_payload(const std::shared_ptr<const Invocation>& invocation,
                  const ExternalOptions& options, const Surroundings& surroundings,
                  Services& services, PayloadDone done) {
  if (invocation->direct) return done(invocation->direct->payload);
  const events::Event& event = invocation->event();
  if (invocation->route) {
    const bool has_body = find_member(event.data, "body") || find_member(event.data, "sealed");
    if (!has_body) return done(api_event(*invocation, options, surroundings, std::nullopt));
    return body(invocation, services,
                [invocation, &options, &surroundings,
                 done = std::move(done)](Result<std::string> text) mutable {
                  if (!text) return done(text.error());
                  done(api_event(*invocation, options, surroundings, std::move(text).value()));
                });
  }
  if (!invocation->deliveries.empty()) return done(records(*invocation, surroundings));
  if (invocation->events.size() == 1) return done(events::to_json(event));
  std::string all = "[";
  for (const events::Event& each : invocation->events) {
    if (all.size() > 1) all += ',';
    all += events::to_json(each);
  }
  done(all += ']');
}

}  // namespace porteiro::lambda
