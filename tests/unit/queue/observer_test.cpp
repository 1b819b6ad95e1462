// Goal: an observer is told everything that checks are made of, once each and in order.
#include "porteiro/queue/observer.hpp"

#include "unit/queue/fixture.hpp"

using namespace porteiro;
using namespace porteiro::queue;
using namespace porteiro::queue::test;

namespace {

class Notes final : public Observer {
 public:
  void arrived(std::string_view queue, std::uint64_t number, const Message& message) override {
    note("arrived", queue, number, message.body);
  }
  void leased(std::string_view queue, std::uint64_t number, const Message& message, std::size_t nth,
              Time now, Time until) override {
    note("leased", queue, number,
         message.body + " nth " + std::to_string(nth) + " for " + to_text(until - now));
  }
  void hidden(std::string_view queue, std::uint64_t number, Time) override {
    note("hidden", queue, number, "");
  }
  void ended(std::string_view queue, std::uint64_t number, End how) override {
    const char* names[] = {"removed", "dead_lettered", "dropped", "moved"};
    note(names[static_cast<int>(how)], queue, number, "");
  }
  void emptied(std::string_view queue) override { note("emptied", queue, 0, ""); }
  void depth(std::string_view, const Depth& depth) override {
    most = {std::max(most.ready, depth.ready), std::max(most.delayed, depth.delayed),
            std::max(most.in_flight, depth.in_flight)};
  }

  std::string take() { return std::exchange(text, ""); }
  Depth most;

 private:
  void note(std::string_view what, std::string_view queue, std::uint64_t number,
            const std::string& more) {
    text += std::string(what) + " " + std::string(queue) + " " + std::to_string(number) +
            (more.empty() ? "" : " " + more) + "\n";
  }
  std::string text;
};

}  // namespace

TEST_CASE("observer: sees messages arrive, be leased, hidden, removed and dead-lettered") {
  Options work{.name = "work", .visibility_timeout = 10s};
  work.dead_letter_queue = "dead";
  work.receives_max = 1;
  Bench bench({work, {.name = "dead"}});
  Notes notes;
  bench.queues->observe(&notes);
  for (const char* body : {"a", "b"}) REQUIRE(bench.q().send({.body = body}).has_value());
  REQUIRE(bench.q().send({.body = "late", .delay = 5s}).has_value());
  CHECK(notes.take() == "arrived work 1 a\narrived work 2 b\narrived work 3 late\n");
  const auto first = bench.q().receive(10);
  REQUIRE(first.size() == 2);
  CHECK(notes.take() == "leased work 1 a nth 0 for 10s\nleased work 2 b nth 1 for 10s\n");
  CHECK(notes.most.ready == 2);
  CHECK(notes.most.delayed == 1);
  CHECK(notes.most.in_flight == 2);
  REQUIRE(bench.q().remove(first[0].receipt).has_value());
  REQUIRE(bench.q().change_visibility(first[1].receipt, 0s).has_value());
  CHECK(notes.take() == "removed work 1\nhidden work 2\n");
  CHECK(bench.q().receive(10).empty());
  CHECK(notes.take() == "dead_lettered work 2\narrived dead 1 b\n");
  bench.q().purge();
  CHECK(notes.take() == "emptied work 0\n");
  bench.queues->observe(nullptr);
  REQUIRE(bench.q().send({.body = "unseen"}).has_value());
  CHECK(notes.take().empty());
}

TEST_CASE("observer: copies of a message have numbers of their own; what expires is dropped") {
  Bench bench({{.name = "work", .retention = 60s}});
  Notes notes;
  bench.queues->observe(&notes);
  bench.faults.next = {Fault::Kind::duplicate};
  REQUIRE(bench.q().send({.body = "a"}).has_value());
  CHECK(notes.take() == "arrived work 1 a\narrived work 2 a\n");
  bench.world.scheduler.run_for(61s);
  CHECK(notes.take() == "dropped work 1\ndropped work 2\n");
}
