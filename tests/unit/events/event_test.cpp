#include "porteiro/events/event.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/base/random.hpp"

using namespace porteiro;
using namespace porteiro::events;

namespace {

const std::string id_text = "00112233445566778899aabbccddeeff";
const std::string trace_text = "0af7651916cd43dd8448eb211c80319c";

Event full_event() {
  Event event;
  event.id = *parse_id(id_text);
  event.source = "/porteiro/gateway/persons/{cpf}";
  event.type = "person.registered";
  event.subject = "tok_7f\"3a";
  event.time = Time(std::chrono::milliseconds(1767225600123));
  event.correlation = *parse_id(trace_text);
  event.causation = Id{0, 5};
  event.classification = "restricted";
  event.data = R"({"path":{"cpf":"tok"},"body":[1,2.5,null,"a\"b"],"sealed":"AAEC"})";
  return event;
}

// A valid event with `member` (a name and a value, or nothing) added at the end.
std::string event_with(std::string_view member) {
  std::string json = R"({"specversion":"1.0","id":")" + id_text + R"(","source":"/s","type":"t")";
  if (!member.empty()) json.append(",").append(member);
  return json + "}";
}

}  // namespace

TEST_CASE("event: the structured form of CloudEvents, member by member") {
  CHECK(to_json(full_event()) ==
        R"({"specversion":"1.0","id":"00112233445566778899aabbccddeeff",)"
        R"("source":"/porteiro/gateway/persons/{cpf}","type":"person.registered",)"
        R"("subject":"tok_7f\"3a","time":"2026-01-01T00:00:00.123Z",)"
        R"("datacontenttype":"application/json",)"
        R"("traceparent":"00-0af7651916cd43dd8448eb211c80319c-0011223344556677-01",)"
        R"("correlationid":"0af7651916cd43dd8448eb211c80319c",)"
        R"("causationid":"00000000000000000000000000000005","dataclassification":"restricted",)"
        R"("data":{"path":{"cpf":"tok"},"body":[1,2.5,null,"a\"b"],"sealed":"AAEC"}})");
}

TEST_CASE("event: what is empty is left out") {
  Event event;
  event.id = *parse_id(id_text);
  event.source = "/s";
  event.type = "t";
  CHECK(to_json(event) == event_with(""));
}

TEST_CASE("event: an event comes back as it was") {
  const Event before = full_event();
  const auto parsed = parse_event(to_json(before));
  REQUIRE(parsed);
  const Event& after = parsed.value();
  CHECK(after.id == before.id);
  CHECK(after.source == before.source);
  CHECK(after.type == before.type);
  CHECK(after.subject == before.subject);
  CHECK(after.time == before.time);
  CHECK(after.correlation == before.correlation);
  CHECK(after.causation == before.causation);
  CHECK(after.classification == before.classification);
  CHECK(after.data == before.data);
}

TEST_CASE("event: what other producers write is understood") {
  const auto parse = [](std::string_view member) {
    const auto parsed = parse_event(event_with(member));
    REQUIRE_MESSAGE(parsed, member);
    return parsed.value();
  };
  CHECK(parse(R"("data" : [ 1 , 2 ] )").data == "[ 1 , 2 ]");
  CHECK(parse(R"("data":null)").data == "null");
  CHECK(parse(R"("data":"text")").data == "\"text\"");
  CHECK(parse(R"("data":-1.5e3)").data == "-1.5e3");
  CHECK(parse(R"("subject":null,"time":null,"causationid":null)").subject.empty());
  CHECK(parse(R"("subject":"a\u00e9\n")").subject == "a\xc3\xa9\n");
  CHECK(parse(R"("time":"2026-01-01T01:00:00.5+01:00")").time ==
        Time(std::chrono::milliseconds(1767225600500)));
  CHECK(parse(R"("correlationid":"0af76519-16cd-43dd-8448-eb211c80319c")").correlation ==
        *parse_id(trace_text));
  CHECK(parse(R"("theirs":{"id":"x"},"more":[true,false])").type == "t");
  CHECK(parse(R"("datacontenttype":"application/cloudevents+json; charset=utf-8")").data.empty());
}

TEST_CASE("event: the correlation comes from correlationid, else from traceparent") {
  const Id traced = *parse_id(trace_text);
  const std::string rest = "-00f067aa0ba902b7-01";
  const auto correlation = [](const std::string& member) {
    const auto parsed = parse_event(event_with(member));
    REQUIRE_MESSAGE(parsed, member);
    return parsed.value().correlation;
  };
  CHECK(correlation("\"traceparent\":\"00-" + trace_text + rest + "\"") == traced);
  CHECK(correlation("\"traceparent\":\"01-" + trace_text + rest + "-more\"") == traced);
  CHECK(correlation("\"traceparent\":\"00-" + trace_text + rest + "\",\"correlationid\":\"" +
                    id_text + "\"") == *parse_id(id_text));
  for (const std::string& bad :
       {"00-" + trace_text + rest + "-more", "ff-" + trace_text + rest, trace_text,
        "00-" + std::string(32, '0') + rest, "00-" + std::string(32, 'x') + rest,
        "00-" + trace_text + "-00f067aa0ba902b7", "00_" + trace_text + rest, std::string()}) {
    CHECK_FALSE(correlation("\"traceparent\":\"" + bad + "\""));
  }
  CHECK_FALSE(correlation("\"traceparent\":17"));
}

TEST_CASE("event: what is wrong is refused, with the member's name and not its value") {
  const auto refused = [](const std::string& json, std::string_view member) {
    CAPTURE(json);
    const auto parsed = parse_event(json);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Errc::invalid);
    CHECK(parsed.error().at == member);
    CHECK(parsed.error().detail.find(member) != std::string::npos);
    CHECK(parsed.error().detail.find("SECRET") == std::string::npos);
  };
  struct Row {
    std::string_view member, value;
  };
  const std::vector<Row> required{{"specversion", "\"1.0\""},
                                  {"id", "\"00112233445566778899aabbccddeeff\""},
                                  {"source", "\"/s\""},
                                  {"type", "\"t\""}};
  const auto build = [&](std::string_view changed, std::optional<std::string_view> value) {
    std::string json = "{";
    for (const Row& row : required) {
      if (row.member == changed && !value) continue;
      json.append(json.size() == 1 ? "\"" : ",\"").append(row.member).append("\":");
      json.append(row.member == changed ? *value : row.value);
    }
    return json + "}";
  };
  REQUIRE(parse_event(build("", std::nullopt)));
  for (const Row& row : required) {
    refused(build(row.member, std::nullopt), row.member);
    for (const std::string_view value : {"null", "1", "1.0", "true", "{}", "[]", "\"\""}) {
      refused(build(row.member, value), row.member);
    }
  }
  refused(build("specversion", "\"0.3\""), "specversion");
  refused(build("specversion", "\"1.0 \""), "specversion");
  refused(build("id", "\"SECRET\""), "id");
  refused(build("id", "\"00000000000000000000000000000000\""), "id");
  refused(build("source", R"("\ud800")"), "source");
  for (const Row& row : std::vector<Row>{{"subject", "1"},
                                         {"time", "\"SECRET\""},
                                         {"time", "1767225600"},
                                         {"datacontenttype", "\"text/SECRET\""},
                                         {"datacontenttype", "[]"},
                                         {"correlationid", "\"SECRET\""},
                                         {"correlationid", "{}"},
                                         {"causationid", "\"0\""},
                                         {"dataclassification", "false"},
                                         {"data_base64", "\"SECRET\""},
                                         {"id", "\"11112233445566778899aabbccddeeff\""},
                                         {"type", "null"}}) {
    std::string member = "\"";
    member.append(row.member).append("\":").append(row.value);
    refused(event_with(member), row.member);
  }
  refused(event_with(R"("data":1,"data":2)"), "data");
  refused(event_with(R"("data":null,"data":2)"), "data");
  refused(event_with(R"("subject":null,"subject":"SECRET")"), "subject");
  refused(event_with(R"("i\u0064":"SECRET")"), "");
}

TEST_CASE("event: text that is no JSON object is refused") {
  const std::string valid = event_with(R"("data":{"a":[1,"\u00e9"]})");
  for (const std::string& json :
       {std::string(),
        std::string(" "),
        std::string("null"),
        std::string("[]"),
        std::string("\"x\""),
        std::string("{"),
        std::string("{}x"),
        valid + valid,
        valid + ",",
        "[" + valid + "]",
        event_with(R"("data":01)"),
        event_with(R"("data":.5)"),
        event_with(R"("data":+1)"),
        event_with(R"("data":nul)"),
        event_with(R"("data":'x')"),
        event_with(R"("data":"\x")"),
        event_with(R"("data":"\u12g4")"),
        event_with("data:1"),
        event_with("\"data\":\"\n\""),
        event_with(R"("data")"),
        event_with(R"("data":)"),
        event_with(R"("data":{"a":1,})"),
        event_with(R"("data":[1,])"),
        event_with("\"data\":" + std::string(10'000, '[')),
        event_with("\"data\":" + std::string(100, '[') + std::string(100, ']'))}) {
    CAPTURE(json.substr(0, 200));
    CHECK_FALSE(parse_event(json));
  }
  for (std::size_t size = 0; size < valid.size(); ++size) {
    CHECK_FALSE(parse_event(std::string_view(valid).substr(0, size)));
  }
}

// Goal: no input crashes, and what is accepted is an event that we could have written.
TEST_CASE("event: changed bytes never crash, and what passes is a whole event") {
  const std::string valid = to_json(full_event());
  constexpr std::string_view spice = "{}[]\",:\\u0019eE+-.ntf \n\x80\xff";
  int accepted = 0;
  for (std::uint64_t seed = 1; seed <= 30'000; ++seed) {
    Random random(seed);
    std::string json = valid;
    for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes) {
      const std::size_t at = random.below(json.size());
      switch (random.below(4)) {
        case 0:
          json[at] = spice[random.below(spice.size())];
          break;
        case 1:
          json.erase(at, 1 + random.below(20));
          break;
        case 2:
          json.insert(at, 1, spice[random.below(spice.size())]);
          break;
        default:
          json.insert(at, json.substr(random.below(json.size()), random.below(40)));
          break;
      }
      if (json.empty()) json = "{";
    }
    const auto parsed = parse_event(json);
    if (!parsed) {
      CHECK(parsed.error().code == Errc::invalid);
      continue;
    }
    ++accepted;
    CAPTURE(seed);
    CAPTURE(json);
    CHECK(parsed.value().id);
    const auto again = parse_event(to_json(parsed.value()));
    REQUIRE(again);
    CHECK(again.value().data == parsed.value().data);
    CHECK(again.value().subject == parsed.value().subject);
    if (nlohmann::json::accept(json)) CHECK(nlohmann::json::accept(to_json(again.value())));
  }
  CHECK(accepted > 1000);
}
