// What functions outside get and what their answers mean, in the forms of AWS.
#include "lambda/payload.hpp"

#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

struct Payloads {
  Payloads() {
    surroundings.message_text = [](std::string_view queue, const queue::Delivery&) {
      return MessageText{"handle of " + std::string(queue), "md5", "18"};
    };
    options.name = "f";
    options.routes = {{"person.sold", "POST", "/v1/other"},
                      {"person.sold", "POST", "/v1/people/{cpf}/sales"},
                      {"person.read", "GET", "/v1/people/{cpf}"}};
  }
  json of(Invocation invocation) {
    std::optional<Result<std::string>> made;
    make_payload(std::make_shared<const Invocation>(std::move(invocation)), options, surroundings,
                 *b.services, [&](Result<std::string> payload) { made = std::move(payload); });
    for (int i = 0; i < 100 && !made; ++i) b.world.scheduler.run_for(10ms);
    REQUIRE(made.has_value());
    REQUIRE(made->has_value());
    return json::parse(made->value());
  }
  json of_route(events::Event event, const std::string& path) {
    event.source = "/porteiro/gateway" + path;
    Invocation invocation{};
    invocation.route = true;
    invocation.events = {std::move(event)};
    return of(std::move(invocation));
  }

  Bench b;
  ExternalOptions options;
  Surroundings surroundings;
};

Result<Reply> reply(const char* text) { return route_reply(text); }

}  // namespace

TEST_CASE("payload: a request to a route is an API Gateway event, payload 2.0") {
  Payloads p;
  events::Event e =
      p.b.event("person.sold",
                R"({"path":{"cpf":"tok a/b"},"query":{"from":"1 2","to":"é"},"body":{"cents":5}})");
  const json event = p.of_route(e, "/v1/people/{cpf}/sales");
  CHECK(event["version"] == "2.0");
  CHECK(event["routeKey"] == "POST /v1/people/{cpf}/sales");
  CHECK(event["rawPath"] == "/v1/people/tok%20a%2Fb/sales");
  CHECK(event["rawQueryString"] == "from=1%202&to=%C3%A9");
  CHECK(event["pathParameters"] == json{{"cpf", "tok a/b"}});
  CHECK(event["queryStringParameters"] == json{{"from", "1 2"}, {"to", "é"}});
  CHECK(event["headers"]["x-correlation-id"] == to_text(e.correlation));
  CHECK(event["headers"]["content-type"] == "application/json");
  CHECK(event["body"] == "{\"cents\":5}");
  CHECK(event["isBase64Encoded"] == false);
  const json& context = event["requestContext"];
  CHECK(context["http"]["method"] == "POST");
  CHECK(context["http"]["path"] == event["rawPath"]);
  CHECK(context["routeKey"] == event["routeKey"]);
  CHECK(context["stage"] == "$default");
  CHECK(context["accountId"] == "000000000000");
  CHECK(context["time"] == "01/Jan/2026:00:00:00 +0000");
  CHECK(context["timeEpoch"] == 1767225600000);

  e.data = R"({"path":{},"query":{},"headers":{"user-agent":"curl","accept":"a,\"b\"",)"
           R"("x-correlation-id":"forged"},"body":1})";
  const json with_headers = p.of_route(e, "/v1/sales");
  CHECK(with_headers["headers"] == json{{"user-agent", "curl"},
                                        {"accept", "a,\"b\""},
                                        {"content-type", "application/json"},
                                        {"x-correlation-id", to_text(e.correlation)}});
  CHECK(with_headers["requestContext"]["http"]["userAgent"] == "curl");

  const json read = p.of_route(p.b.event("person.read", R"({"path":{"cpf":"t"},"query":{}})"),
                               "/v1/people/{cpf}");
  CHECK(read["routeKey"] == "GET /v1/people/{cpf}");
  CHECK_FALSE(read.contains("body"));
  CHECK_FALSE(read.contains("queryStringParameters"));
  CHECK(read["rawQueryString"] == "");
}

TEST_CASE("payload: a sealed body is unsealed") {
  Payloads p;
  events::Event e = p.b.event("person.sold");
  std::string sealed;
  p.b.sealer->seal("vault", sealing_context(e), R"({"name":"Maria"})", e.correlation,
                   [&](Result<std::string> done) { sealed = std::move(done).value(); });
  p.b.world.scheduler.run_for(1s);
  e.data = R"({"path":{},"query":{},"sealed":")" + to_base64(sealed) + "\"}";
  CHECK(p.of_route(e, "/v1/other")["body"] == R"({"name":"Maria"})");
}

TEST_CASE("payload: messages of a queue are records") {
  Payloads p;
  Invocation invocation{};
  invocation.queue = "orders.fifo";
  queue::Delivery delivery;
  delivery.message.id = Id{0x1122334455667788U, 0x99aabbccddeeff00U};
  delivery.message.body = "any \"text\"";
  delivery.message.sent = p.b.world.scheduler.now();
  delivery.message.first_received = p.b.world.scheduler.now() + 5ms;
  delivery.message.receives = 3;
  delivery.message.attributes = {{"kind", "String", "big"}, {"raw", "Binary.png", "\x01\x02"}};
  invocation.deliveries = {delivery, delivery};
  invocation.deliveries[1].message.number = 7;
  invocation.deliveries[1].message.group = "g";
  invocation.deliveries[1].message.deduplication_id = "d";
  invocation.deliveries[1].message.attributes.clear();
  invocation.deliveries[1].message.dead_letter_source = "source";
  invocation.events = {p.b.event("x"), p.b.event("y")};
  const json records = p.of(std::move(invocation))["Records"];
  REQUIRE(records.size() == 2);
  CHECK(records[0]["messageId"] == "11223344-5566-7788-99aa-bbccddeeff00");
  CHECK(records[0]["receiptHandle"] == "handle of orders.fifo");
  CHECK(records[0]["body"] == "any \"text\"");
  CHECK(records[0]["md5OfBody"] == "md5");
  CHECK(records[0]["eventSource"] == "aws:sqs");
  CHECK(records[0]["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:orders.fifo");
  CHECK(records[0]["awsRegion"] == "us-east-1");
  CHECK(records[0]["attributes"] == json{{"ApproximateReceiveCount", "3"},
                                         {"SentTimestamp", "1767225600000"},
                                         {"SenderId", "000000000000"},
                                         {"ApproximateFirstReceiveTimestamp", "1767225600005"}});
  CHECK(records[0]["messageAttributes"]["kind"]["stringValue"] == "big");
  CHECK(records[0]["messageAttributes"]["kind"]["dataType"] == "String");
  CHECK(records[0]["messageAttributes"]["raw"]["binaryValue"] == "AQI=");
  CHECK(records[1]["attributes"]["SequenceNumber"] == "18");
  CHECK(records[1]["attributes"]["MessageGroupId"] == "g");
  CHECK(records[1]["attributes"]["MessageDeduplicationId"] == "d");
  CHECK(records[1]["attributes"]["DeadLetterQueueSourceArn"] ==
        "arn:aws:sqs:us-east-1:000000000000:source");
  CHECK(records[1]["messageAttributes"] == json::object());
}

TEST_CASE("payload: an invocation of the service is given as it is, an event as itself") {
  Payloads p;
  Invocation direct{};
  direct.direct = std::make_shared<Direct>(Direct{.payload = "[1,2]"});
  direct.events = {p.b.event("x")};
  CHECK(p.of(direct) == json::array({1, 2}));
  Invocation plain{};
  plain.events = {p.b.event("x", R"({"a":1})")};
  CHECK(p.of(plain)["type"] == "x");
  plain.events.push_back(p.b.event("y"));
  CHECK(p.of(plain)[1]["type"] == "y");
}

TEST_CASE("payload: an answer with a status code says everything about the response") {
  const Result<Reply> full = reply(
      R"({"statusCode":201,"headers":{"Content-Type":"text/html","X-A":"1","Content-Length":7,
          "x-n":5},"cookies":["a=1","b=2"],"body":"aGk=","isBase64Encoded":true})");
  REQUIRE(full.has_value());
  CHECK(full.value().status == 201);
  CHECK(full.value().content_type == "text/html");
  CHECK(full.value().body == "hi");
  std::string headers;
  for (const http::Header& each : full.value().headers)
    headers += each.name + ":" + each.value + ";";
  CHECK(headers == "X-A:1;x-n:5;Set-Cookie:a=1;Set-Cookie:b=2;");

  const Result<Reply> plain = reply(R"({"statusCode":"404","body":{"a":1}})");
  REQUIRE(plain.has_value());
  CHECK(plain.value().status == 404);
  CHECK(plain.value().content_type == "text/plain;charset=UTF-8");
  CHECK(plain.value().body == "{\"a\":1}");
  CHECK(reply(R"({"statusCode":204})").value().body.empty());
}

TEST_CASE("payload: an answer without a status code is the body itself") {
  for (const char* text : {"{\"a\":1}", "\"hello\"", "[1]", "null", "7"}) {
    const Result<Reply> it = reply(text);
    REQUIRE(it.has_value());
    CHECK(it.value().status == 200);
    CHECK(it.value().content_type == "application/json");
    CHECK(it.value().body == text);
  }
}

TEST_CASE("payload: an answer that no response can be made of") {
  const std::string deep(200'000, '[');
  const std::string deep_answer =
      "{\"statusCode\":200,\"body\":" + deep + std::string(deep.size(), ']') + "}";
  for (const auto& [text, at] : std::map<std::string, std::string>{
           {"garbage", "answer"},
           {"{\"statusCode\":", "answer"},
           {R"({"statusCode":99})", "statusCode"},
           {R"({"statusCode":"x"})", "statusCode"},
           {R"({"statusCode":null})", "statusCode"},
           {deep_answer, "body"},
           {R"({"statusCode":200,"headers":[]})", "headers"},
           {R"({"statusCode":200,"headers":{"a b":"1"}})", "headers"},
           {R"({"statusCode":200,"headers":{"a":"1\r\nb: 2"}})", "headers"},
           {R"({"statusCode":200,"headers":{"a":{}}})", "headers"},
           {R"({"statusCode":200,"cookies":"a=1"})", "cookies"},
           {R"({"statusCode":200,"cookies":["a\nb"]})", "cookies"},
           {R"({"statusCode":200,"isBase64Encoded":true,"body":"%"})", "body"}}) {
    CAPTURE(text);
    const Result<Reply> it = reply(text.c_str());
    REQUIRE_FALSE(it.has_value());
    CHECK(it.error().at == at);
  }
}
