#include "unit/protocols/lambda_client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

std::string invocations(const std::string& name) {
  return "/2015-03-31/functions/" + name + "/invocations";
}

struct Frame {
  std::map<std::string, std::string> headers;
  std::string payload;
};

std::uint32_t be(std::string_view bytes, std::size_t at, int size) {
  std::uint32_t value = 0;
  for (int i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::vector<Frame> frames_of(std::string_view stream) {
  std::vector<Frame> frames;
  while (!stream.empty()) {
    const std::uint32_t total = be(stream, 0, 4), named = be(stream, 4, 4);
    REQUIRE(total <= stream.size());
    CHECK(be(stream, 8, 4) == crc32(0, reinterpret_cast<const Bytef*>(stream.data()), 8));
    CHECK(be(stream, total - 4, 4) ==
          crc32(0, reinterpret_cast<const Bytef*>(stream.data()), total - 4));
    Frame frame;
    for (std::size_t at = 12; at < 12 + named;) {
      const std::size_t name = be(stream, at, 1), value = be(stream, at + 2 + name, 2);
      CHECK(stream[at + 1 + name] == 7);
      frame.headers[std::string(stream.substr(at + 1, name))] = stream.substr(at + 4 + name, value);
      at += 4 + name + value;
    }
    frame.payload = stream.substr(12 + named, total - 16 - named);
    frames.push_back(std::move(frame));
    stream.remove_prefix(total);
  }
  return frames;
}

}  // namespace

TEST_CASE("lambda: a synchronous invocation gives the function's answer") {
  LambdaClient client;
  client.create("orders");
  const auto reply =
      client.start("POST", invocations("orders"), R"({"a":1})",
                   {{"X-Amz-Log-Type", "Tail"}, {"X-Amz-Client-Context", "eyJjdXN0b20iOnt9fQ=="}});
  REQUIRE(client.invocations.size() == 1);
  lambda::Direct& direct = *client.invocations.front().direct;
  CHECK(direct.payload == R"({"a":1})");
  CHECK(direct.client_context == R"({"custom":{}})");
  direct.log_tail = "START\n";
  client.answer(R"({"b":2})");
  REQUIRE(reply->has_value());
  CHECK((*reply)->status == 200);
  CHECK((*reply)->body == R"({"b":2})");
  CHECK((*reply)->header("X-Amz-Executed-Version") == "$LATEST");
  CHECK((*reply)->header("X-Amz-Function-Error").empty());
  CHECK((*reply)->header("X-Amz-Log-Result") == to_base64("START\n"));
  CHECK((*reply)->header("x-amzn-RequestId").size() == 36);
}

TEST_CASE("lambda: a function's error is an answer with a header") {
  LambdaClient client;
  client.create("orders");
  const auto reply = client.start("POST", invocations("orders"), "");
  CHECK(client.invocations.front().direct->payload == "{}");
  client.answer("", R"({"errorType":"ValueError","errorMessage":"no"})");
  CHECK((*reply)->status == 200);
  CHECK((*reply)->header("X-Amz-Function-Error") == "Unhandled");
  CHECK((*reply)->document()["errorType"] == "ValueError");
}

TEST_CASE("lambda: who may not have a function invoked does not get it invoked in any way") {
  LambdaClient client;
  client.create("secret");
  client.forbidden = {"secret"};
  const std::string own = client.queue("own");
  for (const char* type : {"RequestResponse", "Event", ""}) {
    check_lambda_error(
        client.send("POST", invocations("secret"), "{}", {{"X-Amz-Invocation-Type", type}}), 403,
        "AccessDeniedException", "lambda:InvokeFunction on resource");
  }
  check_lambda_error(
      client.send("POST", "/2021-11-15/functions/secret/response-streaming-invocations", "{}"), 403,
      "AccessDeniedException");
  check_lambda_error(client.send("POST", "/2015-03-31/event-source-mappings",
                                 json{{"EventSourceArn", own}, {"FunctionName", "secret"}}.dump()),
                     403, "AccessDeniedException");
  CHECK(client.invocations.empty());
  CHECK(client.asked_by == std::vector<std::string>(5, "caller"));
}

TEST_CASE("lambda: invocations that cannot begin say why") {
  LambdaClient client;
  client.create("orders");
  check_lambda_error(client.send("POST", invocations("nobody"), "{}"), 404,
                     "ResourceNotFoundException");
  check_lambda_error(client.send("POST", invocations("orders"), "{"), 400,
                     "InvalidRequestContentException", "Could not parse request body into json");
  check_lambda_error(
      client.send("POST", invocations("orders"), "{}", {{"X-Amz-Invocation-Type", "x"}}), 400,
      "ValidationException");
  check_lambda_error(client.send("POST", invocations("orders"), "{}", {{"X-Amz-Log-Type", "x"}}),
                     400, "ValidationException");
  check_lambda_error(
      client.send("POST", invocations("orders"), "{}", {{"X-Amz-Client-Context", "!"}}), 400,
      "InvalidRequestContentException");
  const std::string large = "\"" + std::string(6u << 20, 'x') + "\"";
  check_lambda_error(
      client.send("POST", invocations("orders"), large), 413, "RequestEntityTooLargeException",
      "6291458 byte payload is too large for the RequestResponse invocation type (limit "
      "6291456 bytes)");
  const std::string smaller = "\"" + std::string(1u << 20, 'x') + "\"";
  check_lambda_error(
      client.send("POST", invocations("orders"), smaller, {{"X-Amz-Invocation-Type", "Event"}}),
      413, "RequestEntityTooLargeException", "Event invocation type (limit 1048576 bytes)");
  CHECK(client.invocations.empty());
  CHECK(client.send("POST", invocations("orders"), "{}", {{"X-Amz-Invocation-Type", "DryRun"}})
            .status == 204);
  CHECK(client.invocations.empty());
}

TEST_CASE("lambda: qualifiers choose what runs, by weight where an alias has two") {
  LambdaClient client;
  client.create("orders", {{"Publish", true}});
  client.ok("PUT", client.path("orders", "/code"),
            {{"ZipFile", client.zip("new")}, {"Publish", true}});
  client.ok("POST", client.path("orders", "/aliases"),
            {{"Name", "live"},
             {"FunctionVersion", "1"},
             {"RoutingConfig", {{"AdditionalVersionWeights", {{"2", 0.25}}}}}},
            201);
  const auto once = [&](const std::string& target) {
    const auto reply = client.start("POST", target, "{}");
    const std::string key = client.invocations.front().key;
    client.answer("1");
    CHECK("orders:" + (*reply)->header("X-Amz-Executed-Version") ==
          (key == "orders" ? "orders:$LATEST" : key));
    return key;
  };
  CHECK(once(invocations("orders")) == "orders");
  CHECK(once(invocations("orders:1")) == "orders:1");
  CHECK(once(invocations("orders") + "?Qualifier=2") == "orders:2");
  std::map<std::string, int> runs;
  for (int i = 0; i < 1000; ++i) ++runs[once(invocations("orders:live"))];
  CHECK(runs.size() == 2);
  CHECK(runs["orders:2"] > 200);
  CHECK(runs["orders:2"] < 300);
}

TEST_CASE("lambda: reserved concurrency is what runs at a time, and 0 stops all") {
  LambdaClient client;
  client.create("orders");
  const std::string concurrency = "/2017-10-31/functions/orders/concurrency";
  const auto reserve = [&](int count) {
    client.ok("PUT", concurrency, {{"ReservedConcurrentExecutions", count}});
  };
  reserve(1);
  CHECK(client.units.at("orders").concurrency_max == 1);
  CHECK(client.ok("GET",
                  "/2019-09-30/functions/orders/concurrency")["ReservedConcurrentExecutions"] == 1);
  const auto first = client.start("POST", invocations("orders"), "{}");
  const Reply second = client.send("POST", invocations("orders"), "{}");
  check_lambda_error(second, 429, "TooManyRequestsException", "Rate Exceeded.");
  CHECK(second.document()["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded");
  client.answer("1");
  CHECK((*first)->status == 200);
  reserve(0);
  check_lambda_error(client.send("POST", invocations("orders"), "{}"), 429,
                     "TooManyRequestsException");
  client.ok("DELETE", concurrency, nullptr, 204);
  CHECK(client.ok("GET", "/2019-09-30/functions/orders/concurrency").empty());
  const auto third = client.start("POST", invocations("orders"), "{}");
  client.answer("1");
  CHECK((*third)->status == 200);
  check_lambda_error(client.call("PUT", concurrency, {{"ReservedConcurrentExecutions", 901}}), 400,
                     "InvalidParameterValueException", "below its minimum value of [100]");
  check_lambda_error(client.call("PUT", concurrency, json::object()), 400, "ValidationException");
}

TEST_CASE("lambda: what a mapping uses of reserved concurrency is not there for others") {
  LambdaClient client;
  client.create("orders");
  client.free = 0;
  client.start("POST", invocations("orders"), "{}");
  CHECK(client.invocations.size() == 1);  // It waits: the account has room.
  client.ok("PUT", "/2017-10-31/functions/orders/concurrency",
            {{"ReservedConcurrentExecutions", 2}});
  check_lambda_error(client.send("POST", invocations("orders"), "{}"), 429,
                     "TooManyRequestsException", "Rate Exceeded.");
  client.free = 1;
  client.start("POST", invocations("orders"), "{}");
  CHECK(client.invocations.size() == 2);
}

TEST_CASE("lambda: a client context is an object, and goes on as one line of ASCII") {
  LambdaClient client;
  client.create("orders");
  const auto send = [&](const std::string& context) {
    return client.start("POST", invocations("orders"), "{}",
                        {{"X-Amz-Client-Context", to_base64(context)}});
  };
  send("{\n \"custom\": {\"a\": \"\xc3\xa9\"}\n}");
  REQUIRE(client.invocations.size() == 1);
  CHECK(client.invocations.front().direct->client_context == R"({"custom":{"a":"\u00e9"}})");
  for (const std::string& bad : {std::string("[]"), std::string("\"x\""), std::string("{"),
                                 "{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}"}) {
    check_lambda_error(**send(bad), 400, "InvalidRequestContentException");
  }
}

TEST_CASE("lambda: the account's concurrency is shared by functions without their own") {
  LambdaClient client({.options = {.concurrency_max = 3, .unreserved_min = 1}});
  client.create("a");
  client.create("b");
  client.ok("PUT", "/2017-10-31/functions/b/concurrency", {{"ReservedConcurrentExecutions", 1}});
  client.start("POST", invocations("a"), "{}");
  client.start("POST", invocations("a"), "{}");
  const Reply full = client.send("POST", invocations("a"), "{}");
  check_lambda_error(full, 429, "TooManyRequestsException");
  CHECK(full.document()["Reason"] == "ConcurrentInvocationLimitExceeded");
  const auto reserved = client.start("POST", invocations("b"), "{}");
  CHECK(client.invocations.size() == 3);
}

TEST_CASE("lambda: a streamed answer comes as an event stream") {
  LambdaClient client;
  client.create("orders");
  const std::string path = "/2021-11-15/functions/orders/response-streaming-invocations";
  const auto reply = client.start("POST", path, "{}", {{"X-Amz-Log-Type", "Tail"}});
  const std::string answer = "\"" + std::string(100'000, 'x') + "\"";
  client.answer(answer);
  CHECK((*reply)->type == "application/vnd.amazon.eventstream");
  const auto frames = frames_of((*reply)->body);
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].headers.at(":event-type") == "PayloadChunk");
  CHECK(frames[0].payload + frames[1].payload == answer);
  CHECK(frames[2].headers.at(":event-type") == "InvokeComplete");
  CHECK(json::parse(frames[2].payload) == json{{"LogResult", ""}});
  const auto failed = client.start("POST", path, "{}");
  client.answer("", R"({"errorType":"X"})");
  const auto end = frames_of((*failed)->body);
  REQUIRE(end.size() == 1);
  CHECK(json::parse(end[0].payload)["ErrorCode"] == "Unhandled");
}

TEST_CASE("lambda: an unknown failure of what runs is an error object, a full one a throttle") {
  LambdaClient client;
  client.create("orders");
  const auto failed = client.start("POST", invocations("orders"), "{}");
  client.invocations.front().done(error(Errc::unavailable, "the worker crashed"));
  client.settle();
  CHECK((*failed)->header("X-Amz-Function-Error") == "Unhandled");
  CHECK((*failed)->body.find("the worker crashed") != std::string::npos);
  client.invocations.clear();
  const auto full = client.start("POST", invocations("orders"), "{}");
  client.invocations.front().done(error(Errc::limit_exceeded, "too many wait"));
  client.settle();
  check_lambda_error(**full, 429, "TooManyRequestsException");
}

TEST_CASE("lambda: a function that cannot be deployed is in the state Failed") {
  LambdaClient client;
  client.refuse_deploy = error(Errc::unavailable, "no workers here");
  const json made = client.create("orders");
  CHECK(made["State"] == "Failed");
  CHECK(made["StateReason"] == "no workers here");
  check_lambda_error(client.send("POST", invocations("orders"), "{}"), 409,
                     "ResourceConflictException");
  client.refuse_deploy.reset();
  CHECK(client.ok("PUT", client.path("orders", "/configuration"), {{"Timeout", 9}})["State"] ==
        "Active");
}
