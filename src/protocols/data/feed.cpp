#include "protocols/data/feed.hpp"

#include <algorithm>
#include <utility>

#include "protocols/data/answers.hpp"

namespace porteiro::protocols::data {
namespace {

constexpr std::size_t chunk = 1000;    // Changes looked at in one go.
constexpr std::size_t chunks_max = 8;  // Of one look; who sees none of them is answered so.

}  // namespace

Feed::Feed(Scheduler& scheduler, stores::Store& store) : scheduler_(scheduler), store_(store) {}

// The answer, if there are changes to be seen or it cannot be given; nullopt: there are none yet,
// and `after` has moved beyond those of others.
std::optional<Feed::Found> Feed::look(ChangesAsked& asked) {
  std::vector<stores::Change> seen;
  for (std::size_t i = 0; i < chunks_max; ++i) {
    auto found = store_.changes(asked.after, chunk);
    if (!found) return found.error();
    for (stores::Change& change : found.value()) {
      asked.after = change.sequence;
      if (!asked.may_see(change.collection)) continue;
      seen.push_back(std::move(change));
      if (seen.size() == asked.limit) break;
    }
    if (!seen.empty()) return seen;
    if (found.value().size() < chunk) return std::nullopt;
  }
  return seen;
}

void Feed::give(ChangesAsked& asked, Found found) {
  if (!found) return asked.respond(refusal(found.error()));
  asked.show(found.value(), [answer = changes(found.value(), asked.after),
                             respond = std::move(asked.respond)](Result<void> shown) mutable {
    respond(shown ? std::move(answer) : refusal(shown.error()));
  });
}

void Feed::ask(ChangesAsked asked) {
  auto found = look(asked);
  if (!found && asked.wait <= Duration::zero()) found.emplace(std::vector<stores::Change>());
  if (found) return give(asked, std::move(*found));
  const Duration wait = asked.wait;
  auto waiting = std::make_unique<Waiting>(scheduler_, std::move(asked));
  waiting->timer.start(wait, [this, held = waiting.get()] { give_up(held); });
  waiting_.push_back(std::move(waiting));
  if (follower_ == nullptr) {
    follower_ = store_.follow([this](const stores::Change&) { serve_soon(); });
  }
}

// Once for all changes of a commit, after it.
void Feed::serve_soon() {
  if (std::exchange(posted_, true)) return;
  scheduler_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) serve();
  });
}

void Feed::serve() {
  posted_ = false;
  std::vector<std::pair<std::unique_ptr<Waiting>, Found>> answered;
  for (auto& waiting : waiting_) {
    if (auto found = look(waiting->asked)) {
      answered.emplace_back(std::move(waiting), std::move(*found));
    }
  }
  std::erase(waiting_, nullptr);
  if (waiting_.empty()) follower_.reset();
  for (auto& [waiting, found] : answered) {  // Each may ask again at once.
    give(waiting->asked, std::move(found));
  }
}

void Feed::give_up(const Waiting* gone) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [gone](const auto& each) { return each.get() == gone; });
  PORTEIRO_ASSERT(found != waiting_.end());  // Its timer has died with it otherwise.
  const std::unique_ptr<Waiting> waiting = std::move(*found);
  waiting_.erase(found);
  if (waiting_.empty()) follower_.reset();
  waiting->asked.respond(changes({}, waiting->asked.after));
}

void Feed::stop() {
  const auto all = std::exchange(waiting_, {});
  follower_.reset();
  for (const auto& waiting : all) waiting->asked.respond(changes({}, waiting->asked.after));
}

}  // namespace porteiro::protocols::data
