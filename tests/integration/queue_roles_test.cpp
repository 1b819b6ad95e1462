// Goal: a worker that was taken over reaches through the services at its own port no queue and no
// function that its role does not name, and each attempt is an entry of the audit log.
#include <doctest/doctest.h>

#include <filesystem>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

// Makes the calls of the body, [method, path, target, body], at its own port, one after another.
constexpr const char* code = R"(
import json, os, urllib.error, urllib.request

def call(method, path, target, body):
    headers = {"X-Amz-Target": target} if target else {}
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, method=method,
                                     data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status
    except urllib.error.HTTPError as refused:
        return refused.code

def handler(event, context):
    if "body" not in event:
        return {}
    return [call(*each) for each in json.loads(event["body"])]
)";

constexpr const char* functions_path = "/2015-03-31/functions";
const std::string mappings_path = "/2015-03-31/event-source-mappings";

json sqs(const std::string& action, const json& body) {
  return {"POST", "/", "AmazonSQS." + action, body};
}
json send_to(const std::string& queue) {
  return sqs("SendMessage", {{"QueueUrl", queue}, {"MessageBody", "smuggled"}});
}
json lambda(const std::string& method, const std::string& path, const json& body = nullptr) {
  return {method, path, "", body};
}
json invoke(const std::string& function) {
  return lambda("POST", functions_path + ("/" + function) + "/invocations", json::object());
}
std::string arn_of(const std::string& queue) {
  return "arn:aws:sqs:us-east-1:000000000000:" + queue;
}

struct Taken {
  Taken() {
    std::filesystem::create_directory(directory.path("code"));
    write_file(directory.path("code/app.py"), code);
    json functions = {{"clerk", {{"role", "clerk"}}},
                      {"stranger", json::object()},
                      {"outsider", {{"role", "all"}, {"zone", "public"}}},
                      {"helper", json::object()},
                      {"keeper", {{"role", "keeper"}}},
                      {"vault", {{"role", "all"}}}};
    json routes = json::array();
    for (auto& [name, function] : functions.items()) {
      function.update({{"runtime", "python"}, {"handler", "app.handler"}, {"code", "code"}});
      routes.push_back({{"route", "POST /" + name},
                        {"event", name + ".asked"},
                        {"via", "asked"},
                        {"to", name},
                        {"reply", "sync"},
                        {"timeout", "25s"}});
    }
    const json clerk = {{{"do", "queue:send"}, {"on", "notices"}},
                        {{"do", "function:invoke"}, {"on", "helper"}}};
    const json all = {{{"do", "queue:*"}, {"on", "*"}}, {{"do", "function:*"}, {"on", "*"}}};
    const json config = {
        {"roles",
         {{"clerk", {{"allow", clerk}}},
          {"keeper", {{"allow", {{{"do", "function:manage"}, {"on", "helper"}}}}}},
          {"all", {{"allow", all}}}}},
        {"queues",
         {{"asked", json::object()}, {"notices", json::object()}, {"payments", json::object()}}},
        {"functions", functions},
        {"gateway", {{"routes", routes}}}};
    write_file(directory.path("config.json"), config.dump());
    Instance::Setup setup;
    setup.config = directory.path("config.json");
    porteiro = std::make_unique<Instance>(loop, setup);
    REQUIRE(inside("CreateQueue", {{"QueueName", "made"}}).status == 200);
  }
  Reply inside(const std::string& action, const json& body) {
    return porteiro->send({.method = "POST",
                           .url = porteiro->inside("/"),
                           .headers = {{"X-Amz-Target", "AmazonSQS." + action}},
                           .body = body.dump()});
  }
  // The statuses of what the function did at its port.
  json done(const std::string& function, const json& calls) {
    const Reply reply = porteiro->call("POST", "/" + function, calls, {}, "");
    INFO(reply.text, porteiro->process().err());
    REQUIRE(reply.status == 200);
    return reply.body;
  }
  int depth(const std::string& queue) {
    const Reply reply =
        inside("GetQueueAttributes", {{"QueueUrl", queue}, {"AttributeNames", {"All"}}});
    const json& attributes = reply.body.at("Attributes");
    int sum = 0;
    for (const char* part : {"", "NotVisible", "Delayed"}) {
      const auto name = std::string("ApproximateNumberOfMessages") + part;
      sum += std::stoi(attributes.at(name).get<std::string>());
    }
    return sum;
  }

  Loop loop;
  TemporaryDirectory directory;
  std::unique_ptr<Instance> porteiro;
};

}  // namespace

TEST_CASE("queue roles: a worker sends where its role says, and nowhere else by any way") {
  Taken taken;
  const json to_payments = {
      {"DestinationConfig", {{"OnSuccess", {{"Destination", arn_of("payments")}}}}}};
  const json redrive = {
      {"RedrivePolicy",
       json({{"deadLetterTargetArn", arn_of("payments")}, {"maxReceiveCount", 1}}).dump()}};
  const json calls = {
      send_to("notices"),
      invoke("helper"),
      send_to("payments"),
      send_to("made"),
      send_to("asked"),
      sqs("ReceiveMessage", {{"QueueUrl", "notices"}}),
      sqs("PurgeQueue", {{"QueueUrl", "notices"}}),
      sqs("CreateQueue", {{"QueueName", "mine"}, {"Attributes", redrive}}),
      sqs("SetQueueAttributes", {{"QueueUrl", "notices"}, {"Attributes", redrive}}),
      sqs("StartMessageMoveTask",
          {{"SourceArn", arn_of("notices")}, {"DestinationArn", arn_of("payments")}}),
      invoke("vault"),
      invoke("stranger"),
      lambda("GET", functions_path),
      lambda("PUT", functions_path + std::string("/helper/event-invoke-config"), to_payments),
      lambda("POST", mappings_path,
             {{"FunctionName", "helper"}, {"EventSourceArn", arn_of("payments")}}),
      lambda("POST", functions_path, {{"FunctionName", "mine"}}),
  };
  const json statuses = taken.done("clerk", calls);
  REQUIRE(statuses.size() == calls.size());
  CHECK(statuses[0] == 200);
  CHECK(statuses[1] == 200);
  for (std::size_t i = 2; i < statuses.size(); ++i) {
    CAPTURE(calls[i].dump());
    CHECK(statuses[i] == 403);
  }
  CHECK(taken.depth("notices") == 1);
  CHECK(taken.depth("payments") == 0);
  CHECK(taken.depth("made") == 0);

  const Reply audit = taken.porteiro->ask("/_porteiro/audit?newest=100");
  std::size_t denials = 0;
  for (const json& entry : audit.body.at("entries")) {
    if (entry["decision"] != "denied") continue;
    ++denials;
    CHECK(entry["principal"] == "clerk");
    CHECK(entry["role"] == "clerk");
    CHECK(entry.dump().find("made") == std::string::npos);  // A client's name.
  }
  CHECK(denials == calls.size() - 2);
}

TEST_CASE("queue roles: without a role, or in the public zone, a worker uses nothing") {
  Taken taken;
  const json calls = {
      send_to("notices"), send_to("made"),  sqs("ReceiveMessage", {{"QueueUrl", "payments"}}),
      invoke("vault"),    invoke("helper"), lambda("GET", functions_path)};
  for (const char* function : {"stranger", "outsider"}) {
    CAPTURE(function);
    const json statuses = taken.done(function, calls);
    REQUIRE(statuses.size() == calls.size());
    for (const json& status : statuses) CHECK(status == 403);
  }
  CHECK(taken.depth("notices") == 0);
  CHECK(taken.depth("made") == 0);
}

TEST_CASE("queue roles: who manages one function sees and changes no other") {
  Taken taken;
  const std::string functions = functions_path + std::string("/");
  const json calls = {lambda("GET", functions + "helper"),
                      lambda("GET", functions + "vault"),
                      lambda("GET", functions_path),
                      lambda("GET", mappings_path),
                      lambda("POST", functions_path, {{"FunctionName", "mine"}}),
                      invoke("helper")};
  CHECK(taken.done("keeper", calls) == json({200, 403, 403, 403, 403, 403}));
  // A rule for all reaches the doors, too, from the zone that they stand in.
  const json all = {lambda("GET", functions_path), invoke("helper"), send_to("made")};
  CHECK(taken.done("vault", all) == json({200, 200, 200}));
  CHECK(taken.depth("made") == 1);
}

}  // namespace porteiro::integration
