// Goal: whatever a client sends, what is kept of it is bounded and what is answered is well-formed.
#include "client.hpp"
#include "protocols/aws/document.hpp"
#include "protocols/aws/text.hpp"
#include "protocols/aws/writer.hpp"
#include "protocols/sqs/input.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

constexpr const char* invalid_value = "InvalidParameterValueException";

Reply set(Client& client, const std::string& name, const std::string& value) {
  return client.call("SetQueueAttributes",
                     {{"QueueUrl", "orders"}, {"Attributes", {{name, value}}}});
}
json attributes(Client& client) {
  return client.ok("GetQueueAttributes", {{"QueueUrl", "orders"}, {"AttributeNames", {"All"}}})
      .value("Attributes", json::object());
}
std::string message(const Reply& reply) { return reply.document().value("message", ""); }

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }
std::string policy_with(const json& statements) {
  return json{{"Version", "2012-10-17"}, {"Statement", statements}}.dump();
}

// Nothing that XML 1.0 forbids stands in the text, in clear or as a reference.
bool well_formed(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') return false;
    const std::string three = text.substr(i, 3);
    if (three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf") return false;
  }
  return valid_utf8(text);
}

const std::string forbidden[] = {std::string(1, '\0'), "\x01",        "\x1f", "\x0b",
                                 "\xef\xbf\xbe",       "\xef\xbf\xbf"};

}  // namespace

TEST_CASE("document: bounded in depth and size, whatever stands in its strings") {
  const auto map = [](const std::string& value) { return "{\"a\":" + value + "}"; };
  CHECK(aws::parse_map(map(nested(63))).has_value());
  CHECK_FALSE(aws::parse_map(map(nested(64))).has_value());
  CHECK_FALSE(aws::parse_map(map(nested(100'000))).has_value());
  CHECK_FALSE(aws::parse_document(std::string(100'000, '[')).has_value());
  CHECK(aws::parse_map(map("\"\\\"" + std::string(100, '[') + "\"")).has_value());
  CHECK(aws::parse_map(map("\"\\\\\"")).has_value());
  CHECK(aws::parse_map(map("\"" + std::string(8184, 'x') + "\"")).has_value());
  CHECK_FALSE(aws::parse_map(map("\"" + std::string(8185, 'x') + "\"")).has_value());
  for (const char* bad : {"", "{", "[]", "1", "{}x", "{\"a\":}", "]", "{\"a\":1e999}"}) {
    CHECK_FALSE_MESSAGE(aws::parse_map(bad).has_value(), std::string(bad));
  }
}

TEST_CASE("sqs: documents nested too deep are refused as malformed ones") {
  Client client;
  client.create("orders");
  client.create("dead");
  const json before = attributes(client);
  for (const std::size_t depth : {100u, 100'000u}) {
    const std::string deep = nested(depth);
    check_error(set(client, "Policy", "{\"a\":" + deep + "}"), depth > 4096 ? 403 : 400,
                depth > 4096 ? "OverLimit" : "InvalidAttributeValue",
                depth > 4096 ? "OverLimit" : "InvalidAttributeValue");
    for (const std::string& policy : {deep, R"({"deadLetterTargetArn":")" + client.arn("dead") +
                                                R"(","maxReceiveCount":)" + deep + "}"}) {
      check_error(set(client, "RedrivePolicy", policy), 400, invalid_value,
                  "InvalidParameterValue");
    }
    check_error(set(client, "RedriveAllowPolicy", R"({"redrivePermission":)" + deep + "}"), 400,
                invalid_value, "InvalidParameterValue");
    check_error(client.call("CreateQueue", {{"QueueName", "orders"},
                                            {"Attributes", {{"RedriveAllowPolicy", deep}}}}),
                400, invalid_value, "InvalidParameterValue");
    const std::string handle = to_base64(R"({"taskId":"0","sourceArn":"a","x":)" + deep + "}");
    CHECK(message(client.call("CancelMessageMoveTask", {{"TaskHandle", handle}})) ==
          "Value for parameter TaskHandle is invalid.");
  }
  CHECK(attributes(client) == before);
}

TEST_CASE("writer: XML text has only what XML may have") {
  const auto xml = [](std::string_view text) {
    std::string out;
    aws::append_xml_text(out, text);
    return out;
  };
  const std::string replacement = "\xef\xbf\xbd";
  for (const std::string& bad : forbidden) CHECK(xml("a" + bad + "b") == "a" + replacement + "b");
  CHECK(xml("\t\n\r<>&\"'") == "\t\n&#xD;&lt;&gt;&amp;&quot;'");
  for (const std::string good : {"\xef\xbf\xbd", "\xef\xbc\xa1\xef\xbc\xa2", "\xf0\x9f\x98\x80"}) {
    CHECK(xml(good) == good);
  }
}

TEST_CASE("sqs: errors that quote the request are well-formed XML") {
  Client client;
  client.create("orders");
  client.create("o.fifo", {{"FifoQueue", "true"}});
  for (const std::string& bad : forbidden) {
    const std::string text = "a" + bad + "b";
    const std::vector<std::pair<std::string, Pairs>> requests{
        {text, {}},
        {"GetQueueAttributes", {{"QueueUrl", "orders"}, {"AttributeName.1", text}}},
        {"SetQueueAttributes",
         {{"QueueUrl", "orders"}, {"Attribute.1.Name", text}, {"Attribute.1.Value", "1"}}},
        {"SendMessage", {{"QueueUrl", "orders"}, {"MessageBody", "m"}, {"DelaySeconds", text}}},
        {"SendMessage",
         {{"QueueUrl", "o.fifo"}, {"MessageBody", "m"}, {"MessageDeduplicationId", text}}},
        {"SendMessage",
         {{"QueueUrl", "orders"}, {"MessageBody", "m"}, {"MessageDeduplicationId", text}}},
        {"TagQueue", {{"QueueUrl", "orders"}, {"Tag.1.Key", text}, {"Tag.1.Value", "x"}}},
        {"AddPermission",
         {{"QueueUrl", "orders"},
          {"Label", text},
          {"AWSAccountId.1", "111111111111"},
          {"ActionName.1", "*"}}},
        {"RemovePermission", {{"QueueUrl", "orders"}, {"Label", text}}},
        {"SetQueueAttributes",
         {{"QueueUrl", "orders"},
          {"Attribute.1.Name", "KmsMasterKeyId"},
          {"Attribute.1.Value", text}}},
        {"SetQueueAttributes",
         {{"QueueUrl", "orders"},
          {"Attribute.1.Name", "RedrivePolicy"},
          {"Attribute.1.Value", text}}}};
    for (const auto& [action, pairs] : requests) {
      const Reply reply = client.query(action, pairs);
      INFO(action, " ", to_hex(text), " ", reply.body);
      CHECK(reply.status == 400);
      CHECK(well_formed(reply.body));
    }
  }
}

TEST_CASE("sqs: attributes that are kept are of characters that may be given back, and bounded") {
  Client client;
  client.create("orders");
  const json before = attributes(client);
  const auto refused = [&](const std::string& name, const std::string& value) {
    check_error(set(client, name, value), 400, "InvalidAttributeValue", "InvalidAttributeValue");
  };
  for (const std::string& bad : forbidden) refused("KmsMasterKeyId", "a" + bad);
  refused("Policy", "{\"a\":\"\xef\xbf\xbf\"}");
  refused("KmsMasterKeyId", std::string(2049, 'k'));
  check_error(set(client, "RedriveAllowPolicy",
                  "{\"redrivePermission\":\"allowAll\",\"a\":\"\xef\xbf\xbe\"}"),
              400, invalid_value, "InvalidParameterValue");
  const std::string padding(10'000, ' ');
  check_error(set(client, "RedriveAllowPolicy", "{\"redrivePermission\":\"allowAll\"}" + padding),
              400, invalid_value, "InvalidParameterValue");
  CHECK(attributes(client) == before);
  CHECK(set(client, "KmsMasterKeyId", std::string(2048, 'k')).status == 200);
  CHECK(set(client, "KmsDataKeyReusePeriodSeconds", std::string(5000, '0') + "60").status == 200);
  CHECK(attributes(client)["KmsDataKeyReusePeriodSeconds"] == "60");
}

TEST_CASE("sqs: a policy has its bounds, however it comes") {
  Client client;
  client.create("orders");
  const auto over = [](const Reply& reply) { check_error(reply, 403, "OverLimit", "OverLimit"); };
  const json statement{{"Effect", "Allow"}, {"Principal", "*"}};
  json statements = json::array();
  for (int i = 0; i < 20; ++i) statements.push_back(statement);
  CHECK(set(client, "Policy", policy_with(statements)).status == 200);
  const Pairs one{{"QueueUrl", "orders"},
                  {"Label", "one"},
                  {"AWSAccountId.1", "111111111111"},
                  {"ActionName.1", "*"}};
  check_query_error(client.query("AddPermission", one), 403, "OverLimit");
  statements.push_back(statement);
  over(set(client, "Policy", policy_with(statements)));

  const auto of = [](std::size_t count, const char* member) {
    return policy_with({{{member, {{"AWS", std::vector<std::string>(count, "1")}}}}});
  };
  CHECK(set(client, "Policy", of(50, "Principal")).status == 200);
  over(set(client, "Policy", of(51, "Principal")));
  over(set(client, "Policy", of(51, "NotPrincipal")));
  over(set(client, "Policy",
           policy_with({{"Principal", {{"AWS", std::vector<std::string>(51, "1")}}}})));

  const std::string head = "{\"Id\":\"", tail = "\"}";
  const auto sized = [&](std::size_t size) {
    return head + std::string(size - head.size() - tail.size(), 'x') + tail;
  };
  over(set(client, "Policy", sized(8193)));
  CHECK(set(client, "Policy", sized(8192)).status == 200);
  check_query_error(client.query("AddPermission", one), 403, "OverLimit");
  CHECK(attributes(client)["Policy"] == sized(8192));
  CHECK(set(client, "Policy", "").status == 200);
  const auto add = [&](std::size_t accounts) {
    return client.call("AddPermission",
                       {{"QueueUrl", "orders"},
                        {"Label", "many"},
                        {"AWSAccountIds", std::vector<std::string>(accounts, "111111111111")},
                        {"Actions", {"SendMessage"}}});
  };
  over(add(51));
  CHECK(add(50).status == 200);
}

TEST_CASE("sqs: lists and maps in JSON have at most 100 members, and no nulls in lists") {
  Client client;
  client.create("orders");
  const auto repeated = [](const std::string& element, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + element;
    return text;
  };
  const auto refused = [&](const std::string& action, const std::string& members) {
    INFO(action, " ", members.substr(0, 60));
    check_error(client.raw_json(action, R"({"QueueUrl":"orders",)" + members + "}"), 400,
                "SerializationException", "");
  };
  for (const std::size_t count : {101u, 30'000u}) {
    refused("SendMessageBatch", "\"Entries\":[" + repeated("{}", count) + "]");
    refused("GetQueueAttributes", "\"AttributeNames\":[" + repeated("\"All\"", count) + "]");
    refused("UntagQueue", "\"TagKeys\":[" + repeated("\"a\"", count) + "]");
    refused("TagQueue", "\"Tags\":{" + repeated("\"a\":\"b\"", count) + "}");
    refused("SetQueueAttributes", "\"Attributes\":{" + repeated("\"a\":\"b\"", count) + "}");
    refused("SendMessage",
            "\"MessageBody\":\"m\",\"MessageAttributes\":{" + repeated("\"a\":{}", count) + "}");
  }
  check_error(client.raw_json("SendMessageBatch",
                              R"({"QueueUrl":"orders","Entries":[)" + repeated("{}", 100) + "]}"),
              400, "TooManyEntriesInBatchRequest",
              "AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
  refused("SendMessageBatch", R"("Entries":[{"Id":"a","MessageBody":"m"},null])");
  refused("GetQueueAttributes", R"("AttributeNames":[null])");
  CHECK(client.queues->find("orders")->depth().total() == 0);
}

TEST_CASE("sqs: names of members may be written with escapes") {
  Client client;
  client.create("orders");
  client.ok("SendMessage", json::parse(R"({"QueueUrl":"orders","MessageBody":"plain"})"));
  CHECK(client
            .raw_json("SendMessage",
                      R"({"QueueUrl":"orders","\u004dessageBody":"one","MessageAttributes":)"
                      R"({"a":{"Dat\u0061Type":"String","StringValue":"v"}}})")
            .status == 200);
  CHECK(client
            .raw_json("SendMessageBatch",
                      R"({"QueueUrl":"orders","Entries":[{"I\u0064":"a","MessageBody":"two"}]})")
            .status == 200);
  const auto messages = client.queues->find("orders")->peek(3);
  REQUIRE(messages.size() == 3);
  CHECK(messages[1].message.body == "one");
  REQUIRE(messages[1].message.attributes.size() == 1);
  CHECK(messages[1].message.attributes[0].type == "String");
  CHECK(messages[2].message.body == "two");
  for (const char* body : {R"({"QueueUrl":"orders","\ud800":"one"})",
                           R"({"QueueUrl":"orders","MessageBody":"a","\u004dessageBody":"b"})"}) {
    check_error(client.raw_json("SendMessage", body), 400, "SerializationException", "");
  }
}

TEST_CASE("text: what may stand in a Host header") {
  for (const std::string_view good :
       {"localhost", "localhost:4566", "queue.example:99", "a_b-c.d", "10.0.0.1:80", "[::1]",
        "[::1]:4566", "[2001:db8::1]:1", "h:0", "h:65535"}) {
    CHECK_MESSAGE(aws::valid_authority(good), good);
  }
  for (const std::string& bad :
       {std::string(),           std::string("a b"),     std::string("a/b"),
        std::string("u@h"),      std::string("h?x"),     std::string("h:"),
        std::string("h:x"),      std::string("h:65536"), std::string("h:-1"),
        std::string("h:1:2"),    std::string(":80"),     std::string("\xff"),
        std::string("\xc3\xa9"), std::string("[::1"),    std::string("::1]"),
        std::string("[]"),       std::string("[::1]x"),  std::string("h<"),
        std::string("h\x01"),    std::string(256, 'h')}) {
    CHECK_FALSE_MESSAGE(aws::valid_authority(bad), to_hex(bad));
  }
}

TEST_CASE("sqs: a Host that is none does not reach the answers") {
  Client client;
  client.create("orders");
  for (const std::string host : {"", "\xff", "evil/x", "u@h", "a b", "h?x=", "<h>"}) {
    const auto reply = client.finish(
        client.start("POST", "/", {{"Host", host}, {"X-Amz-Target", "AmazonSQS.GetQueueUrl"}},
                     R"({"QueueName":"orders"})"));
    CHECK(reply.document()["QueueUrl"] == "http://localhost/000000000000/orders");
  }
}

TEST_CASE("sqs: only GET and POST do anything") {
  Client client;
  client.create("orders");
  const std::string target = "/?Action=SendMessage&QueueUrl=orders&MessageBody=m";
  for (const char* method : {"PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "post"}) {
    const Reply query = client.finish(client.start(method, target, {{"Host", "h"}}, ""));
    check_query_error(query, 405, "MethodNotAllowed");
    CHECK(query.header("Allow") == "GET, POST");
    check_error(client.finish(client.start(method, "/", {{"X-Amz-Target", "AmazonSQS.SendMessage"}},
                                           R"({"QueueUrl":"orders","MessageBody":"m"})")),
                405, "MethodNotAllowed", "MethodNotAllowed");
  }
  CHECK(client.queues->find("orders")->depth().total() == 0);
}

TEST_CASE("sqs: a Content-Type is the same in any case") {
  Client client;
  client.create("orders");
  const Headers form{{"Content-Type", "Application/X-WWW-Form-URLencoded"}};
  const std::string body = "Action=SendMessage&QueueUrl=orders&MessageBody=m";
  CHECK(Sqs::takes({"POST", "/", form, body, "simulation"}));
  CHECK(client.finish(client.start("POST", "/", form, body)).status == 200);
  const Headers plain{{"Content-Type", "APPLICATION/x-amz-json-1.0"}};
  check_error(client.finish(client.start("POST", "/", plain, "{}")), 400,
              "UnknownOperationException", "");
}

TEST_CASE("sqs: CreateQueue again does not look at the dead-letter queue again") {
  Client client;
  client.create("dead");
  client.create("other");
  const auto policy = [&](const std::string& target, int count) {
    return json{
        {"RedrivePolicy",
         json{{"deadLetterTargetArn", client.arn(target)}, {"maxReceiveCount", count}}.dump()}};
  };
  const auto again = [&](const json& wanted) {
    return client.call("CreateQueue", {{"QueueName", "orders"}, {"Attributes", wanted}});
  };
  const std::string url = client.create("orders", policy("dead", 2));
  client.ok("SetQueueAttributes",
            {{"QueueUrl", "dead"},
             {"Attributes", {{"RedriveAllowPolicy", R"({"redrivePermission":"denyAll"})"}}}});
  CHECK(client.create("orders", policy("dead", 2)) == url);
  client.ok("DeleteQueue", {{"QueueUrl", "dead"}});
  CHECK(client.create("orders", policy("dead", 2)) == url);
  for (const json& other : {policy("dead", 3), policy("other", 2), json{{"RedrivePolicy", ""}}}) {
    check_error(again(other), 400, "QueueNameExists", "QueueAlreadyExists");
  }
  check_error(again({{"RedrivePolicy", "x"}}), 400, invalid_value, "InvalidParameterValue");
}

TEST_CASE("sqs: dead letters and moves stay among queues of one kind") {
  Client client;
  client.create("dead");
  client.create("dead.fifo", {{"FifoQueue", "true"}});
  const auto policy = [&](const std::string& target) {
    return json{{"deadLetterTargetArn", client.arn(target)}, {"maxReceiveCount", 1}}.dump();
  };
  const auto refused = [&](const std::string& name, json attributes, const std::string& target) {
    attributes["RedrivePolicy"] = policy(target);
    const Reply reply =
        client.call("CreateQueue", {{"QueueName", name}, {"Attributes", attributes}});
    check_error(reply, 400, invalid_value, "InvalidParameterValue");
    CHECK(message(reply).ends_with("Dead-letter queue must be same type of queue as the source."));
  };
  refused("orders", json::object(), "dead.fifo");
  refused("orders.fifo", {{"FifoQueue", "true"}}, "dead");
  client.create("orders", {{"RedrivePolicy", policy("dead")}});
  const auto move = [&](const std::string& destination) {
    const Reply reply = client.call(
        "StartMessageMoveTask",
        {{"SourceArn", client.arn("dead")}, {"DestinationArn", client.arn(destination)}});
    check_error(reply, 400, invalid_value, "InvalidParameterValue");
    return message(reply);
  };
  CHECK(move("dead") == "Source queue arn and destination queue arn cannot be the same.");
  CHECK(move("dead.fifo") ==
        "The source queue and destination queue must be of the same queue type.");
}
