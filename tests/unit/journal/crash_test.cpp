// A model test: whatever fails and wherever a life ends, the next one finds every entry that was
// told to be durable, none twice, in order.
#include <map>

#include "unit/journal/fixture.hpp"

using namespace porteiro;
using namespace porteiro::journal;

namespace {

// Files over the memory disk that know what was synced; a loss of power cuts the rest.
class PowerFiles final : public FilesOver {
 public:
  explicit PowerFiles(Files& below, Life::Disk& disk) : FilesOver(below), disk_(disk) {}
  Result<void> remove(const std::string& path) override {
    synced_.erase(path);
    return files.remove(path);
  }
  Result<void> replace(const std::string& path, std::string_view bytes) override {
    PORTEIRO_TRY(files.replace(path, bytes));
    synced_[path] = bytes.size();
    return success();
  }
  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                  std::uint64_t keep) override {
    PORTEIRO_TRY(auto below, files.open_append(path, keep));
    if (!synced_.contains(path)) synced_[path] = keep;
    return std::unique_ptr<AppendFile>(std::make_unique<Appender>(*this, path, std::move(below)));
  }
  void lose_power(Random& random) {
    for (const auto& [path, safe] : synced_) {
      const auto found = disk_.files.find(path);
      if (found == disk_.files.end() || found->second.size() <= safe) continue;
      std::string& content = found->second;
      content.resize(safe + random.below(content.size() - safe + 1));
    }
  }

 private:
  struct Appender final : AppendFile {
    Appender(PowerFiles& of, std::string where, std::unique_ptr<AppendFile> inner)
        : owner(of), path(std::move(where)), below(std::move(inner)) {}
    Result<void> append(std::string_view bytes) override { return below->append(bytes); }
    Result<void> sync() override {
      PORTEIRO_TRY(below->sync());
      owner.synced_[path] = owner.disk_.files[path].size();
      return success();
    }
    PowerFiles& owner;
    std::string path;
    std::unique_ptr<AppendFile> below;
  };
  Life::Disk& disk_;
  std::map<std::string, std::uint64_t> synced_;
};

// The history over all lives. Items are numbered; item n went to the first list when n is even.
struct Model {
  std::uint64_t made = 0;      // Numbers up to here were appended in some life.
  std::uint64_t promised = 0;  // Numbers up to here were told to be durable.
};

std::string item(std::uint64_t number) {
  return std::to_string(number) + ":" + std::string(number * 37 % 90, 'x');
}

// Each list holds its half of 1..n in order, for one n between what was promised and made.
void check_state(const Life& life, Model& model) {
  const std::uint64_t found = life.first.items.size() + life.second.items.size();
  CHECK(found >= model.promised);
  CHECK(found <= model.made);
  std::size_t even = 0, odd = 0;
  for (std::uint64_t number = 1; number <= found; ++number) {
    const List& list = number % 2 == 0 ? life.first : life.second;
    std::size_t& next = number % 2 == 0 ? even : odd;
    REQUIRE(next < list.items.size());
    REQUIRE(list.items[next++] == item(number));
  }
  CHECK(life.journal->last() == found);
  model.made = model.promised = found;  // The rest never was.
}

// Opens, checks, and works until `turns` are over or a write has failed.
void live(Life& life, Model& model, Random& random, int turns) {
  if (!life.start()) return;  // The disk failed meanwhile; damage would show in the last life.
  check_state(life, model);
  for (int i = 0; i < turns && !life.journal->full(); ++i) {
    for (std::uint64_t count = random.below(4); count > 0; --count) {
      const std::uint64_t number = ++model.made;
      const Sequence sequence =
          life.add_to(number % 2 == 0 ? life.first : life.second, item(number));
      REQUIRE(sequence == number);
      life.journal->when_durable(sequence, [&model, number](const Result<void>& result) {
        if (result) model.promised = std::max(model.promised, number);
      });
    }
    if (random.below(3) != 0) life.turn();
  }
}

Options small(Durability durability) {
  return {.directory = "data", .durability = durability, .segment_bytes_max = 600};
}

}  // namespace

TEST_CASE("journal: every operation fails in turn, and nothing durable is lost") {
  for (const Durability durability : {Durability::process, Durability::power}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      for (std::uint64_t fail_at = 1;; ++fail_at) {
        CAPTURE(static_cast<int>(durability));
        CAPTURE(seed);
        CAPTURE(fail_at);
        const auto disk = new_disk();
        Random random(seed);
        Model model;
        disk->fail_at = fail_at;
        for (int lives = 0; lives < 3; ++lives) {
          Life life(disk, small(durability));
          live(life, model, random, 12);
        }
        const bool failed = disk->operations >= fail_at;
        disk->fail_at = 0;
        Life last(disk, small(durability));
        const auto started = last.start();
        REQUIRE_MESSAGE(started, (started ? "" : started.error().detail));
        check_state(last, model);
        if (!failed) break;
      }
    }
  }
}

TEST_CASE("journal: power is lost between any two steps, and nothing durable is lost") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    const auto disk = new_disk();
    Random random(seed);
    Model model;
    for (int lives = 0; lives < 5; ++lives) {
      Life life(disk, small(Durability::power));
      PowerFiles files(life.files, *disk);
      Environment environment{life.world.scheduler, life.held, life.world.entropy,
                              life.world.random, files};
      life.journal = open(life.options, environment, life.telemetry).value();
      life.a = life.journal->join("a", life.first);
      life.b = life.journal->join("b", life.second);
      REQUIRE(life.journal->start());
      check_state(life, model);
      for (std::uint64_t step = random.below(60); step > 0; --step) {
        if (random.below(2) == 0) {
          const std::uint64_t number = ++model.made;
          life.journal->when_durable(
              life.add_to(number % 2 == 0 ? life.first : life.second, item(number)),
              [&model, number](const Result<void>& result) {
                REQUIRE(result);
                model.promised = std::max(model.promised, number);
              });
        }
        if (random.below(3) == 0) life.world.scheduler.step();
        if (random.below(3) == 0 && !life.held.held.empty()) life.held.release_one();
      }
      files.lose_power(random);
    }
  }
}

// Goal: a crash in the middle of the last write, at each of its bytes; it counts as a whole or not.
TEST_CASE("journal: the log is cut at every byte of its tail") {
  const auto disk = new_disk();
  std::size_t before = 0;
  {
    Life life(disk);
    REQUIRE(life.start());
    for (std::uint64_t number = 1; number <= 3; ++number) {
      life.add_to(number % 2 == 0 ? life.first : life.second, item(number));
    }
    life.turn();
    before = disk->files.at("data/log-0").size();
    for (std::uint64_t number = 4; number <= 6; ++number) {
      life.add_to(number % 2 == 0 ? life.first : life.second, item(number));
    }
    life.turn();
  }
  const std::string whole = disk->files.at("data/log-0");
  for (std::size_t size = before; size <= whole.size(); ++size) {
    CAPTURE(size);
    disk->files["data/log-0"] = whole.substr(0, size);
    Model model{.made = 6, .promised = 3};
    Life life(disk);
    REQUIRE(life.start());
    check_state(life, model);
    CHECK(model.made == (size == whole.size() ? 6 : 3));
    const std::size_t kept = disk->files.at("data/log-0").size();
    CHECK((life.telemetry.notes() == 1) == (kept < size));
    if (kept < size) {
      CHECK(life.note().find("last " + std::to_string(size - kept) + " bytes") !=
            std::string::npos);
    }
    const std::uint64_t next = model.made + 1;
    life.add_to(next % 2 == 0 ? life.first : life.second, item(next));
    life.turn();
    Life again(disk);
    REQUIRE(again.start());
    Model after{.made = next, .promised = next};
    check_state(again, after);
    CHECK(again.telemetry.notes() == 0);
  }
}

TEST_CASE("journal: a flipped bit anywhere is refused, and nothing is changed") {
  const auto disk = new_disk();
  {
    Life life(disk, small(Durability::process));
    Random random(7);
    Model model;
    live(life, model, random, 14);
    life.turn();
  }
  REQUIRE(disk->files.size() == 2);  // A snapshot and a log.
  for (auto& [path, content] : disk->files) {
    for (std::size_t bit = 0; bit < content.size() * 8; bit += 3) {
      CAPTURE(path);
      CAPTURE(bit);
      const auto flip = [&] {
        content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
      };
      flip();
      const auto before = disk->files;
      Life life(disk);
      const auto started = life.start();
      REQUIRE_FALSE(started);
      CHECK(started.error().code == Errc::corrupt);
      CHECK(started.error().at == path);
      CHECK(life.first.items.empty());
      CHECK(life.second.items.empty());
      CHECK(disk->files == before);
      flip();
    }
  }
}
