#include "porteiro/journal/journal.hpp"

#include "journal/disk_journal.hpp"
#include "journal/memory_journal.hpp"

namespace porteiro::journal {

Result<std::unique_ptr<Journal>> open(Options options, Environment& environment,
                                      telemetry::Telemetry& telemetry) {
  if (options.directory.empty()) {
    return std::unique_ptr<Journal>(std::make_unique<MemoryJournal>(environment.scheduler));
  }
  PORTEIRO_TRY(environment.files.make_directory(options.directory));
  PORTEIRO_TRY(environment.files.lock(options.directory));
  return std::unique_ptr<Journal>(
      std::make_unique<DiskJournal>(std::move(options), environment, telemetry));
}

}  // namespace porteiro::journal
