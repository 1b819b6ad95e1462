#include "porteiro/base/faults.hpp"

#include "porteiro/base/result.hpp"

namespace porteiro {

std::string_view to_string(FaultPoint point) {
  switch (point) {
    case FaultPoint::worker_start:
      return "worker.start";
    case FaultPoint::worker_effect_done_ack_pending:
      return "worker.effect_done_ack_pending";
    case FaultPoint::worker_batch_answered:
      return "worker.batch_answered";
    case FaultPoint::queue_send:
      return "queue.send";
    case FaultPoint::queue_receive:
      return "queue.receive";
    case FaultPoint::queue_delete:
      return "queue.delete";
    case FaultPoint::store_read:
      return "store.read";
    case FaultPoint::store_write:
      return "store.write";
    case FaultPoint::kms_call:
      return "kms.call";
    case FaultPoint::count_:
      break;
  }
  broken("a fault point of the enumeration", __FILE__, __LINE__);
}

}  // namespace porteiro
