// Goal: what was acknowledged survives kill -9, and happens once. Rounds of: load, kill at a random
// moment, start again on the same data, look at everything the clients know of.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <iostream>
#include <map>
#include <set>
#include <utility>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

constexpr std::size_t clients = 32;
constexpr std::size_t movements_max = 80;  // A person; the trail keeps 100.

struct Person {
  std::string cpf, name;
  std::size_t debts = 0;
  std::map<std::string, std::size_t> movements;  // Transaction id → number of the command.
};

struct Command {
  std::size_t person;
  bool registers;  // Else a movement.
  std::string path, idempotency_key;
  json body;
  std::string location;       // Empty: no answer has come yet.
  bool acknowledged = false;  // Before the kill; else it was sent again after it.

  std::string text() const {
    return "POST " + path + " with the key " + idempotency_key +
           (acknowledged ? ", acknowledged" : ", sent again") + ", " + location;
  }
};

// What the clients know: all that they have sent, and what was acknowledged.
struct World {
  std::deque<Person> people;
  std::deque<Command> commands;
};

http::ClientRequest request_of(const Instance& porteiro, const Command& command) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = porteiro.gateway(command.path);
  request.headers = {{"X-Api-Key", lender},
                     {"Content-Type", "application/json"},
                     {"Idempotency-Key", command.idempotency_key}};
  request.body = command.body.dump();
  return request;
}

http::ClientRequest get(const Instance& porteiro, const std::string& path) {
  http::ClientRequest request;
  request.url = porteiro.gateway(path);
  request.headers = {{"X-Api-Key", lender}};
  return request;
}

// 32 clients, each with one request at a time, until the connection breaks.
class Load {
 public:
  Load(Instance& porteiro, World& world, Random& random, std::string round)
      : porteiro_(porteiro), world_(world), random_(random), round_(std::move(round)) {}

  // Until the process is killed, `life` after the first acknowledgement.
  void run(Duration life) {
    life_ = life;
    for (std::size_t client = 0; client < clients; ++client) next(client);
    REQUIRE(porteiro_.loop().until([&] { return killed_ && under_way_ == 0; }));
    REQUIRE(porteiro_.process().wait() == -SIGKILL);
  }
  std::size_t acknowledged() const { return acknowledged_; }

 private:
  void next(std::size_t client) {
    if (killed_) return;
    if (random_.chance(100'000)) return read(client);
    std::vector<std::size_t>& own = own_[client];
    const bool registers = own.empty() || random_.chance(250'000);
    const std::size_t person = registers ? new_person(client) : own[random_.below(own.size())];
    if (!registers && world_.people[person].movements.size() >= movements_max) return next(client);
    world_.commands.push_back(registers ? registration(person) : movement_of(person));
    Command& command = world_.commands.back();
    ++under_way_;
    porteiro_.loop().runtime().client().send(
        request_of(porteiro_, command), [this, client, &command](Result<http::Response> answer) {
          --under_way_;
          if (answer) answered(command, to_reply(answer.value()));
          next(client);
        });
  }

  void answered(Command& command, const Reply& reply) {
    if (reply.status != 202) return;
    command.location = reply.header("Location");
    command.acknowledged = true;
    if (++acknowledged_ > 1) return;
    porteiro_.loop().scheduler().after(life_, [this] {
      porteiro_.process().signal(SIGKILL);
      killed_ = true;
    });
  }

  void read(std::size_t client) {
    const auto& people = world_.people;
    const std::string path = people.empty()
                                 ? "/v1/people/11144477735"
                                 : "/v1/people/" + people[random_.below(people.size())].cpf;
    ++under_way_;
    porteiro_.loop().runtime().client().send(
        get(porteiro_, path + (random_.chance(500'000) ? "/trail" : "")),
        [this, client](Result<http::Response>) {
          --under_way_;
          next(client);
        });
  }

  std::size_t new_person(std::size_t client) {
    const std::size_t number = world_.people.size();
    Person one;
    one.cpf = cpf_of(100'000'000 + number);
    one.name = "Pessoa " + std::to_string(number);
    one.debts = random_.below(4);
    world_.people.push_back(std::move(one));
    own_[client].push_back(number);
    return number;
  }

  Command command(std::size_t person, bool registers, std::string path, json body) {
    const std::string key = round_ + "-" + std::to_string(world_.commands.size());
    return {person, registers, std::move(path), key, std::move(body), {}, false};
  }

  Command registration(std::size_t number) {
    const Person& one = world_.people[number];
    json body{{"cpf", one.cpf}, {"name", one.name}, {"debts", json::array()}};
    for (std::size_t i = 0; i < one.debts; ++i) {
      body["debts"].push_back(
          {{"creditor", "Loja Sete Estrelas"}, {"amount_cents", i}, {"status", "open"}});
    }
    return command(number, true, "/v1/people", std::move(body));
  }

  Command movement_of(std::size_t number) {
    Person& one = world_.people[number];
    std::string id = std::to_string(world_.commands.size());
    id = "00000000-0000-4000-8000-" + std::string(12 - id.size(), '0') + id;
    one.movements.emplace(id, world_.commands.size());
    return command(number, false, "/v1/people/" + one.cpf + "/movements", movement(id, 1));
  }

  Instance& porteiro_;
  World& world_;
  Random& random_;
  std::string round_;
  Duration life_{};
  std::map<std::size_t, std::vector<std::size_t>> own_;
  std::size_t under_way_ = 0, acknowledged_ = 0;
  bool killed_ = false;
};

// Sends what `request` gives for 0 to count-1, 32 at a time; `answered` may return false to have
// the same one sent again.
void for_all(Instance& porteiro, std::size_t count,
             const std::function<http::ClientRequest(std::size_t)>& request,
             const std::function<bool(std::size_t, const Reply&)>& answered) {
  std::deque<std::size_t> left;
  for (std::size_t i = 0; i < count; ++i) left.push_back(i);
  std::size_t under_way = 0;
  std::string broken;
  const auto look = [&] {
    while (under_way < clients && !left.empty()) {
      const std::size_t i = left.front();
      left.pop_front();
      ++under_way;
      porteiro.loop().runtime().client().send(request(i), [&, i](Result<http::Response> answer) {
        --under_way;
        if (!answer) {
          broken = answer.error().detail;
        } else if (!answered(i, to_reply(answer.value()))) {
          left.push_back(i);
        }
      });
    }
    return (under_way == 0 && left.empty()) || !broken.empty() || porteiro.process().poll();
  };
  const bool all = porteiro.loop().until(look);
  porteiro.loop().until([&] { return under_way == 0; });
  REQUIRE_MESSAGE((all && broken.empty() && !porteiro.process().poll()), left.size(), " of ", count,
                  " are left; ", broken, "; stderr: ", porteiro.process().err());
}

// Looks at the commands from `first` on, and at the people they concern.
class Inspection {
 public:
  Inspection(Instance& porteiro, World& world, std::size_t first)
      : porteiro_(porteiro), world_(world), first_(first) {}

  // What was not acknowledged is sent again, under its key; of the rest every tenth.
  void retry() {
    std::vector<Command*> again;
    for (std::size_t i = first_; i < world_.commands.size(); ++i) {
      Command& command = world_.commands[i];
      if (command.location.empty() || i % 10 == 0) again.push_back(&command);
    }
    for_all(
        porteiro_, again.size(), [&](std::size_t i) { return request_of(porteiro_, *again[i]); },
        [&](std::size_t i, const Reply& reply) {
          expect(reply.status == 202, again[i]->text() + ": " + reply.text);
          const std::string location = reply.header("Location");
          expect(again[i]->location.empty() || again[i]->location == location,
                 again[i]->text() + " has become " + location);
          again[i]->location = location;
          return true;
        });
  }

  void all_succeed() {
    for_all(
        porteiro_, world_.commands.size() - first_,
        [&](std::size_t i) { return get(porteiro_, world_.commands[first_ + i].location); },
        [&](std::size_t i, const Reply& reply) {
          if (reply.status == 200 && reply.body["status"] == "pending") return false;
          expect(reply.status == 200 && reply.body["status"] == "succeeded",
                 world_.commands[first_ + i].text() + ": " + reply.text);
          return true;
        });
  }

  void every_effect_once() {
    std::set<std::size_t> people, registered;
    for (std::size_t i = first_; i < world_.commands.size(); ++i) {
      const Command& command = world_.commands[i];
      (command.registers ? registered : people).insert(command.person);
    }
    look_at(registered, "", [this](const Person& one, const Reply& reply) {
      const bool whole =
          reply.status == 200 && reply.body["cpf"] == one.cpf && reply.body["name"] == one.name;
      expect(whole && reply.body["debts"].size() == one.debts,
             "a person with " + std::to_string(one.debts) + " debts reads " + reply.text);
    });
    look_at(people, "/trail", [this](const Person& one, const Reply& reply) {
      expect(reply.status == 200, one.cpf + ": " + reply.text);
      if (reply.status == 200) check_trail(one, reply.body["movements"]);
    });
  }

  void conclude() const {
    std::string text;
    for (std::size_t i = 0; i < problems_.size() && i < 10; ++i) text += "\n" + problems_[i];
    REQUIRE_MESSAGE(problems_.empty(), problems_.size(), " problems, first:", text);
  }

 private:
  void look_at(const std::set<std::size_t>& people, const std::string& what,
               const std::function<void(const Person&, const Reply&)>& check) {
    const std::vector<std::size_t> all(people.begin(), people.end());
    for_all(
        porteiro_, all.size(),
        [&](std::size_t i) {
          return get(porteiro_, "/v1/people/" + world_.people[all[i]].cpf + what);
        },
        [&](std::size_t i, const Reply& reply) {
          check(world_.people[all[i]], reply);
          return true;
        });
  }

  void check_trail(const Person& one, const json& movements) {
    std::map<std::string, int> found;
    for (const json& item : movements) ++found[item["transaction_id"].get<std::string>()];
    for (const auto& [id, command] : one.movements) {
      const int times = std::exchange(found[id], 0);
      expect(times == 1, "the movement " + id + " is there " + std::to_string(times) +
                             " times: " + world_.commands[command].text());
    }
    for (const auto& [id, times] : found) expect(times == 0, "nobody sent the movement " + id);
  }

  void expect(bool holds, const std::string& otherwise) {
    if (!holds) problems_.push_back(otherwise);
  }

  Instance& porteiro_;
  World& world_;
  std::size_t first_;
  std::vector<std::string> problems_;
};

}  // namespace

TEST_CASE("crash: after kill -9 every acknowledged command is there, and its effect once") {
  Loop loop;
  const CrashRounds rounds = crash_rounds(loop, "crash_test", 20);
  INFO(rounds.replay());

  TemporaryDirectory directory;
  const std::string data = directory.path("data");
  World world;
  std::size_t acknowledged = 0;
  for (std::uint64_t round = 0; round < rounds.count; ++round) {
    CAPTURE(round);
    Random random = Random(rounds.seed).fork(round);
    const bool power = round % 4 == 3;
    const bool small = round % 2 == 1;  // The log is replaced by snapshots under load.
    Instance::Setup setup;
    setup.arguments = {"--data", data};
    setup.config = example_variant(directory.path("config.json"), [&](json& it) {
      it["journal"] = {{"durability", power ? "power" : "process"},
                       {"segment", small ? "64KiB" : "64MiB"}};
      for (json& function : it["functions"]) function["timeout"] = "1s";
      for (const char* queue : {"commands", "fast"}) {
        // What was in flight at the kill comes again after so long.
        it["queues"][queue]["visibility"] = "1s";
        it["queues"][queue]["dead_letter"]["max_receives"] = 50;
      }
    });
    const std::size_t first = world.commands.size();
    {
      Instance porteiro(loop, setup);
      Load load(porteiro, world, random, std::to_string(round));
      load.run(std::chrono::milliseconds(random.between(20, 300)));
      acknowledged += load.acknowledged();
    }
    Instance porteiro(loop, setup);
    const bool last = round + 1 == rounds.count;
    Inspection inspection(porteiro, world, last ? 0 : first);  // In the end all that ever was.
    inspection.retry();
    inspection.all_succeed();
    inspection.every_effect_once();
    inspection.conclude();
    const std::string log = porteiro.process().err();
    CHECK_MESSAGE(log.find("\"error\"") == std::string::npos, log);
    porteiro.kill();
  }
  std::cout << "crash: " << acknowledged << " of " << world.commands.size()
            << " commands were acknowledged before the kill\n";
  CHECK(acknowledged >= rounds.count);
}

}  // namespace porteiro::integration
