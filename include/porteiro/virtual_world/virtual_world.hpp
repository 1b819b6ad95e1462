// The virtual implementation of base's interfaces: time that moves only when the loop is idle,
// work off the loop done at once, seeded entropy, files in memory. For scenarios and for tests.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>

#include "porteiro/base/environment.hpp"
#include "porteiro/base/timer_queue.hpp"

namespace porteiro::virtual_world {

class VirtualScheduler final : public Scheduler {
 public:
  explicit VirtualScheduler(Time start = Time(std::chrono::seconds(1767225600)));  // 2026-01-01.
  Time now() const override { return now_; }
  void post(Task task) override;
  TimerId after(Duration delay, Task task) override;
  bool cancel(TimerId timer) override;

  bool step();            // Runs one task, moving time when none is due; false: none left.
  void run_until_idle();  // Until no task and no timer is left.
  void run_for(Duration duration);  // Runs all that is due within it; ends exactly that much later.
  std::optional<Time> next_due() const;
  bool posted() const;  // A task is due now.

 private:
  TimerQueue queue_;
  Time now_;
};

class InlineOffload final : public Offload {  // `work` at once, `done` posted.
 public:
  explicit InlineOffload(Scheduler& scheduler) : scheduler_(scheduler) {}
  Lane lane(std::string_view) override { return next_++; }
  void run(Lane, Task work, Task done) override;

 private:
  Scheduler& scheduler_;
  Lane next_ = 0;
};

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : random_(seed) {}
  void fill(std::span<std::byte> out) override;

 private:
  Random random_;
};

// Files in memory, with failures on demand. Shared content survives the object when `disk` is kept.
class MemoryFiles final : public Files {
 public:
  struct Disk {
    std::map<std::string, std::string> files;
    std::map<std::string, unsigned> modes;  // Of files whose mode is not 0600.
    std::map<std::string, Time> modified;   // Of files for which a test says it; else 1970.
    std::set<std::string> directories;
    std::uint64_t operations = 0;
    std::uint64_t fail_at =
        0;  // The operation with this number (from 1) and all later ones fail; 0: none.
  };
  explicit MemoryFiles(std::shared_ptr<Disk> disk = std::make_shared<Disk>());
  Result<void> make_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<std::string> read(const std::string& path) override;
  Result<unsigned> mode(const std::string& path) override;
  Result<std::uint64_t> size(const std::string& path) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                  std::uint64_t keep) override;
  Result<void> replace(const std::string& path, std::string_view bytes) override;
  Result<void> remove(const std::string& path) override;
  Result<std::unique_ptr<AppendFile>> create(const std::string& path, bool executable) override;
  Result<void> sync_all(const std::string& directory) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove_all(const std::string& path) override;
  Result<void> lock(const std::string& directory) override;
  Disk& disk() { return *disk_; }

 private:
  std::shared_ptr<Disk> disk_;
};

// All of the above in one, for tests and scenarios.
struct World {
  explicit World(std::uint64_t seed = 1);
  VirtualScheduler scheduler;
  InlineOffload offload;
  SeededEntropy entropy;
  Random random;
  MemoryFiles files;
  Environment environment;
};

}  // namespace porteiro::virtual_world
