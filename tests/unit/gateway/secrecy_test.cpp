// No restricted value is anywhere but in the answers that are meant to hold it.
#include "fixture.hpp"

namespace porteiro::gateway {
namespace {

using virtual_world::World;

// Looks for the values in everything that is written, in the forms in which they would hide.
class Search final : public Witness {
 public:
  void wrote(Place place, std::string_view bytes) override {
    ++seen[static_cast<std::size_t>(place)];
    look(bytes);
  }
  void look(std::string_view bytes) {
    for (const std::string& value : values) {
      if (bytes.find(value) != std::string_view::npos) found.push_back(value);
    }
  }
  std::vector<std::string> values{"11144477735", "111.444.777-35", "111%2E444", "52998224725",
                                  "Ana Canary"};
  std::vector<std::string> found;
  std::size_t seen[static_cast<std::size_t>(Place::count_)] = {};
};

void look_at(Search& search, House& house, const std::vector<Asked>& answers) {
  house.telemetry.read(
      0, [&](const telemetry::Record& record) { search.look(to_json(house.telemetry, record)); });
  search.look(house.telemetry.metrics());
  for (const auto& entry : house.events->read(0, 1000)) search.look(*entry.json);
  for (const char* queue : {"fast", "commands"}) {
    for (const auto& peeked : house.queues->find(queue)->peek(100))
      search.look(peeked.message.body);
  }
  for (const auto& [path, content] : house.world.files.disk().files) search.look(content);
  for (const Asked& asked : answers) {
    for (const http::Header& header : asked->response.headers) search.look(header.value);
    if (asked->response.status >= 400) search.look(asked->response.body);
  }
}

}  // namespace

TEST_CASE("secrecy: no restricted value leaves the gateway but in a reply") {
  World world;
  Search search;
  House house(world, example(), {.directory = "data", .witness = &search});
  const std::string person = "{\"cpf\":\"111.444.777-35\",\"name\":\"Ana Canary\"}";
  const Headers key = with(lender, "Idempotency-Key", "11144477735");
  std::vector<Asked> answers;
  const auto ask = [&](const char* method, const std::string& target, const Headers& headers,
                       const std::string& body = {}) {
    answers.push_back(house.ask(method, target, headers, body));
    house.run();
  };
  ask("POST", "/v1/people", key, person);
  ask("POST", "/v1/people", key, person);
  ask("POST", "/v1/people", key, "{\"cpf\":\"52998224725\"}");
  ask("POST", "/v1/people", lender, "{\"cpf\":\"11144477735\",\"Ana Canary\":1}");
  ask("POST", "/v1/people", lender, "{\"cpf\":\"11144477735\",\"name\":\"Ana Canary\"");
  ask("GET", "/v1/people/111.444.777-35?cpf=52998224725", lender);
  ask("GET", "/v1/people/111.444.777-36", lender);
  ask("GET", "/v1/people/11144477735", shop);
  ask("GET", "/v1/people/11144477735", {});
  ask("GET", "/11144477735", lender);
  ask("PUT", "/v1/people/11144477735", lender);
  ask("GET", "/v1/people/11144477735", with(lender, "Prefer", "respond-async"));
  ask("POST", "/v1/echo", {}, "{\"cpf\":\"11144477735\"}");
  look_at(search, house, answers);

  const std::string reply = "{\"cpf\":\"11144477735\",\"name\":\"Ana Canary\"}";
  house.serve("commands", replied(201, reply));
  while (house.depth("fast") > 0) house.serve("fast", replied(200, reply));
  house.run();
  ask("GET", answers[0]->header("Location"), lender);
  CHECK(answers.back()->text("reply.name") == "Ana Canary");
  CHECK(answers[5]->response.body == reply);
  look_at(search, house, answers);
  CHECK(search.found.empty());
  CHECK(search.seen[static_cast<std::size_t>(Place::queue)] > 0);
}

// Goal: the layer that seals can be switched off by itself; the event then says what a sealed one
// would have, in clear, and repeated commands are known as before.
TEST_CASE("secrecy: with sealing off a body is the event's, and a reply is kept, in clear") {
  World world;
  Options options = example();
  options.sealing = false;
  House house(world, std::move(options));
  const std::uint64_t calls = house.kms->calls();
  const Headers key = with(lender, "Idempotency-Key", "k");
  const Asked first =
      house.ask("POST", "/v1/people", key, "{\"cpf\":\"111.444.777-35\",\"name\":\"Ana Canary\"}");
  house.run();
  CHECK(first->status() == 202);
  const std::string event = house.queues->find("commands")->peek(1).at(0).message.body;
  CHECK(find_member(event, "data.body.cpf") == "\"11144477735\"");
  CHECK_FALSE(find_member(event, "data.sealed").has_value());
  house.serve("commands", replied(201, "{\"name\":\"Ana Canary\"}"));
  house.run();
  const Asked status = house.ask("GET", first->header("Location"), lender);
  house.run();
  CHECK(status->text("reply.name") == "Ana Canary");
  CHECK(house.kms->calls() == calls);
}

}  // namespace porteiro::gateway
