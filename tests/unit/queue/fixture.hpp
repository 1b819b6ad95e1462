// What the queue's tests share: a journal that keeps its entries in a vector, and a bench that can
// end a process and start the next one from them.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "porteiro/queue/queue.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::queue::test {

using namespace std::chrono_literals;

struct Kept {  // What a disk would hold.
  std::string snapshot;
  std::vector<std::string> entries;
};

class VectorJournal final : public journal::Journal {
 public:
  explicit VectorJournal(Kept& kept) : kept_(kept) {}
  journal::Stream join(std::string_view, journal::Participant& participant) override {
    participant_ = &participant;
    return 7;
  }
  Result<void> start() override {
    if (!kept_.snapshot.empty()) {
      PORTEIRO_TRY(participant_->restore(kept_.snapshot));
    }
    for (const std::string& entry : kept_.entries) {
      PORTEIRO_TRY(participant_->replay(entry));
    }
    started_ = true;
    return boost::outcome_v2::success();
  }
  journal::Sequence append(journal::Stream stream, std::string_view entry) override {
    CHECK(stream == 7);
    CHECK(started_);
    kept_.entries.emplace_back(entry);
    return ++last_;
  }
  journal::Sequence last() const override { return last_; }
  journal::Sequence durable() const override { return slow ? 0 : last_; }
  bool full() const override { return false; }
  bool on_disk() const override { return true; }
  void when_durable(journal::Sequence, UniqueFunction<void(Result<void>)> done) override {
    waiting.push_back(std::move(done));
  }
  void close(Task) override {}
  Result<void> clear() override {
    kept_ = {};
    return boost::outcome_v2::success();
  }
  bool slow = false;  // Nothing is durable until catch_up().
  std::vector<UniqueFunction<void(Result<void>)>> waiting;
  void catch_up() {
    slow = false;
    for (auto& done : std::exchange(waiting, {})) done(ok());
  }
  Result<void> compact() override {
    kept_.snapshot = participant_->snapshot();
    kept_.entries.clear();
    return ok();
  }

 private:
  Kept& kept_;
  journal::Participant* participant_ = nullptr;
  journal::Sequence last_ = 0;
  bool started_ = false;
};

struct NextFault final : Faults {  // Strikes once, then not again.
  Fault next;
  Fault strike(FaultPoint, std::string_view) override { return std::exchange(next, Fault{}); }
};

struct Bench {
  explicit Bench(std::vector<Options> declared, std::uint64_t seed = 1)
      : world(seed), options(std::move(declared)) {
    world.environment.faults = &faults;
    start();
  }

  void start() {
    queues.reset();
    journal = std::make_unique<VectorJournal>(kept);
    telemetry = std::make_unique<telemetry::Telemetry>(world.scheduler, telemetry::Options{});
    queues = std::make_unique<Queues>(world.environment, *journal, *telemetry);
    for (const Options& o : options) REQUIRE(queues->declare(o).has_value());
    REQUIRE(journal->start().has_value());
  }
  void settle() { world.scheduler.run_for(0s); }

  Queue& at(std::string_view name) { return *queues->find(name); }
  Queue& q() { return at(options.front().name); }
  std::vector<telemetry::Record> records(telemetry::Kind kind) const {
    std::vector<telemetry::Record> out;
    telemetry->read(0, [&](const telemetry::Record& r) {
      if (r.kind == kind) out.push_back(r);
    });
    return out;
  }

  virtual_world::World world;
  NextFault faults;
  Kept kept;
  std::vector<Options> options;
  std::unique_ptr<VectorJournal> journal;
  std::unique_ptr<telemetry::Telemetry> telemetry;
  std::unique_ptr<Queues> queues;
};

template <class T>
Errc errc_of(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

}  // namespace porteiro::queue::test
