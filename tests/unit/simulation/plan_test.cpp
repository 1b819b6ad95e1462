// Goal: requests are what the scenario's templates say, at the rate it says, for the people it
// says.
#include "simulation/plan.hpp"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

using namespace porteiro;
using namespace porteiro::simulation;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct Fixture {
  Generators generators{json::parse(R"({
    "cpf": {"gen": "cpf", "class": "restricted", "canary": true},
    "name": {"gen": "name"}, "cents": {"gen": "int", "min": 1, "max": 9}})")};
  std::multiset<std::string> canaries;
  OnCanary on_canary = [this](std::string_view value) { canaries.emplace(value); };
  Population people{json::parse(R"({"count": 50, "of": ["cpf", "name"], "access": {"zipf": 1.1}})"),
                    generators, Random(5)};

  Traffic traffic(const char* spec, Population* population) {
    return {json::parse(spec), generators, population, Random(9), on_canary};
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "plan: a lone template becomes the JSON value, one inside text stays text") {
  Traffic posts = traffic(R"({"id": "a", "count": 1, "arrival": {"constant": "10/s"}, "request": {
    "method": "POST", "path": "/p/{{name}}", "headers": {"Idempotency-Key": "k-{{n}}", "X-Api-Key": "secret"},
    "body": {"cents": "{{cents}}", "note": "number {{n}} of {{cents}}"}}})",
                          nullptr);
  REQUIRE(posts.gap() == 100ms);
  const auto planned = posts.next(Time{});
  const json body = json::parse(planned.request.body);
  CHECK(body.at("cents").is_number_integer());
  CHECK(body.at("note") == "number 1 of " + body.at("cents").dump());
  CHECK(planned.request.url.find(' ') == std::string::npos);
  CHECK(planned.request.headers[0].value == "k-1");
  CHECK(posts.key_headers().size() == 1);  // The constant header alone: what follow-ups need.
  CHECK_FALSE(posts.gap().has_value());
}

TEST_CASE_FIXTURE(Fixture,
                  "plan: `each` visits every member once, with the values `pick` also sees") {
  const char* path = R"("request": {"method": "GET", "path": "/{{cpf}}"}})";
  Traffic each = traffic(
      (std::string(R"({"id": "a", "each": "people", "arrival": {"constant": "10/s"}, )") + path)
          .c_str(),
      &people);
  std::set<std::string> seen;
  while (each.gap()) seen.insert(each.next(Time{}).request.url);
  CHECK(seen.size() == 50);
  CHECK(canaries.size() == 50);

  Traffic picks = traffic(
      (std::string(
           R"({"id": "b", "count": 2000, "pick": "people", "arrival": {"poisson": "10/s"}, )") +
       path)
          .c_str(),
      &people);
  std::map<std::string, int> counts;
  while (picks.gap()) ++counts[picks.next(Time{}).request.url];
  int most = 0;
  for (const auto& [url, count] : counts) {
    CHECK(seen.contains(url));
    most = std::max(most, count);
  }
  CHECK(most > 2000 / 50 * 4);  // Zipf: the favourite is asked for far more than its even share.
  CHECK(canaries.size() == 50);
}

TEST_CASE_FIXTURE(Fixture, "plan: Poisson gaps have the mean of the rate, resends their share") {
  Traffic posts =
      traffic(R"({"id": "a", "count": 20000, "arrival": {"poisson": "100/s"}, "resend": 0.1,
    "request": {"method": "GET", "path": "/"}})",
              nullptr);
  Duration total{0};
  int resent = 0;
  while (const auto gap = posts.gap()) {
    total += *gap;
    if (posts.next(Time{}).resend) ++resent;
  }
  CHECK(total / 20000 > 9800us);
  CHECK(total / 20000 < 10200us);
  CHECK(resent > 1800);
  CHECK(resent < 2200);
}

TEST_CASE_FIXTURE(Fixture, "plan: a `send` is a SendMessage as SQS clients write it") {
  Traffic orders = traffic(R"({"id": "a", "count": 1, "arrival": {"constant": "10/s"}, "send": {
    "queue": "orders.fifo", "group": "g-{{n}}", "deduplication_id": "d-{{n}}", "delay": "3s",
    "attributes": {"who": "{{name}}", "n": "{{n}}"}, "key": "k-{{n}}",
    "body": {"cents": "{{cents}}", "note": "say \"{{n}}\""}}})",
                           nullptr);
  CHECK(orders.sends());
  const auto planned = orders.next(Time{});
  CHECK(planned.request.method == "POST");
  CHECK(planned.request.url == "/");
  CHECK(planned.key == "k-1");
  CHECK(planned.request.headers[0].value == "application/x-amz-json-1.0");
  CHECK(planned.request.headers[1].value == "AmazonSQS.SendMessage");
  json body = json::parse(planned.request.body);
  const json message = json::parse(body.at("MessageBody").get<std::string>());
  CHECK(message.at("cents").is_number_integer());
  CHECK(message.at("note") == "say \"1\"");
  CHECK(body.at("MessageAttributes").at("who").at("DataType") == "String");
  CHECK(body.at("MessageAttributes").at("n").at("StringValue") == "1");
  body.erase("MessageBody");
  body.erase("MessageAttributes");
  CHECK(body == json::parse(R"({"QueueUrl": "orders.fifo", "MessageGroupId": "g-1",
                                "MessageDeduplicationId": "d-1", "DelaySeconds": 3})"));

  Traffic notes = traffic(R"({"id": "b", "count": 1, "arrival": {"constant": "10/s"},
    "send": {"queue": "notes", "body": "number {{n}}"}})",
                          nullptr);
  CHECK(json::parse(notes.next(Time{}).request.body) ==
        json::parse(R"({"QueueUrl": "notes", "MessageBody": "number 1"})"));
}
