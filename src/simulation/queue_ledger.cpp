#include "simulation/queue_ledger.hpp"

#include <algorithm>

namespace porteiro::simulation {
namespace {

template <class Map>
auto& at(Map& map, std::string_view name) {
  const auto found = map.find(name);
  return found != map.end()
             ? found->second
             : map.emplace(std::string(name), typename Map::mapped_type()).first->second;
}

void count(QueueLedger::Tally& tally, bool good, const std::string& violation) {
  ++tally.samples;
  if (good) return;
  if (++tally.violations == 1) tally.first = violation;
}

}  // namespace

void QueueLedger::Tally::add(const Tally& other) {
  samples += other.samples;
  violations += other.violations;
  if (first.empty()) first = other.first;
}

const QueueLedger::Book* QueueLedger::book(std::string_view queue) const {
  const auto found = books_.find(queue);
  return found == books_.end() ? nullptr : &found->second;
}

QueueLedger::Fate QueueLedger::fate(Id message) const {
  const auto found = lives_.find(message);
  if (found == lives_.end()) return Fate::unseen;
  const Life& life = found->second;
  if (life.removed) return Fate::handled;
  if (life.alive == 0) return Fate::lost;
  return life.dead ? Fate::dead : Fate::waiting;
}

std::optional<std::uint32_t> QueueLedger::deliveries(Id id) const {
  if (const auto found = lives_.find(id); found != lives_.end()) return found->second.deliveries;
  if (const auto found = by_trace_.find(id); found != by_trace_.end()) return found->second;
  return std::nullopt;
}

QueueLedger::Held& QueueLedger::hold(Contents& contents, std::uint64_t number,
                                     const queue::Message& message) {
  const auto [held, fresh] = contents.held.try_emplace(number);
  if (!fresh) return held->second;
  held->second.id = message.id;
  held->second.trace = message.trace;
  held->second.group = message.group;
  held->second.arrival = ++arrivals_;
  if (!message.group.empty()) at(contents.groups, message.group).emplace(arrivals_, number);
  ++lives_[message.id].alive;
  if (message.trace) by_trace_.try_emplace(message.trace);
  return held->second;
}

void QueueLedger::arrived(std::string_view queue, std::uint64_t number,
                          const queue::Message& message) {
  hold(at(contents_, queue), number, message);
  ++at(books_, queue).deliveries[0];
}

// What arrived before the books were opened is entered when it is first delivered.
void QueueLedger::leased(std::string_view queue, std::uint64_t number,
                         const queue::Message& message, std::size_t nth, Time now, Time until) {
  if (nth == 0) ++batches_;
  Contents& contents = at(contents_, queue);
  Book& book = at(books_, queue);
  if (!contents.held.contains(number)) arrived(queue, number, message);
  Held& held = contents.held.at(number);
  count(book.leases, held.until <= now,
        "message " + to_text(held.id) + " of " + std::string(queue) + ", " +
            to_text(held.until - now) + " before its lease ended");
  held.until = until;
  held.batch = batches_;
  if (message.number != 0) check_order(queue, contents, held);
  const auto before = book.deliveries.find(held.deliveries++);
  if (--before->second == 0) book.deliveries.erase(before);
  ++book.deliveries[held.deliveries];
  Life& life = lives_[held.id];
  life.deliveries = std::max(life.deliveries, held.deliveries);
  if (!held.trace) return;
  std::uint32_t& most = by_trace_[held.trace];
  most = std::max(most, held.deliveries);
}

// Every earlier one of the group has left the queue, or comes in the same batch.
void QueueLedger::check_order(std::string_view queue, Contents& contents, const Held& held) {
  const Waiting& waiting = at(contents.groups, held.group);
  const Held* overtaken = nullptr;
  for (const auto& [arrival, number] : waiting) {
    if (arrival >= held.arrival) break;
    const Held& earlier = contents.held.at(number);
    if (earlier.batch == held.batch) continue;
    overtaken = &earlier;
    break;
  }
  std::string violation;
  if (overtaken != nullptr) {
    violation = "message " + to_text(held.id) + " of " + std::string(queue) + " before " +
                to_text(overtaken->id);
  }
  count(at(books_, queue).order, overtaken == nullptr, violation);
}

void QueueLedger::hidden(std::string_view queue, std::uint64_t number, Time until) {
  Contents& contents = at(contents_, queue);
  if (const auto held = contents.held.find(number); held != contents.held.end()) {
    held->second.until = until;
  }
}

void QueueLedger::ended(std::string_view queue, std::uint64_t number, End how) {
  Contents& contents = at(contents_, queue);
  const auto held = contents.held.find(number);
  if (held == contents.held.end()) return;
  Life& life = lives_[held->second.id];
  if (how == End::removed) life.removed = true;
  if (how == End::dead_lettered) life.dead = true;
  forget(contents, held);
  if (how == End::moved) ++life.alive;  // Under another id.
}

void QueueLedger::forget(Contents& contents, std::map<std::uint64_t, Held>::iterator held) {
  const Held& leaving = held->second;
  --lives_[leaving.id].alive;
  if (const auto group = contents.groups.find(leaving.group); group != contents.groups.end()) {
    group->second.erase(leaving.arrival);
    if (group->second.empty()) contents.groups.erase(group);
  }
  contents.held.erase(held);
}

void QueueLedger::emptied(std::string_view queue) {
  Contents& contents = at(contents_, queue);
  while (!contents.held.empty()) forget(contents, contents.held.begin());
}

void QueueLedger::depth(std::string_view queue, const queue::Depth& depth) {
  Book& book = at(books_, queue);
  ++book.depths;
  book.most.ready = std::max(book.most.ready, depth.ready);
  book.most.delayed = std::max(book.most.delayed, depth.delayed);
  book.most.in_flight = std::max(book.most.in_flight, depth.in_flight);
  book.total_most = std::max(book.total_most, depth.total());
}

}  // namespace porteiro::simulation
