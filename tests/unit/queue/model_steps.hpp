// The steps of a model run, drawn at random: which, and the options of queues.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "porteiro/base/random.hpp"
#include "unit/queue/fixture.hpp"

namespace porteiro::queue::test {

enum class What : std::uint8_t {
  send,
  batch,
  receive,
  remove,
  visibility,
  wait,
  pass,
  purge,
  configure,
  create,
  drop,
  move,
  cancel,
  compact,
  restart
};
struct Step {
  What what;
  std::uint64_t seed;  // Of its details.
};

inline std::vector<Step> make_steps(std::uint64_t seed, std::size_t count) {
  static const std::vector<std::pair<What, unsigned>> weights{
      {What::send, 22},      {What::batch, 5},   {What::receive, 22}, {What::remove, 12},
      {What::visibility, 7}, {What::wait, 5},    {What::pass, 16},    {What::purge, 1},
      {What::configure, 2},  {What::create, 2},  {What::drop, 1},     {What::move, 2},
      {What::cancel, 1},     {What::compact, 1}, {What::restart, 2}};
  unsigned sum = 0;
  for (const auto& [what, weight] : weights) sum += weight;
  Random random(seed);
  std::vector<Step> steps;
  while (steps.size() < count) {
    std::uint64_t pick = random.below(sum);
    for (const auto& [what, weight] : weights) {
      if (pick < weight) {
        steps.push_back({what, random.next()});
        break;
      }
      pick -= weight;
    }
  }
  return steps;
}

inline Options draw(Random& r, std::string name, bool fifo) {
  Options o{.name = std::move(name)};
  o.visibility_timeout = r.below(5) == 0 ? 700s : std::chrono::seconds(1 + r.below(6));
  o.delay = r.below(3) == 0 ? std::chrono::seconds(r.below(5)) : 0s;
  o.retention = std::vector<Duration>{60s, 400s, 96h}[r.below(3)];
  o.depth_max = r.below(4) == 0 ? 5 : 1000;
  o.in_flight_max = r.below(4) == 0 ? 3 : 1000;
  o.fifo = fifo;
  o.content_based_deduplication = fifo && r.below(2) == 0;
  o.deduplicate_by_group = fifo && r.below(2) == 0;
  if (r.below(2) == 0) o.notes["note"] = std::to_string(r.below(9));
  if (o.name == "dead") return o;
  o.receives_max = static_cast<std::uint32_t>(r.below(4));
  if (r.below(4) != 0) o.dead_letter_queue = "dead";
  if (o.name != "c0" && r.below(4) == 0) o.dead_letter_queue = "c0";
  return o;
}

inline std::string seconds(Duration duration) { return to_text(duration); }
inline std::string text(const Options& o) {
  return "{visibility " + seconds(o.visibility_timeout) + ", delay " + seconds(o.delay) +
         ", retention " + seconds(o.retention) + ", depth_max " + std::to_string(o.depth_max) +
         ", in_flight_max " + std::to_string(o.in_flight_max) + ", receives_max " +
         std::to_string(o.receives_max) + ", dead letters to '" + o.dead_letter_queue + "'" +
         (o.content_based_deduplication ? ", content based" : "") +
         (o.deduplicate_by_group ? ", by group" : "") + "}";
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + ";";
  return out;
}

}  // namespace porteiro::queue::test
