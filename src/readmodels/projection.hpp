// Keeps one source's part of a model level with its store: reads the whole collection once, then
// follows the store's change feed, reading each changed row. What the store refuses is tried again
// after a growing pause; a feed that no longer goes back far enough means reading everything anew.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "readmodels/model.hpp"

namespace porteiro::readmodels {

class Projection {
 public:
  // `ask_others` is called with a key that the other sources may know of too (see Model::put).
  Projection(Environment& environment, telemetry::Telemetry& telemetry, stores::Store& store,
             std::string collection, Model& model, std::size_t source,
             std::function<void(std::string_view key)> ask_others);

  // Reads everything, then follows. `first` is called once: when all has been read, or with the
  // error that no later try will mend; trying goes on all the same.
  void start(UniqueFunction<void(Result<void>)> first);
  void restart();                   // Reads everything again, as after a reset of the store.
  void want(std::string_view key);  // Reads this row too.

  bool level() const;  // All changes of the store so far are in the model.
  // Since when it has not been level; nullopt: it is, as far as it was told.
  std::optional<Time> behind_since() const { return behind_since_; }

 private:
  enum class State : std::uint8_t { stopped, reading_all, level, woken, applying };
  struct Item {
    stores::Change change;  // Sequence 0: a wanted row, not a change.
    std::string document;
    bool present = false, failed = false;
  };

  void read_all();
  void read_page();
  void page_read(const stores::Page& page);
  void told(const stores::Change& change);
  void wake();
  void pump();
  bool collect();
  void read_items();
  void item_read(std::size_t index, Result<std::optional<stores::Record>> row);
  void items_read();
  void apply();
  void pause(Task next, const Error& why);
  Task guarded(void (Projection::*next)());

  Environment& environment_;
  telemetry::Telemetry& telemetry_;
  stores::Store& store_;
  const std::string collection_;
  Model& model_;
  const std::size_t source_;
  const telemetry::Name name_;
  std::function<void(std::string_view)> ask_others_;
  UniqueFunction<void(Result<void>)> first_;

  State state_ = State::stopped;
  std::uint32_t round_ = 0;      // Of reading everything; answers to an earlier one are void.
  std::uint64_t position_ = 0;   // All changes up to it are applied.
  std::uint64_t batch_end_ = 0;  // Of the changes at hand.
  std::string after_;            // The page to read next.
  std::vector<Item> items_;      // At hand, one a key, in the order of the feed.
  std::size_t outstanding_ = 0;  // Rows asked for.
  std::deque<std::string> wanted_;
  std::optional<Time> behind_since_;
  unsigned pauses_ = 0;  // In a row.
  Timer timer_;
  std::shared_ptr<stores::Store::Follower> follower_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace porteiro::readmodels
