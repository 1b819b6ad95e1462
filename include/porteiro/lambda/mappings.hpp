// Event source mappings: functions fed from queues in batches, as AWS Lambda does it for SQS. They
// may come and go while the emulator runs.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/id.hpp"
#include "porteiro/base/time.hpp"
#include "porteiro/lambda/pattern.hpp"

namespace porteiro::lambda {

struct MappingOptions {
  Id id{};
  std::string queue{};     // Its name. It may not exist now: then nothing comes until it does.
  std::string function{};  // As Functions knows it. Likewise.
  std::uint32_t batch_max = 10;        // AWS Lambda: at most 10,000; of a FIFO queue 10.
  Duration window = Duration::zero();  // Waits so long for a fuller batch.
  std::vector<Pattern> filters{};      // A message that none lets through is deleted.
  std::uint32_t concurrency_max = 0;   // Batches at a time; 0: as many as the function takes.
  bool reports_failures = false;       // The function names what failed: batchItemFailures.
};

// What succeeded is deleted, what failed stays for its visibility timeout. A batch succeeds or
// fails as a whole, unless its reply (2xx) may name the messages that failed:
// {"batchItemFailures":[{"itemIdentifier": the event's id, or the message's for a function
// outside}, …]}; a reply that names something else is a failure of the whole. A message that is no
// event comes to a function in this process as the data of one of type "message.received"; one that
// is no text is deleted, counted and noted. Messages are received only when a worker is free.
class Mappings {
 public:
  virtual ~Mappings() = default;
  // Begins, or changes the one with this id: batches that run end as they began.
  virtual void map(MappingOptions options) = 0;
  virtual void unmap(Id id) = 0;  // What runs ends, and is settled. Nothing if there is none.
};

}  // namespace porteiro::lambda
