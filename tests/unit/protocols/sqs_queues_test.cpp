// Goal: queues are made, found, configured and removed as SQS does it.
#include "client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

json attributes(Client& client, const std::string& queue, const json& names = {"All"}) {
  return client.ok("GetQueueAttributes", {{"QueueUrl", queue}, {"AttributeNames", names}})
      .value("Attributes", json::object());
}

Reply set(Client& client, const std::string& queue, const json& wanted) {
  return client.call("SetQueueAttributes", {{"QueueUrl", queue}, {"Attributes", wanted}});
}

std::string message(const Reply& reply) { return reply.document().value("message", ""); }

queue::Options declared_queue(const std::string& name) {
  queue::Options options;
  options.name = name;
  options.visibility_timeout = 7s;
  return options;
}

}  // namespace

TEST_CASE("sqs: CreateQueue again gives the same queue, unless an attribute differs") {
  Client client;
  const std::string url = client.create("orders", {{"DelaySeconds", "2"}});
  CHECK(client.create("orders") == url);
  CHECK(client.create("orders", {{"DelaySeconds", "2"}, {"VisibilityTimeout", "30"}}) == url);
  const Reply reply = client.call(
      "CreateQueue", {{"QueueName", "orders"}, {"Attributes", {{"DelaySeconds", "1"}}}});
  check_error(reply, 400, "QueueNameExists", "QueueAlreadyExists");
  CHECK(message(reply) ==
        "A queue already exists with the same name and a different value for attribute "
        "DelaySeconds");
  check_query_error(client.query("CreateQueue", {{"QueueName", "orders"},
                                                 {"Attribute.1.Name", "VisibilityTimeout"},
                                                 {"Attribute.1.Value", "1"}}),
                    400, "QueueAlreadyExists");
}

TEST_CASE("sqs: names of queues") {
  Client client;
  for (const std::string& name : {std::string("a"), std::string("A-b_9"), std::string(80, 'x')}) {
    client.create(name);
  }
  client.create(std::string(75, 'x') + ".fifo", {{"FifoQueue", "true"}});
  const auto refused = [&](const std::string& name, const json& wanted) {
    check_error(client.call("CreateQueue", {{"QueueName", name}, {"Attributes", wanted}}), 400,
                "InvalidParameterValueException", "InvalidParameterValue");
  };
  for (const std::string& name : {std::string("a b"), std::string("a/b"), std::string("\xc3\xa9"),
                                  std::string(81, 'x'), std::string("a.b")}) {
    refused(name, json::object());
  }
  refused("a.fifo", json::object());
  refused("fifo", {{"FifoQueue", "true"}});
  refused(std::string(76, 'x') + ".fifo", {{"FifoQueue", "true"}});
  refused(".fifo", {{"FifoQueue", "true"}});
  check_error(client.call("CreateQueue", json::object()), 400, "MissingRequiredParameterException",
              "MissingParameter");
}

TEST_CASE("sqs: URLs follow the client's host, and any host leads to the queue") {
  Client client;
  client.create("orders");
  CHECK(client.query_ok("GetQueueUrl", {{"QueueName", "orders"}}).element("QueueUrl") ==
        "http://queue.example:99/000000000000/orders");
  for (const std::string url :
       {"http://elsewhere:1/000000000000/orders",
        "https://sqs.us-east-1.amazonaws.com/000000000000/orders",
        "http://h/prefix/000000000000/orders", "http://h/orders", "/000000000000/orders", "orders",
        "http://h/000000000000/orders/"}) {
    INFO(url);
    CHECK(client.call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}}).status == 200);
  }
  for (const std::string url : {"http://h/111111111111/orders", "http://h/000000000000/other",
                                "http://h/000000000000/orders/x"}) {
    INFO(url);
    check_error(client.call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}}), 400,
                "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
  }
  for (const char* url : {"", "http://h", "http://h/"}) {
    check_error(client.call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "m"}}), 400,
                "MissingRequiredParameterException", "MissingParameter");
  }
}

TEST_CASE("sqs: GetQueueUrl knows the queues of this account") {
  Client client({}, {.account = "123456789012", .region = "sa-east-1"});
  client.create("orders");
  const json got = client.ok("GetQueueUrl",
                             {{"QueueName", "orders"}, {"QueueOwnerAWSAccountId", "123456789012"}});
  CHECK(got["QueueUrl"] == "http://localhost:4566/123456789012/orders");
  CHECK(attributes(client, "orders", {"QueueArn"})["QueueArn"] ==
        "arn:aws:sqs:sa-east-1:123456789012:orders");
  const Reply other = client.call(
      "GetQueueUrl", {{"QueueName", "orders"}, {"QueueOwnerAWSAccountId", "000000000000"}});
  check_error(other, 400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
  CHECK(other.document()["__type"] == "com.amazonaws.sqs#QueueDoesNotExist");
  CHECK(message(other) == "The specified queue does not exist.");
  const Reply query = client.query("GetQueueUrl", {{"QueueName", "nope"}});
  check_query_error(query, 400, "AWS.SimpleQueueService.NonExistentQueue");
  CHECK(query.element("Message") == "The specified queue does not exist for this wsdl version.");
}

TEST_CASE("sqs: ListQueues by prefix and page") {
  Client client;
  CHECK(client.call("ListQueues", json::object()).body == "{}");
  for (const char* name : {"b2", "a1", "b1", "b3"}) client.create(name);
  CHECK(client.ok("ListQueues", json::object())["QueueUrls"].size() == 4);
  const json first = client.ok("ListQueues", {{"QueueNamePrefix", "b"}, {"MaxResults", 2}});
  CHECK(first["QueueUrls"] ==
        json{"http://localhost:4566/000000000000/b1", "http://localhost:4566/000000000000/b2"});
  client.ok("DeleteQueue", {{"QueueUrl", "b2"}});  // The token outlives its queue.
  const json second =
      client.ok("ListQueues",
                {{"QueueNamePrefix", "b"}, {"MaxResults", 2}, {"NextToken", first["NextToken"]}});
  CHECK(second["QueueUrls"] == json{"http://localhost:4566/000000000000/b3"});
  CHECK_FALSE(second.contains("NextToken"));
  const Reply query = client.query_ok("ListQueues", {{"MaxResults", "1"}});
  CHECK(query.element("QueueUrl") == "http://queue.example:99/000000000000/a1");
  CHECK_FALSE(query.element("NextToken").empty());
  for (const json& bad : {json{{"MaxResults", 0}}, json{{"MaxResults", 1001}},
                          json{{"NextToken", "***"}, {"MaxResults", 1}}}) {
    check_error(client.call("ListQueues", bad), 400, "InvalidParameterValueException",
                "InvalidParameterValue");
  }
}

TEST_CASE("sqs: all attributes of a standard queue") {
  Client client;
  client.create("orders", {{"VisibilityTimeout", "20"}, {"MessageRetentionPeriod", "604800"}});
  client.ok("SendMessage", {{"QueueUrl", "orders"}, {"MessageBody", "1"}});
  client.ok("SendMessage", {{"QueueUrl", "orders"}, {"MessageBody", "2"}});
  client.ok("SendMessage", {{"QueueUrl", "orders"}, {"MessageBody", "3"}, {"DelaySeconds", 9}});
  client.ok("ReceiveMessage", {{"QueueUrl", "orders"}});
  client.world.scheduler.run_for(3s);
  CHECK(set(client, "orders", {{"ReceiveMessageWaitTimeSeconds", "10"}}).status == 200);
  CHECK(attributes(client, "orders") == json{{"QueueArn", client.arn("orders")},
                                             {"ApproximateNumberOfMessages", "1"},
                                             {"ApproximateNumberOfMessagesNotVisible", "1"},
                                             {"ApproximateNumberOfMessagesDelayed", "1"},
                                             {"CreatedTimestamp", "1767225600"},
                                             {"LastModifiedTimestamp", "1767225603"},
                                             {"VisibilityTimeout", "20"},
                                             {"MaximumMessageSize", "1048576"},
                                             {"MessageRetentionPeriod", "604800"},
                                             {"DelaySeconds", "0"},
                                             {"ReceiveMessageWaitTimeSeconds", "10"},
                                             {"SqsManagedSseEnabled", "true"}});
  CHECK(client.call("GetQueueAttributes", {{"QueueUrl", "orders"}}).body == "{}");
  const Reply query = client.query_ok("GetQueueAttributes",
                                      {{"QueueUrl", "orders"}, {"AttributeName", "DelaySeconds"}});
  CHECK(query.element("GetQueueAttributesResult") ==
        "<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute>");
  const Reply unknown =
      client.call("GetQueueAttributes", {{"QueueUrl", "orders"}, {"AttributeNames", {"Foo"}}});
  check_error(unknown, 400, "InvalidAttributeName", "InvalidAttributeName");
  CHECK(message(unknown) == "Unknown Attribute Foo.");
}

TEST_CASE("sqs: attributes of a FIFO queue, and what they demand of each other") {
  Client client;
  client.create("o.fifo", {{"FifoQueue", "true"}, {"ContentBasedDeduplication", "true"}});
  const json names{"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope",
                   "FifoThroughputLimit"};
  CHECK(attributes(client, "o.fifo", names) == json{{"FifoQueue", "true"},
                                                    {"ContentBasedDeduplication", "true"},
                                                    {"DeduplicationScope", "queue"},
                                                    {"FifoThroughputLimit", "perQueue"}});
  check_error(set(client, "o.fifo", {{"FifoThroughputLimit", "perMessageGroupId"}}), 400,
              "InvalidAttributeValue", "InvalidAttributeValue");
  CHECK(set(client, "o.fifo",
            {{"FifoThroughputLimit", "perMessageGroupId"},
             {"DeduplicationScope", "messageGroup"},
             {"ContentBasedDeduplication", "false"}})
            .status == 200);
  CHECK(attributes(client, "o.fifo", names) == json{{"FifoQueue", "true"},
                                                    {"ContentBasedDeduplication", "false"},
                                                    {"DeduplicationScope", "messageGroup"},
                                                    {"FifoThroughputLimit", "perMessageGroupId"}});
  check_error(set(client, "o.fifo", {{"DeduplicationScope", "queue"}}), 400,
              "InvalidAttributeValue", "InvalidAttributeValue");
  CHECK(set(client, "o.fifo", {{"FifoQueue", "true"}}).status == 200);
  const Reply kind = set(client, "o.fifo", {{"FifoQueue", "false"}});
  check_error(kind, 400, "InvalidAttributeValue", "InvalidAttributeValue");
  CHECK(
      message(kind) ==
      "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.");

  client.create("standard");
  for (const char* name : {"FifoQueue", "ContentBasedDeduplication"}) {
    const Reply reply = set(client, "standard", {{name, "true"}});
    check_error(reply, 400, "InvalidAttributeName", "InvalidAttributeName");
    CHECK(message(reply) == std::string("Unknown Attribute ") + name + ".");
  }
  CHECK(message(set(client, "standard", {{"DeduplicationScope", "queue"}})) ==
        "You can specify the DeduplicationScope only when FifoQueue is set to true.");
  check_error(
      client.call("CreateQueue", {{"QueueName", "s"}, {"Attributes", {{"FifoQueue", "false"}}}}),
      400, "InvalidAttributeName", "InvalidAttributeName");
}

TEST_CASE("sqs: attributes out of bounds change nothing") {
  Client client;
  client.create("orders");
  const json before = attributes(client, "orders");
  const std::vector<std::pair<const char*, const char*>> cases{
      {"VisibilityTimeout", "43201"},
      {"VisibilityTimeout", "-1"},
      {"VisibilityTimeout", "1.5"},
      {"VisibilityTimeout", ""},
      {"DelaySeconds", "901"},
      {"MessageRetentionPeriod", "59"},
      {"MessageRetentionPeriod", "1209601"},
      {"ReceiveMessageWaitTimeSeconds", "21"},
      {"MaximumMessageSize", "1023"},
      {"MaximumMessageSize", "1048577"},
      {"Policy", "{"},
      {"Policy", "[]"},
      {"SqsManagedSseEnabled", "maybe"},
      {"KmsDataKeyReusePeriodSeconds", "59"}};
  for (const auto& [name, value] : cases) {
    INFO(std::string(name), "=", std::string(value));
    json wanted{{"DelaySeconds", "3"}};
    wanted[name] = value;
    check_error(set(client, "orders", wanted), 400, "InvalidAttributeValue",
                "InvalidAttributeValue");
    check_query_error(client.query("SetQueueAttributes", {{"QueueUrl", "orders"},
                                                          {"Attribute.Name", name},
                                                          {"Attribute.Value", value}}),
                      400, "InvalidAttributeValue");
  }
  for (const char* name : {"Nope", "All", "QueueArn", "CreatedTimestamp"}) {
    check_error(set(client, "orders", {{name, "1"}}), 400, "InvalidAttributeName",
                "InvalidAttributeName");
  }
  CHECK(attributes(client, "orders") == before);
}

TEST_CASE("sqs: one kind of encryption at a time") {
  Client client;
  client.create("orders", {{"KmsMasterKeyId", "testKeyId"}});
  const json names{"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"};
  CHECK(attributes(client, "orders", names) == json{{"KmsMasterKeyId", "testKeyId"},
                                                    {"KmsDataKeyReusePeriodSeconds", "300"},
                                                    {"SqsManagedSseEnabled", "false"}});
  const Reply both =
      set(client, "orders", {{"KmsMasterKeyId", "k"}, {"SqsManagedSseEnabled", "true"}});
  check_error(both, 400, "InvalidAttributeName", "InvalidAttributeName");
  CHECK(set(client, "orders", {{"SqsManagedSseEnabled", "true"}}).status == 200);
  CHECK(attributes(client, "orders", names) == json{{"SqsManagedSseEnabled", "true"}});
}

TEST_CASE("sqs: dead letters go where the redrive policy says") {
  Client client;
  client.create("dead");
  client.create("orders", {{"VisibilityTimeout", "1"}});
  const std::string policy =
      R"({"deadLetterTargetArn":")" + client.arn("dead") + R"(","maxReceiveCount":"2"})";
  CHECK(set(client, "orders", {{"RedrivePolicy", policy}}).status == 200);
  CHECK(json::parse(attributes(client, "orders")["RedrivePolicy"].get<std::string>()) ==
        json{{"deadLetterTargetArn", client.arn("dead")}, {"maxReceiveCount", 2}});
  CHECK(client.ok("ListDeadLetterSourceQueues", {{"QueueUrl", "dead"}})["queueUrls"] ==
        json{"http://localhost:4566/000000000000/orders"});
  CHECK(client.query_ok("ListDeadLetterSourceQueues", {{"QueueUrl", "dead"}}).element("QueueUrl") ==
        "http://queue.example:99/000000000000/orders");
  CHECK(client.call("ListDeadLetterSourceQueues", {{"QueueUrl", "orders"}}).body ==
        "{\"queueUrls\":[]}");

  client.ok("SendMessage", {{"QueueUrl", "orders"}, {"MessageBody", "m"}});
  for (int i = 0; i < 3; ++i) {
    client.call("ReceiveMessage", {{"QueueUrl", "orders"}});
    client.world.scheduler.run_for(2s);
  }
  const json dead =
      client.ok("ReceiveMessage", {{"QueueUrl", "dead"}, {"AttributeNames", {"All"}}})["Messages"];
  REQUIRE(dead.size() == 1);
  CHECK(dead[0]["Attributes"]["DeadLetterQueueSourceArn"] == client.arn("orders"));
  CHECK(set(client, "orders", {{"RedrivePolicy", ""}}).status == 200);
  CHECK(attributes(client, "orders", {"RedrivePolicy"}).empty());
}

TEST_CASE("sqs: a redrive policy needs a queue of the same kind that allows it") {
  Client client;
  client.create("orders");
  client.create("dead");
  client.create("dead.fifo", {{"FifoQueue", "true"}});
  const auto refused = [&](const std::string& policy, const std::string& reason) {
    const Reply reply = set(client, "orders", {{"RedrivePolicy", policy}});
    check_error(reply, 400, "InvalidParameterValueException", "InvalidParameterValue");
    CHECK(message(reply) ==
          "Value " + policy + " for parameter RedrivePolicy is invalid. Reason: " + reason);
  };
  const auto policy = [&](const std::string& arn, const std::string& count) {
    return R"({"deadLetterTargetArn":")" + arn + R"(","maxReceiveCount":)" + count + "}";
  };
  refused("x", "Redrive policy is not a valid JSON map.");
  refused(R"({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42})",
          "Invalid value for deadLetterTargetArn.");
  refused(R"({"maxReceiveCount":1})",
          "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  refused(policy(client.arn("dead"), "0"),
          "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.");
  refused(policy(client.arn("dead"), "1001"),
          "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both "
          "inclusive.");
  refused(policy(client.arn("none"), "1"), "Dead letter target does not exist.");
  refused(policy(client.arn("dead.fifo"), "1"),
          "Dead-letter queue must be same type of queue as the source.");
  CHECK(
      set(client, "dead", {{"RedriveAllowPolicy", R"({"redrivePermission":"denyAll"})"}}).status ==
      200);
  CHECK(set(client, "orders", {{"RedrivePolicy", policy(client.arn("dead"), "1")}}).status == 400);
  const std::string allow =
      R"({"redrivePermission":"byQueue","sourceQueueArns":[")" + client.arn("orders") + R"("]})";
  CHECK(set(client, "dead", {{"RedriveAllowPolicy", allow}}).status == 200);
  CHECK(attributes(client, "dead")["RedriveAllowPolicy"] == allow);
  CHECK(set(client, "orders", {{"RedrivePolicy", policy(client.arn("dead"), "1")}}).status == 200);
  client.create("others");
  CHECK(set(client, "others", {{"RedrivePolicy", policy(client.arn("dead"), "1")}}).status == 400);
  for (const char* bad : {"x", "[]", R"({"sourceQueueArns":[]})", R"({"redrivePermission":"some"})",
                          R"({"redrivePermission":"byQueue"})",
                          R"({"redrivePermission":"allowAll","sourceQueueArns":["a"]})",
                          R"({"redrivePermission":"byQueue","sourceQueueArns":[1]})"}) {
    check_error(set(client, "dead", {{"RedriveAllowPolicy", bad}}), 400,
                "InvalidParameterValueException", "InvalidParameterValue");
  }
}

TEST_CASE("sqs: purging, and its cool-down") {
  Client client;
  client.create("orders");
  client.ok("SendMessage", {{"QueueUrl", "orders"}, {"MessageBody", "m"}});
  CHECK(client.call("PurgeQueue", {{"QueueUrl", "orders"}}).body.empty());
  CHECK(attributes(client, "orders")["ApproximateNumberOfMessages"] == "0");
  client.world.scheduler.run_for(59s);
  const Reply soon = client.call("PurgeQueue", {{"QueueUrl", "orders"}});
  check_error(soon, 403, "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress");
  CHECK(message(soon) == "Only one PurgeQueue operation on orders is allowed every 60 seconds.");
  check_query_error(client.query("PurgeQueue", {{"QueueUrl", "orders"}}), 403,
                    "AWS.SimpleQueueService.PurgeQueueInProgress");
  client.sqs->reset();
  client.ok("PurgeQueue", {{"QueueUrl", "orders"}});
  client.world.scheduler.run_for(60s);
  client.query_ok("PurgeQueue", {{"QueueUrl", "orders"}});
}

TEST_CASE("sqs: deleting a queue, and its cool-down") {
  Client client;
  client.create("orders");
  CHECK(client.call("DeleteQueue", {{"QueueUrl", "orders"}}).body.empty());
  check_error(client.call("DeleteQueue", {{"QueueUrl", "orders"}}), 400, "QueueDoesNotExist",
              "AWS.SimpleQueueService.NonExistentQueue");
  const Reply soon = client.call("CreateQueue", {{"QueueName", "orders"}});
  check_error(soon, 400, "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently");
  CHECK(message(soon) ==
        "You must wait 60 seconds after deleting a queue before you can create "
        "another with the same name.");
  client.world.scheduler.run_for(60s);
  client.create("orders");
  client.query_ok("DeleteQueue", {{"QueueUrl", "orders"}});
}

TEST_CASE("sqs: a declared queue is like any other, except that it stays") {
  Client client({}, {}, {declared_queue("vault")});
  CHECK(client.create("vault") == "http://localhost:4566/000000000000/vault");
  client.create("vault", {{"VisibilityTimeout", "7"}});
  check_error(client.call("CreateQueue",
                          {{"QueueName", "vault"}, {"Attributes", {{"VisibilityTimeout", "8"}}}}),
              400, "QueueNameExists", "QueueAlreadyExists");
  client.ok("SendMessage", {{"QueueUrl", "vault"}, {"MessageBody", "m"}});
  CHECK(client.ok("ListQueues", json::object())["QueueUrls"].size() == 1);
  check_error(client.call("DeleteQueue", {{"QueueUrl", "vault"}}), 403, "AccessDeniedException",
              "AccessDenied");
  CHECK(attributes(client, "vault")["ApproximateNumberOfMessages"] == "1");
}

TEST_CASE("sqs: as many queues as may be") {
  Client client({.queues_max = 1});
  client.create("one");
  check_error(client.call("CreateQueue", {{"QueueName", "two"}}), 403, "OverLimit", "OverLimit");
}

TEST_CASE("sqs: tags are set, listed and taken away") {
  Client client;
  client.ok("CreateQueue", {{"QueueName", "orders"}, {"tags", {{"a", "1"}}}});
  client.ok("TagQueue", {{"QueueUrl", "orders"}, {"Tags", {{"a", "2"}, {"b", ""}}}});
  CHECK(client.ok("ListQueueTags", {{"QueueUrl", "orders"}})["Tags"] ==
        json{{"a", "2"}, {"b", ""}});
  CHECK(client.query_ok("ListQueueTags", {{"QueueUrl", "orders"}}).element("ListQueueTagsResult") ==
        "<Tag><Key>a</Key><Value>2</Value></Tag><Tag><Key>b</Key><Value></Value></Tag>");
  client.query_ok("TagQueue", {{"QueueUrl", "orders"}, {"Tag.1.Key", "c"}, {"Tag.1.Value", "3"}});
  client.query_ok("UntagQueue", {{"QueueUrl", "orders"}, {"TagKey.1", "a"}, {"TagKey.2", "none"}});
  client.ok("UntagQueue", {{"QueueUrl", "orders"}, {"TagKeys", {"b"}}});
  CHECK(client.ok("ListQueueTags", {{"QueueUrl", "orders"}})["Tags"] == json{{"c", "3"}});
  json many;
  for (int i = 0; i < 50; ++i) many["t" + std::to_string(i)] = "x";
  check_error(client.call("TagQueue", {{"QueueUrl", "orders"}, {"Tags", many}}), 400,
              "InvalidParameterValueException", "InvalidParameterValue");
  check_error(client.call("TagQueue", {{"QueueUrl", "orders"}, {"Tags", {{"aws:x", "1"}}}}), 400,
              "InvalidParameterValueException", "InvalidParameterValue");
  check_error(client.call("TagQueue", {{"QueueUrl", "orders"}}), 400,
              "MissingRequiredParameterException", "MissingParameter");
  client.ok("UntagQueue", {{"QueueUrl", "orders"}, {"TagKeys", {"c"}}});
  CHECK(client.call("ListQueueTags", {{"QueueUrl", "orders"}}).body == "{}");
}

TEST_CASE("sqs: permissions are statements of the policy") {
  Client client;
  client.create("orders");
  const auto add = [&](const std::string& label, const json& accounts, const json& actions) {
    return client.call("AddPermission", {{"QueueUrl", "orders"},
                                         {"Label", label},
                                         {"AWSAccountIds", accounts},
                                         {"Actions", actions}});
  };
  CHECK(add("one", {"111111111111", "222222222222"}, {"ReceiveMessage"}).body.empty());
  const json policy = json::parse(attributes(client, "orders")["Policy"].get<std::string>());
  CHECK(policy ==
        json{{"Version", "2008-10-17"},
             {"Id", client.arn("orders") + "/SQSDefaultPolicy"},
             {"Statement",
              {{{"Sid", "one"},
                {"Effect", "Allow"},
                {"Principal",
                 {{"AWS", {"arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"}}}},
                {"Action", "SQS:ReceiveMessage"},
                {"Resource", client.arn("orders")}}}}});
  const Reply twice = add("one", {"111111111111"}, {"SendMessage"});
  check_error(twice, 400, "InvalidParameterValueException", "InvalidParameterValue");
  CHECK(message(twice) == "Value one for parameter Label is invalid. Reason: Already exists.");
  client.query_ok("AddPermission", {{"QueueUrl", "orders"},
                                    {"Label", "two"},
                                    {"AWSAccountId.1", "111111111111"},
                                    {"ActionName.1", "*"}});
  check_error(add("x", {"1"}, {"*"}), 400, "InvalidParameterValueException",
              "InvalidParameterValue");
  check_error(add("x", {"111111111111"}, {"DeleteQueue"}), 400, "InvalidParameterValueException",
              "InvalidParameterValue");
  check_error(add("x", {"111111111111"}, {"*", "*", "*", "*", "*", "*", "*", "*"}), 403,
              "OverLimit", "OverLimit");
  check_error(add("x", {"111111111111"}, json::array()), 400, "MissingRequiredParameterException",
              "MissingParameter");
  const auto drop = [&](const std::string& label) {
    return client.call("RemovePermission", {{"QueueUrl", "orders"}, {"Label", label}});
  };
  CHECK(drop("one").status == 200);
  CHECK(message(drop("one")) ==
        "Value one for parameter Label is invalid. Reason: can't find label.");
  client.query_ok("RemovePermission", {{"QueueUrl", "orders"}, {"Label", "two"}});
  CHECK_FALSE(attributes(client, "orders").contains("Policy"));
}

TEST_CASE("sqs: message move tasks bring dead letters back") {
  Client client;
  client.create("dead");
  client.create("orders", {{"RedrivePolicy", R"({"deadLetterTargetArn":")" + client.arn("dead") +
                                                 R"(","maxReceiveCount":1})"}});
  for (const char* body : {"1", "2", "3"}) {
    client.ok("SendMessage", {{"QueueUrl", "dead"}, {"MessageBody", body}});
  }
  const json task = client.ok("StartMessageMoveTask", {{"SourceArn", client.arn("dead")},
                                                       {"DestinationArn", client.arn("orders")},
                                                       {"MaxNumberOfMessagesPerSecond", 1}});
  const Reply second = client.call("StartMessageMoveTask", {{"SourceArn", client.arn("dead")}});
  check_error(second, 400, "InvalidParameterValueException", "InvalidParameterValue");
  const json running =
      client.ok("ListMessageMoveTasks", {{"SourceArn", client.arn("dead")}})["Results"][0];
  CHECK(running["Status"] == "RUNNING");
  CHECK(running["TaskHandle"] == task["TaskHandle"]);
  CHECK(running["SourceArn"] == client.arn("dead"));
  CHECK(running["DestinationArn"] == client.arn("orders"));
  CHECK(running["MaxNumberOfMessagesPerSecond"] == 1);
  CHECK(running["ApproximateNumberOfMessagesToMove"] == 3);
  CHECK(running["StartedTimestamp"] == 1767225600000);
  const json cancelled = client.ok("CancelMessageMoveTask", {{"TaskHandle", task["TaskHandle"]}});
  CHECK(cancelled["ApproximateNumberOfMessagesMoved"].is_number_unsigned());
  check_error(client.call("CancelMessageMoveTask", {{"TaskHandle", task["TaskHandle"]}}), 400,
              "InvalidParameterValueException", "InvalidParameterValue");

  client.query_ok("StartMessageMoveTask",
                  {{"SourceArn", client.arn("dead")}, {"DestinationArn", client.arn("orders")}});
  client.world.scheduler.run_for(10s);
  CHECK(attributes(client, "orders")["ApproximateNumberOfMessages"] == "3");
  const json list = client.ok("ListMessageMoveTasks",
                              {{"SourceArn", client.arn("dead")}, {"MaxResults", 10}})["Results"];
  REQUIRE(list.size() == 2);
  CHECK(list[0]["Status"] == "COMPLETED");
  CHECK_FALSE(list[0].contains("TaskHandle"));
  CHECK(list[1]["Status"] == "CANCELLED");
  const Reply query = client.query_ok("ListMessageMoveTasks", {{"SourceArn", client.arn("dead")}});
  CHECK(query.element("Status") == "COMPLETED");
}

TEST_CASE("sqs: what move tasks refuse") {
  Client client;
  client.create("orders");
  const auto start = [&](const std::string& source, const json& more = json::object()) {
    json body{{"SourceArn", source}};
    body.update(more);
    return client.call("StartMessageMoveTask", body);
  };
  check_error(start(client.arn("none")), 404, "ResourceNotFoundException",
              "ResourceNotFoundException");
  check_error(start(client.arn("orders"), {{"DestinationArn", client.arn("none")}}), 404,
              "ResourceNotFoundException", "ResourceNotFoundException");
  const Reply plain = start(client.arn("orders"));
  check_error(plain, 400, "InvalidParameterValueException", "InvalidParameterValue");
  CHECK(message(plain) == "Source queue must be configured as a Dead Letter Queue.");
  check_error(start("orders"), 400, "InvalidParameterValueException", "InvalidParameterValue");
  check_error(start(client.arn("orders"), {{"MaxNumberOfMessagesPerSecond", 501}}), 400,
              "InvalidParameterValueException", "InvalidParameterValue");
  const auto cancel = [&](const std::string& handle) {
    return client.call("CancelMessageMoveTask", {{"TaskHandle", handle}});
  };
  CHECK(message(cancel("foobared")) == "Value for parameter TaskHandle is invalid.");
  const std::string task = R"({"taskId":"0123456789abcdef0123456789abcdef","sourceArn":")";
  check_error(cancel(to_base64(task + client.arn("none") + "\"}")), 404,
              "ResourceNotFoundException", "ResourceNotFoundException");
  const Reply unknown = cancel(to_base64(task + client.arn("orders") + "\"}"));
  check_error(unknown, 404, "ResourceNotFoundException", "ResourceNotFoundException");
  CHECK(message(unknown) == "Task does not exist.");
  CHECK(client.call("ListMessageMoveTasks", {{"SourceArn", client.arn("orders")}}).body == "{}");
  check_query_error(client.query("ListMessageMoveTasks", {{"SourceArn", client.arn("none")}}), 404,
                    "ResourceNotFoundException");
}
