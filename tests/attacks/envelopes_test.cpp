// Goal: what is put into a route's queue by any other way than through the gateway reaches no
// function, whatever it looks like, and everyone can see that it was tried.
#include <doctest/doctest.h>

#include "attacks/bench.hpp"

using namespace porteiro;
using namespace porteiro::attacks;

namespace {

using Event = nlohmann::ordered_json;  // Keeps every byte of what was signed.

// The business event of the newest request of this type, as anyone at the inside port sees it.
Event newest_event(Bench& bench, std::string_view type) {
  Event found;
  const Event events = Event::parse(bench.inside("GET", "/_porteiro/events?limit=1000").body);
  for (const Event& each : events.at("events")) {
    if (each.at("event").at("type") == type) found = each.at("event");
  }
  REQUIRE(found.is_object());
  return found;
}

Answer put_by_hand(Bench& bench, std::string_view queue, const Event& event) {
  const Answer answer = bench.aws("AmazonSQS.SendMessage", {{"QueueUrl", bench.queue_url(queue)},
                                                            {"MessageBody", event.dump()}});
  bench.pass(2s);
  return answer;
}

double invocations(const Bench& bench, std::string_view function) {
  return bench.metric("porteiro_function_invocations_total{function=\"" + std::string(function) +
                      "\"}");
}

double refused(const Bench& bench, std::string_view queue, std::string_view reason) {
  std::string line = "porteiro_events_refused_total{queue=\"";
  line.append(queue).append("\",reason=\"").append(reason).append("\"}");
  return bench.metric(line);
}

// A movement was asked for once: its event, and how often the function has run.
struct Prepared {
  explicit Prepared(const json& patch = json::object()) : bench(Bench::example(patch)) {
    const Answer done =
        bench.ask("POST", "/v1/people/11144477735/movements", with_json(lender),
                  R"({"at":"2026-01-01T10:00:00Z","kind":"card","amount_cents":1290})");
    REQUIRE(done.status == 202);
    bench.pass(5s);
    REQUIRE(invocations(bench, "add-movement") == 1);
    event = newest_event(bench, "trail.moved");
  }
  // The message was deleted, no function saw it, and it was counted and told under this reason.
  void check_refused(std::string_view reason, std::string_view queue = "fast") {
    CHECK(invocations(bench, "add-movement") == 1);
    CHECK(refused(bench, queue, reason) == 1);
    const auto told = bench.denials();
    REQUIRE(told.size() == 1);
    CHECK(told.front().find("the queue " + std::string(queue)) != std::string::npos);
    CHECK(bench.metric("porteiro_access_denied_total{principal=\"anonymous\"}") == 1);
    bench.pass(1h);  // It does not come again.
    CHECK(refused(bench, queue, reason) == 1);
    CHECK(invocations(bench, "add-movement") == 1);
  }
  Bench bench;
  Event event;
};

// A command whose function failed until it was given up, as somebody at the inside port finds it.
struct DeadLetter {
  struct Failing final : Faults {
    bool on = true;
    Fault strike(FaultPoint point, std::string_view target) override {
      if (!on || point != FaultPoint::worker_start || target != "add-movement") return {};
      return {Fault::Kind::error};
    }
  };
  DeadLetter() {
    bench.world.environment.faults = &failing;
    REQUIRE(bench
                .ask("POST", "/v1/people/11144477735/movements", with_json(lender),
                     R"({"at":"2026-01-01T10:00:00Z","kind":"card","amount_cents":1290})")
                .status == 202);
    bench.pass(5min);
    REQUIRE(bench.emulator->queues().find("fast-dlq")->depth().total() == 1);
    failing.on = false;
  }
  void move_to(std::string_view queue) {
    const std::string arn = "arn:aws:sqs:us-east-1:000000000000:";
    const Answer moved =
        bench.aws("AmazonSQS.StartMessageMoveTask",
                  {{"SourceArn", arn + "fast-dlq"}, {"DestinationArn", arn + std::string(queue)}});
    REQUIRE(moved.status == 200);
    bench.pass(10s);
    CHECK(bench.emulator->queues().find("fast-dlq")->depth().total() == 0);
  }
  Failing failing;
  Bench bench{Bench::example()};
};

}  // namespace

TEST_CASE("attack: a copy of a signed event is put into its queue again") {
  Prepared p;
  REQUIRE(p.event.contains("signature"));
  CHECK(put_by_hand(p.bench, "fast", p.event).status == 200);
  p.check_refused("replayed");
}

TEST_CASE("attack: an event is made up, without a signature") {
  Prepared p;
  p.event.erase("signature");
  put_by_hand(p.bench, "fast", p.event);
  p.check_refused("unsigned");
}

TEST_CASE("attack: an event is made up, with a signature of the right form") {
  Prepared p;
  std::string signature = p.event["signature"];
  char& last = signature[signature.size() - 5];
  last = last == 'A' ? 'B' : 'A';
  p.event["signature"] = signature;
  put_by_hand(p.bench, "fast", p.event);
  p.check_refused("forged");
}

TEST_CASE("attack: any one member of a signed event is changed") {
  const std::vector<std::pair<std::string, Event>> changes{
      {"id", "00000000000000000000000000000001"},
      {"source", "/porteiro/gateway/v1/people/{cpf}"},
      {"type", "trail.requested"},
      {"subject", "cpf_AAAAAAAAAAAAAAAAAAAAAA"},
      {"time", "2026-01-01T00:00:01Z"},
      {"correlationid", "00000000000000000000000000000001"},
      {"principal", "shop"},
      {"purpose", "curiosity"},
      {"audience", "vault"},
      {"masked", true},
      {"data", {{"path", {{"cpf", "cpf_AAAAAAAAAAAAAAAAAAAAAA"}}}}}};
  for (const auto& [member, value] : changes) {
    CAPTURE(member);
    Prepared p;
    REQUIRE((!p.event.contains(member) || p.event[member] != value));
    p.event[member] = value;
    put_by_hand(p.bench, "fast", p.event);
    p.check_refused("forged");
  }
}

TEST_CASE("attack: a signed event is put into another route's queue") {
  Prepared p;
  put_by_hand(p.bench, "vault", p.event);
  p.check_refused("wrong-origin", "vault");
}

TEST_CASE("attack: the signature of one event is put on another") {
  Prepared p;
  const std::string signature = p.event["signature"];
  REQUIRE(p.bench.ask("GET", "/v1/people/11144477735/trail", lender).status == 200);
  Event other = newest_event(p.bench, "trail.requested");
  other["signature"] = signature;
  put_by_hand(p.bench, "fast", other);
  p.check_refused("forged");
}

TEST_CASE("attack: an older way to sign is asked for") {
  for (const char* signature :
       {"h0.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "none", "h1..",
        "h1.99999999999999999999.AAAA", "h1.-1.AAAA", "h1.1.", "eyJhbGciOiJub25lIn0.e30."}) {
    CAPTURE(signature);
    Prepared p;
    p.event["signature"] = signature;
    put_by_hand(p.bench, "fast", p.event);
    p.check_refused("forged");
  }
}

TEST_CASE("attack: a signed event is kept back until it is too old") {
  Prepared p(json{{"security", {{"envelopes", {{"age_max", "10m"}}}}}});
  p.bench.pass(11min);
  put_by_hand(p.bench, "fast", p.event);
  p.check_refused("expired");
}

TEST_CASE("attack: a dead letter is moved into another route's queue") {
  DeadLetter d;
  d.move_to("vault");
  CHECK(refused(d.bench, "vault", "wrong-origin") == 1);
  CHECK(d.bench.denials().size() == 1);
}

TEST_CASE("envelopes: a dead letter that is moved back to its queue is as good as before") {
  DeadLetter d;
  d.move_to("fast");
  CHECK(d.bench.denials().empty());
  const Answer trail = d.bench.ask("GET", "/v1/people/11144477735/trail", lender);
  CHECK(trail.status == 200);
  CHECK(trail.parsed().at("movements").size() == 1);
}

TEST_CASE("attack: many forged events cost the key service no call") {
  Prepared p;
  const std::uint64_t before = p.bench.emulator->kms().calls();
  for (int day = 0; day < 20; ++day) {
    Event forged = p.event;
    forged["time"] = "2025-12-" + std::to_string(10 + day) + "T00:00:00Z";
    put_by_hand(p.bench, "fast", forged);
  }
  CHECK(refused(p.bench, "fast", "forged") == 20);
  CHECK(p.bench.emulator->kms().calls() == before);
}

TEST_CASE("envelopes: an event outlives the key that it was signed with") {
  Bench bench(Bench::example({{"security", {{"envelopes", {{"rotate", "1m"}}}}}}));
  for (int minute = 0; minute < 10; ++minute) {
    CHECK(bench.ask("GET", "/v1/people/11144477735/trail", lender).status == 404);
    bench.pass(59s);
  }
  CHECK(bench.denials().empty());
}

TEST_CASE("envelopes: with the layer off events go unsigned and are taken as they are") {
  Prepared p(json{{"security", {{"off", json::array({"envelopes"})}}}});
  CHECK_FALSE(p.event.contains("signature"));
  p.event["id"] = "00000000000000000000000000000001";
  put_by_hand(p.bench, "fast", p.event);
  CHECK(invocations(p.bench, "add-movement") == 2);
  CHECK(p.bench.denials().empty());
}
