// The way of a request: in, waiting, out.
#include "porteiro/gateway/gateway.hpp"

#include <nlohmann/json.hpp>

#include "fixture.hpp"
#include "gateway/core.hpp"

namespace porteiro::gateway {
namespace {

using telemetry::Kind;
using virtual_world::World;

const std::string person = "/v1/people/" + cpf;

std::vector<std::string> history(const House& house, Id trace = {}) {
  std::vector<std::string> out;
  house.telemetry.read(0, [&](const telemetry::Record& record) {
    if (!trace || record.trace == trace) out.emplace_back(to_string(record.kind));
  });
  return out;
}

}  // namespace

TEST_CASE("gateway: a synchronous request becomes an event and its reply the answer") {
  World world;
  House house(world, example());
  const Asked asked = house.ask("GET", person, lender);
  house.run(5ms);
  CHECK(asked->count == 0);
  CHECK(house.gateway->waiting() == 1);
  REQUIRE(house.depth("fast") == 1);
  CHECK(house.queues->find("fast")->peek(1)[0].message.ephemeral);
  const events::Event event = house.serve("fast", replied(200, "{\"name\":\"Ana\"}"));
  REQUIRE(asked->status() == 200);
  CHECK(asked->response.body == "{\"name\":\"Ana\"}");
  CHECK(asked->header("X-Correlation-Id") == to_text(event.correlation));
  CHECK(house.gateway->waiting() == 0);
  const std::vector<std::string> want{"request.received", "event.created", "message.sent",
                                      "message.received", "reply.sent",    "message.deleted"};
  CHECK(history(house, event.correlation) == want);
  CHECK(house.events->next() == 2);                 // The accepted envelope alone.
  house.gateway->reply(event, replied(200, "{}"));  // Delivered twice: nobody waits any more.
  CHECK(asked->count == 1);
}

TEST_CASE("gateway: the correlation id is the trace id of a valid traceparent, else a new one") {
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  CHECK(to_text(*trace_id("00-" + id + "-b7ad6b7169203331-01")) == id);
  CHECK(trace_id("cc-" + id + "-b7ad6b7169203331-01-what-comes-later").has_value());
  for (const std::string& bad : std::vector<std::string>{
           "", "00-" + id, "00-" + id + "-b7ad6b7169203331-01-x",
           "ff-" + id + "-b7ad6b7169203331-01",
           "00-" + std::string(32, '0') + "-b7ad6b7169203331-01",
           "00-" + id + "-0000000000000000-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00_" + id + "-b7ad6b7169203331-01", "00-" + id + "-b7ad6b7169203331-0x"}) {
    CAPTURE(bad);
    CHECK_FALSE(trace_id(bad).has_value());
  }
  World world;
  House house(world, example());
  const Headers traced = with(lender, "traceparent", "00-" + id + "-b7ad6b7169203331-01");
  const Asked first = house.ask("GET", person, traced);
  const Asked second = house.ask("GET", person, traced);
  house.serve("fast", replied(200, "1"));
  CHECK(first->status() == 200);
  CHECK(first->header("X-Correlation-Id") == id);
  CHECK(second->count == 0);  // The same trace, but another event.
  house.serve("fast", replied(200, "2"));
  CHECK(second->response.body == "2");
}

TEST_CASE("gateway: who may not is refused, and for the reason that comes first") {
  World world;
  House house(world, example());
  const struct {
    const char* method;
    std::string target;
    Headers headers;
    int status;
  } table[] = {
      {"GET", "/v1/nothing", {}, 404},
      {"DELETE", person, lender, 405},
      {"GET", person, {}, 401},
      {"GET", person, {{"X-Api-Key", "wrong"}}, 401},
      {"GET", person, {{"Authorization", "Basic lender-key"}}, 401},
      {"GET", person, shop, 403},
      {"GET", "/v1/people/1", lender, 400},
      {"POST", "/v1/echo", {{"X-Api-Key", "wrong"}}, 401},
  };
  for (const auto& row : table) {
    CAPTURE(row.target);
    CAPTURE(row.status);
    const Asked asked = house.ask(row.method, row.target, row.headers);
    CHECK(asked->status() == row.status);
    CHECK(asked->response.content_type == "application/problem+json");
    CHECK(asked->header("X-Correlation-Id").size() == 32);
    if (row.status == 405) CHECK(asked->header("Allow") == "GET, HEAD");
    if (row.status == 401) CHECK(asked->header("WWW-Authenticate").starts_with("Bearer"));
  }
  CHECK(history(house).back() == "request.refused");
  CHECK(house.depth("fast") == 0);
  // Of these, the missing scope alone is a business event.
  const auto kept = house.events->read(0, 10);
  REQUIRE(kept.size() == 1);
  const events::Event refused = events::parse_event(*kept[0].json).value();
  CHECK(refused.type == "porteiro.request.refused");
  CHECK(refused.data == R"({"status":403,"route":"GET /v1/people/{cpf}","client":"shop"})");
  CHECK(house.telemetry.metrics().find("porteiro_gateway_requests_total{route=\"GET "
                                       "/v1/people/{cpf}\",status=\"401\"} 3") !=
        std::string::npos);
}

TEST_CASE("gateway: rates are a client's own; strangers share others") {
  World world;
  Options options = example();
  options.limits.rate_per_second = 1;
  options.limits.burst = 2;
  House house(world, options);
  const auto status = [&](const Headers& headers) {
    const Asked asked = house.ask("GET", "/v1/people/1", headers);
    return asked->status() * 10 + (asked->header("Retry-After") == "1" ? 1 : 0);
  };
  CHECK(status(lender) == 4000);
  CHECK(status(lender) == 4000);
  CHECK(status(lender) == 4291);
  CHECK(status({}) == 4010);
  CHECK(status({{"X-Api-Key", "wrong"}}) == 4010);
  CHECK(status({{"X-Api-Key", "wrong too"}}) == 4010);
  CHECK(status({{"X-Api-Key", "wrong"}}) == 4291);
  CHECK(status({}) == 4010);  // Wrong keys take nothing from those without one.
  CHECK(status({}) == 4291);
  CHECK(status(shop) == 4030);
  house.run(999ms);
  CHECK(status(lender) == 4291);
  house.run(1ms);
  CHECK(status(lender) == 4000);
  CHECK(status(lender) == 4291);
  house.gateway->reset();
  CHECK(status(lender) == 4000);
}

TEST_CASE("gateway: bodies are bounded, and so are those who wait") {
  World world;
  Options options = example();
  options.limits.body_bytes_max = 100;
  options.limits.waiting_max = 1;
  House house(world, options);
  CHECK(house.ask("POST", "/v1/echo", {}, std::string(101, ' '))->status() == 413);
  const Asked first = house.ask("POST", "/v1/echo", {}, "{}" + std::string(98, ' '));
  CHECK(first->count == 0);
  const Asked second = house.ask("GET", person, lender);
  CHECK(second->status() == 503);
  CHECK(second->header("Retry-After") == "1");
  house.serve("fast", replied(200, "{}"));
  CHECK(house.ask("GET", person, lender)->count == 0);
}

TEST_CASE("gateway: a full queue is 503, a request too large for it 413") {
  World world;
  House house(world, example(), {.depth_max = 1});
  CHECK(house.ask("GET", person, lender)->count == 0);
  const Asked full = house.ask("GET", person, lender);
  CHECK(full->status() == 503);
  CHECK(full->header("Retry-After") == "1");
  CHECK(house.events->next() == 2);
  CHECK(house.gateway->waiting() == 1);
  const std::string large = "\"" + std::string((1u << 20) - 2, 'x') + "\"";
  house.serve("fast", replied(200, "{}"));
  CHECK(house.ask("POST", "/v1/echo", {}, large)->status() == 413);
}

TEST_CASE("gateway: a reply that does not come in time is 504, and comes for nobody then") {
  World world;
  House house(world, example());
  const Asked asked = house.ask("GET", person, lender);
  house.run(2s - 1ns);
  CHECK(asked->count == 0);
  house.run(1ns);
  CHECK(asked->status() == 504);
  CHECK(house.gateway->waiting() == 0);
  house.serve("fast", replied(200, "{}"));
  CHECK(asked->count == 1);
}

TEST_CASE("gateway: a function's error is a problem of its kind") {
  World world;
  House house(world, example());
  const Asked asked = house.ask("GET", person, lender);
  house.serve("fast", error(Errc::not_found, "there is no such person"));
  CHECK(asked->status() == 404);
  CHECK(asked->text("detail") == "there is no such person");
}

TEST_CASE("gateway: a synchronous write leaves what became of it as a business event") {
  World world;
  House house(world, example());
  house.ask("POST", person + "/movements", shop, "{}");
  const events::Event asked = house.serve("fast", replied(201, "{}"));
  const auto kept = house.events->read(0, 10, asked.correlation);
  REQUIRE(kept.size() == 2);
  const events::Event completed = events::parse_event(*kept[1].json).value();
  CHECK(completed.type == "porteiro.command.completed");
  CHECK(completed.data == "{\"status\":201}");
  CHECK(completed.causation == asked.id);
}

TEST_CASE("gateway: what is lost is told to who waits") {
  World world;
  House house(world, example());
  const Asked asked = house.ask("GET", person, lender);
  const queue::Message message = house.queues->find("fast")->peek(1)[0].message;
  house.gateway->lost(message, true);
  CHECK(asked->status() == 503);
  CHECK(asked->text("detail").find("dead-letter") != std::string::npos);
  house.gateway->lost(message, true);
  queue::Message foreign = message;
  foreign.body = "not one of ours";
  house.gateway->lost(foreign, false);
  CHECK(asked->count == 1);
}

TEST_CASE("gateway: a graceful stop answers whom it let in, and nobody else") {
  World world;
  House house(world, example());
  const Asked waiting = house.ask("GET", person, lender);
  bool stopped = false;
  house.gateway->stop([&] { stopped = true; });
  CHECK_FALSE(stopped);
  const Asked late = house.ask("GET", person, lender);
  CHECK(late->status() == 503);
  CHECK(late->header("Retry-After") == "1");
  CHECK_FALSE(stopped);
  house.serve("fast", replied(200, "{}"));
  CHECK(waiting->status() == 200);
  CHECK(stopped);

  House idle(world, example());
  bool at_once = false;
  idle.gateway->stop([&] { at_once = true; });
  CHECK(at_once);
}

TEST_CASE("gateway: a reset tells those who wait, and forgets") {
  World world;
  House house(world, example());
  const Asked waiting = house.ask("GET", person, lender);
  const Asked command = house.ask("POST", "/v1/people", lender, "{\"cpf\":\"" + cpf + "\"}");
  house.run();
  REQUIRE(command->status() == 202);
  house.gateway->reset();
  CHECK(waiting->status() == 503);
  CHECK(house.gateway->waiting() == 0);
  CHECK(house.ask("GET", command->header("Location"), lender)->status() == 404);
  CHECK(house.ask("GET", person, lender)->count == 0);
}

TEST_CASE("gateway: the modelled latency comes before the answer, when time is modelled") {
  World world;
  Options options = example();
  options.latency = {10ms, 10ms};
  House live(world, options);
  CHECK(live.ask("GET", "/nothing")->count == 1);
  House modelled(world, options, {.modelled = true});
  const Asked asked = modelled.ask("GET", "/nothing");
  CHECK(asked->count == 0);
  bool stopped = false;
  modelled.gateway->stop([&] { stopped = true; });
  CHECK_FALSE(stopped);
  modelled.run(15ms);
  CHECK(asked->status() == 404);
  CHECK(stopped);
}

TEST_CASE("gateway: options that cannot work are refused when it is made") {
  World world;
  House house(world, example());
  const auto refused = [&](Options options) {
    const auto journal = journal::open({}, house.environment, house.telemetry).value();
    const auto made = Gateway::create(std::move(options), house.environment,
                                      {*journal, house.telemetry, *house.sealer, *house.tokens,
                                       *house.queues, *house.events, *house.models, house.guard});
    return !made.has_value() && made.error().code == Errc::invalid;
  };
  const auto adding = [](Route route) {
    Options options = example();
    options.routes.push_back(std::move(route));
    return options;
  };
  CHECK(refused(adding(route("GET", "/v1/people/{other}", "", "e", "fast"))));
  CHECK(refused(adding(route("GET", "/status/{any}", "", "e", "fast"))));
  CHECK(refused(adding(route("GET", "/v1/x", "", "e", "no-queue"))));
  CHECK(refused(adding(route("GET", "/v1/x", "", "", "fast"))));
  Route model = route("GET", "/v1/x/{key}", "", "", "");
  model.model = "no-model";
  model.model_key = "key";
  CHECK(refused(adding(model)));
  model.model_key = "other";
  CHECK(refused(adding(model)));
}

TEST_CASE("gateway: a read model answers at once, with its age, and makes no event") {
  World world;
  stores::StoreOptions store;
  store.name = "C";
  stores::Collection trail;
  trail.name = "trail";
  trail.key = "person";
  trail.subject = "person";
  trail.fields = {field("person", stores::Type::token), field("count", stores::Type::integer)};
  trail.fields[0].token = "cpf";
  trail.fields[1].field_class = stores::Class::sensitive;
  trail.fields[1].mask = "all";
  store.key = "vault";
  store.collections = {trail};
  readmodels::Options model;
  model.name = "summary";
  model.from = {{"C", "trail"}};
  model.key = "person";
  model.select = {{"count", "trail", "count"}};
  Options options = example();
  Route read = route("GET", "/v1/people/{cpf}/summary", "people", "", "");
  read.model = "summary";
  read.model_key = "cpf";
  options.routes.push_back(read);
  read.path = "/v1/people/{cpf}/masked-summary";
  read.clear = "a scope that nobody has";
  options.routes.push_back(read);
  House house(world, options, {.prepare = [&](House& made) {
                made.stores["C"] =
                    stores::Store::open(store, made.environment,
                                        {*made.cache, *made.tokens, made.telemetry}, "", false)
                        .value();
                REQUIRE(made.models->create(model).has_value());
              }});
  bool started = false;
  house.models->start([&](Result<void> done) { started = done.has_value(); });
  const std::string token = house.tokens->make("cpf", cpf).value();
  stores::Batch batch;
  batch.writes = {stores::write::Put{"trail", {{"person", token}, {"count", 3}}}};
  house.stores["C"]->batch(std::move(batch), {}, [](auto) {});
  house.run(1s);
  REQUIRE(started);
  const Asked asked = house.ask("GET", person + "/summary", lender);
  CHECK(asked->status() == 200);
  CHECK(asked->text("count") == "3");
  CHECK(house.ask("GET", person + "/masked-summary", lender)->text("count") == "***");
  CHECK(asked->header("Age") == "0");
  CHECK(asked->header("X-Model-Age-Ms") == "0");
  CHECK(house.ask("HEAD", person + "/summary", lender)->status() == 200);
  CHECK(house.ask("GET", "/v1/people/52998224725/summary", lender)->status() == 404);
  CHECK(house.ask("GET", "/v1/people/1/summary", lender)->text("field") == "path.cpf");
  CHECK(house.events->next() == 1);
}

TEST_CASE("gateway: one that goes away leaves nothing that calls it") {
  World world;
  const Asked asked = [&] {
    House house(world, example());
    const Asked early = house.ask("POST", "/v1/people", lender, "{\"cpf\":\"" + cpf + "\"}");
    house.ask("GET", person, lender);
    return early;
  }();
  world.scheduler.run_for(96h);
  CHECK(asked->count == 0);
}

}  // namespace porteiro::gateway
