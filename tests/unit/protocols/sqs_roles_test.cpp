// Goal: a function of the config does with a queue what its role allows, whichever action leads
// there, and hears nothing of others; the developer does everything.
#include "unit/protocols/client.hpp"
#include "unit/protocols/lambda_client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;
using access::Rule;

namespace {

// Queues of the config, "orders" and "secret", and one of a client, "made".
struct Bench : Client {
  Bench(std::initializer_list<Rule> rules, access::Layers layers = {})
      : Client({}, {}, {{.name = "orders"}, {.name = "secret"}}, {{"r", rules}}, layers) {
    create("made");
    made_handle = deliver("made");
    handle = deliver("orders");
    secret_handle = deliver("secret");
    who = {.principal = {.name = "f", .role = "r"}, .purpose = "sale", .client = "shop"};
  }
  std::string deliver(const std::string& queue) {
    ok("SendMessage", {{"QueueUrl", queue}, {"MessageBody", "in flight"}});
    return ok("ReceiveMessage", {{"QueueUrl", queue}})["Messages"][0]["ReceiptHandle"];
  }
  bool may(const std::string& action, const json& body) {
    const Reply reply = call(action, body);
    INFO(action, ": ", reply.body);
    if (reply.status == 200) return true;
    check_error(reply, 403, "AccessDeniedException", "AccessDenied");
    CHECK(reply.document()["message"] == "this is not allowed; the log says why");
    return false;
  }
  std::string last_note() const {
    std::string text;
    telemetry.read(0, [&](const telemetry::Record& record) {
      if (record.kind == telemetry::Kind::note) text = telemetry.note_text(record.extra);
    });
    return text;
  }
  // Each action that names a queue, and how it names this one.
  std::vector<std::pair<std::string, json>> actions(const std::string& queue,
                                                    const std::string& receipt) const {
    const json url = {{"QueueUrl", queue}};
    const auto with = [&](const json& more) {
      json body = url;
      body.update(more);
      return body;
    };
    const json entry = {{"Id", "a"}, {"ReceiptHandle", receipt}, {"VisibilityTimeout", 9}};
    return {
        {"SendMessage", with({{"MessageBody", "m"}})},
        {"SendMessageBatch", with({{"Entries", {{{"Id", "a"}, {"MessageBody", "m"}}}}})},
        {"ReceiveMessage", url},
        {"ChangeMessageVisibility", with({{"ReceiptHandle", receipt}, {"VisibilityTimeout", 9}})},
        {"ChangeMessageVisibilityBatch", with({{"Entries", {entry}}})},
        {"DeleteMessage", with({{"ReceiptHandle", receipt}})},
        {"DeleteMessageBatch", with({{"Entries", {{{"Id", "a"}, {"ReceiptHandle", receipt}}}}})},
        {"GetQueueUrl", {{"QueueName", queue}}},
        {"GetQueueAttributes", with({{"AttributeNames", {"All"}}})},
        {"ListDeadLetterSourceQueues", url},
        {"ListQueueTags", url},
        {"ListMessageMoveTasks", {{"SourceArn", "arn:aws:sqs:us-east-1:000000000000:" + queue}}},
        {"CreateQueue", {{"QueueName", queue}}},
        {"SetQueueAttributes", with({{"Attributes", {{"DelaySeconds", "0"}}}})},
        {"TagQueue", with({{"Tags", {{"a", "b"}}}})},
        {"UntagQueue", with({{"TagKeys", {"a"}}})},
        {"AddPermission",
         with({{"Label", "l"}, {"AWSAccountIds", {"000000000000"}}, {"Actions", {"*"}}})},
        {"RemovePermission", with({{"Label", "l"}})},
        {"PurgeQueue", url}};
  }
  // Those that are let through, of all that name the queue.
  std::set<std::string> allowed(const std::string& queue, const std::string& receipt) {
    std::set<std::string> names;
    for (const auto& [name, body] : actions(queue, receipt)) {
      if (may(name, body)) names.insert(name);
    }
    return names;
  }

  std::string handle, secret_handle, made_handle;
};

const std::set<std::string> sends{"SendMessage", "SendMessageBatch"};
const std::set<std::string> receives{"ReceiveMessage", "ChangeMessageVisibility",
                                     "ChangeMessageVisibilityBatch", "DeleteMessage",
                                     "DeleteMessageBatch"};
const std::set<std::string> sees{"GetQueueUrl", "GetQueueAttributes", "ListDeadLetterSourceQueues",
                                 "ListQueueTags", "ListMessageMoveTasks"};
const std::set<std::string> manages{"CreateQueue", "SetQueueAttributes", "TagQueue",
                                    "UntagQueue",  "AddPermission",      "RemovePermission",
                                    "PurgeQueue"};

std::set<std::string> together(std::set<std::string> one, const std::set<std::string>& other) {
  one.insert(other.begin(), other.end());
  return one;
}

}  // namespace

TEST_CASE("sqs roles: each rule opens its actions on its queue, and lets it be seen") {
  const std::pair<std::string_view, std::set<std::string>> rules[] = {
      {access::action::queue_send, together(sends, sees)},
      {access::action::queue_receive, together(receives, sees)},
      {access::action::queue_describe, sees},
      {access::action::queue_manage, together(manages, sees)},
      {"queue:*", together(together(sends, receives), together(manages, sees))},
      {"store:*", {}}};
  for (const auto& [action, expected] : rules) {
    CAPTURE(action);
    Bench b{Rule{std::string(action), "orders"}};
    CHECK(b.allowed("orders", b.handle) == expected);
    CHECK(b.allowed("secret", b.secret_handle).empty());
    CHECK(b.allowed("made", b.made_handle).empty());
    CHECK(b.allowed("nothing", b.handle).empty());
  }
}

TEST_CASE("sqs roles: without a role, from the public zone or for no purpose nothing is allowed") {
  Bench b{Rule{"queue:*", "orders", {}, {"sale"}}};
  b.who.principal.role = {};
  CHECK(b.allowed("orders", b.handle).empty());
  b.who.principal.role = "r";
  b.who.principal.zone = access::Zone::public_zone;
  CHECK(b.allowed("orders", b.handle).empty());
  b.who.principal.zone = access::Zone::private_zone;
  b.who.purpose = "gossip";
  CHECK(b.allowed("orders", b.handle).empty());
  b.who.purpose = "sale";
  CHECK(b.allowed("orders", b.handle).size() == b.actions("orders", b.handle).size());
}

TEST_CASE("sqs roles: queues that clients made are reached by a rule for all, and never named") {
  Bench b{Rule{"queue:send", "*"}};
  CHECK(b.allowed("made", b.made_handle) == together(sends, sees));
  CHECK(b.allowed("secret", b.secret_handle) == together(sends, sees));
  b.world.scheduler.run_for(1s);  // The log has so many lines a second.
  CHECK_FALSE(b.may("ReceiveMessage", {{"QueueUrl", "made"}}));
  CHECK(
      b.last_note().starts_with("denied: the function f may not do queue:receive on *: its role r "
                                "does not allow that action; "
                                "the configuration declares nothing of that name"));
  CHECK_FALSE(b.may("ReceiveMessage", {{"QueueUrl", "secret"}}));
  CHECK(b.last_note().find("queue:receive on secret") != std::string::npos);
}

TEST_CASE("sqs roles: lists show what the role reaches") {
  const auto names = [](Bench& b) {
    std::set<std::string> out;
    for (const json& url : b.ok("ListQueues", json::object()).value("QueueUrls", json::array())) {
      const auto text = url.get<std::string>();
      out.insert(text.substr(text.rfind('/') + 1));
    }
    return out;
  };
  Bench one{Rule{"queue:send", "orders"}};
  CHECK(names(one) == std::set<std::string>{"orders"});
  Bench all{Rule{"queue:describe", "*"}};
  CHECK(names(all) == std::set<std::string>{"made", "orders", "secret"});
  Bench none{Rule{"kms:*", "*"}};
  CHECK(names(none).empty());
}

TEST_CASE("sqs roles: messages go nowhere else by redrive or by a move task") {
  const auto redrive = [](Bench& b, const std::string& target) -> json {
    const json policy = {{"deadLetterTargetArn", b.arn(target)}, {"maxReceiveCount", 1}};
    return {{"QueueUrl", "orders"}, {"Attributes", {{"RedrivePolicy", policy.dump()}}}};
  };
  const auto move = [](Bench& b, const std::string& from, const std::string& to) -> json {
    json body = {{"SourceArn", b.arn(from)}};
    if (!to.empty()) body["DestinationArn"] = b.arn(to);
    return body;
  };
  Bench b{Rule{"queue:*", "orders"}};
  for (const char* target : {"secret", "made", "nothing"}) {
    CAPTURE(target);
    CHECK_FALSE(b.may("SetQueueAttributes", redrive(b, target)));
  }
  CHECK_FALSE(b.may("StartMessageMoveTask", move(b, "orders", "secret")));
  CHECK(b.last_note().find("queue:send on secret") != std::string::npos);
  CHECK_FALSE(b.may("StartMessageMoveTask", move(b, "secret", "orders")));
  // Back to where each came from, which its messages say.
  CHECK_FALSE(b.may("StartMessageMoveTask", move(b, "orders", "")));

  // Both take messages out of a queue, which is more than to manage it.
  Bench manager{Rule{"queue:manage", "orders"}, Rule{"queue:send", "*"}};
  CHECK_FALSE(manager.may("SetQueueAttributes", redrive(manager, "secret")));
  CHECK_FALSE(manager.may("StartMessageMoveTask", move(manager, "orders", "secret")));
  CHECK(manager.last_note().find("queue:receive on orders") != std::string::npos);

  Bench both{Rule{"queue:*", "orders"}, Rule{"queue:send", "secret"}};
  CHECK(both.may("SetQueueAttributes", redrive(both, "secret")));
}

TEST_CASE("sqs roles: a queue is removed, and a move task cancelled, by who manages it") {
  Bench sender{Rule{"queue:send", "*"}, Rule{"queue:receive", "*"}};
  CHECK_FALSE(sender.may("DeleteQueue", {{"QueueUrl", "made"}}));
  const json task = {{"taskId", "00000000-0000-0000-0000-000000000001"},
                     {"sourceArn", sender.arn("made")}};
  const json cancel = {{"TaskHandle", to_base64(task.dump())}};
  CHECK_FALSE(sender.may("CancelMessageMoveTask", cancel));
  Bench manager{Rule{"queue:manage", "*"}};
  CHECK(manager.call("CancelMessageMoveTask", cancel).status == 404);
  CHECK(manager.may("DeleteQueue", {{"QueueUrl", "made"}}));
}

TEST_CASE("sqs roles: forms of the Query protocol are asked the same") {
  Bench b{Rule{"queue:send", "orders"}};
  CHECK(b.query("SendMessage", {{"MessageBody", "m"}}, "/000000000000/orders").status == 200);
  check_query_error(b.query("SendMessage", {{"MessageBody", "m"}}, "/000000000000/secret"), 403,
                    "AccessDenied");
  // The URL in the form counts, not the path.
  check_query_error(b.query("SendMessage", {{"MessageBody", "m"}, {"QueueUrl", "secret"}},
                            "/000000000000/orders"),
                    403, "AccessDenied");
}

TEST_CASE("sqs roles: with the layer off, and for the developer, all is allowed") {
  Bench off({}, {.roles = false});
  CHECK(off.allowed("orders", off.handle).size() == off.actions("orders", off.handle).size());
  Bench b{};
  b.who.principal.developer = true;
  CHECK(b.allowed("made", b.made_handle).size() == b.actions("made", b.made_handle).size());
  CHECK(b.allowed("orders", b.handle).size() == b.actions("orders", b.handle).size());
}
