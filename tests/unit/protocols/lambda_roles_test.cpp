// Goal: a function of the config sets nothing up through the Lambda service that reaches further
// than its role, and whom it acts for goes on with what it invokes.
#include "unit/protocols/lambda_client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

const std::string mappings_path = "/2015-03-31/event-source-mappings";

}  // namespace

TEST_CASE("lambda roles: a function sets up no way to a queue that its role does not reach") {
  LambdaClient client;
  client.create("own");
  const std::string queue = client.queue("made");
  const std::string config = client.path("own", "/event-invoke-config");
  const json to_queue = {{"DestinationConfig", {{"OnSuccess", {{"Destination", queue}}}}}};
  const json mapping = {{"FunctionName", "own"}, {"EventSourceArn", queue}};
  const json letter = {{"DeadLetterConfig", {{"TargetArn", queue}}}};
  const auto denied = [](const Reply& reply) {
    check_lambda_error(reply, 403, "AccessDeniedException", "this is not allowed");
    CHECK(reply.body.find("made") == std::string::npos);
  };
  client.who.principal.developer = false;
  denied(client.call("PUT", config, to_queue));
  denied(client.call("POST", mappings_path, mapping));
  denied(client.call("PUT", client.path("own", "/configuration"), letter));
  CHECK(client.mappings.running.empty());

  client.who.principal.developer = true;
  CHECK(client.call("PUT", config, to_queue).status == 200);
  const std::string id = client.ok("POST", mappings_path, mapping, 202)["UUID"];
  CHECK(client.call("PUT", client.path("own", "/configuration"), letter).status == 200);

  // What the developer has set up does not stand in the way of other changes; it is not resumed.
  client.who.principal.developer = false;
  CHECK(client.call("POST", config, {{"MaximumRetryAttempts", 1}}).status == 200);
  CHECK(client.call("PUT", client.path("own", "/configuration"), {{"Timeout", 9}}).status == 200);
  denied(client.call("PUT", mappings_path + "/" + id, {{"Enabled", false}}));
  CHECK(client.mappings.running.size() == 1);
}

TEST_CASE("lambda roles: a mapping is not resumed by who may not invoke its function") {
  LambdaClient client;
  client.create("secret");
  const json mapping = {
      {"FunctionName", "secret"}, {"EventSourceArn", client.queue("made")}, {"Enabled", false}};
  const std::string id = client.ok("POST", mappings_path, mapping, 202)["UUID"];
  client.forbidden = {"secret"};
  check_lambda_error(client.call("PUT", mappings_path + "/" + id, {{"Enabled", true}}), 403,
                     "AccessDeniedException", "lambda:InvokeFunction");
  CHECK(client.mappings.running.empty());
}

TEST_CASE("lambda roles: each action is asked for with the function that it names") {
  LambdaClient client;
  client.create("own");
  client.unmanaged = true;
  const std::pair<std::string, std::string> requests[] = {
      {"GET", "/2015-03-31/functions"},
      {"POST", "/2015-03-31/functions"},
      {"GET", client.path("own")},
      {"GET", client.path("arn:aws:lambda:us-east-1:000000000000:function:own")},
      {"GET", client.path("000000000000:own:$LATEST")},
      {"GET", client.path("o%77n")},
      {"PUT", client.path("own", "/code")},
      {"DELETE", client.path("own")},
      {"GET", client.path("nothing")},
      {"GET", mappings_path},
      {"GET", "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:own"},
      {"GET", "/2016-08-19/account-settings"}};
  for (const auto& [method, path] : requests) {
    CAPTURE(path);
    check_lambda_error(client.send(method, path, method == "GET" ? "" : "{}"), 403,
                       "AccessDeniedException", "not authorized to perform: lambda:");
  }
  CHECK(client.asked_for == std::vector<std::string>{"", "", "own", "own", "own", "own", "own",
                                                     "own", "nothing", "", "", ""});
  // What is no name at all says nothing of functions.
  check_lambda_error(client.send("GET", client.path("own", "?Qualifier=b%20d")), 400,
                     "ValidationException");
}

TEST_CASE("lambda roles: an invocation goes on for whom the invoking function acts") {
  for (const char* type : {"RequestResponse", "Event"}) {
    CAPTURE(type);
    LambdaClient client;
    client.create("own");
    client.who.purpose = "credit";
    client.who.client = "shop";
    client.who.masked = true;
    client.start("POST", client.path("own", "/invocations"), "{}",
                 {{"X-Amz-Invocation-Type", type}});
    client.world.scheduler.run_for(1s);
    REQUIRE(client.invocations.size() == 1);
    const lambda::Behalf& behalf = client.invocations.front().direct->behalf;
    CHECK(behalf.purpose == "credit");
    CHECK(behalf.client == "shop");
    CHECK(behalf.masked);
    client.answer("1");
  }
}
