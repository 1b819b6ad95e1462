// What the journal's tests share: a participant that is a list, and a journal over a kept disk.
#pragma once
#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::journal {

struct List final : Participant {
  std::vector<std::string> items;
  bool refuses = false;
  int restored = 0;

  std::string snapshot() override {
    std::string out;
    for (const auto& item : items) append_sized(out, item);
    return out;
  }
  Result<void> restore(std::string_view snapshot) override {
    ++restored;
    ByteReader reader(snapshot);
    while (!reader.rest().empty()) items.emplace_back(*reader.sized());
    return success();
  }
  Result<void> replay(std::string_view entry) override {
    if (refuses) return error(Errc::invalid, "not a number");
    items.emplace_back(entry);
    return success();
  }
};

// Off the loop, by hand: nothing is done until the test says so.
struct HeldOffload final : Offload {
  explicit HeldOffload(Scheduler& loop) : scheduler(loop) {}
  Lane lane(std::string_view) override { return lanes++; }
  void run(Lane, Task work, Task done) override {
    held.emplace_back(std::move(work), std::move(done));
  }
  void release_one() {
    REQUIRE_FALSE(held.empty());
    auto [work, done] = std::move(held.front());
    held.pop_front();
    work();
    scheduler.post(std::move(done));
  }
  Scheduler& scheduler;
  std::deque<std::pair<Task, Task>> held;
  Lane lanes = 0;
};

// Hands all on to others; a test overrides what shall be different.
struct FilesOver : Files {
  explicit FilesOver(Files& below) : files(below) {}
  Result<void> make_directory(const std::string& path) override {
    return files.make_directory(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return files.list(path);
  }
  Result<std::string> read(const std::string& path) override { return files.read(path); }
  Result<unsigned> mode(const std::string& path) override { return files.mode(path); }
  Result<std::uint64_t> size(const std::string& path) override { return files.size(path); }
  Result<FileInfo> info(const std::string& path) override { return files.info(path); }
  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                  std::uint64_t keep) override {
    return files.open_append(path, keep);
  }
  Result<void> replace(const std::string& path, std::string_view bytes) override {
    return files.replace(path, bytes);
  }
  Result<void> remove(const std::string& path) override { return files.remove(path); }
  Result<std::unique_ptr<AppendFile>> create(const std::string& path, bool executable) override {
    return files.create(path, executable);
  }
  Result<void> sync_all(const std::string& directory) override { return files.sync_all(directory); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return files.rename(from, to);
  }
  Result<void> remove_all(const std::string& path) override { return files.remove_all(path); }
  Result<void> lock(const std::string& path) override { return files.lock(path); }
  Files& files;
};

struct DiskWitness final : Witness {
  std::uint64_t bytes = 0;
  void wrote(Place place, std::string_view written) override {
    if (place == Place::disk) bytes += written.size();
  }
};

// One life of a process over a disk that outlives it.
struct Life {
  using Disk = virtual_world::MemoryFiles::Disk;

  explicit Life(std::shared_ptr<Disk> kept, Options wanted = {}) : disk(std::move(kept)) {
    options = wanted;
    if (options.directory.empty()) options.directory = "data";
  }
  Result<void> open() {
    auto opened = journal::open(options, environment, telemetry);
    if (!opened) return opened.error();
    journal = std::move(opened).value();
    return success();
  }
  Result<void> start() {
    PORTEIRO_TRY(open());
    a = journal->join("a", first);
    b = journal->join("b", second);
    return journal->start();
  }
  Sequence add_to(List& list, std::string_view item) {
    list.items.emplace_back(item);
    return journal->append(&list == &first ? a : b, item);
  }
  void turn() { world.scheduler.run_until_idle(); }
  std::string note() const {
    return std::string(telemetry.note_text(telemetry.notes() == 0 ? 0 : telemetry.notes() - 1));
  }

  virtual_world::World world;
  std::shared_ptr<Disk> disk;
  virtual_world::MemoryFiles files{disk};
  HeldOffload held{world.scheduler};
  DiskWitness witness;
  Environment environment{world.scheduler, world.offload, world.entropy, world.random,
                          files,           nullptr,       &witness};
  telemetry::Telemetry telemetry{world.scheduler, {}};
  Options options;
  List first, second;
  Stream a = 0, b = 0;
  std::unique_ptr<Journal> journal;
};

inline std::shared_ptr<Life::Disk> new_disk() { return std::make_shared<Life::Disk>(); }

}  // namespace porteiro::journal
