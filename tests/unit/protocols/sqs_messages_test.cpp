// Goal: sending, receiving and settling messages is what SQS clients expect, in both protocols.
#include "client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

json receive(Client& client, const std::string& url, json more = json::object()) {
  more["QueueUrl"] = url;
  return client.ok("ReceiveMessage", more).value("Messages", json::array());
}

constexpr const char* md5_of_hello = "5d41402abc4b2a76b9719d911017c592";

}  // namespace

TEST_CASE("sqs: a message is sent, received and deleted, in JSON") {
  Client client;
  const std::string url = client.create("orders");
  CHECK(url == "http://localhost:4566/000000000000/orders");
  const Reply reply = client.call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "hello"}});
  CHECK(reply.status == 200);
  CHECK(reply.type == "application/x-amz-json-1.0");
  CHECK(reply.header("x-amzn-RequestId").size() == 36);
  const json sent = reply.document();
  CHECK(sent["MD5OfMessageBody"] == md5_of_hello);
  CHECK(sent["MessageId"].get<std::string>().size() == 36);
  CHECK_FALSE(sent.contains("SequenceNumber"));
  CHECK_FALSE(sent.contains("MD5OfMessageAttributes"));

  const json messages = receive(client, url);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0]["MessageId"] == sent["MessageId"]);
  CHECK(messages[0]["Body"] == "hello");
  CHECK(messages[0]["MD5OfBody"] == md5_of_hello);
  CHECK_FALSE(messages[0].contains("Attributes"));
  CHECK(receive(client, url).empty());

  const json handle{{"QueueUrl", url}, {"ReceiptHandle", messages[0]["ReceiptHandle"]}};
  CHECK(client.call("DeleteMessage", handle).body.empty());
  client.ok("DeleteMessage", handle);  // Again: nothing happens.
  client.world.scheduler.run_for(31s);
  CHECK(receive(client, url).empty());
}

TEST_CASE("sqs: a message is sent, received and deleted, in the Query protocol") {
  Client client;
  const Reply created = client.query_ok("CreateQueue", {{"QueueName", "orders"}});
  CHECK(created.type == "text/xml");
  CHECK(created.element("QueueUrl") == "http://queue.example:99/000000000000/orders");
  CHECK(
      created.body.starts_with("<?xml version=\"1.0\"?><CreateQueueResponse xmlns=\"http://queue."
                               "amazonaws.com/doc/2012-11-05/\"><CreateQueueResult>"));
  CHECK(created.body.ends_with("</RequestId></ResponseMetadata></CreateQueueResponse>"));
  // The queue is named by the path, as older clients do, or by QueueUrl.
  const Reply sent =
      client.query_ok("SendMessage", {{"MessageBody", "a & <b>\r\n"}}, "/000000000000/orders");
  CHECK(sent.element("MessageId").size() == 36);
  const Reply got = client.query_ok(
      "ReceiveMessage", {{"QueueUrl", created.element("QueueUrl")}, {"AttributeName.1", "All"}});
  CHECK(got.element("Body") == "a &amp; &lt;b&gt;&#xD;\n");
  CHECK(got.element("MD5OfBody") == sent.element("MD5OfMessageBody"));
  CHECK(got.body.find(
            "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>") !=
        std::string::npos);
  const Reply deleted = client.query_ok(
      "DeleteMessage", {{"QueueUrl", "orders"}, {"ReceiptHandle", got.element("ReceiptHandle")}});
  CHECK(deleted.body.find("Result") == std::string::npos);
  CHECK(deleted.element("RequestId").size() == 36);
  client.world.scheduler.run_for(31s);
  CHECK(client.query_ok("ReceiveMessage", {{"QueueUrl", "orders"}}).element("Message").empty());
}

TEST_CASE("sqs: attributes travel with their digests, and are given as asked for") {
  Client client;
  const std::string url = client.create("orders");
  const json sent =
      client.ok("SendMessage",
                {{"QueueUrl", url},
                 {"MessageBody", "msg"},
                 {"MessageAttributes",
                  {{"Help.Me", {{"DataType", "String"}, {"StringValue", "Me"}}},
                   {"Hello", {{"DataType", "String"}, {"StringValue", "There"}}},
                   {"General", {{"DataType", "String"}, {"StringValue", "Kenobi"}}}}},
                 {"MessageSystemAttributes",
                  {{"AWSTraceHeader",
                    {{"DataType", "String"},
                     {"StringValue", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}}}}}});
  CHECK(sent["MD5OfMessageAttributes"] == "4c360f3fdafd970e05fae2f149d997f5");
  CHECK(sent["MD5OfMessageSystemAttributes"].get<std::string>().size() == 32);

  struct Case {
    json names;
    std::string digest;  // Recorded at the service.
    std::size_t count;
  };
  const std::vector<Case> cases{
      {json::array(), "", 0},
      {{"All"}, "4c360f3fdafd970e05fae2f149d997f5", 3},
      {{".*"}, "4c360f3fdafd970e05fae2f149d997f5", 3},
      {{"Foo"}, "", 0},
      {{"Hello", "General"}, "fca026605781cb4126a1e9044df24232", 2},
      {{"Hello", "Foo"}, "a311262e065454b75da111d535b8dacd", 1},
      {{"Hel.*"}, "83fee93c1bcd8b9a5a923ffacdc636c7", 2},
      {{"AWS."}, "", 0},
  };
  for (const Case& one : cases) {
    INFO(one.names.dump());
    const json messages =
        receive(client, url, {{"MessageAttributeNames", one.names}, {"VisibilityTimeout", 0}});
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].value("MD5OfMessageAttributes", "") == one.digest);
    CHECK(messages[0].value("MessageAttributes", json::object()).size() == one.count);
  }
  const json message =
      receive(client, url, {{"MessageSystemAttributeNames", {"AWSTraceHeader", "SenderId"}}})[0];
  CHECK(message["Attributes"] ==
        json{{"AWSTraceHeader", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"},
             {"SenderId", "000000000000"}});
}

TEST_CASE("sqs: binary attributes, and attributes in the Query protocol") {
  Client client;
  const std::string url = client.create("orders");
  const Reply sent =
      client.query_ok("SendMessage", {{"QueueUrl", url},
                                      {"MessageBody", "\xc3\xa9"},
                                      {"MessageAttribute.1.Name", "bin"},
                                      {"MessageAttribute.1.Value.DataType", "Binary"},
                                      {"MessageAttribute.1.Value.BinaryValue", "AAEC/w=="},
                                      {"MessageAttribute.2.Name", "n"},
                                      {"MessageAttribute.2.Value.DataType", "Number.int"},
                                      {"MessageAttribute.2.Value.StringValue", "42"},
                                      {"MessageSystemAttribute.1.Name", "AWSTraceHeader"},
                                      {"MessageSystemAttribute.1.Value.DataType", "String"},
                                      {"MessageSystemAttribute.1.Value.StringValue", "Root=1-x"}});
  CHECK(sent.element("MD5OfMessageAttributes").size() == 32);
  CHECK(sent.element("MD5OfMessageSystemAttributes").size() == 32);
  const Reply got = client.query_ok("ReceiveMessage", {{"QueueUrl", url},
                                                       {"VisibilityTimeout", "0"},
                                                       {"MessageAttributeName.1", "bin"},
                                                       {"MessageAttributeName.2", "n"}});
  CHECK(got.element("MD5OfMessageAttributes") == sent.element("MD5OfMessageAttributes"));
  CHECK(got.body.find("<MessageAttribute><Name>bin</Name><Value><BinaryValue>AAEC/w==</BinaryValue>"
                      "<DataType>Binary</DataType></Value></MessageAttribute>") !=
        std::string::npos);
  const json message = receive(client, url, {{"MessageAttributeNames", {"All"}}})[0];
  CHECK(message["Body"] == "\xc3\xa9");
  CHECK(message["MessageAttributes"]["bin"] ==
        json{{"DataType", "Binary"}, {"BinaryValue", "AAEC/w=="}});
  CHECK(message["MessageAttributes"]["n"] ==
        json{{"DataType", "Number.int"}, {"StringValue", "42"}});
}

TEST_CASE("sqs: system attributes count receives and keep times") {
  Client client;
  const std::string url = client.create("orders");
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}});
  client.world.scheduler.run_for(1500ms);
  receive(client, url, {{"VisibilityTimeout", 1}});
  client.world.scheduler.run_for(2s);
  const json attributes = receive(client, url, {{"AttributeNames", {"All"}}})[0]["Attributes"];
  CHECK(attributes["ApproximateReceiveCount"] == "2");
  CHECK(attributes["SentTimestamp"] == "1767225600000");
  CHECK(attributes["ApproximateFirstReceiveTimestamp"] == "1767225601500");
  CHECK(attributes.size() == 4);  // And the sender: a standard queue has no more.
  check_error(client.call("ReceiveMessage", {{"QueueUrl", url}, {"AttributeNames", {"Nope"}}}), 400,
              "InvalidAttributeName", "InvalidAttributeName");
}

TEST_CASE("sqs: delays hide a message") {
  Client client;
  const std::string url = client.create("orders", {{"DelaySeconds", "5"}});
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "queue's"}});
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "own"}, {"DelaySeconds", 0}});
  CHECK(receive(client, url, {{"MaxNumberOfMessages", 10}}).size() == 1);
  client.world.scheduler.run_for(5s);
  CHECK(receive(client, url)[0]["Body"] == "queue's");
  for (const int bad : {-1, 901}) {
    check_error(client.call("SendMessage",
                            {{"QueueUrl", url}, {"MessageBody", "m"}, {"DelaySeconds", bad}}),
                400, "InvalidParameterValueException", "InvalidParameterValue");
  }
}

TEST_CASE("sqs: a long poll answers when a message comes, or with nothing at its end") {
  Client client;
  const std::string url = client.create("orders");
  const json poll{{"QueueUrl", url}, {"WaitTimeSeconds", 20}};
  const auto first = client.start_json("ReceiveMessage", poll.dump());
  const auto second = client.start_json("ReceiveMessage", poll.dump());
  client.world.scheduler.run_for(10s);
  CHECK(client.sqs->waiting() == 2);
  CHECK_FALSE(first->has_value());
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "hello"}});
  client.world.scheduler.run_for(1ms);
  REQUIRE(first->has_value());
  CHECK((*first)->document()["Messages"][0]["Body"] == "hello");
  CHECK_FALSE(second->has_value());
  client.world.scheduler.run_for(10s);
  REQUIRE(second->has_value());
  CHECK((*second)->body == "{}");
  CHECK(client.sqs->waiting() == 0);
}

TEST_CASE("sqs: the queue's own wait counts for who names none; a stop ends all polls") {
  Client client;
  const std::string url = client.create("orders", {{"ReceiveMessageWaitTimeSeconds", "3"}});
  const auto by_queue = client.start_json("ReceiveMessage", json{{"QueueUrl", url}}.dump());
  client.world.scheduler.run_for(2999ms);
  CHECK_FALSE(by_queue->has_value());
  client.world.scheduler.run_for(1ms);
  CHECK(by_queue->has_value());
  const auto stopped = client.start_json("ReceiveMessage", json{{"QueueUrl", url}}.dump());
  client.sqs->stop();
  CHECK(client.finish(stopped).body == "{}");
  CHECK(receive(client, url).empty());  // From now on nobody waits.
}

TEST_CASE("sqs: as many long polls as may be, and a queue that goes ends its own") {
  Client client({.polls_max = 1});
  const std::string url = client.create("orders");
  const json poll{{"QueueUrl", url}, {"WaitTimeSeconds", 1}};
  const auto first = client.start_json("ReceiveMessage", poll.dump());
  check_error(client.call("ReceiveMessage", poll), 403, "OverLimit", "OverLimit");
  client.ok("DeleteQueue", {{"QueueUrl", url}});
  CHECK(client.finish(first).body == "{}");
}

TEST_CASE("sqs: visibility is changed, given back and run out") {
  Client client;
  const std::string url = client.create("orders");
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}});
  const json handle = receive(client, url)[0]["ReceiptHandle"];
  const auto change = [&](const json& receipt, const json& seconds) {
    return client.call(
        "ChangeMessageVisibility",
        {{"QueueUrl", url}, {"ReceiptHandle", receipt}, {"VisibilityTimeout", seconds}});
  };
  CHECK(change(handle, 100).status == 200);
  client.world.scheduler.run_for(99s);
  CHECK(receive(client, url).empty());
  CHECK(change(handle, 0).status == 200);
  const json messages = receive(client, url);
  REQUIRE(messages.size() == 1);
  check_error(change(handle, 10), 400, "MessageNotInflight",
              "AWS.SimpleQueueService.MessageNotInflight");
  check_error(change(messages[0]["ReceiptHandle"], 43201), 400, "InvalidParameterValueException",
              "InvalidParameterValue");
  check_error(change("bad", 1), 404, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid");
  client.ok("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", handle}});  // Stale: no effect.
  client.ok("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", messages[0]["ReceiptHandle"]}});
  check_error(change(messages[0]["ReceiptHandle"], 1), 400, "InvalidParameterValueException",
              "InvalidParameterValue");
}

TEST_CASE("sqs: a handle of another queue is none of this one's") {
  Client client;
  const std::string one = client.create("one");
  const std::string two = client.create("two");
  client.ok("SendMessage", {{"QueueUrl", one}, {"MessageBody", "m"}});
  const json handle = receive(client, one)[0]["ReceiptHandle"];
  check_error(client.call("DeleteMessage", {{"QueueUrl", two}, {"ReceiptHandle", handle}}), 404,
              "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid");
  check_query_error(client.query("DeleteMessage", {{"QueueUrl", two}, {"ReceiptHandle", handle}}),
                    404, "ReceiptHandleIsInvalid");
}

TEST_CASE("sqs: too many in flight is an error on a standard queue") {
  queue::Options small;
  small.name = "small";
  small.in_flight_max = 1;
  Client client({}, {}, {small});
  for (int i = 0; i < 2; ++i) {
    client.ok("SendMessage", {{"QueueUrl", "small"}, {"MessageBody", "m"}});
  }
  CHECK(receive(client, "small").size() == 1);
  check_error(client.call("ReceiveMessage", {{"QueueUrl", "small"}}), 403, "OverLimit",
              "OverLimit");
  check_query_error(client.query("ReceiveMessage", {{"QueueUrl", "small"}}), 403, "OverLimit");
}

TEST_CASE("sqs: FIFO order, groups, deduplication and numbers") {
  Client client;
  const std::string url = client.create("orders.fifo", {{"FifoQueue", "true"}});
  const auto send = [&](const std::string& body, const std::string& group, const std::string& id) {
    return client.ok("SendMessage", {{"QueueUrl", url},
                                     {"MessageBody", body},
                                     {"MessageGroupId", group},
                                     {"MessageDeduplicationId", id}});
  };
  const json first = send("a1", "a", "1");
  const json again = send("other body", "a", "1");
  CHECK(again["MessageId"] == first["MessageId"]);
  CHECK(again["SequenceNumber"] == first["SequenceNumber"]);
  const json second = send("a2", "a", "2");
  CHECK(first["SequenceNumber"].get<std::string>().size() == 20);
  CHECK(second["SequenceNumber"] > first["SequenceNumber"]);
  send("b1", "b", "3");

  const json got = receive(client, url, {{"AttributeNames", {"All"}}});
  CHECK(got[0]["Body"] == "a1");
  CHECK(got[0]["Attributes"]["MessageGroupId"] == "a");
  CHECK(got[0]["Attributes"]["MessageDeduplicationId"] == "1");
  CHECK(got[0]["Attributes"]["SequenceNumber"] == first["SequenceNumber"]);
  CHECK(receive(client, url, {{"MaxNumberOfMessages", 10}})[0]["Body"] == "b1");  // a is locked.
  CHECK(receive(client, url).empty());
  client.ok("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", got[0]["ReceiptHandle"]}});
  CHECK(receive(client, url)[0]["Body"] == "a2");
}

TEST_CASE("sqs: a FIFO receipt handle expires with its visibility") {
  Client client;
  const std::string url = client.create(
      "orders.fifo",
      {{"FifoQueue", "true"}, {"ContentBasedDeduplication", "true"}, {"VisibilityTimeout", "1"}});
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}, {"MessageGroupId", "g"}});
  const json handle = receive(client, url)[0]["ReceiptHandle"];
  client.world.scheduler.run_for(2s);
  const Reply reply = client.call("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", handle}});
  check_error(reply, 400, "InvalidParameterValueException", "InvalidParameterValue");
  CHECK(reply.document()["message"] ==
        "Value " + handle.get<std::string>() +
            " for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.");
}

TEST_CASE("sqs: the same receive attempt gives the same messages") {
  Client client;
  const std::string url =
      client.create("orders.fifo", {{"FifoQueue", "true"}, {"ContentBasedDeduplication", "true"}});
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}, {"MessageGroupId", "g"}});
  const json attempt{{"ReceiveRequestAttemptId", "try-1"}};
  CHECK(receive(client, url, attempt)[0]["Body"] == "m");
  CHECK(receive(client, url, attempt)[0]["Body"] == "m");
  CHECK(receive(client, url).empty());
  const std::string standard = client.create("standard");
  check_error(
      client.call("ReceiveMessage", {{"QueueUrl", standard}, {"ReceiveRequestAttemptId", "x"}}),
      400, "InvalidParameterValueException", "InvalidParameterValue");
}

TEST_CASE("sqs: what FIFO queues ask for, and what standard queues refuse") {
  Client client;
  const std::string fifo = client.create("orders.fifo", {{"FifoQueue", "true"}});
  const std::string standard = client.create("orders");
  const auto send = [&](const std::string& url, json more) {
    more["QueueUrl"] = url;
    more["MessageBody"] = "m";
    return client.call("SendMessage", more);
  };
  check_error(send(fifo, {{"MessageDeduplicationId", "1"}}), 400,
              "MissingRequiredParameterException", "MissingParameter");
  check_error(send(fifo, {{"MessageGroupId", "g"}}), 400, "InvalidParameterValueException",
              "InvalidParameterValue");
  check_error(send(fifo, {{"MessageGroupId", "g g"}, {"MessageDeduplicationId", "1"}}), 400,
              "InvalidParameterValueException", "InvalidParameterValue");
  check_error(
      send(fifo, {{"MessageGroupId", "g"}, {"MessageDeduplicationId", "1"}, {"DelaySeconds", 2}}),
      400, "InvalidParameterValueException", "InvalidParameterValue");
  check_error(send(standard, {{"MessageDeduplicationId", "1"}}), 400,
              "InvalidParameterValueException", "InvalidParameterValue");
  CHECK(send(standard, {{"MessageGroupId", "tenant"}}).status == 200);  // Fair queues.
  CHECK(receive(client, standard,
                {{"AttributeNames", {"MessageGroupId"}}})[0]["Attributes"]["MessageGroupId"] ==
        "tenant");
  CHECK(receive(client, fifo).empty());
}

TEST_CASE("sqs: batches tell for each entry what became of it") {
  Client client;
  const std::string url = client.create("orders");
  const json sent = client.ok(
      "SendMessageBatch",
      {{"QueueUrl", url},
       {"Entries",
        {{{"Id", "a"}, {"MessageBody", "1"}},
         {{"Id", "b"}, {"MessageBody", "\u0001"}},
         {{"Id", "c"}, {"MessageBody", "3"}, {"DelaySeconds", 1000}},
         {{"Id", "d"},
          {"MessageBody", "4"},
          {"MessageAttributes", {{"x", {{"DataType", "String"}, {"StringValue", "y"}}}}}}}}});
  REQUIRE(sent["Successful"].size() == 2);
  CHECK(sent["Successful"][0]["Id"] == "a");
  CHECK(sent["Successful"][1]["MD5OfMessageAttributes"].get<std::string>().size() == 32);
  REQUIRE(sent["Failed"].size() == 2);
  CHECK(sent["Failed"][0]["Code"] == "InvalidMessageContents");
  CHECK(sent["Failed"][0]["SenderFault"] == true);
  CHECK(sent["Failed"][1]["Code"] == "InvalidParameterValue");

  const json messages = receive(client, url, {{"MaxNumberOfMessages", 10}});
  REQUIRE(messages.size() == 2);
  const json changed = client.ok(
      "ChangeMessageVisibilityBatch",
      {{"QueueUrl", url},
       {"Entries",
        {{{"Id", "0"}, {"ReceiptHandle", messages[0]["ReceiptHandle"]}, {"VisibilityTimeout", 9}},
         {{"Id", "1"}, {"ReceiptHandle", "x"}, {"VisibilityTimeout", 9}}}}});
  CHECK(changed["Successful"] == json::array({{{"Id", "0"}}}));
  CHECK(changed["Failed"][0]["Code"] == "ReceiptHandleIsInvalid");
  const json deleted = client.ok(
      "DeleteMessageBatch", {{"QueueUrl", url},
                             {"Entries",
                              {{{"Id", "0"}, {"ReceiptHandle", messages[0]["ReceiptHandle"]}},
                               {{"Id", "1"}, {"ReceiptHandle", messages[1]["ReceiptHandle"]}}}}});
  CHECK(deleted["Successful"].size() == 2);
  CHECK_FALSE(deleted.contains("Failed"));
}

TEST_CASE("sqs: batches in the Query protocol") {
  Client client;
  const std::string url = client.create("orders");
  const Reply sent =
      client.query_ok("SendMessageBatch", {{"QueueUrl", url},
                                           {"SendMessageBatchRequestEntry.2.Id", "b"},
                                           {"SendMessageBatchRequestEntry.2.MessageBody", "two"},
                                           {"SendMessageBatchRequestEntry.1.MessageBody", "one"},
                                           {"SendMessageBatchRequestEntry.1.Id", "a"},
                                           {"SendMessageBatchRequestEntry.3.Id", "c"}});
  CHECK(sent.body.find("<SendMessageBatchResultEntry><Id>a</Id>") != std::string::npos);
  CHECK(sent.element("BatchResultErrorEntry") ==
        "<Id>c</Id><SenderFault>true</SenderFault><Code>MissingParameter</Code><Message>The "
        "request must contain the parameter MessageBody.</Message>");
  const json messages = receive(client, url, {{"MaxNumberOfMessages", 10}});
  CHECK(messages[0]["Body"] == "one");
  CHECK(messages[1]["Body"] == "two");
  const Reply changed = client.query_ok(
      "ChangeMessageVisibilityBatch",
      {{"QueueUrl", url},
       {"ChangeMessageVisibilityBatchRequestEntry.1.Id", "x"},
       {"ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle", messages[0]["ReceiptHandle"]},
       {"ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout", "0"}});
  CHECK(changed.element("ChangeMessageVisibilityBatchResultEntry") == "<Id>x</Id>");
  const Reply deleted = client.query_ok(
      "DeleteMessageBatch",
      {{"QueueUrl", url},
       {"DeleteMessageBatchRequestEntry.1.Id", "x"},
       {"DeleteMessageBatchRequestEntry.1.ReceiptHandle", messages[1]["ReceiptHandle"]}});
  CHECK(deleted.element("DeleteMessageBatchResultEntry") == "<Id>x</Id>");
  CHECK(receive(client, url, {{"MaxNumberOfMessages", 10}}).size() == 1);
}

TEST_CASE("sqs: a batch that is wrong as a whole stores nothing") {
  Client client;
  const std::string url = client.create("orders");
  const auto batch = [&](const json& entries) {
    return client.call("SendMessageBatch", {{"QueueUrl", url}, {"Entries", entries}});
  };
  const auto entry = [](const std::string& id) { return json{{"Id", id}, {"MessageBody", "m"}}; };
  check_error(batch(json::array()), 400, "EmptyBatchRequest",
              "AWS.SimpleQueueService.EmptyBatchRequest");
  json many = json::array();
  for (int i = 0; i < 11; ++i) many.push_back(entry(std::to_string(i)));
  check_error(batch(many), 400, "TooManyEntriesInBatchRequest",
              "AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
  CHECK(batch(many).document()["message"] ==
        "Maximum number of entries per request are 10. You have sent 11.");
  check_error(batch({entry("a"), entry("a")}), 400, "BatchEntryIdsNotDistinct",
              "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
  for (const std::string& id : {std::string(), std::string("a:b"), std::string(81, 'x')}) {
    check_error(batch({entry("a"), entry(id)}), 400, "InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId");
  }
  check_error(batch({entry("a"), {{"MessageBody", "m"}}}), 400, "MissingRequiredParameterException",
              "MissingParameter");
  const std::string half((1 << 19) + 1, 'x');
  const Reply long_one =
      batch({{{"Id", "a"}, {"MessageBody", half}}, {{"Id", "b"}, {"MessageBody", half.substr(1)}}});
  check_error(long_one, 400, "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong");
  CHECK(long_one.document()["message"] ==
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.");
  check_query_error(client.query("DeleteMessageBatch", {{"QueueUrl", url}}), 400,
                    "AWS.SimpleQueueService.EmptyBatchRequest");
  CHECK(receive(client, url).empty());
  CHECK(batch({{{"Id", "a"}, {"MessageBody", half.substr(1)}},
               {{"Id", "b"}, {"MessageBody", half.substr(1)}}})
            .status == 200);

  const std::string fifo = client.create("o.fifo", {{"FifoQueue", "true"}});
  const Reply no_group =
      client.call("SendMessageBatch",
                  {{"QueueUrl", fifo},
                   {"Entries",
                    {{{"Id", "a"},
                      {"MessageBody", "m"},
                      {"MessageGroupId", "g"},
                      {"MessageDeduplicationId", "1"}},
                     {{"Id", "b"}, {"MessageBody", "m"}, {"MessageDeduplicationId", "2"}}}}});
  check_error(no_group, 400, "InvalidParameterValueException", "InvalidParameterValue");
  CHECK(receive(client, fifo).empty());
}

TEST_CASE("sqs: a message of 1 MiB is taken, one byte more is not") {
  Client client;
  const std::string url = client.create("orders");
  const std::string body(1 << 20, 'x');
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", body}});
  CHECK(receive(client, url)[0]["Body"] == body);
  const Reply reply = client.call("SendMessage", {{"QueueUrl", url}, {"MessageBody", body + "x"}});
  check_error(reply, 400, "InvalidParameterValueException", "InvalidParameterValue");
  CHECK(reply.document()["message"] ==
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.");
}

TEST_CASE("sqs: a queue of events takes nothing else") {
  Client client({.events_only = {"commands"}});
  const std::string url = client.create("commands");
  check_error(client.call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "hello"}}), 400,
              "InvalidMessageContents", "InvalidMessageContents");
  const std::string event =
      R"({"specversion":"1.0","id":"0123456789abcdef0123456789abcdef","source":"/s","type":"t",)"
      R"("correlationid":"fedcba9876543210fedcba9876543210"})";
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", event}});
  const auto peeked = client.queues->find("commands")->peek(1);
  REQUIRE(peeked.size() == 1);
  CHECK(to_text(peeked[0].message.trace) == "fedcba9876543210fedcba9876543210");
}

TEST_CASE("sqs: requests are counted by action and error") {
  Client client;
  const std::string url = client.create("orders");
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}});
  client.ok("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}});
  client.call("SendMessage", {{"QueueUrl", url}});
  client.call("Nonsense", json::object());
  const std::string page = client.telemetry.metrics();
  CHECK(page.find("porteiro_sqs_requests_total{action=\"SendMessage\",error=\"\"} 2\n") !=
        std::string::npos);
  CHECK(page.find("{action=\"SendMessage\",error=\"MissingParameter\"} 1\n") != std::string::npos);
  CHECK(page.find("{action=\"\",error=\"UnknownOperationException\"} 1\n") != std::string::npos);
}
