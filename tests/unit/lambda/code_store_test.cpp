#include "porteiro/lambda/code_store.hpp"

#include <deque>
#include <optional>
#include <set>

#include "porteiro/base/bytes.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "unit/lambda/zip.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;
using virtual_world::MemoryFiles;
using virtual_world::World;

namespace {

std::string python_zip(const std::string& text = "def handler(event, context): return 1") {
  return Zip().add("app.py", text).add("bin/run", "#!/bin/sh", program).close();
}

// Work off the loop that a test lets run.
struct HeldOffload final : Offload {
  explicit HeldOffload(Scheduler& loop) : scheduler(loop) {}
  Lane lane(std::string_view) override { return 0; }
  void run(Lane, Task work, Task done) override {
    held.emplace_back(std::move(work), std::move(done));
  }
  void release_one() {
    REQUIRE_FALSE(held.empty());
    auto [work, done] = std::move(held.front());
    held.pop_front();
    work();
    if (done) scheduler.post(std::move(done));
  }
  Scheduler& scheduler;
  std::deque<std::pair<Task, Task>> held;
};

struct Bench {
  explicit Bench(CodeStoreOptions options = {.directory = "/data/code"})
      : held(world.scheduler),
        environment{world.scheduler, hold ? static_cast<Offload&>(held) : world.offload,
                    world.entropy, world.random, world.files},
        store(environment, std::move(options),
              [this](std::string_view sha256) { return wanted.contains(std::string(sha256)); }) {}
  Result<Code> put(const std::string& zip) { return put_text(to_base64(zip)); }
  Result<Code> put_text(const std::string& base64) {
    std::optional<Result<Code>> outcome;
    store.put(base64, [&](Result<Code> code) {
      if (code) wanted.insert(code.value().sha256);
      outcome.emplace(std::move(code));
    });
    world.scheduler.run_until_idle();
    REQUIRE(outcome.has_value());
    return *outcome;
  }
  std::set<std::string> restore(const std::set<std::string>& codes) {
    std::set<std::string> lost;
    bool done = false;
    store.restore(codes, [&](Result<std::set<std::string>> outcome) {
      REQUIRE(outcome.has_value());
      lost = outcome.value();
      done = true;
    });
    world.scheduler.run_until_idle();
    REQUIRE(done);
    return lost;
  }
  std::vector<std::string> names() {
    const auto listed = world.files.list("/data/code");
    return listed ? listed.value() : std::vector<std::string>();
  }

  World world;
  HeldOffload held;
  Environment environment;
  std::set<std::string> wanted;
  CodeStore store;
  static inline bool hold = false;
};

}  // namespace

TEST_CASE("code_store: a zip file is kept and unpacked under its digest, once") {
  Bench bench;
  const std::string zip = python_zip();
  const auto code = bench.put(zip);
  REQUIRE(code.has_value());
  CHECK(code.value().bytes == zip.size());
  CHECK(code.value().sha256.size() == 64);
  const std::string folder = bench.store.folder(code.value().sha256);
  CHECK(bench.world.files.read(folder + "/app.py").value().starts_with("def handler"));
  CHECK(bench.world.files.mode(folder + "/bin/run").value() == 0700U);
  CHECK(bench.put(zip).value() == code.value());
  CHECK(bench.names().size() == 2);
  std::string read;
  bench.store.read(code.value().sha256, [&](Result<std::string> bytes) { read = bytes.value(); });
  bench.world.scheduler.run_until_idle();
  CHECK(read == zip);
}

TEST_CASE("code_store: what is no good zip file leaves nothing behind") {
  Bench bench({.directory = "/data/code", .zip_bytes_max = 1000, .unpacked_bytes_max = 5000});
  const auto refusal = [&](const std::string& base64) {
    const auto code = bench.put_text(base64);
    REQUIRE_FALSE(code.has_value());
    return code.error().code;
  };
  CHECK(refusal("!") == Errc::invalid);
  CHECK(refusal(to_base64("PK no zip")) == Errc::invalid);
  CHECK(refusal(to_base64(Zip().add("../out", "x").close())) == Errc::invalid);
  CHECK(refusal(to_base64(std::string(1001, 'x'))) == Errc::limit_exceeded);
  CHECK(refusal(to_base64(Zip().add("zeros", std::string(6000, '\0')).close())) ==
        Errc::limit_exceeded);
  CHECK(bench.names().empty());
}

// Goal: however the disk fails, a folder with the digest's name is whole.
TEST_CASE("code_store: a disk that fails leaves no half-unpacked code") {
  const std::string zip = python_zip();
  for (std::uint64_t fail_at = 1;; ++fail_at) {
    Bench bench;
    bench.world.files.disk().fail_at = fail_at;
    const auto code = bench.put(zip);
    bench.world.files.disk().fail_at = 0;
    const auto& files = bench.world.files.disk().files;
    for (const auto& [path, content] : files) {
      if (path.ends_with("/app.py") && path.find(".new/") == std::string::npos) {
        CHECK(content.starts_with("def handler"));
      }
    }
    if (code) break;
    CHECK(code.error().code == Errc::unavailable);
    CHECK(bench.restore({}).empty());
    CHECK(bench.names().empty());
    REQUIRE(fail_at < 100);
  }
}

TEST_CASE("code_store: code that nobody wants any more is removed") {
  Bench bench;
  const std::string a = bench.put(python_zip("a")).value().sha256;
  const std::string b = bench.put(python_zip("b")).value().sha256;
  bench.wanted.erase(a);
  bench.store.collect({a, b});
  bench.world.scheduler.run_until_idle();
  CHECK(bench.names() == std::vector<std::string>{b, b + ".zip"});
}

// Goal: a function that is deleted while the same code is uploaded for another takes nothing away.
TEST_CASE("code_store: nothing is removed while something is being put") {
  Bench::hold = true;
  Bench bench;
  Bench::hold = false;
  std::string first;
  const auto put = [&] {
    bench.store.put(to_base64(python_zip()), [&](Result<Code> code) {
      first = code.value().sha256;
      bench.wanted.insert(first);
    });
  };
  put();
  bench.held.release_one();
  bench.world.scheduler.run_until_idle();
  put();
  bench.wanted.clear();
  bench.store.collect({first});
  CHECK(bench.held.held.size() == 1);  // The put alone.
  bench.held.release_one();
  bench.world.scheduler.run_until_idle();
  CHECK(bench.held.held.empty());
  CHECK(bench.names().size() == 2);
  bench.wanted.clear();
  bench.store.collect({first});
  bench.held.release_one();
  CHECK(bench.names().empty());
}

TEST_CASE("code_store: a start removes what is not known, and unpacks what is missing") {
  Bench bench;
  const std::string a = bench.put(python_zip("a")).value().sha256;
  const std::string b = bench.put(python_zip("b")).value().sha256;
  const std::string c = bench.put(python_zip("c")).value().sha256;
  Files& files = bench.world.files;
  REQUIRE(files.remove_all(bench.store.folder(a)).has_value());
  REQUIRE(files.remove_all(bench.store.folder(c)).has_value());
  REQUIRE(files.replace(bench.store.folder(c) + ".zip", "torn").has_value());
  REQUIRE(files.create("/data/code/0123.new/app.py", false).has_value());
  CHECK(bench.restore({a, c}) == std::set<std::string>{c});
  CHECK(files.read(bench.store.folder(a) + "/app.py").value() == "a");
  CHECK(files.read(bench.store.folder(b) + ".zip").error().code == Errc::not_found);
  CHECK(files.list("/data/code/0123.new").error().code == Errc::not_found);
}

TEST_CASE("code_store: without a folder it takes nothing, and starts all the same") {
  Bench bench(CodeStoreOptions{});
  CHECK(bench.put(python_zip()).error().code == Errc::unavailable);
  CHECK(bench.restore({}).empty());
  CHECK(bench.world.files.disk().files.empty());
}
