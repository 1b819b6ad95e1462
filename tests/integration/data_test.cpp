// Goal: what the data directory promises. Without one nothing is left behind; with one the state
// comes back, nothing restricted is readable in it, and damage is refused and left as it is.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "integration/process.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::integration {
namespace {

namespace fs = std::filesystem;

constexpr const char* maria = "11144477735";

std::string path_of(std::string_view rest = {}) {
  return std::string("/v1/people/") + maria + std::string(rest);
}

Instance::Setup with_data(const std::string& data) {
  return {
      .config = example_path(), .arguments = {"--data", data}, .environment = {}, .directory = {}};
}

void fill(Instance& porteiro) {
  porteiro.done("POST", "/v1/people", person(maria, "Maria das Dores"));
  porteiro.done("PUT", path_of("/profile"), {{"age", 41}});
  porteiro.done("POST", path_of("/movements"), movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1),
                shop);
}

std::map<std::string, std::string> contents(const std::string& directory) {
  std::map<std::string, std::string> out;
  for (const std::string& file : files_below(directory)) out[file] = read_file(file);
  return out;
}

// What `text` looks like in a file: raw, hexadecimal and in base64 at each of three alignments.
std::vector<std::string> disguises(const std::string& text) {
  std::vector<std::string> out{text};
  std::string hex;
  for (const unsigned char c : text) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  out.push_back(hex);
  for (std::size_t shift = 0; shift < 3; ++shift) {
    const std::string encoded = to_base64(std::string(shift, ' ') + text);
    const std::size_t skip = shift == 0 ? 0 : shift + 1;  // Mixed with what stands before.
    out.push_back(encoded.substr(skip, (text.size() + shift) / 3 * 4 - skip));
  }
  return out;
}

// What SQLite and LMDB make anew when they open a file; it holds no records after a stop.
// Changes in these are found by `porteiro audit verify`, see audit_test.cpp.
constexpr const char* checkpoints = "checkpoints.jsonl";

bool is_working_file(const std::string& file) {
  return file.ends_with("-wal") || file.ends_with("-shm") || file.ends_with("-lock");
}

// A start on this directory is refused with exit code 4 and changes nothing.
std::string refusal(Loop& loop, const std::string& data,
                    const std::vector<std::string>& more = {}) {
  const auto before = contents(data);
  Launch launch{
      {"up", example_path(), "--public-port", "0", "--inside-port", "0", "--data", data}, more, {}};
  Process process(loop, launch);
  loop.until([&] { return process.poll().has_value() || process.out().ends_with("Ready.\n"); });
  CHECK_MESSAGE(process.poll() == 4, "stdout: ", process.out(), "; stderr: ", process.err());
  if (!process.poll()) {
    process.signal(SIGKILL);
    process.wait();
  }
  CHECK(process.out().empty());
  const auto after = contents(data);
  for (const auto& [file, bytes] : before) {
    if (is_working_file(file)) continue;
    const bool same = after.contains(file) && after.at(file) == bytes;
    CHECK_MESSAGE(same, file, " was changed; stderr: ", process.err());
  }
  for (const auto& [file, bytes] : after) {
    CHECK_MESSAGE((before.contains(file) || is_working_file(file)), file, " is new");
  }
  return process.err();
}

void copy(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

}  // namespace

TEST_CASE("data: without --data no file is left, and none is made meanwhile") {
  Loop loop;
  TemporaryDirectory work, temporary;
  Instance::Setup setup;
  setup.directory = work.path();
  setup.environment = {"TMPDIR=" + temporary.path(), "HOME=" + temporary.path()};
  Instance porteiro(loop, setup);
  fill(porteiro);
  CHECK(porteiro.get(path_of()).status == 200);
  CHECK(fs::is_empty(work.path()));
  CHECK(fs::is_empty(temporary.path()));
  porteiro.stop();
  CHECK(fs::is_empty(work.path()));
  CHECK(fs::is_empty(temporary.path()));
}

TEST_CASE("data: with --data everything is there again after a stop") {
  Loop loop;
  TemporaryDirectory directory;
  const Instance::Setup setup = with_data(directory.path("data"));
  std::string location;
  json events;
  {
    Instance porteiro(loop, setup);
    fill(porteiro);
    const Reply accepted = porteiro.call("POST", path_of("/movements"),
                                         movement("8d444840-9dc0-11d1-b245-5ffdce74fad2", 2),
                                         {{"Idempotency-Key", "k-1"}}, shop);
    location = accepted.header("Location");
    CHECK(porteiro.outcome(location, shop)["status"] == "succeeded");
    events = porteiro.ask("/_porteiro/events?limit=1000").body;
    porteiro.stop();
  }
  Instance porteiro(loop, setup);
  CHECK(porteiro.get(path_of()).body["name"] == "Maria das Dores");
  CHECK(porteiro.get(path_of()).body["debts"].size() == 2);
  CHECK(porteiro.get(path_of("/profile")).body["age"] == 41);
  CHECK(porteiro.get(path_of("/trail"), shop).body["movements"].size() == 2);
  CHECK(porteiro.get(path_of("/summary")).body["movements"] == 2);  // Rebuilt on start.
  CHECK(porteiro.outcome(location, shop)["status"] == "succeeded");
  const Reply again = porteiro.call("POST", path_of("/movements"),
                                    movement("8d444840-9dc0-11d1-b245-5ffdce74fad2", 2),
                                    {{"Idempotency-Key", "k-1"}}, shop);
  CHECK(again.header("Location") == location);
  json kept = porteiro.ask("/_porteiro/events?limit=1000").body;
  REQUIRE(kept["events"].size() >= events["events"].size());
  for (std::size_t i = 0; i < events["events"].size(); ++i) {
    CHECK(kept["events"][i] == events["events"][i]);
  }
  porteiro.stop();
}

TEST_CASE("data: what was accepted before a stop is carried out after the next start") {
  Loop loop;
  TemporaryDirectory directory;
  Instance::Setup setup = with_data(directory.path("data"));
  setup.config = example_variant(directory.path("config.json"),
                                 [](json& it) { it["queues"]["fast"]["delay"] = "2s"; });
  std::string location;
  {
    Instance porteiro(loop, setup);
    const Reply accepted =
        porteiro.call("POST", path_of("/movements"),
                      movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1), {}, shop);
    REQUIRE(accepted.status == 202);
    location = accepted.header("Location");
    porteiro.stop();
  }
  Instance porteiro(loop, setup);
  CHECK(porteiro.outcome(location, shop)["status"] == "succeeded");
  porteiro.stop();
  setup.config = example_path();
  Instance last(loop, setup);
  CHECK(last.get(path_of("/trail"), shop).body["movements"].size() == 1);
}

TEST_CASE("data: no restricted value is in any byte of it, nor in the log") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string data = directory.path("data");
  Instance::Setup setup = with_data(data);
  setup.arguments.insert(setup.arguments.end(),
                         {"--log-file", directory.path("log"), "--log-level", "debug"});
  for (const bool graceful : {false, true}) {
    CAPTURE(graceful);
    Instance porteiro(loop, setup);
    fill(porteiro);
    CHECK(porteiro.get(path_of()).status == 200);
    CHECK(porteiro.get("/v1/people/11144477734").status == 400);
    CHECK(porteiro.get(path_of(), shop).status == 403);
    const Reply later = porteiro.call("GET", path_of(), nullptr, {{"Prefer", "respond-async"}});
    CHECK(porteiro.outcome(later.header("Location"))["reply"]["cpf"] == maria);
    CHECK(porteiro.call("POST", "/v1/people", json{{"cpf", maria}, {"nome", "Maria das Dores"}})
              .status == 400);
    if (graceful) {
      porteiro.stop();
      CHECK(porteiro.process().err().empty());  // The log is in its file.
    } else {
      porteiro.kill();
    }
    std::vector<std::string> files = files_below(data);
    CHECK(files.size() >= 5);
    files.push_back(directory.path("log"));
    for (const char* secret :
         {maria, "11144477734", "111.444.777-35", "Maria das Dores", "Rua das Laranjeiras",
          "Banco Marabaixo", "Loja Sete Estrelas", lender}) {
      for (const std::string& disguise : disguises(secret)) {
        for (const std::string& file : files) {
          CHECK_MESSAGE(read_file(file).find(disguise) == std::string::npos, secret, " is in ",
                        file, " as ", disguise);
        }
      }
    }
  }
}

TEST_CASE("data: secrets and records are readable by their owner only") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string data = directory.path("data");
  Instance porteiro(loop, with_data(data));
  fill(porteiro);
  for (const auto& entry : fs::recursive_directory_iterator(data)) {
    const auto others =
        entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all);
    CHECK_MESSAGE(others == fs::perms::none, entry.path().string());
  }
}

TEST_CASE("data: a directory belongs to one porteiro at a time") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string data = directory.path("data");
  Instance porteiro(loop, with_data(data));
  fill(porteiro);
  const Finished second = run(
      loop,
      {{"up", example_path(), "--public-port", "0", "--inside-port", "0", "--data", data}, {}, {}});
  CHECK(second.code == 4);
  CHECK_MESSAGE(second.err.find(data) != std::string::npos, second.err);
  CHECK(porteiro.get(path_of()).status == 200);
  porteiro.stop();
  Instance after(loop, with_data(data));
  CHECK(after.get(path_of()).status == 200);
  after.stop();
}

TEST_CASE("data: a file with a flipped byte is refused by name, and nothing is changed") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string whole = directory.path("whole"), data = directory.path("data");
  {
    Instance porteiro(loop, with_data(whole));
    fill(porteiro);
    porteiro.stop();
  }
  copy(whole, data);
  int damaged = 0;
  for (const std::string& file : files_below(data)) {
    const std::string bytes = read_file(file);
    const std::string name = fs::path(file).filename().string();
    if (bytes.empty() || is_working_file(name) || name == checkpoints) continue;
    CAPTURE(file);
    std::vector<std::size_t> places{0, bytes.size() / 2, bytes.size() - 1};
    // Databases have bytes that mean nothing: of these the head and the first page are damaged.
    if (name.ends_with(".sqlite")) places = {0, 4096};
    // A half of a key that is damaged is noticed by who reads what it opens.
    if (file.find("/subjects/") != std::string::npos && !name.ends_with(".sqlite")) places = {0};
    if (name.ends_with(".lmdb")) places = {16, 4096 + 16};
    for (const std::size_t place : places) {
      CAPTURE(place);
      std::string changed = bytes;
      changed[place] = static_cast<char>(changed[place] ^ 0x10);
      write_file(file, changed);
      const std::string text = refusal(loop, data);
      CHECK_MESSAGE(text.find(name) != std::string::npos, "stderr: ", text);
      ++damaged;
    }
    write_file(file, bytes);
  }
  CHECK(damaged >= 8);
  Instance porteiro(loop, with_data(data));  // Mended: all is there.
  CHECK(porteiro.get(path_of()).body["name"] == "Maria das Dores");
  CHECK(porteiro.get(path_of("/trail"), shop).body["movements"].size() == 1);
  porteiro.stop();
}

TEST_CASE("data: files that are cut short or emptied are refused by name") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string whole = directory.path("whole"), data = directory.path("data");
  {
    Instance porteiro(loop, with_data(whole));
    fill(porteiro);
    porteiro.stop();
  }
  for (const std::string& file : files_below(whole)) {
    const std::string name = fs::path(file).filename().string();
    const std::size_t size = read_file(file).size();
    if (size == 0 || is_working_file(name)) continue;
    copy(whole, data);
    const std::string damaged = data + file.substr(whole.size());
    CAPTURE(damaged);
    const bool store = file.find("/stores/") != std::string::npos;  // Empty, it is a new one.
    const bool log = name.starts_with("log-");                      // Shorter, it has a torn end.
    for (const std::size_t left : {size / 2, std::size_t{0}}) {
      if ((store && left == 0) || (log && left > 0)) continue;
      CAPTURE(left);
      fs::resize_file(damaged, left);
      const std::string text = refusal(loop, data);
      CHECK_MESSAGE(text.find(name) != std::string::npos, "stderr: ", text);
    }
  }
}

TEST_CASE("data: a lost, foreign or open root key is refused") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string whole = directory.path("whole"), data = directory.path("data");
  {
    Instance porteiro(loop, with_data(whole));
    fill(porteiro);
    porteiro.stop();
  }
  std::string key;
  for (const std::string& file : files_below(whole)) {
    if (file.ends_with("/root.key")) key = data + file.substr(whole.size());
  }
  REQUIRE(!key.empty());

  copy(whole, data);
  fs::remove(key);
  CHECK(refusal(loop, data).find("root.key") != std::string::npos);
  copy(whole, data);
  write_file(key, std::string(32, 'k'));
  CHECK(refusal(loop, data).find("root.key") != std::string::npos);
  copy(whole, data);
  REQUIRE(::chmod(key.c_str(), 0644) == 0);
  CHECK(refusal(loop, data).find("root.key") != std::string::npos);
}

TEST_CASE("data: a passphrase takes the root key's place") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string data = directory.path("data");
  Instance::Setup setup = with_data(data);
  setup.environment = {"PORTEIRO_PASSPHRASE=seven green stones"};
  {
    Instance porteiro(loop, setup);
    fill(porteiro);
    porteiro.stop();
  }
  for (const std::string& file : files_below(data)) CHECK(!file.ends_with("/root.key"));
  CHECK(!refusal(loop, data).empty());
  CHECK(!refusal(loop, data, {"PORTEIRO_PASSPHRASE=seven grey stones"}).empty());
  Instance porteiro(loop, setup);
  CHECK(porteiro.get(path_of()).body["name"] == "Maria das Dores");
  porteiro.stop();
}

TEST_CASE("data: a log whose tail was cut in the middle of a write is accepted") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string whole = directory.path("whole"), data = directory.path("data");
  Instance::Setup setup = with_data(whole);
  setup.config = example_variant(directory.path("config.json"), [](json& it) {
    for (json& function : it["functions"]) function["timeout"] = "1s";
    it["queues"]["fast"]["visibility"] = "1s";  // What was in flight comes again after so long.
  });
  std::string location;
  {
    Instance porteiro(loop, setup);
    fill(porteiro);
    const Reply accepted =
        porteiro.call("POST", path_of("/movements"),
                      movement("8d444840-9dc0-11d1-b245-5ffdce74fad2", 2), {}, shop);
    location = accepted.header("Location");
    porteiro.outcome(location, shop);
    porteiro.kill();
  }
  std::string log;
  for (const std::string& file : files_below(whole)) {
    if (fs::path(file).filename().string().starts_with("log-")) log = file.substr(whole.size());
  }
  REQUIRE(!log.empty());
  for (const std::size_t cut : {1, 7, 40}) {
    CAPTURE(cut);
    copy(whole, data);
    const std::string file = data + log;
    fs::resize_file(file, fs::file_size(file) - cut);
    setup.arguments = {"--data", data};
    Instance porteiro(loop, setup);
    CHECK(porteiro.get(path_of()).body["name"] == "Maria das Dores");
    // The entry that was cut is one of the last: what it said happens again, and once.
    CHECK(porteiro.outcome(location, shop)["status"] == "succeeded");
    CHECK(porteiro.get(path_of("/trail"), shop).body["movements"].size() == 2);
    porteiro.stop();
  }
}

}  // namespace porteiro::integration
