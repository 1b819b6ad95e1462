#include "simulation/checks.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::simulation {

using nlohmann::json;

std::vector<std::string> list_of(const json& one_or_many) {
  if (one_or_many.is_string()) return {one_or_many.get<std::string>()};
  return one_or_many.get<std::vector<std::string>>();
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

namespace {

std::vector<const TrafficSeen*> traffic_of(const json& check, const Evidence& evidence) {
  std::vector<const TrafficSeen*> out;
  for (const std::string& id : list_of(check.at("of"))) out.push_back(evidence.seen.of(id));
  return out;  // Never null: the names were checked when the scenario was read.
}

Duration percentile(const std::vector<std::uint64_t>& sorted, std::uint64_t percent) {
  if (sorted.empty()) return Duration(0);
  const std::size_t rank = (sorted.size() * percent + 99) / 100;  // Nearest rank.
  return Duration(static_cast<std::int64_t>(sorted[std::max<std::size_t>(rank, 1) - 1]));
}

// "2xx" or "404".
bool matches(int status, const std::string& pattern) {
  const std::string text = std::to_string(status);
  return std::equal(text.begin(), text.end(), pattern.begin(), pattern.end(),
                    [](char digit, char want) { return want == 'x' || digit == want; });
}

std::string rounded(Duration duration) {
  using namespace std::chrono_literals;
  const Duration unit = duration < 1ms ? Duration(1us) : Duration(10us);
  return to_text(duration - duration % unit);
}

Verdict verdict_of(bool good) { return good ? Verdict::pass : Verdict::fail; }

CheckResult http_ratio(const json& check, const Evidence& evidence) {
  const std::vector<std::string> patterns = list_of(check.at("status"));
  std::uint64_t samples = 0, good = 0;
  for (const TrafficSeen* traffic : traffic_of(check, evidence)) {
    samples += traffic->unanswered;
    for (const auto& [status, count] : traffic->statuses) {
      samples += count;
      const auto fits = [code = status](const std::string& pattern) {
        return matches(code, pattern);
      };
      if (std::any_of(patterns.begin(), patterns.end(), fits)) good += count;
    }
  }
  const double min = check.at("min").get<double>();
  const std::string figures = std::to_string(good) + " of " + std::to_string(samples) + " are " +
                              joined(patterns) + " (at least " + json(min).dump() + ")";
  return {"", verdict_of(static_cast<double>(good) >= min * static_cast<double>(samples)), samples,
          figures};
}

// The replies to the first, the second … request of each traffic are the same.
CheckResult http_same(const json& check, const Evidence& evidence) {
  std::map<std::uint64_t, std::vector<const std::string*>> by_number;
  const auto all = traffic_of(check, evidence);
  for (const TrafficSeen* traffic : all) {
    for (const auto& [number, reply] : traffic->replies) by_number[number].push_back(&reply);
  }
  std::uint64_t different = 0, first = 0;
  for (const auto& [number, replies] : by_number) {
    const bool same =
        replies.size() == all.size() &&
        std::all_of(replies.begin(), replies.end(), [&replies = replies](const std::string* reply) {
          return *reply == *replies.front();
        });
    if (!same && different++ == 0) first = number;
  }
  std::string figures = std::to_string(by_number.size()) + " times the replies of " +
                        std::to_string(all.size()) + ", " + std::to_string(different) +
                        " times not the same";
  if (different > 0) figures += "; first: request " + std::to_string(first);
  return {"", verdict_of(different == 0), by_number.size(), figures};
}

CheckResult latency(const json& check, const Evidence& evidence) {
  std::vector<std::uint64_t> all;
  for (const TrafficSeen* traffic : traffic_of(check, evidence)) {
    all.insert(all.end(), traffic->latencies_ns.begin(), traffic->latencies_ns.end());
  }
  std::sort(all.begin(), all.end());
  std::string figures;
  bool good = true;
  const auto limit = [&](const char* name, std::uint64_t percent, bool always) {
    const Duration value = percentile(all, percent);
    if (!check.contains(name) && !always) return;
    figures += (figures.empty() ? "" : ", ") + std::string(name) + " " + rounded(value);
    if (!check.contains(name)) return;
    const Duration bound = config::duration_of(check.at(name));
    figures += " (at most " + to_text(bound) + ")";
    good = good && value <= bound;
  };
  limit("p50", 50, true);
  limit("p99", 99, true);
  limit("max", 100, false);
  return {"", verdict_of(good), all.size(), figures};
}

struct Fates {
  std::uint64_t messages = 0, handled = 0, dead = 0, waiting = 0, lost = 0;
};

Fates fates_of(const json& check, const Evidence& evidence) {
  using Fate = QueueLedger::Fate;
  Fates out;
  for (const TrafficSeen* traffic : traffic_of(check, evidence)) {
    for (const auto& [id, key] : traffic->messages) {
      ++out.messages;
      const Fate fate = evidence.ledger.fate(id);
      if (fate == Fate::handled) ++out.handled;
      if (fate == Fate::dead) ++out.dead;
      if (fate == Fate::waiting) ++out.waiting;
      if (fate == Fate::lost || fate == Fate::unseen) ++out.lost;
    }
  }
  return out;
}

CheckResult no_loss(const json& check, const Evidence& evidence) {
  const std::vector<std::string> terminal = list_of(check.at("terminal"));
  const auto allowed = [&](const char* name) {
    return std::find(terminal.begin(), terminal.end(), name) != terminal.end();
  };
  std::uint64_t accepted = 0, replied = 0, dead = 0, pending = 0, gone = 0;
  for (const TrafficSeen* traffic : traffic_of(check, evidence)) {
    for (const auto& [location, command] : traffic->commands) {
      ++accepted;
      switch (command.state) {
        case Command::State::succeeded:
          ++replied;
          break;
        case Command::State::failed:
          ++dead;
          break;
        case Command::State::pending:
          ++pending;
          break;
        case Command::State::unknown:
          ++gone;
          break;
      }
    }
  }
  std::string figures;
  if (accepted > 0) {
    figures = std::to_string(accepted) + " accepted: " + std::to_string(replied) + " replied, " +
              std::to_string(dead) + " failed, " + std::to_string(pending) + " pending, " +
              std::to_string(gone) + " lost";
  }
  const Fates fates = fates_of(check, evidence);
  if (fates.messages > 0) {
    figures += (figures.empty() ? "" : "; ") + std::to_string(fates.messages) +
               " messages: " + std::to_string(fates.handled) + " handled, " +
               std::to_string(fates.dead) + " dead-lettered, " + std::to_string(fates.waiting) +
               " waiting, " + std::to_string(fates.lost) + " lost";
  }
  const bool good = pending == 0 && gone + fates.lost == 0 &&
                    (dead + fates.dead == 0 || allowed("dlq")) &&
                    (replied + fates.handled == 0 || allowed("replied"));
  return {"", verdict_of(good), accepted + fates.messages, figures};
}

// How often a record is to change.
struct Expected {
  std::uint64_t min = 0, max = 0;
};

// Each command that succeeded changed the record it names exactly once; so did each message that
// was handled. What was not may have, before its end. Nothing else changed.
CheckResult effect_once(const json& check, const Evidence& evidence) {
  StringMap<Expected> expected;
  std::uint64_t commands = 0;
  for (const TrafficSeen* traffic : traffic_of(check, evidence)) {
    for (const auto& [location, command] : traffic->commands) {
      if (command.state != Command::State::succeeded) continue;
      ++commands;
      ++expected[command.key].min;
      ++expected[command.key].max;
    }
    for (const auto& [id, key] : traffic->messages) {
      Expected& of_key = expected[key];
      ++of_key.max;
      if (evidence.ledger.fate(id) != QueueLedger::Fate::handled) continue;
      ++commands;
      ++of_key.min;
    }
  }
  const auto& effects = evidence.seen.effects.at(check.at("effect").get<std::string>());
  std::uint64_t missing = 0, repeated = 0;
  for (const auto& [key, count] : expected) {
    const auto it = effects.find(key);
    const std::uint64_t seen = it == effects.end() ? 0 : it->second;
    if (seen < count.min) missing += count.min - seen;
  }
  for (const auto& [key, count] : effects) {
    const auto it = expected.find(key);
    const std::uint64_t want = it == expected.end() ? 0 : it->second.max;
    if (count > want) repeated += count - want;
  }
  const std::string figures = std::to_string(commands) + " handled: " + std::to_string(missing) +
                              " without effect, " + std::to_string(repeated) + " effects too many";
  return {"", verdict_of(missing == 0 && repeated == 0), commands, figures};
}

CheckResult dlq_count(const json& check, const Evidence& evidence) {
  queue::Queue* queue = evidence.emulator.queues().find(check.at("queue").get<std::string>());
  const std::uint64_t count = queue->depth().total();
  bool good = true;
  std::string figures = std::to_string(count) + " messages";
  if (check.contains("eq")) {
    good = count == check.at("eq").get<std::uint64_t>();
    figures += " (must be " + check.at("eq").dump() + ")";
  }
  if (check.contains("max")) {
    good = good && count <= check.at("max").get<std::uint64_t>();
    figures += " (at most " + check.at("max").dump() + ")";
  }
  return {"", verdict_of(good), 1, figures};
}

// Of one queue, or of all of them.
std::vector<std::string> queues_of(const json& check, const Evidence& evidence) {
  if (check.contains("queue")) return {check.at("queue").get<std::string>()};
  return evidence.emulator.queues().names();
}

CheckResult tallied(const json& check, const Evidence& evidence,
                    QueueLedger::Tally QueueLedger::Book::*kind, const char* violation) {
  QueueLedger::Tally all;
  for (const std::string& name : queues_of(check, evidence)) {
    const QueueLedger::Book* book = evidence.ledger.book(name);
    if (book != nullptr) all.add(book->*kind);
  }
  std::string figures = std::to_string(all.violations) + " of " + std::to_string(all.samples) +
                        " deliveries " + violation;
  if (!all.first.empty()) figures += "; first: " + all.first;
  return {"", verdict_of(all.violations == 0), all.samples, figures};
}

CheckResult queue_depth(const json& check, const Evidence& evidence) {
  const std::string name = check.at("queue").get<std::string>();
  const std::string state = check.at("state").get<std::string>();
  const auto part = [&state](const queue::Depth& depth, std::size_t total) -> std::uint64_t {
    if (state == "ready") return depth.ready;
    if (state == "delayed") return depth.delayed;
    return state == "in_flight" ? depth.in_flight : total;
  };
  static const QueueLedger::Book unused;
  const QueueLedger::Book* book = evidence.ledger.book(name);
  if (book == nullptr) book = &unused;
  const queue::Depth depth = evidence.emulator.queues().find(name)->depth();
  const std::uint64_t now = part(depth, depth.total()), most = part(book->most, book->total_most);
  bool good = true;
  std::string figures = state + ": " + std::to_string(now) + " at the end";
  if (check.contains("eq")) {
    good = now == check.at("eq").get<std::uint64_t>();
    figures += " (must be " + check.at("eq").dump() + ")";
  }
  figures += ", most " + std::to_string(most);
  if (check.contains("max")) {
    good = good && most <= check.at("max").get<std::uint64_t>();
    figures += " (at most " + check.at("max").dump() + ")";
  }
  return {"", verdict_of(good), book->depths, figures};
}

CheckResult attempts(const json& check, const Evidence& evidence) {
  std::map<std::uint32_t, std::uint64_t> counts;  // Deliveries → so many messages.
  const auto add = [&](Id id) {
    if (const auto deliveries = evidence.ledger.deliveries(id)) ++counts[*deliveries];
  };
  if (check.contains("queue")) {
    const auto* book = evidence.ledger.book(check.at("queue").get<std::string>());
    if (book != nullptr) counts = book->deliveries;
  } else {
    for (const TrafficSeen* traffic : traffic_of(check, evidence)) {
      for (const auto& [id, key] : traffic->messages) add(id);
      for (const auto& [location, command] : traffic->commands) add(command.correlation);
    }
  }
  counts.erase(0);
  const auto max = check.at("max").get<std::uint32_t>();
  std::uint64_t samples = 0, beyond = 0;
  for (const auto& [deliveries, messages] : counts) {
    samples += messages;
    if (deliveries > max) beyond += messages;
  }
  const std::uint32_t most = counts.empty() ? 0 : counts.rbegin()->first;
  return {"", verdict_of(beyond == 0), samples,
          std::to_string(samples) + " messages, delivered at most " + std::to_string(most) +
              " times (at most " + std::to_string(max) + "); " + std::to_string(beyond) +
              " more often"};
}

CheckResult no_plaintext(const json& check, const Evidence& evidence) {
  std::uint64_t writes = 0, bytes = 0, leaks = 0;
  std::string first;
  for (const std::string& name : list_of(check.at("in"))) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(Place::count_); ++i) {
      const Place place = static_cast<Place>(i);
      if (to_string(place) != name) continue;
      const Canaries::Tally& tally = evidence.canaries.tally(place);
      writes += tally.writes;
      bytes += tally.bytes;
      leaks += tally.leaks;
      if (tally.leaks > 0 && first.empty()) first = "; first in " + name + ": " + tally.first;
    }
  }
  const std::size_t canaries = evidence.canaries.count();
  const std::string figures = std::to_string(leaks) + " leaks of " + std::to_string(canaries) +
                              " canaries in " + std::to_string(writes) + " writes, " +
                              std::to_string(bytes >> 20) + " MiB" + first;
  return {"", verdict_of(leaks == 0), canaries == 0 ? 0 : writes, figures};
}

CheckResult reached(const json& check, const Evidence& evidence) {
  const std::string point = check.at("point").get<std::string>();
  const std::uint64_t count = evidence.faults.reached(point).value();
  const std::uint64_t min = check.value("min", std::uint64_t{1});
  return {"", verdict_of(count >= min), 1,
          std::to_string(count) + " times (at least " + std::to_string(min) + ")"};
}

CheckResult history_hash(const json& check, const Evidence& evidence) {
  const std::string hash = hash_text(evidence.history_hash);
  const std::string want = check.at("eq").get<std::string>();
  return {"", verdict_of(hash == want), 1, hash + " (must be " + want + ")"};
}

CheckResult quiesces(const json& check, const Evidence& evidence) {
  const Duration within = config::duration_of(check.at("within"));
  const Duration took = evidence.seen.quiesced_after;
  if (took < Duration::zero()) {
    return {"", Verdict::unknown, 0, "no step waited for idleness to its end"};
  }
  return {"", verdict_of(took <= within), 1,
          "idle after " + rounded(took) + " (at most " + to_text(within) + ")"};
}

std::string price_text(double usd) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.6g USD", usd);
  return text.data();
}

CheckResult cost_of(const json& check, const Evidence& evidence) {
  const telemetry::Cost cost = evidence.emulator.cost();
  double usd = 0;
  if (check.contains("line")) {
    for (const telemetry::CostLine& line : cost.lines) {
      if (line.what == check.at("line")) usd += line.usd;
    }
  } else {
    usd = check.at("paid") == "use" ? cost.by_use() : cost.total();
  }
  const bool by_million = check.at("per") == "million requests";
  if (by_million && cost.requests > 0) usd *= 1e6 / static_cast<double>(cost.requests);
  bool good = true;
  std::string figures = price_text(usd) + (by_million ? " per million requests" : "");
  if (check.contains("min")) {
    good = usd >= check.at("min").get<double>();
    figures += " (at least " + price_text(check.at("min").get<double>()) + ")";
  }
  if (check.contains("max")) {
    good = good && usd <= check.at("max").get<double>();
    figures += " (at most " + price_text(check.at("max").get<double>()) + ")";
  }
  return {"", verdict_of(good), cost.requests, figures};
}

// A decrypt while several functions worked for its request counts for each of them.
CheckResult decrypt_only_by(const json& check, const Evidence& evidence) {
  const std::vector<std::string> allowed = list_of(check.at("by"));
  const auto found = evidence.seen.decrypts.find(check.at("key").get<std::string>());
  if (found == evidence.seen.decrypts.end()) return {"", Verdict::unknown, 0, "no decrypts"};
  std::uint64_t all = 0, others = 0;
  std::string who;
  for (const auto& [name, count] : found->second) {
    all += count;
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
    others += count;
    who += (who.empty() ? ": " : ", ") + name + " " + std::to_string(count);
  }
  return {"", verdict_of(others == 0), all,
          std::to_string(others) + " of " + std::to_string(all) + " decrypts by others than " +
              joined(allowed) + who};
}

CheckResult denied(const json& check, const Evidence& evidence) {
  const auto fits = [&](const char* name, const std::string& value) {
    const auto wanted = check.find(name);
    return wanted == check.end() || *wanted == value;
  };
  std::uint64_t count = 0;
  for (const auto& [denial, times] : evidence.seen.denials) {
    if (fits("who", denial.who) && fits("action", denial.action) && fits("on", denial.resource)) {
      count += times;
    }
  }
  bool good = true;
  std::string figures = std::to_string(count) + " denials";
  if (check.contains("eq")) {
    good = count == check.at("eq").get<std::uint64_t>();
    figures += " (must be " + check.at("eq").dump() + ")";
  }
  if (check.contains("min")) {
    good = good && count >= check.at("min").get<std::uint64_t>();
    figures += " (at least " + check.at("min").dump() + ")";
  }
  return {"", verdict_of(good), 1, figures};
}

std::string check_title(const json& check) {
  std::string title = check.at("check").get<std::string>();
  for (const char* name : {"who", "action", "on"}) {
    if (check.contains(name)) title += " " + check.at(name).get<std::string>();
  }
  if (check.contains("line")) title += " of " + check.at("line").get<std::string>();
  if (check.contains("key")) title += " " + check.at("key").get<std::string>();
  if (check.contains("effect")) title += " " + check.at("effect").get<std::string>();
  if (check.contains("queue")) title += " " + check.at("queue").get<std::string>();
  if (check.contains("point")) title += " " + check.at("point").get<std::string>();
  if (check.contains("of")) title += " of " + joined(list_of(check.at("of")));
  return title;
}

CheckResult dispatch(const std::string& name, const json& check, const Evidence& evidence) {
  if (name == "http.ratio") return http_ratio(check, evidence);
  if (name == "http.same") return http_same(check, evidence);
  if (name == "latency") return latency(check, evidence);
  if (name == "delivery.no_loss") return no_loss(check, evidence);
  if (name == "effect.once") return effect_once(check, evidence);
  if (name == "dlq.count") return dlq_count(check, evidence);
  if (name == "queue.fifo_per_group") {
    return tallied(check, evidence, &QueueLedger::Book::order, "overtook an earlier message");
  }
  if (name == "queue.one_lease") {
    return tallied(check, evidence, &QueueLedger::Book::leases, "came before a lease had ended");
  }
  if (name == "queue.depth") return queue_depth(check, evidence);
  if (name == "delivery.attempts") return attempts(check, evidence);
  if (name == "secrets.no_plaintext") return no_plaintext(check, evidence);
  if (name == "reached") return reached(check, evidence);
  if (name == "access.denied") return denied(check, evidence);
  if (name == "cost") return cost_of(check, evidence);
  if (name == "secrets.decrypt_only_by") return decrypt_only_by(check, evidence);
  if (name == "history.hash") return history_hash(check, evidence);
  PORTEIRO_ASSERT(name == "quiesces");  // The schema knows no other.
  return quiesces(check, evidence);
}

LatencyFigures figures_of(std::string name, std::vector<std::uint64_t> samples) {
  std::sort(samples.begin(), samples.end());
  return {std::move(name), samples.size(), percentile(samples, 50), percentile(samples, 99)};
}

}  // namespace

CheckResult evaluate(const json& check, const Evidence& evidence) {
  CheckResult result = dispatch(check.at("check").get<std::string>(), check, evidence);
  result.check = check_title(check);
  if (result.samples == 0) result.verdict = Verdict::unknown;
  return result;
}

std::vector<LatencyFigures> latencies(const Seen& seen) {
  std::vector<LatencyFigures> out;
  for (const auto& [store, samples] : seen.store_reads_ns) {
    out.push_back(figures_of("store " + store + ", reads", samples));
  }
  for (const TrafficSeen& traffic : seen.traffic) {
    out.push_back(figures_of(traffic.id, traffic.latencies_ns));
  }
  return out;
}

}  // namespace porteiro::simulation
