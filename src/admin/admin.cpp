#include "porteiro/admin/admin.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/origin.hpp"

namespace porteiro::admin {
namespace {

constexpr std::string_view prefix = "/_porteiro/";
constexpr std::string_view hint =
    "there is nothing here; try /_porteiro/ with health, ready, metrics, cost, events, audit, "
    "traces, "
    "traces/{id}, queues, queues/{name}/messages, or POST to reset and erase";

constexpr std::uint64_t events_default = 100, events_max = 1000;
constexpr std::uint64_t messages_default = 10, messages_max = 100;
constexpr std::uint64_t traces_default = 50, traces_max = 1000;

// A number of the query: its default when absent; nullopt: it is none, or larger than `max`.
std::optional<std::uint64_t> number(const http::Request& request, std::string_view name,
                                    std::uint64_t otherwise, std::uint64_t max) {
  const std::string_view text = request.query_value(name);
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value > max) return {};
  return value;
}

http::Response bad_number(std::string_view name, std::uint64_t max) {
  return http::problem(400, "has to be a number up to " + std::to_string(max), name);
}

http::Response json(std::string body) {
  http::Response response;
  response.body = std::move(body);
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

void append_member(std::string& out, std::string_view name, std::uint64_t value) {
  append_json_string(out, name);
  out += ':' + std::to_string(value) + ',';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
  out += ',';
}

// An object or a list that append_member() and the like left with a comma at its end.
void close(std::string& out, char bracket) {
  if (out.back() == ',') out.pop_back();
  out += bracket;
}

void append_event(std::string& out, const events::EventLog::Entry& entry) {
  out += "{\"number\":" + std::to_string(entry.number) + ",\"event\":" + *entry.json + "},";
}

http::Response list_events(const events::EventLog& log, const http::Request& request) {
  constexpr std::uint64_t any = UINT64_MAX;
  const auto newest = number(request, "newest", 0, events_max);
  const auto from = number(request, "from", 0, any);
  const auto limit = number(request, "limit", events_default, events_max);
  if (!newest) return bad_number("newest", events_max);
  if (!from) return bad_number("from", any);
  if (!limit || *limit == 0) return bad_number("limit", events_max);
  Id correlation;
  if (const std::string_view text = request.query_value("correlation"); !text.empty()) {
    const auto id = parse_id(text);
    if (!id) return http::problem(400, "has to be 32 hexadecimal digits", "correlation");
    correlation = *id;
  }
  std::uint64_t first = *from;
  if (*newest > 0) first = log.next() > *newest ? log.next() - *newest : 0;
  const std::uint64_t most = *newest > 0 ? *newest : *limit;
  const auto entries = log.read(first, most, correlation);
  std::string body = "{\"events\":[";
  for (const auto& entry : entries) append_event(body, entry);
  close(body, ']');
  const std::uint64_t next = entries.size() == most ? entries.back().number + 1 : log.next();
  return json(body + ",\"next\":" + std::to_string(next) + "}");
}

http::Response list_audit(const Hooks& hooks, const http::Request& request) {
  const auto newest = number(request, "newest", events_default, events_max);
  if (!newest) return bad_number("newest", events_max);
  std::string body = "{\"entries\":[";
  if (hooks.audit) {
    for (const std::string& entry : hooks.audit(*newest)) body.append(entry).append(",");
  }
  close(body, ']');
  return json(body + "}");
}

http::Response show_trace(const telemetry::Telemetry& telemetry, const events::EventLog& log,
                          std::string_view text) {
  const auto id = parse_id(text);
  if (!id || !*id) return http::problem(400, "a trace's id has 32 hexadecimal digits", "id");
  const auto records = telemetry::trace(telemetry, *id);
  const auto events = log.read(0, events_max, *id);
  if (records.empty() && events.empty()) {
    return http::problem(404, "this trace is not known, or no longer kept");
  }
  std::string body = "{\"id\":\"" + to_text(*id) + "\",\"records\":[";
  for (const telemetry::Record& record : records) body += to_json(telemetry, record) + ",";
  close(body, ']');
  body += ",\"events\":[";
  for (const auto& entry : events) append_event(body, entry);
  close(body, ']');
  return json(body + "}");
}

struct Summary {
  Id id;
  Time first{}, last{};
  telemetry::Name route = 0;
  std::uint64_t status = 0;  // 0: no answer yet.
  std::uint64_t seen = 0;    // When last: counts records.
};

// Of the requests whose records the ring still holds, those that were seen last.
std::vector<Summary> newest_traces(const telemetry::Telemetry& telemetry, std::size_t limit) {
  using telemetry::Kind;
  std::unordered_map<Id, Summary> by_id;
  std::uint64_t count = 0;
  telemetry.read(0, [&](const telemetry::Record& record) {
    if (!record.trace) return;
    const auto [at, fresh] = by_id.try_emplace(record.trace);
    Summary& summary = at->second;
    if (fresh) summary.id = record.trace;
    if (fresh) summary.first = record.at;
    summary.last = record.at;
    summary.seen = ++count;
    const bool answer = record.kind == Kind::reply_sent || record.kind == Kind::request_refused;
    if (answer || record.kind == Kind::request_received) summary.route = record.name;
    if (answer) summary.status = record.value;
  });
  std::vector<Summary> all;
  for (const auto& [id, summary] : by_id) {
    if (summary.route != 0) all.push_back(summary);
  }
  std::sort(all.begin(), all.end(),
            [](const Summary& a, const Summary& b) { return a.seen > b.seen; });
  if (all.size() > limit) all.resize(limit);
  return all;
}

http::Response list_traces(const telemetry::Telemetry& telemetry, const http::Request& request) {
  const auto limit = number(request, "limit", traces_default, traces_max);
  if (!limit) return bad_number("limit", traces_max);
  std::string body = "{\"traces\":[";
  for (const Summary& trace : newest_traces(telemetry, *limit)) {
    body += '{';
    append_member(body, "id", to_text(trace.id));
    append_member(body, "route", telemetry.name(trace.route));
    append_member(body, "at", to_rfc3339(trace.first));
    if (trace.status != 0) append_member(body, "status", trace.status);
    append_member(body, "duration", to_text(trace.last - trace.first));
    close(body, '}');
    body += ',';
  }
  close(body, ']');
  return json(body + "}");
}

void append_depth(std::string& body, const queue::Depth& depth) {
  body += "\"depth\":{";
  append_member(body, "ready", depth.ready);
  append_member(body, "delayed", depth.delayed);
  append_member(body, "in_flight", depth.in_flight);
  append_member(body, "total", depth.total());
  close(body, '}');
  body += ',';
}

void append_queue(std::string& body, const queue::Queue& queue) {
  const queue::Options& options = queue.options();
  body += '{';
  append_member(body, "name", options.name);
  append_member(body, "kind", options.fifo ? "fifo" : "standard");
  append_depth(body, queue.depth());
  body += "\"options\":{";
  append_member(body, "visibility", to_text(options.visibility_timeout));
  append_member(body, "delay", to_text(options.delay));
  append_member(body, "retention", to_text(options.retention));
  append_member(body, "message_bytes_max", options.message_bytes_max);
  append_member(body, "depth_max", options.depth_max);
  append_member(body, "in_flight_max", options.in_flight_max);
  if (!options.dead_letter_queue.empty()) {
    append_member(body, "dead_letter_queue", options.dead_letter_queue);
  }
  append_member(body, "receives_max", options.receives_max);
  close(body, '}');
  body += "},";
}

http::Response list_queues(queue::Queues& queues) {
  std::string body = "{\"queues\":[";
  for (const std::string& name : queues.names()) append_queue(body, *queues.find(name));
  close(body, ']');
  return json(body + "}");
}

std::string_view state_of(const queue::Peeked& peeked) {
  if (peeked.where == queue::Where::delayed) return "delayed";
  if (peeked.where == queue::Where::in_flight) return "in_flight";
  return peeked.blocked ? "blocked" : "ready";
}

// The value of an attribute, or a body, as text; in base64 when it is none.
void append_bytes(std::string& body, std::string_view name, std::string_view bytes) {
  if (valid_utf8(bytes)) {
    append_member(body, name, bytes);
  } else {
    append_member(body, std::string(name) + "_base64", to_base64(bytes));
  }
}

void append_message(std::string& body, const queue::Peeked& peeked) {
  const queue::Message& message = peeked.message;
  body += '{';
  append_member(body, "id", to_text(message.id));
  append_member(body, "state", state_of(peeked));
  if (peeked.visible_at != Time{}) append_member(body, "visible_at", to_rfc3339(peeked.visible_at));
  if (message.trace) append_member(body, "trace", to_text(message.trace));
  append_member(body, "sent", to_rfc3339(message.sent));
  append_member(body, "receives", message.receives);
  if (!message.group.empty()) append_member(body, "group", message.group);
  if (!message.deduplication_id.empty()) {
    append_member(body, "deduplication_id", message.deduplication_id);
  }
  if (!message.dead_letter_source.empty()) {
    append_member(body, "dead_letter_source", message.dead_letter_source);
  }
  if (!message.attributes.empty()) {
    body += "\"attributes\":{";
    for (const queue::Attribute& attribute : message.attributes) {
      append_json_string(body, attribute.name);
      body += ":{";
      append_member(body, "type", attribute.type);
      append_bytes(body, "value", attribute.value);
      close(body, '}');
      body += ',';
    }
    close(body, '}');
    body += ',';
  }
  append_bytes(body, "body", message.body);
  close(body, '}');
  body += ',';
}

// From the oldest: `max` messages after the first `skip`.
http::Response list_messages(const queue::Queue& queue, const http::Request& request) {
  const auto max = number(request, "max", messages_default, messages_max);
  const auto skip = number(request, "skip", 0, UINT32_MAX);
  if (!max) return bad_number("max", messages_max);
  if (!skip) return bad_number("skip", UINT32_MAX);
  std::string body = "{";
  append_member(body, "queue", queue.options().name);
  append_depth(body, queue.depth());
  body += "\"messages\":[";
  for (const queue::Peeked& peeked : queue.peek(*max, *skip)) append_message(body, peeked);
  close(body, ']');
  return json(body + "}");
}

http::Response messages_of(queue::Queues& queues, std::string_view rest,
                           const http::Request& request) {
  constexpr std::string_view suffix = "/messages";
  if (!rest.ends_with(suffix)) return http::problem(404, hint);
  const auto name = percent_decode(rest.substr(0, rest.size() - suffix.size()));
  const queue::Queue* queue = name ? queues.find(*name) : nullptr;
  if (queue == nullptr) {
    return http::problem(404, "no queue has this name; /_porteiro/queues lists them");
  }
  return list_messages(*queue, request);
}

http::Response not_allowed(std::string_view allow) {
  http::Response response =
      http::problem(405, "this method is not for this path; use " + std::string(allow));
  response.headers.push_back({"Allow", std::string(allow)});
  return response;
}

}  // namespace

Admin::Admin(telemetry::Telemetry& telemetry, events::EventLog& events, queue::Queues& queues,
             Hooks hooks)
    : telemetry_(telemetry), events_(events), queues_(queues), hooks_(std::move(hooks)) {}

void Admin::handle(const http::Request& request, http::Responder respond) {
  if (!http::is_local(request)) {
    return respond(http::problem(
        403, "Host and Origin have to be localhost, 127.0.0.1, [::1] or a name under .localhost"));
  }
  std::string_view path = request.path();
  if (!path.starts_with(prefix)) return respond(http::problem(404, hint));
  path.remove_prefix(prefix.size());
  if (path == "reset") {
    if (request.method != "POST") return respond(not_allowed("POST"));
    return hooks_.reset([respond = std::move(respond)](Result<void> done) mutable {
      respond(done ? json("{\"status\":\"reset\"}") : http::problem(done.error()));
    });
  }
  if (path == "erase") return erase(request, std::move(respond));
  respond(show(path, request));
}

// {"token": NAME, "value": VALUE}; in the body, so that the value is in no log of addresses.
void Admin::erase(const http::Request& request, http::Responder respond) {
  if (request.method != "POST") return respond(not_allowed("POST"));
  if (!hooks_.ready()) {
    return respond(http::problem(503, "not ready: starting up or shutting down"));
  }
  const auto asked = nlohmann::json::parse(request.body, nullptr, false);
  const auto text = [&](const char* member) -> const std::string* {
    const auto found = asked.is_object() ? asked.find(member) : asked.end();
    return found == asked.end() ? nullptr : found->get_ptr<const std::string*>();
  };
  const std::string* token = text("token");
  const std::string* value = text("value");
  if (token == nullptr || value == nullptr || value->empty()) {
    return respond(http::problem(
        400, R"(has to be {"token": NAME, "value": VALUE}, the value or its token)", "body"));
  }
  hooks_.erase(*token, *value, [respond = std::move(respond)](Result<std::string> done) mutable {
    respond(done ? json(std::move(done).value()) : http::problem(done.error()));
  });
}

http::Response Admin::show(std::string_view path, const http::Request& request) {
  constexpr std::string_view trace = "traces/", queue = "queues/";
  http::Response response = [&] {
    if (path == "health") return json("{\"status\":\"ok\"}");
    if (path == "ready") {
      return hooks_.ready() ? json("{\"status\":\"ready\"}")
                            : http::problem(503, "not ready: starting up or shutting down");
    }
    if (path == "metrics") {
      http::Response metrics = json(telemetry_.metrics());
      metrics.content_type = "text/plain; version=0.0.4; charset=utf-8";
      return metrics;
    }
    if (path == "events") return list_events(events_, request);
    if (path == "audit") return list_audit(hooks_, request);
    if (path == "traces") return list_traces(telemetry_, request);
    if (path.starts_with(trace)) return show_trace(telemetry_, events_, path.substr(trace.size()));
    if (path == "cost") return json(hooks_.cost());
    if (path == "queues") return list_queues(queues_);
    if (path.starts_with(queue)) return messages_of(queues_, path.substr(queue.size()), request);
    return http::problem(404, hint);
  }();
  const bool known = response.status != 404;
  const bool read = request.method == "GET" || request.method == "HEAD";
  return known && !read ? not_allowed("GET, HEAD") : std::move(response);
}

}  // namespace porteiro::admin
