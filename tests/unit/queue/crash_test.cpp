// The process ends at a random moment, also in the middle of a write: what was acknowledged counts.
#include <map>
#include <set>

#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

// A process over a disk that outlives it.
struct Instance {
  Instance(std::uint64_t seed, std::shared_ptr<virtual_world::MemoryFiles::Disk> disk)
      : world(seed),
        files(std::move(disk)),
        environment{world.scheduler, world.offload, world.entropy, world.random, files},
        telemetry(world.scheduler, {}) {
    auto opened =
        journal::open({.directory = "data", .segment_bytes_max = 4096}, environment, telemetry);
    REQUIRE(opened.has_value());
    journal = std::move(opened.value());
    queues = std::make_unique<Queues>(environment, *journal, telemetry);
    Options options{.name = "q", .visibility_timeout = 5s};
    options.dead_letter_queue = "dead";
    options.receives_max = 3;
    REQUIRE(queues->declare(options).has_value());
    REQUIRE(queues->declare({.name = "dead"}).has_value());
    REQUIRE(journal->start().has_value());
  }
  Queue& at(std::string_view name) { return *queues->find(name); }

  virtual_world::World world;
  virtual_world::MemoryFiles files;
  Environment environment;
  telemetry::Telemetry telemetry;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<Queues> queues;
};

struct Acknowledged {
  std::set<std::string> sent, removed;  // Known durable.
  std::set<std::string> doubtful;       // A removal was asked for; nobody was told.
};

void work(Instance& process, Random& random, Acknowledged& known, int& number) {
  Queue& q = process.at("q");
  std::vector<Delivery> held;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t what = random.below(10);
    if (what < 4) {
      const std::string body = "m" + std::to_string(++number);
      const auto sent = q.send({.body = body, .ephemeral = random.below(5) == 0});
      REQUIRE(sent.has_value());
      if (sent.value().sequence == 0) continue;  // Ephemeral.
      process.journal->when_durable(sent.value().sequence, [&known, body](Result<void> written) {
        if (written) known.sent.insert(body);
      });
    } else if (what < 6) {
      for (auto& delivery : q.receive(3)) held.push_back(std::move(delivery));
    } else if (what < 8 && !held.empty()) {
      const Delivery delivery = held[random.below(held.size())];
      const auto removed = q.remove(delivery.receipt);
      if (!removed) continue;
      const std::string body = delivery.message.body;
      known.doubtful.insert(body);
      process.journal->when_durable(removed.value(), [&known, body](Result<void> written) {
        if (written) known.removed.insert(body);
      });
    } else {
      process.world.scheduler.run_for(std::chrono::seconds(random.below(3)));
    }
  }
}

}  // namespace

TEST_CASE("queue: after a crash each acknowledged message is there once, removed ones are not") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    auto disk = std::make_shared<virtual_world::MemoryFiles::Disk>();
    Acknowledged known;
    int number = 0;
    for (int life = 0; life < 3; ++life) {
      Instance process(seed * 10 + static_cast<std::uint64_t>(life), disk);
      if (random.below(2) == 0) disk->fail_at = disk->operations + 1 + random.below(60);
      work(process, random, known, number);
      disk->fail_at = 0;
      disk = std::make_shared<virtual_world::MemoryFiles::Disk>(*disk);  // What is written now.
    }
    Instance after(seed * 10 + 9, disk);
    std::map<std::string, int> found;
    for (const char* name : {"q", "dead"}) {
      for (const Peeked& peeked : after.at(name).peek(100'000)) ++found[peeked.message.body];
    }
    CHECK(!known.sent.empty());
    for (const std::string& body : known.sent) {
      CAPTURE(body);
      if (known.removed.contains(body)) {
        CHECK(found[body] == 0);
      } else if (!known.doubtful.contains(body)) {
        CHECK(found[body] == 1);
      }
    }
    for (const auto& [body, count] : found) CHECK(count <= 1);
  }
}
