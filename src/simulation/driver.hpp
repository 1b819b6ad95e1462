// Runs the steps of a scenario against an emulator and observes. The same in virtual time and live:
// only the environment and the way a request is sent differ. Belongs to the loop.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/emulator/emulator.hpp"
#include "simulation/canaries.hpp"
#include "simulation/fault_engine.hpp"
#include "simulation/plan.hpp"
#include "simulation/queue_ledger.hpp"

namespace porteiro::simulation {

// What came of an accepted asynchronous command.
struct Command {
  enum class State { pending, succeeded, failed, unknown };
  State state = State::pending;
  std::string key;  // The record it wrote, as the reply names it; empty: it names none.
  Id correlation{};
};

struct TrafficSeen {
  std::string id;
  std::uint64_t sent = 0;        // Resent ones included.
  std::uint64_t unanswered = 0;  // Cut or timed out: no HTTP status came.
  std::map<int, std::uint64_t> statuses;
  std::map<std::uint64_t, Id> correlations;      // By number; only of those that are copied.
  std::map<std::uint64_t, std::string> replies;  // By number; only of those that are compared.
  std::vector<std::uint64_t> latencies_ns;       // Of the answered ones.
  StringMap<Command> commands;                   // By Location: a resent command counts once.
  // What SQS accepted, and the key of the record it is to write: likewise.
  std::map<Id, std::string> messages;
};

// What is expected, and what a claim holds by.
nlohmann::json all_checks(const nlohmann::json& scenario);

struct Seen {
  std::vector<TrafficSeen> traffic;
  std::map<std::string, StringMap<std::uint64_t>> effects;  // "A.person" → key → changes.
  std::map<std::string, std::vector<std::uint64_t>> store_reads_ns;  // Store → durations.
  // Key → who → Decrypt calls to the key service: functions, "gateway", "porteiro" (no request).
  std::map<std::string, std::map<std::string, std::uint64_t>> decrypts;
  struct Denial {
    std::string who, action, resource;
    auto operator<=>(const Denial&) const = default;
  };
  std::map<Denial, std::uint64_t> denials;
  Duration quiesced_after{-1};  // From the last step that waited for idleness; negative: never was.
  const TrafficSeen* of(std::string_view id) const;
};

class Driver {
 public:
  using Answered = UniqueFunction<void(Result<http::Response>)>;
  using Send = std::function<void(http::ClientRequest, Answered)>;
  struct Parts {
    Environment& environment;
    emulator::Emulator& emulator;
    FaultEngine& faults;
    Canaries& canaries;
    Send send;         // To the gateway.
    Send send_inside;  // To the inside port.
  };
  Driver(const nlohmann::json& scenario, Parts parts, Random random);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver();

  // Runs all steps, then follows every command to its outcome. `done` gets nothing or the reason
  // why the run ended early (a step's `max` passed).
  void run(UniqueFunction<void(Result<void>)> done);
  const Seen& seen() const { return seen_; }
  const QueueLedger& ledger() const { return ledger_; }
  void on_record(std::function<void(const telemetry::Record&)> each) {
    on_record_ = std::move(each);
  }

 private:
  void end(Result<void> ran);
  void next_step();
  void run_traffic(const nlohmann::json& ids);
  void arm(std::size_t traffic);
  void send(std::size_t traffic, Traffic::Planned planned);
  void finished(std::size_t traffic, Time sent_at, std::uint64_t number,
                const Result<http::Response>& response);
  void accepted(std::size_t traffic, const http::Response& response, std::string key);
  void one_less();
  void advance(const nlohmann::json& step);
  void wait_idle(Time since, Time until);
  void follow_commands();
  void follow_next();
  void followed(Command& command, const Result<http::Response>& response);
  std::string event_of(std::string_view traffic, std::uint64_t number) const;
  void watch(const telemetry::Record& record);
  void watch_effects(const nlohmann::json& expect);

  const nlohmann::json& scenario_;
  Parts parts_;
  Generators generators_;
  StringMap<std::unique_ptr<Population>> populations_;
  std::vector<std::unique_ptr<Traffic>> traffic_;
  std::vector<std::shared_ptr<stores::Store::Follower>> followers_;
  Seen seen_;
  std::vector<bool> compared_;  // Of each traffic, whether its replies are.
  std::vector<bool> copied_;    // Of each traffic, whether its events are.
  QueueLedger ledger_;
  std::map<Id, std::vector<telemetry::Name>> working_;  // The functions that run, by trace.
  std::function<void(const telemetry::Record&)> on_record_;
  std::size_t step_ = 0;
  std::size_t open_ = 0;  // Traffic still to be made and requests still unanswered.
  struct Follow {
    std::size_t traffic;
    const std::string* location;  // These two are the map's own: it loses nothing while we follow.
    Command* command;
  };
  std::vector<Follow> follows_;
  std::size_t follow_at_ = 0;
  UniqueFunction<void(Result<void>)> done_;
};

}  // namespace porteiro::simulation
