#include "porteiro/lambda/worker.hpp"
#include "unit/protocols/lambda_client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

constexpr const char* failure = R"({"errorType":"E","errorMessage":"no"})";

Reply submit(LambdaClient& client, const std::string& function,
             const std::string& payload = R"({"n":1})") {
  const Reply reply = client.send("POST", client.path(function, "/invocations"), payload,
                                  {{"X-Amz-Invocation-Type", "Event"}});
  INFO(reply.body);
  REQUIRE(reply.status == 202);
  CHECK(reply.body.empty());
  client.settle();
  return reply;
}

void configure(LambdaClient& client, const std::string& function, const json& config) {
  client.ok("PUT", "/2019-09-25/functions/" + function + "/event-invoke-config", config);
}

}  // namespace

TEST_CASE("lambda: an asynchronous invocation is accepted, then runs once") {
  LambdaClient client;
  client.create("orders");
  const Reply reply = submit(client, "orders");
  REQUIRE(client.invocations.size() == 1);
  CHECK(client.invocations.front().direct->payload == R"({"n":1})");
  CHECK(lambda::to_uuid(client.invocations.front().direct->request) ==
        reply.header("x-amzn-RequestId"));
  CHECK_FALSE(client.service->idle());
  client.answer("1");
  client.world.scheduler.run_for(1h);
  CHECK(client.invocations.empty());
  CHECK(client.service->idle());
  CHECK(client.queues->names().empty());  // No client of SQS sees where it waited.
}

// Goal: what fails is tried again after 1 and 2 minutes, then told of, and then it is over.
TEST_CASE("lambda: a failed event is tried twice more, then told of at its destination") {
  LambdaClient client;
  client.create("orders");
  const std::string target = client.queue("failures");
  configure(client, "orders", {{"DestinationConfig", {{"OnFailure", {{"Destination", target}}}}}});
  const Reply reply = submit(client, "orders");
  client.answer("", failure);
  client.world.scheduler.run_for(59s);
  CHECK(client.invocations.empty());
  client.world.scheduler.run_for(1s);
  client.answer("", failure);
  client.world.scheduler.run_for(119s);
  CHECK(client.invocations.empty());
  client.world.scheduler.run_for(1s);
  REQUIRE(client.invocations.size() == 1);
  CHECK(lambda::to_uuid(client.invocations.front().direct->request) ==
        reply.header("x-amzn-RequestId"));
  CHECK(client.received("failures").empty());
  client.answer("", failure);
  const auto records = client.received("failures");
  REQUIRE(records.size() == 1);
  const json record = json::parse(records.front());
  CHECK(record["version"] == "1.0");
  CHECK(record["requestContext"]["condition"] == "RetriesExhausted");
  CHECK(record["requestContext"]["approximateInvokeCount"] == 3);
  CHECK(record["requestContext"]["functionArn"] ==
        "arn:aws:lambda:us-east-1:000000000000:function:orders:$LATEST");
  CHECK(record["requestContext"]["requestId"] == reply.header("x-amzn-RequestId"));
  CHECK(record["requestPayload"]["n"] == 1);
  CHECK(record["responseContext"]["functionError"] == "Unhandled");
  CHECK(record["responsePayload"]["errorType"] == "E");
  client.world.scheduler.run_for(6h);
  CHECK(client.invocations.empty());
  CHECK(client.service->idle());
}

TEST_CASE("lambda: success is told of at another function or a queue") {
  LambdaClient client;
  client.create("orders");
  const json next = client.create("next");
  configure(client, "orders",
            {{"DestinationConfig", {{"OnSuccess", {{"Destination", next["FunctionArn"]}}}}}});
  submit(client, "orders");
  client.answer(R"({"total":7})");
  REQUIRE(client.invocations.size() == 1);
  CHECK(client.invocations.front().key == "next");
  const json record = json::parse(client.invocations.front().direct->payload);
  CHECK(record["requestContext"]["condition"] == "Success");
  CHECK(record["responsePayload"]["total"] == 7);
  CHECK_FALSE(record["responseContext"].contains("functionError"));
}

TEST_CASE("lambda: the dead-letter queue gets the payload, with what went wrong") {
  LambdaClient client;
  const std::string target = client.queue("dead");
  client.create("orders", {{"DeadLetterConfig", {{"TargetArn", target}}}});
  configure(client, "orders", {{"MaximumRetryAttempts", 0}});
  submit(client, "orders");
  client.answer("", failure);
  const auto delivery = client.queues->find("dead")->receive(1);
  REQUIRE(delivery.size() == 1);
  CHECK(delivery[0].message.body == R"({"n":1})");
  std::map<std::string, std::string> attributes;
  for (const auto& attribute : delivery[0].message.attributes) {
    attributes[attribute.name] = attribute.value;
  }
  CHECK(attributes["ErrorMessage"] == "no");
  CHECK(attributes["ErrorCode"] == "200");
  CHECK(attributes["RequestID"].size() == 36);
}

TEST_CASE("lambda: an event without a place waits, and is given up when it is too old") {
  LambdaClient client;
  client.create("orders");
  const std::string target = client.queue("failures");
  configure(client, "orders",
            {{"MaximumEventAgeInSeconds", 60},
             {"DestinationConfig", {{"OnFailure", {{"Destination", target}}}}}});
  const std::string concurrency = "/2017-10-31/functions/orders/concurrency";
  client.ok("PUT", concurrency, {{"ReservedConcurrentExecutions", 1}});
  submit(client, "orders");
  submit(client, "orders");
  client.world.scheduler.run_for(30s);
  CHECK(client.invocations.size() == 1);
  client.ok("PUT", concurrency, {{"ReservedConcurrentExecutions", 2}});
  client.settle();
  CHECK(client.invocations.size() == 2);  // At once.
  submit(client, "orders");
  client.world.scheduler.run_for(3min);  // Those that run run on, and are not run twice.
  CHECK(client.invocations.size() == 2);
  const auto records = client.received("failures");
  REQUIRE(records.size() == 1);
  const json record = json::parse(records.front());
  CHECK(record["requestContext"]["condition"] == "EventAgeExceeded");
  CHECK(record["requestContext"]["approximateInvokeCount"] == 0);
  CHECK_FALSE(record.contains("responsePayload"));
  client.answer("1");
  client.answer("1");
  CHECK(client.service->idle());
}

TEST_CASE("lambda: one that waits for a place begins when one that ran has ended") {
  LambdaClient client;
  client.create("orders");
  client.ok("PUT", "/2017-10-31/functions/orders/concurrency",
            {{"ReservedConcurrentExecutions", 1}});
  for (int i = 0; i < 3; ++i) submit(client, "orders");
  const Time begun = client.world.scheduler.now();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.invocations.size() == 1);
    client.answer("1");
  }
  CHECK(client.world.scheduler.now() == begun);
  CHECK(client.service->idle());
}

TEST_CASE("lambda: without any concurrency an event has failed at once") {
  LambdaClient client;
  client.create("orders", {{"DeadLetterConfig", {{"TargetArn", client.queue("dead")}}}});
  configure(client, "orders",
            {{"DestinationConfig", {{"OnFailure", {{"Destination", client.queue("failures")}}}}}});
  client.ok("PUT", "/2017-10-31/functions/orders/concurrency",
            {{"ReservedConcurrentExecutions", 0}});
  submit(client, "orders");
  CHECK(client.invocations.empty());
  const auto records = client.received("failures");
  REQUIRE(records.size() == 1);
  CHECK(json::parse(records[0])["requestContext"]["condition"] == "ZeroReservedConcurrency");
  CHECK(client.received("dead") == std::vector<std::string>{R"({"n":1})"});
  CHECK(client.service->idle());
}

TEST_CASE("lambda: what no message could hold is told of by its start") {
  LambdaClient client;
  client.create("orders", {{"DeadLetterConfig", {{"TargetArn", client.queue("dead")}}}});
  configure(client, "orders",
            {{"MaximumRetryAttempts", 0},
             {"DestinationConfig", {{"OnFailure", {{"Destination", client.queue("failures")}}}}}});
  const std::string long_text = "é" + std::string(1'100'000, 'x');
  submit(client, "orders");
  client.answer("", json{{"errorType", "E"}, {"errorMessage", long_text}}.dump());
  auto records = client.received("failures");
  REQUIRE(records.size() == 1);
  CHECK(json::parse(records[0])["requestPayload"]["n"] == 1);
  CHECK(json::parse(records[0])["responsePayload"].is_string());
  const auto dead = client.queues->find("dead")->receive(1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].message.attributes[2].value.size() == 1024);

  const std::string large = "\"" + std::string((1u << 20) - 2, 'y') + "\"";
  submit(client, "orders", large);
  client.answer("", failure);
  records = client.received("failures");
  REQUIRE(records.size() == 1);
  CHECK(json::parse(records[0])["requestPayload"].get<std::string>().size() == 1024);
  CHECK(client.received("dead") == std::vector<std::string>{large});
}

// Goal: nothing of a client's nesting is walked by recursion.
TEST_CASE("lambda: payloads and answers may be nested as deep as they like, requests may not") {
  LambdaClient client;
  client.create("orders", {{"DeadLetterConfig", {{"TargetArn", client.queue("dead")}}}});
  configure(client, "orders",
            {{"MaximumRetryAttempts", 0},
             {"DestinationConfig",
              {{"OnSuccess", {{"Destination", client.queue("done")}}},
               {"OnFailure", {{"Destination", client.queue("failures")}}}}}});
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  submit(client, "orders", deep);
  client.answer(deep);
  const auto records = client.received("done");
  REQUIRE(records.size() == 1);
  CHECK(records[0].ends_with("\"responsePayload\":" + deep + "}"));
  submit(client, "orders", deep);
  client.answer("", "{\"errorMessage\":" + deep + "}");
  CHECK(client.received("failures").size() == 1);
  CHECK(client.received("dead") == std::vector<std::string>{deep});
  check_lambda_error(client.send("PUT", client.path("orders", "/configuration"),
                                 "{\"Environment\":{\"X\":" + deep + "}}"),
                     400, "SerializationException");
}

TEST_CASE("lambda: a destination takes the right to have its function invoked") {
  LambdaClient client;
  client.create("orders");
  client.create("secret");
  const std::string secret = "arn:aws:lambda:us-east-1:000000000000:function:secret";
  const auto named = [&](const char* member) {
    return json{{"DestinationConfig", {{member, {{"Destination", secret}}}}}};
  };
  const std::string path = "/2019-09-25/functions/orders/event-invoke-config";
  client.ok("PUT", path, named("OnSuccess"));
  client.forbidden = {"secret"};
  for (const char* member : {"OnSuccess", "OnFailure"}) {
    check_lambda_error(client.call("PUT", path, named(member)), 403, "AccessDeniedException");
    check_lambda_error(client.call("POST", path, named(member)), 403, "AccessDeniedException");
  }
  check_lambda_error(client.call("PUT", client.path("orders", "/configuration"),
                                 {{"DeadLetterConfig", {{"TargetArn", secret}}}}),
                     403, "AccessDeniedException");
  CHECK(client.asked_by == std::vector<std::string>(5, "caller"));
  // What was set before is not used either.
  submit(client, "orders");
  client.answer("1");
  client.world.scheduler.run_for(1s);
  CHECK(client.asked_by.back() == "nobody");
  CHECK(client.invocations.empty());
}

TEST_CASE("lambda: a FIFO queue is no destination") {
  LambdaClient client;
  client.create("orders");
  queue::Options options;
  options.name = "orders.fifo";
  options.fifo = true;
  REQUIRE(client.queues->create(std::move(options)).has_value());
  const std::string arn = "arn:aws:sqs:us-east-1:000000000000:orders.fifo";
  check_lambda_error(client.call("PUT", "/2019-09-25/functions/orders/event-invoke-config",
                                 {{"DestinationConfig", {{"OnFailure", {{"Destination", arn}}}}}}),
                     400, "InvalidParameterValueException", "FIFO");
}

TEST_CASE("lambda: events of a deleted function are dropped, and what is full is tried again") {
  LambdaClient client;
  client.create("orders");
  submit(client, "orders");
  client.invocations.front().done(error(Errc::limit_exceeded, "too many wait"));
  client.invocations.clear();
  client.world.scheduler.run_for(1s);
  REQUIRE(client.invocations.size() == 1);
  client.ok("DELETE", client.path("orders"), nullptr, 204);
  client.world.scheduler.run_for(1ms);
  client.create("orders");
  submit(client, "orders");
  client.answer("", failure);  // Of the old one: the new one's events are not touched.
  REQUIRE(client.invocations.size() == 1);
  client.answer("1");
  CHECK(client.service->idle());
  client.world.scheduler.run_for(1h);
  CHECK(client.invocations.empty());
}

TEST_CASE("lambda: events outlive a restart, those that ran as well") {
  LambdaClient::Setup setup;
  setup.kept = true;
  {
    LambdaClient client(setup);
    client.create("orders");
    client.create("other");
    submit(client, "orders");
    REQUIRE(client.invocations.size() == 1);
    client.answer("", failure);
    submit(client, "other");
    REQUIRE(client.invocations.size() == 1);
  }
  LambdaClient client(setup);
  client.world.scheduler.run_for(10s);  // The lease of what ran is over.
  REQUIRE(client.invocations.size() == 1);
  CHECK(client.invocations.front().key == "other");
  client.answer("1");
  client.world.scheduler.run_for(50s);  // A minute after the first failure.
  REQUIRE(client.invocations.size() == 1);
  CHECK(client.invocations.front().key == "orders");
  client.answer("1");
  CHECK(client.service->idle());
}

TEST_CASE("lambda: event invoke configs are kept by qualifier, within bounds") {
  LambdaClient client;
  client.create("orders", {{"Publish", true}});
  const std::string path = "/2019-09-25/functions/orders/event-invoke-config";
  check_lambda_error(client.send("GET", path), 404, "ResourceNotFoundException",
                     "EventInvokeConfig");
  check_lambda_error(client.call("POST", path, json::object()), 404, "ResourceNotFoundException");
  const json put = client.ok("PUT", path, {{"MaximumRetryAttempts", 1}});
  CHECK(put["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:orders:$LATEST");
  const json updated = client.ok("POST", path, {{"MaximumEventAgeInSeconds", 60}});
  CHECK(updated["MaximumRetryAttempts"] == 1);
  CHECK(updated["MaximumEventAgeInSeconds"] == 60);
  client.ok("PUT", path + "?Qualifier=1", {{"MaximumRetryAttempts", 0}});
  CHECK(client.ok("GET", path + "/list")["FunctionEventInvokeConfigs"].size() == 2);
  std::string marker = path + "/list?MaxItems=1";
  for (const char* arn : {"orders:$LATEST", "orders:1"}) {
    const json page = client.ok("GET", marker);
    REQUIRE(page["FunctionEventInvokeConfigs"].size() == 1);
    CHECK(page["FunctionEventInvokeConfigs"][0]["FunctionArn"].get<std::string>().ends_with(arn));
    CHECK(page.contains("NextMarker") == (marker.find("Marker") == marker.npos));
    marker += "&Marker=" + page.value("NextMarker", "");
  }
  client.ok("DELETE", path + "?Qualifier=1", nullptr, 204);
  for (const json& bad :
       {json{{"MaximumRetryAttempts", 3}}, json{{"MaximumRetryAttempts", -1}},
        json{{"MaximumEventAgeInSeconds", 59}}, json{{"MaximumEventAgeInSeconds", 21601}}}) {
    check_lambda_error(client.call("PUT", path, bad), 400, "ValidationException");
  }
  for (const char* target :
       {"arn:aws:sns:us-east-1:000000000000:x", "x", "arn:aws:sqs:us-east-1:000000000000:none",
        "arn:aws:sqs:us-east-1:111111111111:x"}) {
    check_lambda_error(
        client.call("PUT", path,
                    {{"DestinationConfig", {{"OnFailure", {{"Destination", target}}}}}}),
        400, "InvalidParameterValueException", "OnFailure");
  }
}

TEST_CASE("lambda: event source mappings begin, change and end") {
  LambdaClient client;
  client.create("orders");
  const std::string arn = client.queue("in");
  const std::string path = "/2015-03-31/event-source-mappings";
  const json made =
      client.ok("POST", path + "/",
                {{"FunctionName", "orders"},
                 {"EventSourceArn", arn},
                 {"BatchSize", 100},
                 {"MaximumBatchingWindowInSeconds", 5},
                 {"FunctionResponseTypes", {"ReportBatchItemFailures"}},
                 {"ScalingConfig", {{"MaximumConcurrency", 2}}},
                 {"FilterCriteria", {{"Filters", {{{"Pattern", R"({"body":{"a":[1]}})"}}}}}}},
                202);
  CHECK(made["State"] == "Creating");
  const std::string one = path + "/" + made["UUID"].get<std::string>();
  const json got = client.ok("GET", one);
  CHECK(got["State"] == "Enabled");
  CHECK(got["FilterCriteria"]["Filters"][0]["Pattern"] == R"({"body":{"a":[1]}})");
  REQUIRE(client.mappings.running.size() == 1);
  const lambda::MappingOptions& options = client.mappings.running.begin()->second;
  CHECK(options.queue == "in");
  CHECK(options.function == "orders");
  CHECK(options.batch_max == 100);
  CHECK(options.window == 5s);
  CHECK(options.filters.size() == 1);
  CHECK(options.concurrency_max == 2);
  CHECK(options.reports_failures);
  check_lambda_error(
      client.call("POST", path, {{"FunctionName", "orders"}, {"EventSourceArn", arn}}), 409,
      "ResourceConflictException", "already exists");
  const json off = client.ok("PUT", one, {{"Enabled", false}, {"BatchSize", 5}}, 202);
  CHECK(off["BatchSize"] == 5);
  CHECK(client.mappings.running.empty());
  client.ok("PUT", one, {{"Enabled", true}}, 202);
  CHECK(client.mappings.running.size() == 1);
  CHECK(client.ok("GET", path + "?FunctionName=orders")["EventSourceMappings"].size() == 1);
  CHECK(client.ok("GET", path + "?FunctionName=other")["EventSourceMappings"].empty());
  CHECK(client.ok("GET", path + "?EventSourceArn=" + arn)["EventSourceMappings"].size() == 1);
  client.ok("DELETE", client.path("orders"), nullptr, 204);
  CHECK(client.mappings.running.empty());
  client.create("orders");
  CHECK(client.mappings.running.size() == 1);
  CHECK(client.ok("DELETE", one, nullptr, 202)["State"] == "Deleting");
  CHECK(client.mappings.running.empty());
  check_lambda_error(client.send("GET", one), 404, "ResourceNotFoundException");
}

TEST_CASE("lambda: what a mapping cannot be is refused") {
  LambdaClient client({.options = {.route_queues = {"routes"}}});
  client.create("orders");
  client.create("slow", {{"Timeout", 31}});
  const std::string arn = client.queue("in");
  const auto refused = [&](const json& more, int status, const std::string& type,
                           const std::string& text) {
    json body = {{"FunctionName", "orders"}, {"EventSourceArn", arn}};
    body.update(more);
    CAPTURE(text);
    check_lambda_error(client.call("POST", "/2015-03-31/event-source-mappings", body), status, type,
                       text);
  };
  const std::string value = "InvalidParameterValueException";
  refused({{"FunctionName", "nobody"}}, 404, "ResourceNotFoundException", "nobody");
  refused({{"FunctionName", nullptr}}, 400, "ValidationException", "functionName");
  refused({{"EventSourceArn", nullptr}}, 400, value, "EventSourceArn");
  refused({{"EventSourceArn", "arn:aws:kinesis:us-east-1:000000000000:stream/x"}}, 400, value,
          "Unrecognized event source");
  refused({{"EventSourceArn", "arn:aws:sqs:us-east-1:000000000000:none"}}, 400, value,
          "NonExistentQueue");
  refused({{"BatchSize", 0}}, 400, "ValidationException", "batchSize");
  refused({{"BatchSize", 11}}, 400, value, "Maximum batch window");
  refused({{"MaximumBatchingWindowInSeconds", 301}}, 400, "ValidationException", "at 'maximum");
  refused({{"ScalingConfig", {{"MaximumConcurrency", 1}}}}, 400, "ValidationException",
          "maximumConcurrency");
  refused({{"FunctionResponseTypes", {"Other"}}}, 400, "ValidationException", "Report");
  refused({{"FilterCriteria", {{"Filters", {{{"Pattern", "{"}}}}}}}, 400, value,
          "Invalid filter pattern");
  refused({{"FilterCriteria", {{"Filters", {{{"Pattern", R"({"messageId":["x"]})"}}}}}}}, 400,
          value, "only \"body\"");
  refused({{"FilterCriteria", {{"Filters", {{{"Pattern", R"({"$or":[{"foo":["x"]}]})"}}}}}}}, 400,
          value, "only \"body\"");
  refused({{"EventSourceArn", client.queue("routes")}}, 400, value, "belongs to routes");
  refused({{"StartingPosition", "LATEST"}}, 400, value, "StartingPosition");
  refused({{"FunctionName", "slow"}}, 400, value, "less than Function timeout");
  CHECK(client.mappings.running.empty());
}
