// Fault points: named places where a fault may strike. The core asks; the answer is usually "none".
// The simulation (or a live scenario) implements `Faults`; without one nothing ever strikes.
#pragma once
#include <cstdint>
#include <string_view>

#include "porteiro/base/time.hpp"

namespace porteiro {

enum class FaultPoint : std::uint8_t {
  worker_start,                    // Before a function runs. error, slow, crash, timeout,
                                   // cold_start.
  worker_effect_done_ack_pending,  // The function has finished, its message is not yet deleted.
                                   // crash, error, slow, pause, timeout, garbage.
  worker_batch_answered,           // Its answer may name messages of the batch that have failed.
                                   // partial_batch.
  queue_send,                      // duplicate, delay, throttle, poison.
  queue_receive,                   // reorder, throttle. When there is something to receive.
  queue_delete,                    // drop_ack.
  store_read,                      // latency, error.
  store_write,                     // latency, error.
  kms_call,                        // throttle, disable_key, rotate_key.
  count_
};
std::string_view to_string(FaultPoint point);  // "worker.effect_done_ack_pending".

struct Fault {
  enum class Kind : std::uint8_t {
    none,
    crash,
    error,
    slow,
    duplicate,
    delay,
    throttle,
    reorder,        // The youngest comes first.
    drop_ack,       // The answer is "done", but it is not.
    poison,         // The second half of the content is lost.
    pause,          // The answer comes later; the time-out counts.
    timeout,        // There is no answer until the time-out.
    garbage,        // The answer is no JSON.
    partial_batch,  // The answer names the second half of the batch as failed, too.
    cold_start,     // No warm worker is used.
    disable_key,    // The key is disabled, for this call.
    rotate_key      // The key gets new material before the call.
  };
  Kind kind = Kind::none;
  Duration delay{0};  // slow, delay, pause: how much longer; crash: until the worker restarts.
  explicit operator bool() const { return kind != Kind::none; }
};

class Faults {
 public:
  virtual ~Faults() = default;
  // `target` is the config's name of the function, queue, store or key that is asked for.
  virtual Fault strike(FaultPoint point, std::string_view target) = 0;
};

}  // namespace porteiro
