// A client of SQS over virtual time: sends requests in both protocols and reads the replies.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/protocols/sqs.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::protocols::test {

using nlohmann::json;
using namespace std::chrono_literals;

struct Reply {
  int status = 0;
  std::string type, body;
  std::vector<http::Header> headers;

  std::string header(std::string_view name) const {
    for (const http::Header& header : headers) {
      if (header.name == name) return header.value;
    }
    return {};
  }
  json document() const { return body.empty() ? json::object() : json::parse(body); }
  // The text of the first XML element of that name; empty: none.
  std::string element(const std::string& name, std::size_t from = 0) const {
    const std::size_t open = body.find("<" + name + ">", from);
    if (open == std::string::npos) return {};
    const std::size_t start = open + name.size() + 2;
    return body.substr(start, body.find("</" + name + ">", start) - start);
  }
};

using Headers = std::vector<http::HeaderView>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

inline std::string form_of(const Pairs& pairs) {
  std::string form;
  for (const auto& [name, value] : pairs) {
    if (!form.empty()) form += '&';
    form += name + "=" + percent_encode(value);
  }
  return form;
}

class Client {
 public:
  explicit Client(SqsOptions options = {}, AwsOptions aws = {},
                  std::vector<queue::Options> declared = {}, std::vector<access::Role> roles = {},
                  access::Layers layers = {})
      : telemetry(world.scheduler, {}),
        guard(std::move(roles), world.scheduler, telemetry, layers) {
    auto opened = journal::open({}, world.environment, telemetry);
    REQUIRE(opened.has_value());
    journal = std::move(opened.value());
    queues = std::make_unique<queue::Queues>(world.environment, *journal, telemetry);
    for (queue::Options& one : declared) REQUIRE(queues->declare(std::move(one)).has_value());
    REQUIRE(journal->start().has_value());
    sqs = std::make_unique<Sqs>(Sqs::Parts{world.environment, *journal, telemetry, *queues, guard},
                                std::move(aws), std::move(options));
  }

  // The reply comes when the loop has run.
  std::shared_ptr<std::optional<Reply>> start(std::string_view method, std::string_view target,
                                              const Headers& headers, std::string_view body) {
    auto reply = std::make_shared<std::optional<Reply>>();
    const http::Request request{method, target, headers, body, "simulation"};
    sqs->handle(
        request,
        [reply](http::Response response) {
          REQUIRE_FALSE(reply->has_value());
          *reply = Reply{response.status, response.content_type, response.body, response.headers};
        },
        who);
    return reply;
  }
  Reply finish(const std::shared_ptr<std::optional<Reply>>& reply) {
    for (int i = 0; i < 1000 && !reply->has_value() && world.scheduler.posted(); ++i) {
      world.scheduler.step();
    }
    REQUIRE(reply->has_value());
    return **reply;
  }

  auto start_json(const std::string& action, const std::string& body) {
    const std::string target = "AmazonSQS." + action;
    return start("POST", "/",
                 {{"Host", "localhost:4566"},
                  {"Content-Type", "application/x-amz-json-1.0"},
                  {"X-Amz-Target", target}},
                 body);
  }
  Reply raw_json(const std::string& action, const std::string& body) {
    return finish(start_json(action, body));
  }
  Reply call(const std::string& action, const json& body) { return raw_json(action, body.dump()); }
  // The result of an action that has to succeed.
  json ok(const std::string& action, const json& body) {
    const Reply reply = call(action, body);
    INFO(action, ": ", reply.body);
    REQUIRE(reply.status == 200);
    return reply.document();
  }

  Reply raw_query(const std::string& form, std::string_view path = "/") {
    return finish(start("POST", path,
                        {{"Host", "queue.example:99"},
                         {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                        form));
  }
  Reply query(const std::string& action, Pairs pairs, std::string_view path = "/") {
    pairs.insert(pairs.begin(), {{"Action", action}, {"Version", "2012-11-05"}});
    return raw_query(form_of(pairs), path);
  }
  Reply query_ok(const std::string& action, Pairs pairs, std::string_view path = "/") {
    const Reply reply = query(action, std::move(pairs), path);
    INFO(action, ": ", reply.body);
    REQUIRE(reply.status == 200);
    return reply;
  }

  std::string create(const std::string& name, const json& attributes = json::object()) {
    return ok("CreateQueue", {{"QueueName", name}, {"Attributes", attributes}})["QueueUrl"];
  }
  std::string arn(const std::string& name) { return "arn:aws:sqs:us-east-1:000000000000:" + name; }

  virtual_world::World world;
  telemetry::Telemetry telemetry;
  access::Guard guard;
  Asker who{{.name = "developer", .developer = true}};
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<queue::Queues> queues;
  std::unique_ptr<Sqs> sqs;
};

// An error in JSON: its type after '#', and the Query code its header carries.
inline void check_error(const Reply& reply, int status, const std::string& type,
                        const std::string& code) {
  INFO(reply.body);
  CHECK(reply.status == status);
  const std::string full = reply.document().value("__type", "");
  CHECK(full.substr(full.find('#') + 1) == type);
  const std::string fault = status < 500 ? ";Sender" : ";Receiver";
  CHECK(reply.header("x-amzn-query-error") == (code.empty() ? "" : code + fault));
}
inline void check_query_error(const Reply& reply, int status, const std::string& code) {
  INFO(reply.body);
  CHECK(reply.status == status);
  CHECK(reply.type == "text/xml");
  CHECK(reply.element("Code") == code);
  CHECK(reply.element("Type") == (status < 500 ? "Sender" : "Receiver"));
  CHECK(reply.element("RequestId").size() == 36);
}

}  // namespace porteiro::protocols::test
