#include "simulation/driver.hpp"

#include <algorithm>

#include "porteiro/base/json_scan.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::simulation {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr Duration resend_after = 50ms;
constexpr Duration idle_poll = 10ms;
constexpr std::size_t follows_in_flight_max = 64;

std::string_view header_of(const http::Response& response, std::string_view name) {
  const auto same = [&](const http::Header& header) {
    return std::equal(header.name.begin(), header.name.end(), name.begin(), name.end(),
                      [](char a, char b) { return (a | 0x20) == (b | 0x20); });
  };
  const auto it = std::find_if(response.headers.begin(), response.headers.end(), same);
  return it == response.headers.end() ? std::string_view() : std::string_view(it->value);
}

std::vector<std::string> names_of(const json& one_or_many) {
  if (one_or_many.is_string()) return {one_or_many.get<std::string>()};
  return one_or_many.get<std::vector<std::string>>();
}

// Books are kept only for those who read them.
bool needs_ledger(const json& scenario, const json& expect) {
  const auto sends = [](const json& traffic) { return traffic.contains("send"); };
  const auto asks = [](const json& check) {
    const std::string name = check.at("check").get<std::string>();
    return name.starts_with("queue.") || name == "delivery.attempts";
  };
  const json& traffic = scenario.at("traffic");
  return std::any_of(traffic.begin(), traffic.end(), sends) ||
         std::any_of(expect.begin(), expect.end(), asks);
}

bool is_compared(const json& expect, const std::string& traffic) {
  return std::any_of(expect.begin(), expect.end(), [&](const json& check) {
    if (check.at("check") != "http.same") return false;
    const std::vector<std::string> names = names_of(check.at("of"));
    return std::find(names.begin(), names.end(), traffic) != names.end();
  });
}

bool is_copied(const json& all, const std::string& traffic) {
  return std::any_of(all.begin(), all.end(), [&](const json& each) {
    return each.contains("send") && each.at("send").value("copy_of", "") == traffic;
  });
}

}  // namespace

json all_checks(const json& scenario) {
  json checks = scenario.at("expect");
  if (const auto claim = scenario.find("claim"); claim != scenario.end()) {
    for (const json& check : claim->at("holds_if")) checks.push_back(check);
  }
  return checks;
}

const TrafficSeen* Seen::of(std::string_view id) const {
  const auto it = std::find_if(traffic.begin(), traffic.end(),
                               [&](const TrafficSeen& each) { return each.id == id; });
  return it == traffic.end() ? nullptr : &*it;
}

Driver::Driver(const json& scenario, Parts parts, Random random)
    : scenario_(scenario),
      parts_(std::move(parts)),
      generators_(scenario.value("data", json::object())) {
  const OnCanary on_canary = [this](std::string_view value) { parts_.canaries.add(value); };
  std::uint64_t stream = 100;
  const json populations = scenario.value("population", json::object());
  for (const auto& [name, spec] : populations.items()) {
    populations_.emplace(name,
                         std::make_unique<Population>(spec, generators_, random.fork(stream++)));
  }
  const json checks = all_checks(scenario);
  for (const json& spec : scenario.at("traffic")) {
    Population* population = nullptr;
    for (const char* member : {"each", "pick"}) {
      if (spec.contains(member))
        population = populations_.at(spec.at(member).get<std::string>()).get();
    }
    traffic_.push_back(
        std::make_unique<Traffic>(spec, generators_, population, random.fork(stream++), on_canary));
    seen_.traffic.emplace_back().id = traffic_.back()->id();
    compared_.push_back(is_compared(checks, traffic_.back()->id()));
    copied_.push_back(is_copied(scenario.at("traffic"), traffic_.back()->id()));
  }
  watch_effects(checks);
  if (needs_ledger(scenario, checks)) parts_.emulator.queues().observe(&ledger_);
  parts_.emulator.telemetry().listen([this](const telemetry::Record& record) {
    if (on_record_) on_record_(record);
    watch(record);
  });
}

void Driver::watch(const telemetry::Record& record) {
  using telemetry::Kind;
  const telemetry::Telemetry& telemetry = parts_.emulator.telemetry();
  switch (record.kind) {
    case Kind::store_read:
      seen_.store_reads_ns[std::string(telemetry.name(record.name))].push_back(record.extra);
      return;
    case Kind::invocation_started:
      working_[record.trace].push_back(record.name);
      return;
    case Kind::invocation_ended:
    case Kind::invocation_crashed: {
      const auto working = working_.find(record.trace);
      if (working == working_.end()) return;
      const auto one = std::find(working->second.begin(), working->second.end(), record.name);
      if (one != working->second.end()) working->second.erase(one);
      if (working->second.empty()) working_.erase(working);
      return;
    }
    case Kind::access_denied:
      ++seen_.denials[{std::string(telemetry.name(record.name)),
                       std::string(telemetry.name(static_cast<telemetry::Name>(record.value))),
                       std::string(telemetry.name(static_cast<telemetry::Name>(record.extra)))}];
      return;
    case Kind::kms_called: {
      if (telemetry.name(telemetry::kms_call_of(record)) != "decrypt") return;
      auto& by = seen_.decrypts[std::string(telemetry.name(record.name))];
      const auto working = working_.find(record.trace);
      if (working == working_.end()) {
        ++by[record.trace ? "gateway" : "porteiro"];
        return;
      }
      for (const telemetry::Name name : working->second) ++by[std::string(telemetry.name(name))];
      return;
    }
    default:
      return;
  }
}

Driver::~Driver() { parts_.emulator.queues().observe(nullptr); }

// "A.person" or "C.trail.movements": every change of a record of that collection is one effect.
void Driver::watch_effects(const json& expect) {
  for (const json& check : expect) {
    if (check.at("check") != "effect.once") continue;
    const std::string effect = check.at("effect").get<std::string>();
    const std::size_t dot = effect.find('.');
    const std::string collection = effect.substr(dot + 1, effect.find('.', dot + 1) - dot - 1);
    stores::Store& store = *parts_.emulator.stores().find(effect.substr(0, dot))->second;
    auto& changes = seen_.effects[effect];
    followers_.push_back(store.follow([&changes, collection](const stores::Change& change) {
      if (change.collection == collection) ++changes[change.key];
    }));
  }
}

void Driver::run(UniqueFunction<void(Result<void>)> done) {
  done_ = std::move(done);
  parts_.faults.begin(parts_.environment.scheduler.now());
  next_step();
}

// The completion is let go of before it runs: it may hold what holds the driver.
void Driver::end(Result<void> ran) { std::exchange(done_, nullptr)(std::move(ran)); }

void Driver::next_step() {
  const json& steps = scenario_.at("steps");
  while (step_ < steps.size()) {
    const json& step = steps[step_++];
    if (step.contains("run")) return run_traffic(step.at("run"));
    if (step.contains("advance")) return advance(step);
    parts_.faults.heal(step.at("heal").get<std::string>());
  }
  follow_commands();
}

void Driver::run_traffic(const json& ids) {
  const std::vector<std::string> names = names_of(ids);
  open_ = 1;  // Held until all are armed.
  for (std::size_t i = 0; i < traffic_.size(); ++i) {
    if (std::find(names.begin(), names.end(), traffic_[i]->id()) == names.end()) continue;
    ++open_;
    arm(i);
  }
  one_less();
}

void Driver::arm(std::size_t traffic) {
  const std::optional<Duration> gap = traffic_[traffic]->gap();
  if (!gap) return one_less();
  parts_.environment.scheduler.after(*gap, [this, traffic] {
    Traffic::Planned planned = traffic_[traffic]->next(
        parts_.environment.scheduler.now(),
        [this](std::string_view of, std::uint64_t number) { return event_of(of, number); });
    if (planned.resend) {
      ++open_;
      parts_.environment.scheduler.after(resend_after, [this, traffic, again = planned] {
        send(traffic, again);
        one_less();
      });
    }
    send(traffic, std::move(planned));
    arm(traffic);
  });
}

std::string Driver::event_of(std::string_view traffic, std::uint64_t number) const {
  const TrafficSeen* from = seen_.of(traffic);
  PORTEIRO_ASSERT(from != nullptr);  // The names were checked when the scenario was read.
  const auto id = from->correlations.find(number);
  if (id == from->correlations.end()) return {};
  const auto entries = parts_.emulator.events().read(0, 1, id->second);
  return entries.empty() ? std::string() : *entries.front().json;
}

void Driver::send(std::size_t traffic, Traffic::Planned planned) {
  ++open_;
  ++seen_.traffic[traffic].sent;
  const Time now = parts_.environment.scheduler.now();
  if (!traffic_[traffic]->sends()) {
    return parts_.send(std::move(planned.request), [this, traffic, now, n = planned.number](
                                                       const Result<http::Response>& response) {
      finished(traffic, now, n, response);
    });
  }
  parts_.send_inside(std::move(planned.request), [this, traffic, now, key = std::move(planned.key)](
                                                     const Result<http::Response>& response) {
    if (response) accepted(traffic, response.value(), key);
    finished(traffic, now, 0, response);
  });
}

void Driver::accepted(std::size_t traffic, const http::Response& response, std::string key) {
  if (response.status != 200) return;
  const auto raw = find_member(response.body, "MessageId");
  const auto id = raw ? parse_id(string_value(*raw).value_or("")) : std::nullopt;
  if (id) seen_.traffic[traffic].messages.emplace(*id, std::move(key));
}

void Driver::finished(std::size_t traffic, Time sent_at, std::uint64_t number,
                      const Result<http::Response>& response) {
  TrafficSeen& seen = seen_.traffic[traffic];
  if (!response) {
    ++seen.unanswered;
    return one_less();
  }
  const Duration took = parts_.environment.scheduler.now() - sent_at;
  seen.latencies_ns.push_back(static_cast<std::uint64_t>(took.count()));
  ++seen.statuses[response.value().status];
  if (compared_[traffic]) {
    seen.replies[number] = std::to_string(response.value().status) + " " + response.value().body;
  }
  if (copied_[traffic]) {
    const auto id = parse_id(header_of(response.value(), "X-Correlation-Id"));
    if (id) seen.correlations.emplace(number, *id);
  }
  const std::string_view location = header_of(response.value(), "Location");
  if (response.value().status == 202 && !location.empty()) {
    Command& command = seen.commands[std::string(location)];
    command.correlation = parse_id(header_of(response.value(), "X-Correlation-Id")).value_or(Id{});
  }
  one_less();
}

void Driver::one_less() {
  if (--open_ == 0) parts_.environment.scheduler.post([this] { next_step(); });
}

void Driver::advance(const json& step) {
  const Time now = parts_.environment.scheduler.now();
  const std::string how = step.at("advance").get<std::string>();
  if (how == "idle") return wait_idle(now, now + config::duration_of(step.at("max")));
  parts_.environment.scheduler.after(config::duration_of(step.at("advance")),
                                     [this] { next_step(); });
}

void Driver::wait_idle(Time since, Time until) {
  const Time now = parts_.environment.scheduler.now();
  if (parts_.emulator.idle()) {
    seen_.quiesced_after = now - since;
    return next_step();
  }
  if (now >= until) {
    seen_.quiesced_after = Duration(-1);
    return end(error(Errc::timeout, "the emulator was not idle " + to_text(until - since) +
                                        " after the step began; see the queues' depths"));
  }
  parts_.environment.scheduler.after(idle_poll, [this, since, until] { wait_idle(since, until); });
}

void Driver::follow_commands() {
  for (std::size_t i = 0; i < seen_.traffic.size(); ++i) {
    const std::size_t first = follows_.size();
    for (auto& [location, command] : seen_.traffic[i].commands)
      follows_.push_back({i, &location, &command});
    std::sort(follows_.begin() + static_cast<std::ptrdiff_t>(first), follows_.end(),
              [](const Follow& a, const Follow& b) { return *a.location < *b.location; });
  }
  open_ = std::min(follows_in_flight_max, follows_.size());
  if (open_ == 0) return end(ok());
  for (std::size_t i = open_; i > 0; --i) follow_next();
}

// One of the chains that follow commands: asks for the next, or ends.
void Driver::follow_next() {
  if (follow_at_ == follows_.size()) {
    if (--open_ == 0) parts_.environment.scheduler.post([this] { end(ok()); });
    return;
  }
  const Follow follow = follows_[follow_at_++];
  http::ClientRequest request;
  request.url = *follow.location;
  request.headers = traffic_[follow.traffic]->key_headers();
  parts_.send(std::move(request), [this, follow](Result<http::Response> response) {
    followed(*follow.command, response);
    parts_.environment.scheduler.post([this] { follow_next(); });
  });
}

void Driver::followed(Command& command, const Result<http::Response>& response) {
  command.state = Command::State::unknown;
  if (!response || response.value().status != 200) return;
  const std::string_view body = response.value().body;
  const auto text = [&](std::string_view path) -> std::string {
    const auto raw = find_member(body, path);
    return raw ? string_value(*raw).value_or("") : "";
  };
  const std::string state = text("status");
  if (state == "pending") command.state = Command::State::pending;
  if (state == "failed") command.state = Command::State::failed;
  if (state != "succeeded") return;
  command.state = Command::State::succeeded;
  command.key = text("reply.key");
}

}  // namespace porteiro::simulation
