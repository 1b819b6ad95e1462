// Random sequences of operations on a queue and on a plain model of it, in virtual time, with the
// process ended and started again from the journal now and then. Both must show the same.
#include <algorithm>
#include <map>

#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

struct ModelMessage {
  std::string body;
  int number = 0;
  Time sent, visible_at;  // Visible from then on; until then delayed or in flight.
  bool in_flight = false;
  std::uint32_t receives = 0, receives_here = 0;
  int delivery = 0;  // The number of the last one; 0: none.
  bool ephemeral = false;
};

struct ModelWaiter {
  int who;
  std::size_t max;
  Time until;
};

// Everything by looking at everything.
struct ModelQueue {
  Options options;
  ModelQueue* dead = nullptr;
  std::vector<ModelMessage> messages;  // By arrival.
  std::vector<ModelWaiter> waiters;
  std::vector<std::string>* log = nullptr;
  int* numbers = nullptr;

  std::size_t in_flight() const {
    return static_cast<std::size_t>(
        std::count_if(messages.begin(), messages.end(), [](auto& m) { return m.in_flight; }));
  }
  void advance(Time now) {
    for (std::size_t i = 0; i < messages.size();) {
      ModelMessage& m = messages[i];
      if (m.sent + options.retention <= now) {
        log->push_back("lost " + m.body);
        messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
      if (m.visible_at <= now) m.in_flight = false;
      ++i;
    }
  }
  void send(std::string body, Duration delay, bool ephemeral, Time now) {
    messages.push_back({.body = std::move(body),
                        .number = ++*numbers,
                        .sent = now,
                        .visible_at = now + delay,
                        .ephemeral = ephemeral});
  }
  std::vector<ModelMessage> receive(std::size_t max, Duration visibility, Time now) {
    std::vector<ModelMessage> out;
    for (std::size_t i = 0; i < messages.size() && out.size() < max;) {
      ModelMessage& m = messages[i];
      if (m.visible_at > now || m.in_flight) {
        ++i;
        continue;
      }
      if (in_flight() >= options.in_flight_max) break;
      if (options.receives_max != 0 && m.receives_here >= options.receives_max) {
        ModelMessage gone = m;
        messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
        log->push_back((dead != nullptr ? "dead " : "lost ") + gone.body);
        if (dead != nullptr) {
          gone.receives_here = 0;
          gone.delivery = 0;
          gone.visible_at = now;
          dead->messages.push_back(gone);
        }
        continue;
      }
      ++m.receives;
      ++m.receives_here;
      m.delivery = ++*numbers;
      m.visible_at = now + visibility;
      m.in_flight = true;
      out.push_back(m);
      ++i;
    }
    return out;
  }
  ModelMessage* by_delivery(int delivery) {
    for (ModelMessage& m : messages) {
      if (m.delivery == delivery) return &m;
    }
    return nullptr;
  }
};

struct Run {
  Random random;
  std::vector<std::string> real_log, model_log;
  int numbers = 0, sent = 0, waiters = 0;
  ModelQueue main, dead;
  Bench bench;
  // Deliveries known on both sides: the real receipt and the model's number.
  struct Known {
    Receipt receipt;
    int delivery;
    bool of_dead;
  };
  std::vector<Known> known;
  std::vector<std::shared_ptr<Queue::Waiter>> handles;

  static std::vector<Options> options(Random& r) {
    Options main{.name = "main"};
    main.visibility_timeout = std::chrono::seconds(1 + r.below(6));
    main.delay = r.below(3) == 0 ? std::chrono::seconds(r.below(5)) : 0s;
    main.retention = 60s;
    main.depth_max = r.below(3) == 0 ? 5 : 1000;
    main.in_flight_max = r.below(3) == 0 ? 3 : 1000;
    main.receives_max = static_cast<std::uint32_t>(r.below(4));
    if (r.below(4) != 0) main.dead_letter_queue = "dead";
    Options dead{.name = "dead", .visibility_timeout = 4s, .retention = 70s};
    return {main, dead};
  }

  explicit Run(std::uint64_t seed) : random(seed), bench(options(random), seed) {
    main.options = bench.options[0];
    dead.options = bench.options[1];
    for (ModelQueue* q : {&main, &dead}) {
      q->log = &model_log;
      q->numbers = &numbers;
    }
    if (!main.options.dead_letter_queue.empty()) main.dead = &dead;
    listen();
  }

  void listen() {
    for (const char* name : {"main", "dead"}) {
      bench.at(name).on_lost([this](const Message& m, bool dead_lettered) {
        real_log.push_back((dead_lettered ? "dead " : "lost ") + m.body);
      });
    }
  }
  Time now() const { return bench.world.scheduler.now(); }

  void got(const std::vector<Delivery>& real, const std::vector<ModelMessage>& model,
           bool of_dead) {
    REQUIRE(real.size() == model.size());
    for (std::size_t i = 0; i < real.size(); ++i) {
      CHECK(real[i].message.body == model[i].body);
      CHECK(real[i].message.receives == model[i].receives);
      CHECK(real[i].message.sent == model[i].sent);
      known.push_back({real[i].receipt, model[i].delivery, of_dead});
    }
  }

  // Who waits is served; what each got is compared when both sides have it.
  std::map<int, std::vector<Delivery>> real_served;
  std::map<int, std::vector<ModelMessage>> model_served;
  void serve_model() {
    while (true) {
      main.advance(now_model);
      dead.advance(now_model);
      if (main.waiters.empty()) break;
      auto out = main.receive(main.waiters.front().max, main.options.visibility_timeout, now_model);
      if (out.empty()) break;
      model_served[main.waiters.front().who] = out;
      main.waiters.erase(main.waiters.begin());
    }
    std::erase_if(main.waiters, [&](const ModelWaiter& w) {
      if (w.until > now_model) return false;
      model_served[w.who] = {};
      return true;
    });
  }
  Time now_model{};
  void pass(Duration duration) {
    const Time target = now() + duration;
    now_model = now();
    serve_model();
    while (true) {
      Time next = target;
      for (const ModelQueue* q : {&main, &dead}) {
        for (const ModelMessage& m : q->messages) {
          if (m.visible_at > now_model) next = std::min(next, m.visible_at);
          next = std::min(next, m.sent + q->options.retention);
        }
      }
      for (const ModelWaiter& w : main.waiters) next = std::min(next, w.until);
      now_model = next;
      serve_model();
      if (next == target) break;
    }
    bench.world.scheduler.run_for(duration);
    REQUIRE(real_served.size() == model_served.size());
    for (auto& [who, deliveries] : real_served) {
      REQUIRE(model_served.contains(who));
      got(deliveries, model_served[who], false);
    }
    real_served.clear();
    model_served.clear();
    std::sort(real_log.begin(), real_log.end());  // Of one instant in any order.
    std::sort(model_log.begin(), model_log.end());
    CHECK(real_log == model_log);
    real_log.clear();
    model_log.clear();
  }

  void same() {
    for (ModelQueue* q : {&main, &dead}) {
      const Queue& real = bench.at(q->options.name);
      const auto peeked = real.peek(10'000);
      REQUIRE(peeked.size() == q->messages.size());
      std::size_t delayed = 0;
      for (std::size_t i = 0; i < peeked.size(); ++i) {
        CHECK(peeked[i].message.body == q->messages[i].body);
        CHECK(peeked[i].message.receives == q->messages[i].receives);
        delayed += q->messages[i].visible_at > now() && !q->messages[i].in_flight;
      }
      CHECK(real.depth().in_flight == q->in_flight());
      CHECK(real.depth().delayed == delayed);
    }
  }

  void send() {
    Duration delay = random.below(3) == 0 ? std::chrono::seconds(random.below(8)) : Duration(-1);
    const bool ephemeral = random.below(5) == 0;
    const std::string body = "m" + std::to_string(++sent);
    const std::uint64_t fault = random.below(10);
    if (fault == 0) bench.faults.next = {Fault::Kind::duplicate, {}};
    if (fault == 1) bench.faults.next = {Fault::Kind::delay, 3s};
    const auto result = bench.q().send({.body = body, .delay = delay, .ephemeral = ephemeral});
    bench.faults.next = {};
    const bool fits = main.messages.size() < main.options.depth_max;
    REQUIRE(result.has_value() == fits);
    if (!fits) return;
    if (delay < 0s) delay = main.options.delay;
    if (fault == 1) delay += 3s;
    if (fault == 0 && main.messages.size() + 1 < main.options.depth_max) {
      main.send(body, delay, ephemeral, now());
    }
    main.send(body, delay, ephemeral, now());
  }
  void receive() {
    const bool of_dead = random.below(5) == 0;
    ModelQueue& model = of_dead ? dead : main;
    const std::size_t max = 1 + random.below(4);
    const bool own = random.below(3) == 0;
    const Duration visibility =
        own ? std::chrono::seconds(random.below(9)) : model.options.visibility_timeout;
    const auto real = bench.at(model.options.name).receive(max, own ? visibility : Duration(-1));
    got(real, model.receive(max, visibility, now()), of_dead);
    main.advance(now());  // A visibility of zero ends at once.
    dead.advance(now());
  }
  void use_receipt() {
    if (known.empty()) return;
    const Known k = known[random.below(known.size())];
    ModelQueue& model = k.of_dead ? dead : main;
    Queue& real = bench.at(model.options.name);
    ModelMessage* m = model.by_delivery(k.delivery);
    if (random.below(3) != 0) {
      REQUIRE(real.remove(k.receipt).has_value() == (m != nullptr));
      if (m != nullptr) model.messages.erase(model.messages.begin() + (m - model.messages.data()));
      return;
    }
    const Duration visibility = std::chrono::seconds(random.below(9));
    const bool in_flight = m != nullptr && m->in_flight;
    REQUIRE(real.change_visibility(k.receipt, visibility).has_value() == in_flight);
    if (in_flight) {
      m->visible_at = now() + visibility;
      m->in_flight = visibility > 0s;
    }
  }
  void wait() {
    const int who = ++waiters;
    const std::size_t max = 1 + random.below(3);
    const Duration wait = std::chrono::seconds(random.below(20));
    handles.push_back(bench.q().receive_wait(
        {.max = max}, wait,
        [this, who](std::vector<Delivery> d) { real_served[who] = std::move(d); }));
    main.waiters.push_back({who, max, now() + wait});
  }
  void restart() {
    if (random.below(2) == 0) bench.journal->compact();
    bench.start();
    listen();
    main.waiters.clear();
    for (ModelQueue* q : {&main, &dead}) {
      std::erase_if(q->messages, [](const ModelMessage& m) { return m.ephemeral; });
    }
  }

  void step() {
    const std::uint64_t what = random.below(100);
    if (what < 30) {
      send();
    } else if (what < 55) {
      receive();
    } else if (what < 75) {
      use_receipt();
    } else if (what < 82) {
      wait();
    } else if (what < 85) {
      restart();
    } else if (what < 86) {
      bench.q().purge();
      main.messages.clear();
    } else {
      pass(std::chrono::seconds(random.below(9)));
    }
    pass(0s);
    same();
  }
};

}  // namespace

TEST_CASE("queue model: random operations show what a plain model shows") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    Run run(seed);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      run.step();
    }
  }
}
