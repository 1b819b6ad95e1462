// Goal: whatever is wrong with a request gets the service's own error, and nothing is stored.
#include "client.hpp"
#include "protocols/aws/digest.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

std::size_t stored(Client& client) { return client.queues->find("orders")->depth().total(); }

http::Request request_of(std::string_view method, std::string_view target, const Headers& headers,
                         std::string_view body = {}) {
  return {method, target, headers, body, "simulation"};
}

}  // namespace

TEST_CASE("sqs: it takes what is meant for it") {
  const auto takes = [](std::string_view target, const Headers& headers, std::string_view body) {
    return Sqs::takes(request_of("POST", target, headers, body));
  };
  CHECK(takes("/", {{"X-Amz-Target", "AmazonSQS.SendMessage"}}, "{}"));
  CHECK_FALSE(takes("/", {{"X-Amz-Target", "TrentService.Encrypt"}}, "{}"));
  const Headers form{{"Content-Type", "application/x-www-form-urlencoded"}};
  CHECK(takes("/", form, "Action=ListQueues"));
  CHECK(takes("/", form, "Version=1&Action=ListQueues"));
  CHECK_FALSE(takes("/", form, "XAction=ListQueues"));
  CHECK(takes("/?Action=ListQueues", {}, ""));
  CHECK_FALSE(takes("/v1/people", {}, ""));
  const std::string sqs = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/sqs/aws4_request, x";
  const std::string sns = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/sns/aws4_request, x";
  CHECK(takes("/", {{"Authorization", sqs}}, ""));
  CHECK_FALSE(takes("/?Action=ListTopics", {{"Authorization", sns}}, ""));
  CHECK(takes("/?X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fsqs%2Faws4_request", {}, ""));
}

TEST_CASE("sqs: malformed JSON") {
  Client client;
  const std::string url = client.create("orders");
  const std::string head = R"({"QueueUrl":")" + url + R"(","MessageBody":)";
  for (const std::string& body : {
           std::string("{"),
           std::string("[]"),
           std::string("null"),
           std::string("{}x"),
           head + "\"m",
           head + "\"m\"",
           head + "\"m\"}}",
           head + "\"\xff\"}",
           head + "\"\\ud800\"}",
           head + "\"\x01\"}",
           head + "1}",
           head + "true}",
           head + "[\"m\"]}",
           head + "{\"m\":1}}",
           head + "\"m\",\"MessageBody\":\"n\"}",
           head + "\"m\",\"DelaySeconds\":\"1\"}",
           head + "\"m\",\"DelaySeconds\":1.5}",
           head + "\"m\",\"DelaySeconds\":1e30}",
           head + "\"m\",\"MessageAttributes\":[]}",
           head + "\"m\",\"MessageAttributes\":{\"a\":1}}",
           head + "\"m\",\"MessageAttributes\":{\"a\":{\"DataType\":1}}}",
           head + "\"m\",\"x\":" + std::string(100, '[') + std::string(100, ']') + "}",
       }) {
    INFO(body);
    check_error(client.raw_json("SendMessage", body), 400, "SerializationException", "");
  }
  CHECK(stored(client) == 0);
  // Nulls are absent, whole numbers are whole in any form, unknown members are passed over.
  const Reply good = client.raw_json(
      "SendMessage", head +
                         "\"m\\u00e9\\ud83d\\ude00\",\"DelaySeconds\":1e0,\"MessageGroupId\":"
                         "null,\"MessageAttributes\":null,\"Foo\":[{\"a\":null}]}");
  CHECK(good.status == 200);
  CHECK(client.queues->find("orders")->peek(1)[0].message.body == "m\xc3\xa9\xf0\x9f\x98\x80");
  check_error(client.raw_json("SendMessageBatch", R"({"QueueUrl":"orders","Entries":{}})"), 400,
              "SerializationException", "");
  check_error(client.raw_json("SendMessageBatch", R"({"QueueUrl":"orders","Entries":[1]})"), 400,
              "SerializationException", "");
}

TEST_CASE("sqs: malformed forms") {
  Client client;
  client.create("orders");
  const std::string head = "Action=SendMessage&QueueUrl=orders&";
  for (const std::string& form :
       {head + "MessageBody=%", head + "MessageBody=%4", head + "MessageBody=%zz",
        head + "MessageBody=%ff", head + "MessageBody=\xc3"}) {
    INFO(form);
    check_query_error(client.raw_query(form), 404, "MalformedQueryString");
  }
  const std::string send = head + "MessageBody=m&";
  for (const std::string& form : {
           send + "MessageBody=n",
           send + "MessageAttribute.2.Name=a&MessageAttribute.2.Value.DataType=String",
           send + "MessageAttribute.1.Value.DataType=String",
           send + "MessageAttribute.1.Name=a&MessageAttribute.1.Name=b",
           send + "MessageAttribute.0.Name=a",
           send + "MessageAttribute.101.Name=a",
           send + "MessageAttribute.99999999999999999999.Name=a",
           send + "MessageAttribute.1x.Name=a",
           send + "MessageAttribute.1.Other=a",
           send + "AttributeName.1=a&AttributeName.3=b",
           send + "AttributeName.1=a&AttributeName.1=b",
           send + "Tag.1.Key=a",
           send + "Attribute.1.Value=a",
       }) {
    INFO(form);
    check_query_error(client.raw_query(form), 400, "InvalidQueryParameter");
  }
  std::string many = send;
  for (int i = 0; i < 4100; ++i) many += "a=b&";
  check_query_error(client.raw_query(many), 400, "InvalidQueryParameter");
  check_query_error(client.raw_query(send + "DelaySeconds=x"), 400, "InvalidParameterValue");
  check_query_error(client.raw_query(send + "DelaySeconds="), 400, "InvalidParameterValue");
  check_query_error(client.raw_query("Action=SendMessageBatch&QueueUrl=orders&"
                                     "SendMessageBatchRequestEntry.2.Id=a"),
                    400, "InvalidQueryParameter");
  CHECK(stored(client) == 0);
  const Reply good = client.raw_query(head + "MessageBody=a+b%2B%C3%A9&&=x&Foo.1.Bar=1");
  CHECK(good.status == 200);
  CHECK(client.queues->find("orders")->peek(1)[0].message.body == "a b+\xc3\xa9");
}

TEST_CASE("sqs: actions that are not there, and parameters that are missing") {
  Client client;
  client.create("orders");
  check_error(client.raw_json("SendMessages", "{}"), 400, "UnknownOperationException", "");
  const auto plain =
      client.start("POST", "/", {{"Content-Type", "application/x-amz-json-1.0"}}, "{}");
  check_error(client.finish(plain), 400, "UnknownOperationException", "");
  check_query_error(client.raw_query("Action=SendMessages"), 400, "InvalidAction");
  check_query_error(client.raw_query("Version=2012-11-05"), 400, "MissingAction");
  const char* missing = "MissingRequiredParameterException";
  check_error(client.raw_json("SendMessage", "{}"), 400, missing, "MissingParameter");
  check_error(client.raw_json("SendMessage", ""), 400, missing, "MissingParameter");
  for (const char* body :
       {R"({"QueueUrl":"orders"})", R"({"QueueUrl":"orders","MessageBody":""})"}) {
    check_error(client.raw_json("SendMessage", body), 400, missing, "MissingParameter");
  }
  check_error(client.raw_json("DeleteMessage", R"({"QueueUrl":"orders"})"), 400, missing,
              "MissingParameter");
  check_error(
      client.raw_json("ChangeMessageVisibility", R"({"QueueUrl":"orders","ReceiptHandle":"x"})"),
      400, missing, "MissingParameter");
  for (const char* action :
       {"StartMessageMoveTask", "CancelMessageMoveTask", "ListMessageMoveTasks", "GetQueueUrl"}) {
    check_error(client.raw_json(action, "{}"), 400, missing, "MissingParameter");
    check_query_error(client.query(action, {}), 400, "MissingParameter");
  }
  for (const char* action :
       {"RemovePermission", "AddPermission", "UntagQueue", "SetQueueAttributes"}) {
    check_error(client.raw_json(action, R"({"QueueUrl":"orders"})"), 400, missing,
                "MissingParameter");
  }
}

TEST_CASE("sqs: numbers out of bounds when receiving") {
  Client client;
  client.create("orders");
  const std::vector<std::pair<const char*, int>> cases{
      {"MaxNumberOfMessages", 0}, {"MaxNumberOfMessages", 11},   {"WaitTimeSeconds", -1},
      {"WaitTimeSeconds", 21},    {"VisibilityTimeout", 43'201}, {"VisibilityTimeout", -1}};
  for (const auto& [name, value] : cases) {
    check_error(client.call("ReceiveMessage", {{"QueueUrl", "orders"}, {name, value}}), 400,
                "InvalidParameterValueException", "InvalidParameterValue");
  }
  CHECK(client.call("ReceiveMessage", {{"QueueUrl", "orders"}, {"MaxNumberOfMessages", 11}})
            .document()["message"] ==
        "Value 11 for parameter MaxNumberOfMessages is invalid. "
        "Reason: Must be between 1 and 10, if provided.");
}

TEST_CASE("sqs: a GET of the Query protocol") {
  Client client;
  client.create("orders");
  const auto reply = client.start(
      "GET", "/000000000000/orders?Action=SendMessage&MessageBody=hello%20you&Version=2012-11-05",
      {{"Host", "h"}}, "");
  CHECK(client.finish(reply).element("MD5OfMessageBody").size() == 32);
  CHECK(client.queues->find("orders")->peek(1)[0].message.body == "hello you");
}

TEST_CASE("sqs: signatures are asked for when the options say so") {
  Client client({}, {.verify_signatures = true, .credentials = {{"AKID", "secret"}}});
  check_error(client.raw_json("ListQueues", "{}"), 403, "MissingAuthenticationTokenException",
              "MissingAuthenticationToken");
  check_query_error(client.query("ListQueues", {}), 403, "MissingAuthenticationToken");
  // Signed here as clients do it; the test of the signature itself has published vectors.
  const std::string body = "{}";
  const std::string scope = "20260101/us-east-1/sqs/aws4_request";
  const std::string canonical =
      "POST\n/"
      "\n\nhost:localhost\nx-amz-date:20260101T000000Z\nx-amz-target:AmazonSQS.ListQueues\n\n"
      "host;x-amz-date;x-amz-target\n" +
      aws::sha256_hex(body);
  const std::string text =
      "AWS4-HMAC-SHA256\n20260101T000000Z\n" + scope + "\n" + aws::sha256_hex(canonical);
  std::string key = "AWS4secret";
  for (const char* part : {"20260101", "us-east-1", "sqs", "aws4_request"}) {
    key = aws::hmac_sha256(key, part);
  }
  const std::string authorization = "AWS4-HMAC-SHA256 Credential=AKID/" + scope +
                                    ", SignedHeaders=host;x-amz-date;x-amz-target, Signature=" +
                                    to_hex(aws::hmac_sha256(key, text));
  const Headers headers{{"Host", "localhost"},
                        {"X-Amz-Date", "20260101T000000Z"},
                        {"X-Amz-Target", "AmazonSQS.ListQueues"},
                        {"Authorization", authorization}};
  CHECK(client.finish(client.start("POST", "/", headers, body)).status == 200);
  check_error(client.finish(client.start("POST", "/", headers, "{ }")), 403,
              "InvalidSignatureException", "SignatureDoesNotMatch");
  client.world.scheduler.run_for(16min);
  check_error(client.finish(client.start("POST", "/", headers, body)), 403,
              "InvalidSignatureException", "SignatureDoesNotMatch");
}

namespace {

// A journal that becomes durable when told to.
class SlowJournal final : public journal::Journal {
 public:
  journal::Stream join(std::string_view, journal::Participant&) override { return 1; }
  Result<void> start() override { return ok(); }
  journal::Sequence append(journal::Stream, std::string_view) override { return ++last_; }
  journal::Sequence last() const override { return last_; }
  journal::Sequence durable() const override { return durable_; }
  bool full() const override { return is_full; }
  bool on_disk() const override { return true; }
  void when_durable(journal::Sequence, UniqueFunction<void(Result<void>)> done) override {
    waiting.push_back(std::move(done));
  }
  void close(Task done) override { done(); }
  Result<void> clear() override { return ok(); }

  bool is_full = false;
  std::vector<UniqueFunction<void(Result<void>)>> waiting;

 private:
  journal::Sequence last_ = 0, durable_ = 0;
};

}  // namespace

TEST_CASE(
    "sqs: an answer waits until it is durable; a full journal refuses, a broken one says so") {
  virtual_world::World world;
  telemetry::Telemetry telemetry(world.scheduler, {});
  SlowJournal journal;
  queue::Queues queues(world.environment, journal, telemetry);
  queue::Options options;
  options.name = "orders";
  REQUIRE(queues.declare(options).has_value());
  access::Guard guard({}, world.scheduler, telemetry);
  Sqs sqs({world.environment, journal, telemetry, queues, guard}, {}, {});
  std::vector<http::Response> replies;
  const Headers headers{{"X-Amz-Target", "AmazonSQS.SendMessage"}};
  const auto send = [&] {
    sqs.handle(request_of("POST", "/", headers, R"({"QueueUrl":"orders","MessageBody":"m"})"),
               [&replies](http::Response response) { replies.push_back(std::move(response)); },
               {{.name = "developer", .developer = true}});
  };
  send();
  send();
  CHECK(replies.empty());
  CHECK(sqs.waiting() == 2);
  REQUIRE(journal.waiting.size() == 2);
  journal.waiting[0](ok());
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].status == 200);
  journal.waiting[1](error(Errc::unavailable, "no space"));
  REQUIRE(replies.size() == 2);
  CHECK(replies[1].status == 500);
  CHECK(replies[1].body.find("#InternalFailure") != std::string::npos);
  CHECK(sqs.waiting() == 0);
  journal.is_full = true;
  send();
  REQUIRE(replies.size() == 3);
  CHECK(replies[2].status == 503);
  CHECK(replies[2].body.find("ServiceUnavailable") != std::string::npos);
  CHECK(queues.find("orders")->depth().total() == 2);
}
