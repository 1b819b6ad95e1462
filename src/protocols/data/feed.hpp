// The change feeds of the stores for those who ask: the changes of collections that a role may see,
// at once or when some are committed.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/base/scheduler.hpp"
#include "porteiro/stores/store.hpp"

namespace porteiro::protocols::data {

// One request for the changes of a store.
struct ChangesAsked {
  std::uint64_t after = 0;
  std::size_t limit = 100;
  Duration wait{0};
  std::function<bool(std::string_view collection)> may_see;
  // Told of changes before they are given. `done` may run at once; its error is then the answer.
  std::function<void(const std::vector<stores::Change>&, UniqueFunction<void(Result<void>)> done)>
      show;
  http::Responder respond;
};

// Follows a store only while someone waits for it. Belongs to the loop.
class Feed {
 public:
  Feed(Scheduler& scheduler, stores::Store& store);  // Borrows both.
  // Answers at once if there are changes, or none are waited for.
  void ask(ChangesAsked asked);
  void stop();  // All who wait are answered.

 private:
  struct Waiting {
    explicit Waiting(Scheduler& scheduler, ChangesAsked what)
        : asked(std::move(what)), timer(scheduler) {}
    ChangesAsked asked;
    Timer timer;
  };
  using Found = Result<std::vector<stores::Change>>;
  std::optional<Found> look(ChangesAsked& asked);
  static void give(ChangesAsked& asked, Found found);
  void serve_soon();
  void serve();
  void give_up(const Waiting* waiting);

  Scheduler& scheduler_;
  stores::Store& store_;
  std::vector<std::unique_ptr<Waiting>> waiting_;  // The oldest first.
  std::shared_ptr<stores::Store::Follower> follower_;
  bool posted_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace porteiro::protocols::data
