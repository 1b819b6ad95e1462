#include "readmodels/projection.hpp"

#include <algorithm>

namespace porteiro::readmodels {

namespace {

constexpr std::size_t page_rows = 500;
constexpr std::size_t changes_max = 256;  // Taken from the feed at once.
constexpr Duration pause_min = std::chrono::milliseconds(100);
constexpr unsigned pause_doublings_max = 6;  // 6.4 s.

// Errors that a later try may mend.
bool passing(Errc code) {
  switch (code) {
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::limit_exceeded:
    case Errc::conflict:
    case Errc::stale:
    case Errc::internal:
      return true;
    case Errc::invalid:
    case Errc::denied:
    case Errc::not_found:
    case Errc::corrupt:
      return false;
  }
  return false;
}

}  // namespace

Projection::Projection(Environment& environment, telemetry::Telemetry& telemetry,
                       stores::Store& store, std::string collection, Model& model,
                       std::size_t source, std::function<void(std::string_view)> ask_others)
    : environment_(environment),
      telemetry_(telemetry),
      store_(store),
      collection_(std::move(collection)),
      model_(model),
      source_(source),
      name_(telemetry.intern(model.options().name)),
      ask_others_(std::move(ask_others)),
      timer_(environment.scheduler) {}

void Projection::start(UniqueFunction<void(Result<void>)> first) {
  first_ = std::move(first);
  follower_ = store_.follow([this](const stores::Change& change) { told(change); });
  read_all();
}

void Projection::restart() {
  if (state_ == State::stopped) return;
  wanted_.clear();
  behind_since_.reset();
  read_all();
}

bool Projection::level() const {
  return state_ == State::level && position_ == store_.last_sequence();
}

void Projection::read_all() {
  ++round_;
  timer_.stop();
  state_ = State::reading_all;
  items_.clear();
  outstanding_ = 0;
  pauses_ = 0;
  after_.clear();
  position_ = store_.last_sequence();
  if (!behind_since_) behind_since_ = environment_.scheduler.now();
  read_page();
}

void Projection::read_page() {
  stores::Query query;
  query.limit = page_rows;
  query.after = after_;
  store_.query(
      collection_, std::move(query), Id{},
      [this, alive = std::weak_ptr<int>(alive_), round = round_](Result<stores::Page> page) {
        if (alive.expired() || round != round_) return;
        if (page) return page_read(page.value());
        if (!passing(page.error().code) && first_) {
          std::exchange(first_, nullptr)(page.error());
          if (alive.expired()) return;
        }
        pause(guarded(&Projection::read_page), page.error());
      });
}

void Projection::page_read(const stores::Page& page) {
  pauses_ = 0;
  for (const stores::Record& record : page.records) {
    if (model_.put(source_, record.key, record.document, round_)) ask_others_(record.key);
  }
  if (!page.next.empty()) {
    after_ = page.next;
    return read_page();
  }
  model_.sweep(source_, round_);
  state_ = State::woken;
  const std::weak_ptr<int> alive = alive_;
  if (first_) std::exchange(first_, nullptr)(ok());
  if (!alive.expired()) pump();
}

// A change was committed. While the projection is busy it finds it in the feed by itself.
void Projection::told(const stores::Change& change) {
  if (state_ != State::level) return;
  if (change.sequence <= position_) {  // Read from the feed before it was told, or:
    if (store_.last_sequence() < position_) read_all();  // The store began anew.
    return;
  }
  if (change.collection != collection_) {
    position_ = change.sequence;
    return;
  }
  behind_since_ = change.at;
  wake();
}

void Projection::want(std::string_view key) {
  wanted_.emplace_back(key);
  if (state_ != State::level) return;
  behind_since_ = environment_.scheduler.now();
  wake();
}

void Projection::wake() {
  state_ = State::woken;
  environment_.scheduler.post([this, alive = std::weak_ptr<int>(alive_), round = round_] {
    if (!alive.expired() && round == round_ && state_ == State::woken) pump();
  });
}

// Applies what the feed holds, as far as that goes without waiting.
void Projection::pump() {
  const auto round = round_;
  while (collect()) {
    if (round != round_) return;
    state_ = State::applying;
    read_items();
    if (outstanding_ > 0) return;
    apply();
  }
}

// Takes the next changes, the last one of each key. False: there are none, or not now.
bool Projection::collect() {
  items_.clear();
  if (store_.last_sequence() < position_) {
    read_all();
    return false;
  }
  auto changes = store_.changes(position_, changes_max);
  if (!changes) {
    if (changes.error().code == Errc::stale) {
      read_all();
    } else {
      pause(guarded(&Projection::pump), changes.error());
    }
    return false;
  }
  if (changes.value().empty() && wanted_.empty()) {
    state_ = State::level;
    behind_since_.reset();
    return false;
  }
  batch_end_ = changes.value().empty() ? position_ : changes.value().back().sequence;
  std::optional<Time> first;
  for (stores::Change& change : changes.value()) {
    if (change.collection != collection_) continue;
    if (!first) first = change.at;
    std::erase_if(items_, [&](const Item& item) { return item.change.key == change.key; });
    items_.push_back({std::move(change), {}});
  }
  if (first) behind_since_ = *first;
  for (std::size_t i = 0; i < changes_max && !wanted_.empty(); ++i) {
    stores::Change wanted;
    wanted.key = std::move(wanted_.front());
    wanted.version = 1;
    wanted_.pop_front();
    const bool known = std::any_of(items_.begin(), items_.end(),
                                   [&](const Item& item) { return item.change.key == wanted.key; });
    if (!known && model_.contains(wanted.key)) items_.push_back({std::move(wanted), {}});
  }
  return true;
}

// Asks for the rows that are still needed.
void Projection::read_items() {
  outstanding_ = 1;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (item.change.version == 0 || (item.present && !item.failed)) continue;
    item.failed = false;
    ++outstanding_;
    store_.get(collection_, item.change.key, Id{},
               [this, alive = std::weak_ptr<int>(alive_), round = round_,
                i](Result<std::optional<stores::Record>> row) {
                 if (!alive.expired() && round == round_) item_read(i, std::move(row));
               });
  }
  --outstanding_;
}

void Projection::item_read(std::size_t index, Result<std::optional<stores::Record>> row) {
  Item& item = items_[index];
  if (row) {
    item.present = row.value().has_value();
    if (item.present) item.document = std::move(row.value()->document);
  } else if (passing(row.error().code)) {
    item.failed = true;
  } else {
    telemetry_.note(telemetry::Level::error, "read model " + model_.options().name +
                                                 " leaves out a row of " + store_.options().name +
                                                 "/" + collection_ + ": " + row.error().detail);
  }
  if (--outstanding_ == 0) items_read();
}

void Projection::items_read() {
  const bool failed =
      std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.failed; });
  if (failed) {
    return pause(guarded(&Projection::read_items),
                 error(Errc::unavailable, "the store refused some rows"));
  }
  pauses_ = 0;
  apply();
  pump();
}

void Projection::apply() {
  const Time now = environment_.scheduler.now();
  for (const Item& item : items_) {
    if (!item.present) {
      model_.remove(source_, item.change.key);
    } else if (model_.put(source_, item.change.key, item.document, round_)) {
      ask_others_(item.change.key);
    }
    if (item.change.sequence == 0) continue;
    ++model_.applied;
    telemetry_.record(telemetry::Kind::projection_applied, Id{}, name_, item.change.sequence,
                      static_cast<std::uint64_t>((now - item.change.at).count()));
  }
  items_.clear();
  position_ = batch_end_;
}

// Goes on with `next` after a while; longer each time.
void Projection::pause(Task next, const Error& why) {
  const Duration delay = pause_min * (1 << std::min(pauses_, pause_doublings_max));
  if (pauses_++ == 0) {
    telemetry_.note(telemetry::Level::warning, "read model " + model_.options().name +
                                                   " waits for " + store_.options().name + "/" +
                                                   collection_ + ": " + why.detail);
  }
  timer_.start(delay, std::move(next));
}

// Runs a member; the timer dies with the projection, so nothing else needs guarding.
Task Projection::guarded(void (Projection::*next)()) {
  return [this, next] { (this->*next)(); };
}

}  // namespace porteiro::readmodels
