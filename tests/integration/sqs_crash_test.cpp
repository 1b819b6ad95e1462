// Goal: what the SQS service acknowledged survives kill -9, exactly as SQS allows: no message is
// lost, none that was deleted comes back, a FIFO queue keeps its order and knows what was sent
// already.
#include <doctest/doctest.h>
#include <signal.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

constexpr std::size_t clients = 24;  // Each has a group of its own in the FIFO queue.
constexpr std::size_t page = 100;    // Messages of one look.

struct Sent {
  std::string body;
  std::string group;          // Empty: in the standard queue.
  bool send_known = false;    // Acknowledged.
  bool delete_asked = false;  // A delete was sent, and perhaps never answered.
  bool delete_known = false;
  std::uint64_t receives = 0;  // Those that were answered.
};

struct World {
  std::deque<Sent> messages;
  std::map<std::string, Sent*> by_body;
  std::size_t acknowledged = 0, numbers = 0;

  Sent& add(std::string group) {
    Sent& one = messages.emplace_back();
    one.body = "message-" + std::to_string(++numbers);
    one.group = std::move(group);
    by_body[one.body] = &one;
    return one;
  }
};

std::string name_of(const Sent& message) {
  return message.group.empty() ? "plain" : "ordered.fifo";
}

http::ClientRequest sqs(const Instance& porteiro, const std::string& action,
                        const std::string& queue, json parameters) {
  parameters["QueueUrl"] = porteiro.inside("/000000000000/" + queue);
  http::ClientRequest request;
  request.method = "POST";
  request.url = porteiro.inside("/");
  request.headers = {{"Content-Type", "application/x-amz-json-1.0"},
                     {"X-Amz-Target", "AmazonSQS." + action}};
  request.body = parameters.dump();
  return request;
}

http::ClientRequest send_of(const Instance& porteiro, const Sent& message) {
  json parameters{{"MessageBody", message.body}};
  if (!message.group.empty()) {
    parameters["MessageGroupId"] = message.group;
    parameters["MessageDeduplicationId"] = message.body;
  }
  return sqs(porteiro, "SendMessage", name_of(message), std::move(parameters));
}

// Clients that send, receive and delete, one request at a time each, until the process is killed.
class Load {
 public:
  Load(Instance& porteiro, World& world, Random& random)
      : porteiro_(porteiro), world_(world), random_(random) {}

  void run(Duration life) {
    porteiro_.loop().scheduler().after(life, [this] {
      porteiro_.process().signal(SIGKILL);
      killed_ = true;
    });
    for (std::size_t client = 0; client < clients; ++client) next(client);
    REQUIRE(porteiro_.loop().until([&] { return killed_ && under_way_ == 0; }));
    REQUIRE(porteiro_.process().wait() == -SIGKILL);
  }

 private:
  void next(std::size_t client) {
    if (killed_) return;
    std::vector<std::pair<Sent*, std::string>>& held = held_[client];
    if (!held.empty() && random_.chance(500'000)) return remove(client);
    if (random_.chance(500'000)) return receive(client);
    const bool fifo = random_.chance(500'000);
    send(client, world_.add(fifo ? "group-" + std::to_string(client) : ""));
  }

  void ask(std::size_t client, http::ClientRequest request,
           std::function<void(const Reply&)> answered) {
    ++under_way_;
    porteiro_.loop().runtime().client().send(
        std::move(request),
        [this, client, answered = std::move(answered)](Result<http::Response> answer) {
          --under_way_;
          if (answer) answered(to_reply(answer.value()));
          next(client);
        });
  }

  void send(std::size_t client, Sent& message) {
    ask(client, send_of(porteiro_, message), [this, &message](const Reply& reply) {
      if (reply.status != 200) return;
      message.send_known = true;
      ++world_.acknowledged;
    });
  }

  void receive(std::size_t client) {
    const std::string queue = random_.chance(500'000) ? "plain" : "ordered.fifo";
    json parameters{{"MaxNumberOfMessages", 1 + random_.below(10)},
                    {"VisibilityTimeout", 3600},
                    {"WaitTimeSeconds", random_.below(2)}};
    ask(client, sqs(porteiro_, "ReceiveMessage", queue, std::move(parameters)),
        [this, client](const Reply& reply) {
          if (reply.status != 200 || !reply.body.contains("Messages")) return;
          for (const json& message : reply.body["Messages"]) {
            Sent* sent = world_.by_body.at(message["Body"].get<std::string>());
            ++sent->receives;
            held_[client].emplace_back(sent, message["ReceiptHandle"].get<std::string>());
          }
        });
  }

  void remove(std::size_t client) {
    auto& held = held_[client];
    const std::size_t which = random_.below(held.size());
    const auto [message, handle] = held[which];
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    message->delete_asked = true;
    ask(client, sqs(porteiro_, "DeleteMessage", name_of(*message), {{"ReceiptHandle", handle}}),
        [this, message = message](const Reply& reply) {
          if (reply.status != 200) return;
          message->delete_known = true;
          ++world_.acknowledged;
        });
  }

  Instance& porteiro_;
  World& world_;
  Random& random_;
  std::map<std::size_t, std::vector<std::pair<Sent*, std::string>>> held_;
  std::size_t under_way_ = 0;
  bool killed_ = false;
};

struct Found {
  std::string body, group, state;
  std::uint64_t receives = 0;
};

std::vector<Found> look(Instance& porteiro, const std::string& queue) {
  std::vector<Found> found;
  for (;;) {
    const Reply reply =
        porteiro.ask("/_porteiro/queues/" + queue + "/messages?max=" + std::to_string(page) +
                     "&skip=" + std::to_string(found.size()));
    REQUIRE(reply.status == 200);
    for (const json& message : reply.body["messages"]) {
      found.push_back({message["body"], message.value("group", ""), message["state"],
                       message["receives"].get<std::uint64_t>()});
    }
    if (reply.body["messages"].size() < page) return found;
  }
}

class Inspection {
 public:
  Inspection(Instance& porteiro, World& world) : porteiro_(porteiro), world_(world) {}

  // Who had no answer sends again; a FIFO queue knows what it has already. Then each message is
  // where its clients believe it to be.
  void run() {
    for (Sent& message : world_.messages) {
      if (message.send_known || message.group.empty()) continue;
      const Reply reply = porteiro_.send(send_of(porteiro_, message));
      REQUIRE_MESSAGE(reply.status == 200, reply.text);
      message.send_known = true;
    }
    std::map<std::string, std::vector<Found>> found;
    for (const char* queue : {"plain", "ordered.fifo"}) {
      for (Found& one : look(porteiro_, queue)) {
        const std::string body = one.body;
        found[body].push_back(std::move(one));
      }
    }
    for (Sent& message : world_.messages) check(message, found[message.body]);
    std::string text;
    for (std::size_t i = 0; i < problems_.size() && i < 10; ++i) text += "\n" + problems_[i];
    REQUIRE_MESSAGE(problems_.empty(), problems_.size(), " problems, first:", text);
  }

  // What was checked and has gone for good need not be looked at again.
  void forget() {
    while (!world_.messages.empty() && world_.messages.front().delete_known) {
      world_.by_body.erase(world_.messages.front().body);
      world_.messages.pop_front();
    }
  }

 private:
  void check(Sent& message, const std::vector<Found>& found) {
    const std::string is = message.body + " (" + name_of(message) + ") ";
    expect(found.size() <= 1, is + "is there " + std::to_string(found.size()) + " times");
    if (message.delete_known) expect(found.empty(), is + "was deleted and is back");
    const bool stays = message.send_known && !message.delete_asked;
    if (stays) expect(!found.empty(), is + "was acknowledged and is lost");
    if (found.empty()) {
      if (message.delete_asked || !message.send_known) message.delete_known = true;
      return;
    }
    message.send_known = true;
    expect(found[0].group == message.group, is + "has changed its group");
    expect(found[0].receives >= message.receives,
           is + "was received " + std::to_string(message.receives) + " times, now it says " +
               std::to_string(found[0].receives));
    message.receives = found[0].receives;
    // Its delete was asked for and not done: it may still be deleted, by nobody who knows.
    message.delete_asked = false;
  }
  void expect(bool holds, const std::string& otherwise) {
    if (!holds) problems_.push_back(otherwise);
  }

  Instance& porteiro_;
  World& world_;
  std::vector<std::string> problems_;
};

// In a group, the messages that were acknowledged one after the other are in that order.
void check_order(Instance& porteiro, const World& world) {
  std::map<std::string, std::size_t> last;
  for (const Found& one : look(porteiro, "ordered.fifo")) {
    const auto known = world.by_body.find(one.body);
    REQUIRE(known != world.by_body.end());
    const std::size_t number = std::strtoull(one.body.c_str() + sizeof "message", nullptr, 10);
    CHECK_MESSAGE(number > last[one.group], one.body, " comes too late in ", one.group);
    last[one.group] = number;
  }
}

void make_queues(Instance& porteiro) {
  http::ClientRequest plain = sqs(porteiro, "CreateQueue", "", {{"QueueName", "plain"}});
  http::ClientRequest fifo =
      sqs(porteiro, "CreateQueue", "",
          {{"QueueName", "ordered.fifo"}, {"Attributes", {{"FifoQueue", "true"}}}});
  REQUIRE(porteiro.send(plain).status == 200);
  REQUIRE(porteiro.send(fifo).status == 200);
}

}  // namespace

TEST_CASE("sqs crash: after kill -9 each message is where SQS would have it") {
  Loop loop;
  const CrashRounds rounds = crash_rounds(loop, "sqs_crash_test", 20);
  INFO(rounds.replay());
  TemporaryDirectory directory;
  World world;
  for (std::uint64_t round = 0; round < rounds.count; ++round) {
    CAPTURE(round);
    Random random = Random(rounds.seed).fork(round);
    Instance::Setup setup;
    setup.arguments = {"--data", directory.path("data")};
    setup.config = directory.path("config.json");
    const bool power = round % 4 == 3, small = round % 2 == 1;
    write_file(setup.config, json{{"journal",
                                   {{"durability", power ? "power" : "process"},
                                    {"segment", small ? "64KiB" : "64MiB"}}}}
                                 .dump());
    {
      Instance porteiro(loop, setup);
      if (round == 0) make_queues(porteiro);
      Load load(porteiro, world, random);
      load.run(std::chrono::milliseconds(random.between(20, 200)));
    }
    Instance porteiro(loop, setup);
    Inspection inspection(porteiro, world);
    inspection.run();
    check_order(porteiro, world);
    inspection.forget();
    // What is held by clients of before comes back in an hour only: the queues start anew now and
    // then, so that there is something to receive.
    if (round % 10 == 9) {
      for (const char* queue : {"plain", "ordered.fifo"}) {
        REQUIRE(porteiro.send(sqs(porteiro, "DeleteQueue", queue, json::object())).status == 200);
      }
      REQUIRE(porteiro.ask("/_porteiro/reset", "POST").status == 200);
      make_queues(porteiro);
      world.messages.clear();
      world.by_body.clear();
    }
    porteiro.kill();
  }
  std::cout << "sqs crash: " << world.acknowledged << " sends and deletes were acknowledged\n";
  CHECK(world.acknowledged >= rounds.count);
}

}  // namespace porteiro::integration
