// Questions to a running emulator, over its inside port.
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "porteiro/base/bytes.hpp"
#include "porteiro/runtime/runtime.hpp"

namespace porteiro::app {
namespace {

using nlohmann::json;

// The JSON answer, or nothing after a message to stderr.
std::optional<json> ask(std::uint16_t port, const std::string& target,
                        const std::string& body = {}) {
  const std::unique_ptr<runtime::Runtime> runtime = runtime::Runtime::create(0);
  std::optional<Result<http::Response>> answer;
  http::ClientRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(port) + target;
  if (!body.empty()) {
    request.method = "POST";
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = body;
  }
  runtime->client().send(std::move(request), [&](Result<http::Response> response) {
    answer.emplace(std::move(response));
    runtime->quit();
  });
  runtime->run();
  if (!answer || !*answer) {
    std::cerr << "porteiro: no emulator answers on 127.0.0.1:" << port
              << "; start one with `porteiro up CONFIG`, or name its --inside-port\n";
    return std::nullopt;
  }
  const http::Response& response = answer->value();
  json document = json::parse(response.body, nullptr, false);
  if (response.status == 200 && !document.is_discarded()) return document;
  std::string detail = "status " + std::to_string(response.status);
  if (document.is_object()) detail = document.value("detail", detail);
  std::cerr << "porteiro: " << detail << "\n";
  return std::nullopt;
}

std::string text_of(const json& object, const char* member) {
  const auto it = object.find(member);
  if (it == object.end()) return "";
  return it->is_string() ? it->get<std::string>() : it->dump();
}

}  // namespace

Outcome events(const InspectArguments& arguments) {
  const auto document =
      ask(arguments.inside_port, "/_porteiro/events?newest=" + std::to_string(arguments.limit));
  if (!document) return Outcome::environment;
  for (const json& entry : document->at("events")) {
    if (arguments.json) {
      std::cout << entry.dump() << "\n";
      continue;
    }
    const json& event = entry.at("event");
    std::cout << text_of(entry, "number") << "  " << text_of(event, "time") << "  "
              << text_of(event, "correlationid") << "  " << text_of(event, "type");
    if (const std::string subject = text_of(event, "subject"); !subject.empty()) {
      std::cout << "  " << subject;
    }
    std::cout << "\n";
  }
  return Outcome::pass;
}

Outcome trace(const InspectArguments& arguments) {
  const auto document = ask(arguments.inside_port, "/_porteiro/traces/" + arguments.id);
  if (!document) return Outcome::environment;
  if (arguments.json) {
    std::cout << document->dump(2) << "\n";
    return Outcome::pass;
  }
  std::optional<Time> first;
  for (const json& record : document->at("records")) {
    const Result<Time> at = parse_rfc3339(text_of(record, "at"));
    if (at && !first) first = at.value();
    json rest = record;
    for (const char* member : {"at", "trace", "kind", "name"}) rest.erase(member);
    std::cout << "+" << (at ? to_text(at.value() - *first) : "?") << "\t" << text_of(record, "kind")
              << "\t" << text_of(record, "name");
    for (const auto& [name, value] : rest.items()) {
      std::cout << "  " << name << "="
                << (value.is_string() ? value.get<std::string>() : value.dump());
    }
    std::cout << "\n";
  }
  return Outcome::pass;
}

namespace {

void print_message(const json& message) {
  std::cout << text_of(message, "id") << "  " << text_of(message, "state") << "  sent "
            << text_of(message, "sent") << "  receives " << text_of(message, "receives");
  for (const char* member : {"visible_at", "group", "deduplication_id", "dead_letter_source"}) {
    if (message.contains(member)) std::cout << "  " << member << " " << text_of(message, member);
  }
  const bool text = message.contains("body");
  std::cout << "\n  " << text_of(message, text ? "body" : "body_base64") << "\n";
  if (!message.contains("attributes")) return;
  for (const auto& [name, attribute] : message.at("attributes").items()) {
    std::cout << "  " << name << " (" << text_of(attribute, "type") << ") "
              << text_of(attribute, attribute.contains("value") ? "value" : "value_base64") << "\n";
  }
}

}  // namespace

// The oldest messages; nothing is received by that.
Outcome peek(const InspectArguments& arguments) {
  const std::string target = "/_porteiro/queues/" + percent_encode(arguments.queue) +
                             "/messages?max=" + std::to_string(arguments.limit);
  const auto document = ask(arguments.inside_port, target);
  if (!document) return Outcome::environment;
  if (arguments.json) {
    std::cout << document->dump(2) << "\n";
    return Outcome::pass;
  }
  const json& depth = document->at("depth");
  std::cout << arguments.queue << ": " << depth.at("ready") << " ready, " << depth.at("delayed")
            << " delayed, " << depth.at("in_flight") << " in flight\n";
  for (const json& message : document->at("messages")) print_message(message);
  return Outcome::pass;
}

Outcome erase(const EraseArguments& arguments) {
  std::string value = arguments.value;
  if (value == "-" && !std::getline(std::cin, value)) value.clear();
  if (!value.empty() && value.back() == '\r') value.pop_back();
  if (value.empty() || !valid_utf8(value) || !valid_utf8(arguments.token)) {
    std::cerr << "porteiro: there is no value: give it, or a line of stdin with -\n";
    return Outcome::usage;
  }
  const auto document = ask(arguments.inside_port, "/_porteiro/erase",
                            json{{"token", arguments.token}, {"value", value}}.dump());
  if (!document) return Outcome::environment;
  if (arguments.json) {
    std::cout << document->dump(2) << "\n";
    return Outcome::pass;
  }
  std::cout << text_of(*document, "subject") << "\n";
  for (const json& store : document->at("stores")) {
    for (const json& one : store.at("collections")) {
      std::cout << "  " << text_of(store, "store") << "/" << text_of(one, "collection") << "  "
                << text_of(one, "records") << " " << text_of(one, "outcome");
      if (one.contains("basis")) std::cout << ": " << text_of(one, "basis");
      std::cout << "\n";
    }
  }
  std::cout << "  " << document->at("messages") << " messages, " << document->at("events")
            << " events\n";
  if (document->at("in_flight") != 0) {
    std::cout
        << "  " << document->at("in_flight")
        << " of the messages were being handled: what comes of that is not erased; erase again "
           "in a while\n";
  }
  return Outcome::pass;
}

}  // namespace porteiro::app
