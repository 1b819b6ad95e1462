// Event source mappings that come and go while the emulator runs: what the Lambda service asks of
// whoever carries them out.
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
  std::uint32_t batch_max = 10;
  Duration window = Duration::zero();
  std::vector<Pattern> filters{};     // A message that none lets through is deleted.
  std::uint32_t concurrency_max = 0;  // Batches at a time; 0: as many as the function takes.
  bool reports_failures = false;      // The function names what failed: batchItemFailures.
};

class Mappings {
 public:
  virtual ~Mappings() = default;
  // Begins, or changes the one with this id: batches that run end as they began.
  virtual void put(MappingOptions options) = 0;
  virtual void remove(Id id) = 0;  // What runs ends, and is settled. Nothing if there is none.
};

}  // namespace porteiro::lambda
