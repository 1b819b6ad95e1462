// Goal: nothing that was decided is missing from the log or differs in it without being found, and
// nothing audited is answered before its entry is written.
#include "porteiro/audit/audit.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/audit/verify.hpp"
#include "porteiro/kms/kms.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::audit;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* folder = "data/audit";

struct Bench {
  explicit Bench(Options with = {}) : options(std::move(with)) {
    options.directory = folder;
    start();
  }
  void start() {
    auto opened = Audit::open(options, world.environment, telemetry);
    REQUIRE(opened.has_value());
    audit = std::move(opened).value();
  }
  Errc start_fails() {
    audit.reset();
    auto opened = Audit::open(options, world.environment, telemetry);
    REQUIRE_FALSE(opened.has_value());
    return opened.error().code;
  }
  // Until the entry is written.
  void record(int number, const char* subject = "cpf_x") {
    const std::vector<std::string> fields{"name", "cpf"};
    bool done = false;
    audit->decided({.allowed = true,
                    .principal = "get-person",
                    .role = "reader",
                    .action = "store:get",
                    .resource = "A/person",
                    .purpose = "credit-protection",
                    .client = "lender",
                    .subject = subject,
                    .fields = fields,
                    .trace = Id{1, static_cast<std::uint64_t>(number)}},
                   [&](Result<void> written) { done = written.has_value(); });
    world.scheduler.run_for(0s);
    CHECK(done);
  }
  void records(int count) {
    for (int i = 1; i <= count; ++i) record(i);
  }
  void close() {
    bool closed = false;
    audit->close([&] { closed = true; });
    world.scheduler.run_for(1s);
    CHECK(closed);
  }
  void sign() {
    kms::Options keys;
    keys.keys = {{"audit", kms::KeySpec::hmac_256}};
    kms = kms::Kms::open(keys, world.environment, telemetry).value();
    audit->sign_with({"audit", "HMAC_SHA_256", [this](std::string message, auto done) {
                        kms->generate_mac("audit", message, {}, std::move(done));
                      }});
  }
  // The signature of a message, once more.
  std::string mac(const std::string& message) {
    std::string out;
    kms->generate_mac("audit", message, {}, [&](Result<std::string> made) { out = made.value(); });
    world.scheduler.run_for(1s);
    return out;
  }
  std::string path(const std::string& name) const { return std::string(folder) + "/" + name; }
  std::string segment(std::uint64_t first = 1) const {
    std::string digits = std::to_string(first);
    return path("log-" + std::string(12 - digits.size(), '0') + digits + ".jsonl");
  }
  std::string text(const std::string& name) { return world.files.read(name).value(); }
  void put(const std::string& name, std::string_view bytes) {
    REQUIRE(world.files.replace(name, bytes).has_value());
  }
  std::vector<std::string> lines(const std::string& name) {
    std::vector<std::string> out;
    std::string rest = text(name);
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      out.push_back(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
    return out;
  }
  void put_lines(const std::string& name, const std::vector<std::string>& all) {
    std::string bytes;
    for (const std::string& each : all) bytes += each + "\n";
    put(name, bytes);
  }
  Report verify(const Head& expected = {}) {
    auto report = audit::verify(world.files, folder, expected);
    REQUIRE(report.has_value());
    return std::move(report).value();
  }
  std::uint64_t found() {
    const Report report = verify();
    return report.finding ? report.finding->number : 0;
  }

  virtual_world::World world;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  Options options;
  std::unique_ptr<kms::Kms> kms;
  std::unique_ptr<Audit> audit;
};

}  // namespace

TEST_CASE("audit: an entry says all of a decision, and the chain can be followed by anybody") {
  Bench b;
  b.record(1);
  b.audit->decided(
      {.principal = "x", .action = "kms:Decrypt", .resource = "vault", .reason = "no \"role\""});
  b.world.scheduler.run_for(0s);
  const auto lines = b.lines(b.segment());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with(
      R"({"number":1,"at":"2026-01-01T00:00:00.000Z","decision":"allowed",)"
      R"("principal":"get-person","role":"reader","zone":"private","client":"lender",)"
      R"("purpose":"credit-protection","action":"store:get","resource":"A/person",)"
      R"("subject":"cpf_x","fields":["name","cpf"],)"
      R"("correlation":"00000000000000010000000000000001","hash":")"));
  const json denied = json::parse(lines[1]);
  CHECK(denied["decision"] == "denied");
  CHECK(denied["reason"] == "no \"role\"");
  CHECK_FALSE(denied.contains("subject"));
  CHECK(b.audit->newest(1) == std::vector<std::string>{lines[1]});
  CHECK(b.audit->head().number == 2);
  CHECK(b.audit->head().hash == denied["hash"]);
  CHECK_FALSE(b.verify().finding.has_value());
}

TEST_CASE("audit: entries of one turn are one append, and each waits for it") {
  Bench b;
  int done = 0;
  for (int i = 0; i < 10; ++i) {
    b.audit->decided({.allowed = true, .principal = "f"}, [&](Result<void>) { ++done; });
  }
  CHECK(done == 0);
  CHECK(b.text(b.segment()).empty());
  const std::uint64_t before = b.world.files.disk().operations;
  b.world.scheduler.run_for(0s);
  CHECK(done == 10);
  CHECK(b.world.files.disk().operations == before + 1);
  CHECK(b.lines(b.segment()).size() == 10);
}

TEST_CASE("audit: a log that cannot be written refuses what is audited, from then on") {
  Bench b;
  b.record(1);
  b.world.files.disk().fail_at = b.world.files.disk().operations + 1;
  std::vector<Errc> errors;
  const auto ask = [&] {
    b.audit->decided({.allowed = true, .principal = "f"}, [&](Result<void> written) {
      REQUIRE_FALSE(written.has_value());
      errors.push_back(written.error().code);
    });
    b.world.scheduler.run_for(0s);
  };
  ask();
  b.world.files.disk().fail_at = 0;
  ask();
  CHECK(errors == std::vector<Errc>{Errc::unavailable, Errc::unavailable});
}

TEST_CASE("audit: it goes on after a restart, also in a new segment") {
  Options options;
  options.segment_bytes_max = 1000;
  Bench b(options);
  b.records(5);
  b.start();
  b.records(5);
  CHECK(b.audit->head().number == 10);
  CHECK(b.world.files.list(folder).value().size() > 3);
  const Report report = b.verify();
  CHECK_FALSE(report.finding.has_value());
  CHECK(report.head.number == 10);
  CHECK(b.audit->newest(1000).size() >= 1);
}

TEST_CASE("audit: what kill -9 cut is cut off at the next start, and that is told") {
  Bench b;
  b.records(3);
  const std::string whole = b.text(b.segment());
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t size = last + 1; size < whole.size(); ++size) {
    CAPTURE(size);
    b.put(b.segment(), whole.substr(0, size));
    CHECK(b.found() == 3);
    b.start();
    CHECK(b.text(b.segment()) == whole.substr(0, last));
    CHECK(b.found() == 0);
    CHECK(b.audit->head().number == 2);
  }
  bool told = false;
  b.telemetry.read(0, [&](const telemetry::Record& record) {
    if (record.kind != telemetry::Kind::note) return;
    told = told ||
           b.telemetry.note_text(record.extra).find("middle of an entry") != std::string_view::npos;
  });
  CHECK(told);
}

TEST_CASE("audit: checkpoints come after so many entries, after a time, and at the end") {
  Options options;
  options.checkpoint_entries = 10;
  Bench b(options);
  b.sign();
  const auto numbers = [&] {
    std::vector<std::uint64_t> out;
    for (const Checkpoint& each : b.verify().checkpoints) out.push_back(each.head.number);
    return out;
  };
  b.records(12);
  b.world.scheduler.run_for(1s);
  CHECK(numbers() == std::vector<std::uint64_t>{10});
  b.world.scheduler.run_for(2min);
  CHECK(numbers() == std::vector<std::uint64_t>{10, 12});
  b.world.scheduler.run_for(2min);
  CHECK(numbers().size() == 2);  // Nothing new.
  b.record(13);
  b.close();
  CHECK(numbers() == std::vector<std::uint64_t>{10, 12, 13});
  for (const Checkpoint& each : b.verify().checkpoints) {
    CHECK(each.key == "audit");
    CHECK(each.algorithm == "HMAC_SHA_256");
    CHECK(each.signature == b.mac(each.message));
  }
}

TEST_CASE("audit: each change of the files is found, and its entry named") {
  Bench b;
  b.sign();
  b.records(8);
  b.close();
  const auto whole = b.lines(b.segment());
  const auto with = [&](std::vector<std::string> lines) {
    b.put_lines(b.segment(), lines);
    const Report report = b.verify();
    REQUIRE(report.finding.has_value());
    CHECK(report.finding->text.find("entry " + std::to_string(report.finding->number)) !=
          std::string::npos);
    return *report.finding;
  };
  auto lines = whole;
  lines[3].replace(lines[3].find("cpf_x"), 5, "cpf_y");
  CHECK(with(lines).number == 4);
  CHECK(with(lines).text.find("was changed") != std::string::npos);

  lines = whole;
  lines.erase(lines.begin() + 4);
  CHECK(with(lines).number == 5);
  CHECK(with(lines).text.find("was removed") != std::string::npos);

  lines = whole;
  std::swap(lines[1], lines[5]);
  CHECK(with(lines).number == 2);
  CHECK(with(lines).text.find("reordered") != std::string::npos);

  lines = whole;
  lines.pop_back();  // The end, which only the checkpoint shows.
  CHECK(with(lines).number == 8);
  CHECK(with(lines).text.find("was removed") != std::string::npos);

  lines = whole;
  lines.insert(lines.begin() + 2, whole[1]);
  CHECK(with(lines).number == 2);
  CHECK(with(lines).text.find("copied") != std::string::npos);

  lines = whole;
  lines.insert(lines.begin() + 2, R"({"number":3,"principal":"nobody"})");
  CHECK(with(lines).number == 3);

  lines = whole;
  lines.erase(lines.begin());
  CHECK(with(lines).number == 1);
  CHECK(with({}).number == 1);
}

TEST_CASE("audit: a chain made anew is not that of the checkpoints") {
  Bench b;
  b.sign();
  b.records(6);
  b.close();
  const std::string checkpoints = b.text(b.path("checkpoints.jsonl"));
  // Whoever can write the files makes a whole log without what happened.
  b.audit.reset();
  REQUIRE(b.world.files.remove(b.segment()).has_value());
  REQUIRE(b.world.files.remove(b.path("checkpoints.jsonl")).has_value());
  b.start();
  for (int i = 1; i <= 6; ++i) b.record(i, "cpf_other");
  b.put(b.path("checkpoints.jsonl"), checkpoints);
  const Report report = b.verify();
  REQUIRE(report.finding.has_value());
  CHECK(report.finding->number == 6);
  CHECK(report.finding->text.find("made anew") != std::string::npos);
}

TEST_CASE("audit: what a manifest tells of has to be there") {
  Bench b;
  b.records(3);
  const Head head = b.audit->head();
  CHECK_FALSE(b.verify(head).finding.has_value());
  auto lines = b.lines(b.segment());
  lines.pop_back();
  b.put_lines(b.segment(), lines);
  REQUIRE(b.verify(head).finding.has_value());
  CHECK(b.verify(head).finding->number == 3);
}

TEST_CASE("audit: a start refuses a log that was tampered with at its end") {
  Bench b;
  b.records(4);
  b.close();
  const auto whole = b.lines(b.segment());
  auto lines = whole;
  lines.pop_back();  // The checkpoint tells of 4.
  b.put_lines(b.segment(), lines);
  CHECK(b.start_fails() == Errc::corrupt);
  lines = whole;
  lines[2].replace(lines[2].find("reader"), 6, "Reader");
  b.put_lines(b.segment(), lines);
  CHECK(b.start_fails() == Errc::corrupt);
  b.put_lines(b.segment(), whole);
  b.start();
  CHECK(b.audit->head().number == 4);
}

TEST_CASE("audit: a flood of denials is counted beyond a bound, and one entry says how many") {
  Options options;
  options.denials_per_second_max = 5;
  Bench b(options);
  for (int i = 0; i < 20; ++i) b.audit->decided({.principal = "anonymous", .action = "a:b"});
  b.world.scheduler.run_for(0s);
  CHECK(b.audit->head().number == 5);
  b.world.scheduler.run_for(2s);
  b.audit->decided({.principal = "anonymous", .action = "a:b"});
  b.world.scheduler.run_for(0s);
  const auto lines = b.lines(b.segment());
  REQUIRE(lines.size() == 7);
  CHECK(json::parse(lines[5])["action"] == "audit:lost");
  CHECK(json::parse(lines[5])["reason"].get<std::string>().starts_with("15 denials"));
}

TEST_CASE("audit: without a directory the newest entries are in memory, and nothing else is") {
  virtual_world::World world;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  Options options;
  options.kept_max = 3;
  auto audit = Audit::open(options, world.environment, telemetry).value();
  int done = 0;
  for (int i = 0; i < 5; ++i) {
    audit->decided({.allowed = true, .principal = "f"},
                   [&](Result<void> written) { done += written.has_value(); });
  }
  world.scheduler.run_for(0s);
  CHECK(done == 5);
  CHECK(audit->newest(10).size() == 3);
  CHECK(json::parse(audit->newest(1)[0])["number"] == 5);
  CHECK(world.files.disk().operations == 0);
}

// Model: whatever is done to a whole log at random, it is found, and nothing before the place where
// it was done is said to be wrong.
TEST_CASE("audit: random tampering is found where it was done") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Options options;
    options.segment_bytes_max = 1500;
    Bench b(options);
    b.records(20);
    b.close();
    REQUIRE(b.found() == 0);
    std::vector<std::string> segments;
    const auto names = b.world.files.list(folder).value();
    for (const std::string& name : names) {
      if (name.starts_with("log-") && b.lines(b.path(name)).size() > 1) {
        segments.push_back(b.path(name));
      }
    }
    const std::string name = segments[random.below(segments.size())];
    auto lines = b.lines(name);
    const std::size_t at = random.below(lines.size());
    const std::uint64_t number = json::parse(lines[at])["number"];
    std::uint64_t first = number;
    switch (random.below(5)) {
      case 0: {  // One byte.
        char& byte = lines[at][random.below(lines[at].size())];
        const char other = static_cast<char>('a' + random.below(26));
        byte = byte == other ? '#' : other;
        break;
      }
      case 1:
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 2: {
        const std::size_t with = (at + 1 + random.below(lines.size() - 1)) % lines.size();
        first = std::min<std::uint64_t>(number, json::parse(lines[with])["number"]);
        std::swap(lines[at], lines[with]);
        break;
      }
      case 3:
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), lines[at]);
        break;
      default:
        lines[at].resize(random.below(lines[at].size()));
    }
    b.put_lines(name, lines);
    const std::uint64_t found = b.found();
    CHECK(found >= first);
    CHECK(found <= first + 1);
  }
}
