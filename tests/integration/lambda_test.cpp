// Goal: what the Lambda service acknowledged is there after kill -9, runs, and leaves nothing where
// no data directory was given.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "integration/process.hpp"
#include "porteiro/base/bytes.hpp"

using namespace porteiro;
using namespace porteiro::integration;

namespace {

// app.py: def handler(event, context): return event
constexpr const char* echo_zip =
    "UEsDBBQAAAAIAAAAIVy0CHBpKwAAAC4AAAAGAAAAYXBwLnB5S0lNU8hIzEvJSS3SSC1LzSvRUUjOzytJrSjRtOJSAIKi1J"
    "LS"
    "ojwFsBwXAFBLAQIUAxQAAAAIAAAAIVy0CHBpKwAAAC4AAAAGAAAAAAAAAAAAAACAAQAAAABhcHAucHlQSwUGAAAAAAEAAQ"
    "A0"
    "AAAATwAAAAAA";

Reply request(Instance& instance, const std::string& method, const std::string& path,
              std::string body = {}, std::vector<http::Header> headers = {}) {
  return instance.send({.method = method,
                        .url = instance.inside(path),
                        .headers = std::move(headers),
                        .body = std::move(body)});
}

std::string path_of(const std::string& name, const std::string& rest = {}) {
  return "/2015-03-31/functions/" + name + rest;
}

void create(Instance& instance, const std::string& name) {
  const json body = {{"FunctionName", name},
                     {"Runtime", "python3.12"},
                     {"Handler", "app.handler"},
                     {"Role", "arn:aws:iam::000000000000:role/any"},
                     {"Code", {{"ZipFile", echo_zip}}}};
  const Reply reply = request(instance, "POST", "/2015-03-31/functions", body.dump());
  INFO(reply.text);
  REQUIRE(reply.status == 201);
}

Reply invoke(Instance& instance, const std::string& name, std::vector<http::Header> headers = {}) {
  return request(instance, "POST", path_of(name, "/invocations"), R"({"a":1})", std::move(headers));
}

}  // namespace

TEST_CASE("lambda: functions and their code outlive kill -9") {
  Loop loop;
  TemporaryDirectory data;
  Instance::Setup setup;
  setup.arguments = {"--data", data.path("state")};
  for (int round = 0; round < 3; ++round) {
    Instance instance(loop, setup);
    for (int before = 0; before < round; ++before) {
      const Reply reply = invoke(instance, "f" + std::to_string(before));
      CHECK(reply.status == 200);
      CHECK(reply.text == R"({"a": 1})");
      CHECK(reply.header("X-Amz-Executed-Version") == "$LATEST");
    }
    create(instance, "f" + std::to_string(round));
    instance.kill();
  }
  Instance instance(loop, setup);
  const auto is_zip = [](const std::string& path) { return path.ends_with(".zip"); };
  const auto files = files_below(data.path("state/code"));
  CHECK(std::count_if(files.begin(), files.end(), is_zip) == 1);  // All have the same.
  for (int before = 0; before < 3; ++before) {
    CHECK(request(instance, "DELETE", path_of("f" + std::to_string(before))).status == 204);
  }
  CHECK(loop.until([&] { return files_below(data.path("state/code")).empty(); }));
  instance.stop();
}

// Goal: a 202 is a promise: what it acknowledged is done after a crash.
TEST_CASE("lambda: acknowledged events are run after kill -9") {
  Loop loop;
  TemporaryDirectory data;
  Instance::Setup setup;
  setup.arguments = {"--data", data.path("state")};
  const std::string target = "arn:aws:sqs:us-east-1:000000000000:told";
  const auto sqs = [](Instance& instance, const std::string& action, const json& body) {
    return request(
        instance, "POST", "/", body.dump(),
        {{"X-Amz-Target", "AmazonSQS." + action}, {"Content-Type", "application/x-amz-json-1.0"}});
  };
  {
    Instance instance(loop, setup);
    create(instance, "echo");
    REQUIRE(sqs(instance, "CreateQueue", {{"QueueName", "told"}}).status == 200);
    const json config = {{"DestinationConfig", {{"OnSuccess", {{"Destination", target}}}}}};
    REQUIRE(
        request(instance, "PUT", "/2019-09-25/functions/echo/event-invoke-config", config.dump())
            .status == 200);
    for (int i = 0; i < 20; ++i) {
      CHECK(invoke(instance, "echo", {{"X-Amz-Invocation-Type", "Event"}}).status == 202);
    }
    instance.kill();
  }
  Instance instance(loop, setup);
  const json receive = {{"QueueUrl", "told"}, {"MaxNumberOfMessages", 10}};
  std::set<std::string> told;  // What ran when it was killed may run again.
  const Time late = loop.scheduler().now() + patience;
  while (told.size() < 20 && loop.scheduler().now() < late) {
    const json messages = sqs(instance, "ReceiveMessage", receive).body.value("Messages", json());
    for (const json& message : messages) {
      const json record = json::parse(message["Body"].get<std::string>());
      told.insert(record["requestContext"]["requestId"].get<std::string>());
    }
    if (messages.empty()) static_cast<void>(loop.until([] { return false; }, 20ms));
  }
  CHECK(told.size() == 20);
  instance.stop();
}

TEST_CASE("lambda: without a data directory no code is left") {
  Loop loop;
  TemporaryDirectory temporary;
  Instance::Setup setup;
  setup.environment = {"TMPDIR=" + temporary.path()};
  Instance instance(loop, setup);
  CHECK(std::filesystem::is_empty(temporary.path()));
  create(instance, "echo");
  CHECK(invoke(instance, "echo").status == 200);
  CHECK_FALSE(std::filesystem::is_empty(temporary.path()));
  instance.stop();
  CHECK(std::filesystem::is_empty(temporary.path()));
}

TEST_CASE("lambda: only its own paths take large bodies, and pages of others take none") {
  Loop loop;
  Instance instance(loop);
  const std::string large(5u << 20, ' ');
  CHECK(request(instance, "POST", "/2015-03-31/functions", large + "{}").status == 400);
  CHECK(request(instance, "POST", "/", large, {{"X-Amz-Target", "AmazonSQS.ListQueues"}}).status ==
        413);
  const Reply foreign =
      request(instance, "GET", "/2015-03-31/functions", {}, {{"Origin", "https://example.org"}});
  CHECK(foreign.status == 403);
  const Reply listed = request(instance, "GET", "/2015-03-31/functions");
  CHECK(listed.body["Functions"].size() > 0);  // Those of the config.
  instance.stop();
}
