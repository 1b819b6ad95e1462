// The data API: the stores for functions outside, over HTTP at each worker's own port, with the
// worker's own token, under the role of its function (docs/data.md). It parses, asks the guard and
// the store, and formats; keys and documents are in no text of its own. Belongs to the loop.
#pragma once
#include <memory>

#include "porteiro/base/http.hpp"
#include "porteiro/base/scheduler.hpp"
#include "porteiro/lambda/external.hpp"
#include "porteiro/stores/store.hpp"

namespace porteiro::protocols {

inline constexpr std::size_t data_calls_max = 64;  // Of one worker, unanswered; 429 beyond.
inline constexpr std::size_t data_body_bytes_max = 6U << 20;         // 413 beyond.
inline constexpr std::size_t data_reply_bytes_max = 6U << 20;        // Of a page of records.
inline constexpr std::size_t data_writes_max = 1000;                 // Of a batch.
inline constexpr std::size_t data_once_bytes_max = 100;              // Of a once-key.
inline constexpr Duration data_wait_max = std::chrono::seconds(20);  // For changes.

class Data {
 public:
  // Borrows both; `stores` is for their feeds of changes, all else goes the caller's way.
  Data(Scheduler& scheduler, stores::Stores& stores);
  ~Data();

  // Answers everything, errors as RFC 9457 problems with a member `code`. May answer at once.
  void handle(std::shared_ptr<lambda::Caller> caller, const http::Request& request,
              http::Responder respond);
  void stop();  // Whoever waits for changes is told that there are none; nobody waits any more.

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace porteiro::protocols
