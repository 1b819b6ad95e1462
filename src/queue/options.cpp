#include "queue/options.hpp"

namespace porteiro::queue {

using namespace std::chrono_literals;

// AWS SQS, CreateQueue: the ranges of the attributes.
Result<void> check(const Options& options) {
  const auto within = [](Duration value, Duration low, Duration high) {
    return low <= value && value <= high;
  };
  if (options.name.empty()) return error(Errc::invalid, "a queue needs a name", "name");
  if (!within(options.visibility_timeout, 0s, 12h)) {
    return error(Errc::invalid, "a visibility timeout is 0 s to 12 h", "visibility_timeout");
  }
  if (!within(options.delay, 0s, 900s)) {
    return error(Errc::invalid, "a delay is 0 s to 900 s", "delay");
  }
  if (!within(options.retention, 60s, 24h * 14)) {
    return error(Errc::invalid, "a retention is 60 s to 14 days", "retention");
  }
  if (!within(options.wait, 0s, 20s)) {
    return error(Errc::invalid, "a wait is 0 s to 20 s", "wait");
  }
  if (options.message_bytes_max == 0 || options.depth_max == 0 || options.in_flight_max == 0) {
    return error(Errc::invalid, "a queue's bounds are at least 1", "depth_max");
  }
  if (options.dead_letter_queue == options.name) {
    return error(Errc::invalid, "a queue cannot be its own dead-letter queue", "dead_letter_queue");
  }
  if (!options.fifo && (options.content_based_deduplication || options.deduplicate_by_group)) {
    return error(Errc::invalid, "only a FIFO queue removes duplicates",
                 options.content_based_deduplication ? "content_based_deduplication"
                                                     : "deduplicate_by_group");
  }
  return ok();
}

}  // namespace porteiro::queue
