// Asynchronous commands: accepted, followed, repeated, kept over restarts.
#include "fixture.hpp"

namespace porteiro::gateway {
namespace {

using virtual_world::World;

const std::string ana = "{\"cpf\":\"" + cpf + "\",\"name\":\"Ana\"}";
const std::string eva = "{\"cpf\":\"" + cpf + "\",\"name\":\"Eva\"}";
const std::string moves = "/v1/people/" + cpf + "/movements";

Headers keyed(const Headers& headers, const std::string& key) {
  return with(headers, "Idempotency-Key", key);
}

// Runs the work when the test says so, and so plays the disk.
class ScriptedOffload final : public Offload {
 public:
  explicit ScriptedOffload(Scheduler& scheduler) : scheduler_(scheduler) {}
  Lane lane(std::string_view) override { return 0; }
  void run(Lane, Task work, Task done) override {
    held_.emplace_back(std::move(work), std::move(done));
  }
  std::size_t held() const { return held_.size(); }
  void release() {
    for (auto& [work, done] : std::exchange(held_, {})) {
      work();
      if (done) scheduler_.post(std::move(done));
    }
  }

 private:
  Scheduler& scheduler_;
  std::vector<std::pair<Task, Task>> held_;
};

// Refuses so many calls to the key service.
struct Throttle final : Faults {
  int left = 0;
  Fault strike(FaultPoint point, std::string_view) override {
    if (point != FaultPoint::kms_call || left == 0) return {};
    --left;
    return {Fault::Kind::throttle};
  }
};

}  // namespace

TEST_CASE("commands: 202 with a Location, which tells what becomes of it") {
  World world;
  House house(world, example());
  const Asked asked = house.ask("POST", "/v1/people", lender, ana);
  house.run();
  REQUIRE(asked->status() == 202);
  const std::string location = asked->header("Location");
  CHECK(location == "/status/" + asked->text("id"));
  CHECK(asked->text("status") == "pending");

  Asked status = house.ask("GET", location, lender);
  CHECK(status->status() == 200);
  CHECK(status->text("status") == "pending");
  CHECK(status->header("Retry-After") == "1");
  CHECK(house.ask("GET", location, shop)->status() == 404);
  CHECK(house.ask("GET", location)->status() == 404);
  CHECK(house.ask("GET", "/status/nonsense", lender)->status() == 404);

  house.run(1s);
  const events::Event event = house.serve("commands", replied(201, "{\"key\":\"k\"}"));
  house.run();
  status = house.ask("GET", location, lender);
  CHECK(status->text("status") == "succeeded");
  CHECK(status->text("id") == to_text(event.id));
  CHECK(status->text("correlation") == to_text(event.correlation));
  CHECK(status->text("reply_status") == "201");
  CHECK(status->text("reply.key") == "k");
  CHECK(parse_rfc3339(status->text("at")).has_value());
  CHECK(house.ask("GET", location, shop)->status() == 404);
  const auto kept = house.events->read(0, 10, event.correlation);
  REQUIRE(kept.size() == 2);
  CHECK(kept[1].json->find("porteiro.command.completed") != std::string::npos);

  house.run(24h);
  CHECK(house.ask("GET", location, lender)->status() == 404);
}

TEST_CASE("commands: replies are told as they are: failed, text, none") {
  World world;
  House house(world, example());
  const auto outcome = [&](Result<lambda::Reply> reply) {
    const Asked asked = house.ask("POST", "/v1/people", lender, ana);
    house.run();
    house.serve("commands", std::move(reply));
    house.run();
    return house.ask("GET", asked->header("Location"), lender);
  };
  Asked status = outcome(error(Errc::conflict, "it exists"));
  CHECK(status->text("status") == "failed");
  CHECK(status->text("reply_status") == "409");
  CHECK(status->text("reply.detail") == "it exists");
  status = outcome(lambda::Reply{200, "text/plain", "plain \"text\""});
  CHECK(status->text("reply") == "plain \"text\"");
  status = outcome(lambda::Reply{200, "application/json", "not json"});
  CHECK(status->text("reply") == "not json");
  status = outcome(lambda::Reply{204, "application/json", ""});
  CHECK(status->text("status") == "succeeded");
  CHECK_FALSE(find_member(status->response.body, "reply").has_value());
}

TEST_CASE("commands: a client may prefer not to wait") {
  World world;
  House house(world, example());
  const Headers prefer = with(lender, "Prefer", "wait=5, Respond-Async");
  const Asked asked = house.ask("GET", "/v1/people/" + cpf, prefer);
  house.run();
  CHECK(asked->status() == 202);
  CHECK(asked->header("Preference-Applied") == "respond-async");
  CHECK(asked->header("Location").find(cpf) == std::string::npos);
  CHECK_FALSE(house.queues->find("fast")->peek(1)[0].message.ephemeral);
}

// Goal: retries of one request are one command.
TEST_CASE("commands: the same key and request give the same command, another request 422") {
  World world;
  House house(world, example());
  const Headers key = keyed(lender, "k-1");
  const Asked first = house.ask("POST", "/v1/people", key, ana);
  house.run();
  const std::string location = first->header("Location");
  for (int i = 0; i < 2; ++i) {  // While it is pending, and once it is done.
    const Asked again = house.ask("POST", "/v1/people", key, " " + ana);
    house.run();
    CHECK(again->status() == 202);
    CHECK(again->header("Location") == location);
    const Asked other = house.ask("POST", "/v1/people", key, eva);
    CHECK(other->status() == 422);
    CHECK(other->text("field") == "Idempotency-Key");
    if (i == 0) house.serve("commands", replied(201, "{}"));
    house.run();
  }
  CHECK(house.depth("commands") == 0);
  const Asked route = house.ask("POST", moves, key, "{}");  // Another route: another key.
  house.serve("fast", replied(201, "{}"));
  house.run();
  CHECK(route->status() == 201);
  const Asked client = house.ask("POST", moves, keyed(shop, "k-1"), "{\"other\":1}");
  house.serve("fast", replied(201, "{}"));
  house.run();
  CHECK(client->status() == 201);
  house.run(24h);
  const Asked later = house.ask("POST", "/v1/people", key, eva);  // The key has expired.
  house.run();
  CHECK(later->status() == 202);
  CHECK(later->header("Location") != location);
}

TEST_CASE("commands: keys are visible characters, and count for writes only") {
  World world;
  House house(world, example());
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("\xc3\xa3"), std::string(256, 'k')}) {
    const Asked asked = house.ask("POST", "/v1/people", keyed(lender, bad), ana);
    CHECK(asked->status() == 400);
    CHECK(asked->text("field") == "Idempotency-Key");
  }
  const Asked longest = house.ask("POST", "/v1/people", keyed(lender, std::string(255, 'k')), ana);
  house.run();
  CHECK(longest->status() == 202);
  const Asked read = house.ask("GET", "/v1/people/" + cpf, keyed(lender, "a b"));
  house.serve("fast", replied(200, "{}"));
  CHECK(read->status() == 200);
}

TEST_CASE("commands: on a synchronous route the repeated request gets the outcome of the first") {
  World world;
  House house(world, example());
  const Headers key = keyed(shop, "k");
  const Asked first = house.ask("POST", moves, key, "{}");
  house.run(1s);
  const Asked second = house.ask("POST", moves, key, "{}");
  CHECK(house.depth("fast") == 1);
  house.run(1s);
  CHECK(first->status() == 504);
  CHECK(second->count == 0);
  house.serve("fast", replied(201, "{\"n\":1}"));
  house.run();
  CHECK(second->status() == 201);
  const Asked third = house.ask("POST", moves, key, "{}");
  house.run();
  CHECK(third->status() == 201);
  CHECK(third->response.body == "{\"n\":1}");
  CHECK(third->header("Idempotent-Replayed") == "true");
  CHECK(house.ask("POST", moves, key, "{\"n\":2}")->status() == 422);
  const auto kept = house.events->read(0, 100);
  CHECK(kept.back().json->find("porteiro.request.refused") != std::string::npos);
}

TEST_CASE("commands: a repeated request waits while the first is still being sealed") {
  World world;
  House house(world, example(), {.kms_latency = {20ms, 20ms}, .modelled = true});
  const Headers key = keyed(lender, "k");
  const Asked first = house.ask("POST", "/v1/people", key, ana);
  const Asked second = house.ask("POST", "/v1/people", key, ana);
  const Asked other = house.ask("POST", "/v1/people", key, eva);
  CHECK(first->count + second->count == 0);
  CHECK(other->status() == 422);
  house.run(1s);
  CHECK(first->status() == 202);
  CHECK(second->status() == 202);
  CHECK(first->header("Location") == second->header("Location"));
  CHECK(house.depth("commands") == 1);

  house.cache->clear();
  const Asked third = house.ask("POST", "/v1/people", keyed(lender, "l"), ana);
  const Asked fourth = house.ask("POST", "/v1/people", keyed(lender, "l"), ana);
  house.gateway->reset();
  CHECK(fourth->status() == 503);
  house.run(1s);
  CHECK(third->status() == 503);
  CHECK(house.depth("commands") == 1);
}

TEST_CASE("commands: the outcome waits for its seal; a restart meanwhile finds the status") {
  World world;
  Setup setup{.directory = "data", .kms_latency = {20ms, 20ms}, .modelled = true};
  std::string location;
  {
    House house(world, example(), setup);
    const Asked asked = house.ask("POST", "/v1/people", lender, ana);
    house.run(1s);
    location = asked->header("Location");
    house.cache->clear();
    house.serve("commands", replied(201, "{\"key\":\"k\"}"));
    CHECK(house.ask("GET", location, lender)->text("status") == "pending");
    bool stopped = false;
    house.gateway->stop([&] { stopped = true; });
    CHECK_FALSE(stopped);
    house.run(1ms);
  }
  {
    House house(world, example(), setup);
    const Asked status = house.ask("GET", location, lender);
    CHECK(status->text("status") == "succeeded");
    CHECK(status->text("reply_status") == "201");
    CHECK_FALSE(find_member(status->response.body, "reply").has_value());
  }
}

TEST_CASE("commands: a key service that refuses delays what it is needed for, or ends it") {
  World world;
  Throttle throttle;
  House house(world, example(), {.faults = &throttle});
  throttle.left = 1000;
  const Asked refused = house.ask("POST", "/v1/people", keyed(lender, "k"), ana);
  const Asked follower = house.ask("POST", "/v1/people", keyed(lender, "k"), ana);
  house.run(1s);
  CHECK(refused->status() == 503);
  CHECK(refused->header("Retry-After") == "1");
  CHECK(follower->status() == 503);

  const auto status_after = [&](int refusals) {
    throttle.left = 0;
    const Asked asked = house.ask("POST", "/v1/people", keyed(lender, "k"), ana);
    house.run(1s);
    CHECK(asked->status() == 202);
    throttle.left = refusals;
    house.cache->clear();
    house.serve("commands", replied(201, "{\"key\":\"k\"}"));
    house.run(1ms);
    CHECK(house.ask("GET", asked->header("Location"), lender)->text("status") == "pending");
    house.run(30s);
    const Asked status = house.ask("GET", asked->header("Location"), lender);
    house.run(24h);
    return status;
  };
  CHECK(status_after(10)->text("reply.key") == "k");
  const Asked bare = status_after(1000);
  CHECK(bare->text("status") == "succeeded");
  CHECK_FALSE(find_member(bare->response.body, "reply").has_value());
}

TEST_CASE("commands: without a ledger key, what may be restricted is not kept") {
  World world;
  Options options = example();
  options.ledger_key.clear();
  House house(world, options);
  const Asked person = house.ask("POST", "/v1/people", lender, ana);
  house.run();
  house.serve("commands", replied(201, "{\"name\":\"Ana\"}"));
  const Asked status = house.ask("GET", person->header("Location"), lender);
  CHECK(status->text("status") == "succeeded");
  CHECK_FALSE(find_member(status->response.body, "reply").has_value());

  options.tokens.clear();
  House plain(world, options);
  const Asked echo = plain.ask("POST", "/v1/echo", {{"Prefer", "respond-async"}}, "{}");
  plain.run();
  plain.serve("fast", replied(200, "{\"n\":1}"));
  CHECK(plain.ask("GET", echo->header("Location"))->text("reply.n") == "1");
  CHECK(plain.ask("GET", echo->header("Location"), lender)->status() == 404);
}

TEST_CASE("commands: what could not be handled has failed") {
  World world;
  House house(world, example());
  const Asked asked = house.ask("POST", "/v1/people", lender, ana);
  house.run();
  house.queues->find("commands")->receive(1);
  house.run(31s);
  CHECK(house.queues->find("commands")->receive(1).empty());  // Its one receive is used up.
  house.run();
  const Asked status = house.ask("GET", asked->header("Location"), lender);
  CHECK(status->text("status") == "failed");
  CHECK(status->text("reply_status") == "500");
  CHECK(status->text("reply.detail").find("dead-letter") != std::string::npos);
}

TEST_CASE("commands: the ledger is bounded") {
  World world;
  Options options = example();
  options.limits.commands_max = 1;
  House house(world, options);
  const Asked first = house.ask("POST", "/v1/people", lender, ana);
  house.run();
  CHECK(first->status() == 202);
  const Asked second = house.ask("POST", "/v1/people", lender, ana);
  house.run();
  CHECK(second->status() == 503);
  CHECK(std::stoll(second->header("Retry-After")) > 3600);
  CHECK(house.ask("GET", "/v1/people/" + cpf, lender)->count == 0);  // Needs no place there.
  house.serve("commands", replied(201, "{}"));
  house.run(24h);
  const Asked third = house.ask("POST", "/v1/people", lender, ana);
  house.run();
  CHECK(third->status() == 202);
}

// Goal: what was acknowledged is there after a restart, and a retry finds it.
TEST_CASE("commands: commands, keys and outcomes survive a restart") {
  World world;
  const Setup setup{.directory = "data"};
  const Headers pending_key = keyed(lender, "pending"), done_key = keyed(lender, "done"),
                sync_key = keyed(shop, "sync");
  std::string pending, done;
  {
    House house(world, example(), setup);
    const Asked one = house.ask("POST", "/v1/people", done_key, ana);
    house.run();
    house.serve("commands", replied(201, "{\"key\":\"k\"}"));
    const Asked two = house.ask("POST", "/v1/people", pending_key, ana);
    house.ask("POST", moves, sync_key, "{}");
    house.run();
    done = one->header("Location");
    pending = two->header("Location");
  }
  House house(world, example(), setup);
  CHECK(house.depth("commands") == 1);
  const Asked found = house.ask("GET", done, lender);
  house.run();  // The reply's data key comes from the key service.
  CHECK(found->text("reply.key") == "k");
  CHECK(house.ask("GET", pending, lender)->text("status") == "pending");
  const Asked again = house.ask("POST", "/v1/people", pending_key, ana);
  const Asked other = house.ask("POST", "/v1/people", done_key, eva);
  const Asked sync = house.ask("POST", moves, sync_key, "{}");
  house.run();
  CHECK(again->header("Location") == pending);
  CHECK(other->status() == 422);
  house.serve("commands", replied(201, "{\"key\":\"l\"}"));
  house.serve("fast", replied(201, "{\"moved\":true}"));
  house.run();
  CHECK(house.ask("GET", pending, lender)->text("reply.key") == "l");
  CHECK(sync->response.body == "{\"moved\":true}");
}

TEST_CASE("commands: nothing is acknowledged before it is on the disk") {
  World world;
  ScriptedOffload disk(world.scheduler);
  House house(world, example(),
              {.directory = "data", .durability = journal::Durability::power, .offload = &disk});
  const Asked command = house.ask("POST", "/v1/people", keyed(lender, "k"), ana);
  house.run(1s);
  CHECK(command->count == 0);
  const Asked again = house.ask("POST", "/v1/people", keyed(lender, "k"), ana);
  house.run(1s);
  CHECK(again->count == 0);
  const Asked read = house.ask("GET", "/v1/people/" + cpf, lender);
  house.serve("fast", replied(200, "{}"));
  CHECK(read->status() == 200);  // Promises nothing, so waits for nothing.
  while (disk.held() > 0) {
    disk.release();
    house.run();
  }
  CHECK(command->status() == 202);
  CHECK(again->status() == 202);
  const Asked keyed_sync = house.ask("POST", moves, keyed(shop, "s"), "{}");
  house.run();
  CHECK(house.queues->find("fast")->receive(1).empty());  // Nor does anything come of it before.
  while (disk.held() > 0) {
    disk.release();
    house.run();
  }
  house.serve("fast", replied(201, "{}"));
  house.run();
  CHECK(keyed_sync->count == 0);
  while (disk.held() > 0) {
    disk.release();
    house.run();
  }
  CHECK(keyed_sync->status() == 201);
}

TEST_CASE("commands: a disk that fails is told, not hidden") {
  World world;
  House house(world, example(), {.directory = "data"});
  world.files.disk().fail_at = world.files.disk().operations + 1;
  const Asked asked = house.ask("POST", "/v1/people", lender, ana);
  house.run(1s);
  CHECK(asked->status() == 503);
}

}  // namespace porteiro::gateway
