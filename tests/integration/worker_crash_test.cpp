// Goal: workers that are killed at any moment, and porteiro with them, lose nothing. What was
// accepted is done, comes again, or ends in its dead-letter queue; who waits for an answer gets
// one; and no process that a worker started outlives the program.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "integration/process.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::integration {
namespace {

constexpr std::size_t clients = 12;
constexpr std::size_t page = 100;           // Messages of one look.
constexpr Duration settling = 30s;          // What failed comes again some times first.
constexpr std::uint64_t check_rounds = 50;  // After so many all is looked at.

// Does what the event says and then writes its name to the file DONE, in one write.
constexpr const char* code = R"(
const fs = require('fs');
const { spawn } = require('child_process');
async function act({ name, how }) {
  if (how === 'slow') await new Promise((done) => setTimeout(done, 20));
  if (how === 'exit') process.exit(1);
  if (how === 'fail') throw new Error('refused');
  if (how === 'fork') spawn('sh', ['-c', 'setsid sleep 600 &'], { detached: true, stdio: 'ignore' });
  fs.appendFileSync(process.env.DONE, name + '\n');
  if (how === 'linger') await new Promise((done) => setTimeout(done, 20));
  return { name };
}
exports.handler = async (event) => {
  if (typeof event.body === 'string') return act(JSON.parse(event.body));
  if (!event.Records) return act(event);
  const batchItemFailures = [];
  for (const { body, messageId } of event.Records) {
    await act(JSON.parse(body)).catch(() => batchItemFailures.push({ itemIdentifier: messageId }));
  }
  return { batchItemFailures };
};
)";

struct Running {
  pid_t pid = 0, parent = 0;
  char state = '?';
};

std::vector<Running> processes() {
  std::vector<Running> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    Running one;
    if (std::from_chars(name.data(), name.data() + name.size(), one.pid).ec != std::errc()) {
      continue;
    }
    std::ifstream in(entry.path() / "stat");
    std::string text;
    if (!std::getline(in, text)) continue;  // It has gone meanwhile.
    std::istringstream rest(text.substr(text.rfind(')') + 1));
    rest >> one.state >> one.parent;
    found.push_back(one);
  }
  return found;
}

std::vector<Running> children_of(pid_t parent, const std::vector<Running>& all) {
  std::vector<Running> found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found),
               [parent](const Running& one) { return one.parent == parent; });
  return found;
}

struct Family {
  std::vector<Running> supervisors;  // The program's own children: one, or none yet.
  std::vector<Running> workers;      // And what they started.
};
Family family_of(pid_t porteiro) {
  const std::vector<Running> all = processes();
  Family family{children_of(porteiro, all), {}};
  for (const Running& supervisor : family.supervisors) {
    for (const Running& worker : children_of(supervisor.pid, all)) family.workers.push_back(worker);
  }
  return family;
}

// Orphans become this process's children, so that none can hide.
void adopt_orphans() { REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0); }

bool no_child_is_left() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
}

std::string children_text() {
  std::string text;
  for (const Running& child : children_of(::getpid(), processes())) {
    std::ifstream in("/proc/" + std::to_string(child.pid) + "/cmdline");
    std::string words;
    std::getline(in, words);
    std::replace(words.begin(), words.end(), '\0', ' ');
    text += "\n" + std::to_string(child.pid) + " " + child.state + " " + words.substr(0, 60);
  }
  return text;
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t sum = 0xffffffffU;
  for (const char byte : bytes) {
    sum ^= static_cast<unsigned char>(byte);
    for (int i = 0; i < 8; ++i) sum = (sum & 1U) != 0 ? 0xedb88320U ^ sum >> 1 : sum >> 1;
  }
  return ~sum;
}

// A zip file that holds one file as it is.
std::string zip_of(const std::string& name, const std::string& content) {
  const auto little = [](std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
    return out;
  };
  const std::string common = little(0, 8) + little(crc32(content), 4) + little(content.size(), 4) +
                             little(content.size(), 4) + little(name.size(), 2);
  const std::string version = little(20, 2);
  const std::string file = "PK\x03\x04" + version + common + little(0, 2) + name + content;
  const std::string entry = "PK\x01\x02" + little(3U << 8 | 20U, 2) + version + common +
                            little(0, 8) + little(0100644U << 16, 4) + little(0, 4) + name;
  return file + entry + "PK\x05\x06" + little(0, 4) + little(1, 2) + little(1, 2) +
         little(entry.size(), 4) + little(file.size(), 4) + little(0, 2);
}

http::ClientRequest sqs(const Instance& porteiro, const std::string& action, json parameters) {
  return {.method = "POST",
          .url = porteiro.inside("/"),
          .headers = {{"Content-Type", "application/x-amz-json-1.0"},
                      {"X-Amz-Target", "AmazonSQS." + action}},
          .body = parameters.dump()};
}

http::ClientRequest lambda(const Instance& porteiro, const std::string& path, const json& body) {
  return {.method = "POST",
          .url = porteiro.inside(path),
          .headers = {{"Content-Type", "application/json"}},
          .body = body.dump()};
}

std::string arn_of(const std::string& queue) {
  return "arn:aws:sqs:us-east-1:000000000000:" + queue;
}

enum class Way : std::uint8_t { source, mapping, event, call, route };
constexpr std::array ways{Way::source, Way::mapping, Way::event, Way::call, Way::route};

struct Event {
  std::string name, how;
  Way way{};
  bool accepted = false;  // It must not be lost.
  bool answered = false;  // It was done, its client was told.
};

http::ClientRequest request_of(const Instance& porteiro, const Event& event) {
  const json body{{"name", event.name}, {"how", event.how}};
  const auto message = [&](const char* queue) {
    return sqs(
        porteiro, "SendMessage",
        {{"QueueUrl", porteiro.inside("/000000000000/") + queue}, {"MessageBody", body.dump()}});
  };
  http::ClientRequest request;
  switch (event.way) {
    case Way::source:
      return message("work");
    case Way::mapping:
      return message("more");
    case Way::event:
      request = lambda(porteiro, "/2015-03-31/functions/made/invocations", body);
      request.headers.push_back({"X-Amz-Invocation-Type", "Event"});
      return request;
    case Way::call:
      return lambda(porteiro, "/2015-03-31/functions/declared/invocations", body);
    case Way::route:
      return {.method = "POST",
              .url = porteiro.gateway("/v1/work"),
              .headers = {{"Content-Type", "application/json"}},
              .body = body.dump()};
  }
  return request;
}

struct World {
  explicit World(Loop& it) : loop(it) {}
  Loop& loop;
  std::deque<Event> events;
  std::size_t numbers = 0, accepted = 0, killed = 0;
  std::vector<std::string> problems;

  Event& add(Random& random) {
    constexpr std::array hows{"slow", "linger", "exit", "fail", "fork", "fork", "fork"};
    Event& one = events.emplace_back();
    one.name = "event-" + std::to_string(++numbers);
    const std::size_t how = random.below(20);
    one.how = how < hows.size() ? hows[how] : "good";
    one.way = ways[random.below(ways.size())];
    return one;
  }
  void expect(bool holds, const std::string& otherwise) {
    if (!holds) problems.push_back(otherwise);
  }
};

// Clients with one request at a time each, and somebody who kills workers.
class Load {
 public:
  Load(Instance& porteiro, World& world, Random& random)
      : porteiro_(porteiro), world_(world), random_(random), killer_(world.loop.scheduler()) {}

  // For so long; whoever waits for an answer then has it before this returns, or porteiro is
  // killed while they wait.
  void run(Duration life, bool kill) {
    // If both were killed at once, nobody would be left to kill what workers started.
    supervisors_too_ = !kill;
    world_.loop.scheduler().after(life, [this, kill] {
      ending_ = true;
      killer_.stop();
      if (!kill) return;
      killed_ = true;
      porteiro_.process().signal(SIGKILL);
    });
    kill_later();
    for (std::size_t client = 0; client < clients; ++client) next();
    REQUIRE_MESSAGE(world_.loop.until([&] { return ending_ && under_way_ == 0; }), under_way_,
                    " requests were never answered; log: ", porteiro_.process().err());
    if (kill) REQUIRE(porteiro_.process().wait() == -SIGKILL);
  }

 private:
  void kill_later() {
    killer_.start(std::chrono::milliseconds(random_.between(5, 80)), [this] {
      const Family family = family_of(porteiro_.process().pid());
      const bool supervisor = supervisors_too_ && random_.chance(30'000);
      const std::vector<Running>& victims = supervisor ? family.supervisors : family.workers;
      if (!victims.empty()) {
        ::kill(victims[random_.below(victims.size())].pid, SIGKILL);
        ++world_.killed;
      }
      kill_later();
    });
  }

  void next() {
    if (ending_) return;
    Event& event = world_.add(random_);
    ++under_way_;
    world_.loop.runtime().client().send(
        request_of(porteiro_, event), [this, &event](Result<http::Response> answer) {
          --under_way_;
          if (answer) {
            heard(event, to_reply(answer.value()));
          } else {
            world_.expect(killed_, event.name + " had no answer: " + answer.error().detail);
          }
          next();
        });
  }

  void heard(Event& event, const Reply& reply) {
    const bool call = event.way == Way::call, route = event.way == Way::route;
    if (!call && !route) {
      const int wanted = event.way == Way::event ? 202 : 200;
      world_.expect(reply.status == wanted, event.name + " was refused: " + reply.text);
      event.accepted = reply.status == wanted;
      world_.accepted += event.accepted;
      return;
    }
    constexpr std::array known{200, 429, 500, 503, 504};
    const bool expected = std::find(known.begin(), known.end(), reply.status) != known.end();
    world_.expect(expected, event.name + " was answered with " + std::to_string(reply.status));
    event.answered = reply.status == 200 && reply.header("X-Amz-Function-Error").empty();
    if (event.answered) {
      world_.expect(reply.body == json{{"name", event.name}},
                    event.name + " got the answer of another: " + reply.text);
    }
  }

  Instance& porteiro_;
  World& world_;
  Random& random_;
  Timer killer_;
  std::size_t under_way_ = 0;
  bool ending_ = false, killed_ = false, supervisors_too_ = false;
};

// The names of events that the messages of a queue are about.
std::set<std::string> names_in(Instance& porteiro, const std::string& queue) {
  std::set<std::string> names;
  for (std::size_t seen = 0;;) {
    const Reply reply =
        porteiro.ask("/_porteiro/queues/" + queue + "/messages?max=" + std::to_string(page) +
                     "&skip=" + std::to_string(seen));
    REQUIRE_MESSAGE(reply.status == 200, reply.text);
    for (const json& message : reply.body["messages"]) {
      json body = json::parse(message["body"].get<std::string>());
      if (body.contains("requestPayload")) body = body["requestPayload"];
      names.insert(body["name"].get<std::string>());
    }
    seen += reply.body["messages"].size();
    if (reply.body["messages"].size() < page) return names;
  }
}

class Inspection {
 public:
  Inspection(Instance& porteiro, World& world, std::string done_file)
      : porteiro_(porteiro), world_(world), done_file_(std::move(done_file)) {}

  // Waits until each event is where it stays, and forgets them.
  void run() {
    std::vector<const Event*> missing = lost();
    const Time late = world_.loop.scheduler().now() + settling;
    while (!missing.empty() && world_.loop.scheduler().now() < late) {
      static_cast<void>(world_.loop.until([] { return false; }, 50ms));
      missing = lost();
    }
    for (const Event* event : missing) {
      world_.expect(false, event->name + " (" + event->how + ", way " +
                               std::to_string(static_cast<int>(event->way)) + ") is lost");
    }
    std::string text;
    for (std::size_t i = 0; i < world_.problems.size() && i < 10; ++i) {
      text += "\n" + world_.problems[i];
    }
    REQUIRE_MESSAGE(world_.problems.empty(), world_.problems.size(), " problems, first:", text);
    world_.events.clear();
  }

  // Who has ended was reaped: what remains is idle.
  void no_zombies() {
    const bool none = world_.loop.until([this] {
      const Family family = family_of(porteiro_.process().pid());
      const auto zombie = [](const Running& one) { return one.state == 'Z'; };
      return std::none_of(family.workers.begin(), family.workers.end(), zombie) &&
             std::none_of(family.supervisors.begin(), family.supervisors.end(), zombie);
    });
    CHECK(none);
  }

 private:
  std::vector<const Event*> lost() {
    std::set<std::string> ended;
    for (const char* queue : {"work-dead", "more-dead", "failed"}) {
      ended.merge(names_in(porteiro_, queue));
    }
    std::ifstream in(done_file_);
    std::set<std::string> done;
    for (std::string name; std::getline(in, name);) done.insert(name);
    std::vector<const Event*> found;
    for (const Event& event : world_.events) {
      const bool is_done = done.contains(event.name);
      if (event.answered && !is_done) world_.expect(false, event.name + " was answered, not done");
      if (event.accepted && !is_done && !ended.contains(event.name)) found.push_back(&event);
    }
    return found;
  }

  Instance& porteiro_;
  World& world_;
  const std::string done_file_;
};

json config_of(const std::string& done_file) {
  const auto queue = [](const std::string& dead) {
    return json{{"visibility", "1s"}, {"dead_letter", {{"queue", dead}, {"max_receives", 3}}}};
  };
  return {{"queues",
           {{"work", queue("work-dead")},
            {"more", queue("more-dead")},
            {"work-dead", json::object()},
            {"more-dead", json::object()},
            {"failed", json::object()},
            {"fast", json::object()}}},
          {"functions",
           {{"declared",
             {{"runtime", "nodejs"},
              {"handler", "index.handler"},
              {"code", "code"},
              {"timeout", "1s"},
              {"concurrency", 3},
              {"environment", {{"DONE", done_file}}}}}}},
          {"sources", {{{"queue", "work"}, {"function", "declared"}, {"batch", 5}}}},
          {"gateway",
           {{"routes",
             {{{"route", "POST /v1/work"},
               {"event", "work.asked"},
               {"via", "fast"},
               {"to", "declared"}}}}}}};
}

void make_function(Instance& porteiro, const std::string& done_file) {
  const json function{{"FunctionName", "made"},
                      {"Runtime", "nodejs22.x"},
                      {"Handler", "index.handler"},
                      {"Timeout", 1},
                      {"Role", "arn:aws:iam::000000000000:role/any"},
                      {"Environment", {{"Variables", {{"DONE", done_file}}}}},
                      {"Code", {{"ZipFile", to_base64(zip_of("index.js", code))}}}};
  const auto done = [&](http::ClientRequest request, int status) {
    const Reply reply = porteiro.send(std::move(request));
    REQUIRE_MESSAGE(reply.status == status, reply.text);
  };
  done(lambda(porteiro, "/2015-03-31/functions", function), 201);
  http::ClientRequest limit = lambda(porteiro, "/2017-10-31/functions/made/concurrency",
                                     {{"ReservedConcurrentExecutions", 3}});
  limit.method = "PUT";
  done(limit, 200);
  http::ClientRequest config =
      lambda(porteiro, "/2019-09-25/functions/made/event-invoke-config",
             {{"MaximumRetryAttempts", 0},
              {"DestinationConfig", {{"OnFailure", {{"Destination", arn_of("failed")}}}}}});
  config.method = "PUT";
  done(config, 200);
  done(lambda(porteiro, "/2015-03-31/event-source-mappings",
              {{"FunctionName", "made"},
               {"EventSourceArn", arn_of("more")},
               {"BatchSize", 5},
               {"FunctionResponseTypes", {"ReportBatchItemFailures"}}}),
       202);
}

}  // namespace

TEST_CASE("worker crash: nothing is lost, and no process is left") {
  Loop loop;
  const CrashRounds rounds = crash_rounds(loop, "worker_crash_test", 20);
  INFO(rounds.replay());
  adopt_orphans();
  TemporaryDirectory directory;
  const std::string done_file = directory.path("done");
  std::filesystem::create_directory(directory.path("code"));
  write_file(directory.path("code/index.js"), code);
  Instance::Setup setup;
  setup.arguments = {"--data", directory.path("data")};
  setup.config = directory.path("config.json");
  write_file(setup.config, config_of(done_file).dump());
  World world(loop);
  for (std::uint64_t round = 0; round < rounds.count; ++round) {
    CAPTURE(round);
    Random random = Random(rounds.seed).fork(round);
    Instance porteiro(loop, setup);
    if (round == 0) make_function(porteiro, done_file);
    const bool look = round + 1 == rounds.count || round % check_rounds == check_rounds - 1;
    const bool kill = !look && random.chance(500'000);
    Load load(porteiro, world, random);
    load.run(std::chrono::milliseconds(random.between(100, 400)), kill);
    if (look) {
      Inspection inspection(porteiro, world, done_file);
      inspection.run();
      inspection.no_zombies();
    }
    if (!kill) porteiro.stop();
    CHECK_MESSAGE(loop.until(no_child_is_left), "these are left:", children_text());
    for (const Running& left : children_of(::getpid(), processes())) ::kill(left.pid, SIGKILL);
  }
  std::cout << "worker crash: " << world.numbers << " events, " << world.accepted
            << " of them accepted to be done later; " << world.killed << " workers were killed\n";
  CHECK(world.accepted >= rounds.count);
  CHECK(world.killed >= rounds.count);
}

}  // namespace porteiro::integration
