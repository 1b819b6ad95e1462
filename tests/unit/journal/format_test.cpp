#include "journal/format.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/random.hpp"

using namespace porteiro;
using namespace porteiro::journal;

namespace {

constexpr FileName log_name{FileKind::log, 3};
constexpr FileName snapshot_name{FileKind::snapshot, 3};

// A log of ten entries: the offsets at which its frames begin and end, and its groups. The table's
// second line is in the group of the first two entries.
struct Sample {
  std::string bytes;
  std::vector<std::size_t> boundaries, groups;
};

void end_last_group(Sample& sample) {
  end_group(sample.bytes, sample.boundaries[sample.boundaries.size() - 2]);
  sample.groups.push_back(sample.bytes.size());
}

void append_group(std::string& bytes, Stream stream, Sequence sequence, std::string_view payload) {
  const std::size_t at = bytes.size();
  append_frame(bytes, stream, sequence, payload);
  end_group(bytes, at);
}

Sample sample_log() {
  Sample sample;
  append_file_header(sample.bytes, {log_name, 40});
  sample.boundaries.push_back(sample.bytes.size());
  sample.groups.push_back(sample.bytes.size());
  append_table_line(sample.bytes, 1, 40, "queues");
  sample.boundaries.push_back(sample.bytes.size());
  end_last_group(sample);
  append_table_line(sample.bytes, 2, 40, "events");
  sample.boundaries.push_back(sample.bytes.size());
  for (unsigned i = 1; i <= 10; ++i) {
    append_frame(sample.bytes, 1 + i % 2, 40 + i, std::string(i * 7 % 31, static_cast<char>(i)));
    sample.boundaries.push_back(sample.bytes.size());
    if (i % 2 == 0) end_last_group(sample);
  }
  return sample;
}

std::string sample_snapshot() {
  std::string bytes;
  append_file_header(bytes, {snapshot_name, 40, 3});
  append_section(bytes, "queues", "some state");
  append_section(bytes, "events", "");
  append_section(bytes, "ledger", std::string(50, 'z'));
  return bytes;
}

Errc code_of(const Result<LogContent>& result) {
  return result ? Errc::internal : result.error().code;
}

}  // namespace

TEST_CASE("journal format: file names") {
  CHECK(to_text(log_name) == "log-3");
  CHECK(to_text(snapshot_name) == "snapshot-3");
  for (const char* text : {"log-0", "log-10", "snapshot-18446744073709551615"}) {
    const auto name = parse_file_name(text);
    REQUIRE(name);
    CHECK(to_text(*name) == text);
  }
  for (const char* text : {"", "log", "log-", "log--1", "log-1x", "log-01", "log- 1", "Log-1",
                           "snapshot-", "snapshot-18446744073709551616", "log-1.tmp", "xlog-1"}) {
    CHECK_FALSE(parse_file_name(text));
  }
  CHECK(is_leftover("log-1.tmp"));
  CHECK(is_leftover("snapshot-12.tmp.4711"));
  CHECK_FALSE(is_leftover("log-1"));
  CHECK_FALSE(is_leftover("log-x.tmp"));
  CHECK_FALSE(is_leftover("snapshot-1.json"));
}

TEST_CASE("journal format: a log comes back as it was written") {
  const Sample sample = sample_log();
  const auto log = read_log(sample.bytes, log_name, "log-3");
  REQUIRE(log);
  const LogContent& content = log.value();
  CHECK(content.header.sequence == 40);
  CHECK(content.streams.at(2) == "events");
  REQUIRE(content.entries.size() == 10);
  CHECK(content.entries[9].sequence == 50);
  CHECK(content.entries[2].stream == 2);
  CHECK(content.entries[2].payload == std::string(21, '\3'));
  CHECK(content.valid_bytes == sample.bytes.size());
}

// Goal: wherever a write is cut, all whole groups before the cut remain, nothing of the one that
// was cut, and no error is made of it.
TEST_CASE("journal format: a log cut at any byte keeps its whole groups") {
  const Sample sample = sample_log();
  for (std::size_t size = file_header_bytes; size <= sample.bytes.size(); ++size) {
    CAPTURE(size);
    const std::string cut = sample.bytes.substr(0, size);
    const auto log = read_log(cut, log_name, "log-3");
    REQUIRE(log);
    std::size_t groups = 0;
    while (groups < sample.groups.size() && sample.groups[groups] <= size) ++groups;
    CHECK(log.value().valid_bytes == sample.groups[groups - 1]);
    CHECK(log.value().entries.size() == (groups < 2 ? 0 : (groups - 2) * 2));
    CHECK(log.value().streams.size() == std::min<std::size_t>(groups - 1, 2));
  }
  for (std::size_t size = 0; size < file_header_bytes; ++size) {
    CHECK(code_of(read_log(sample.bytes.substr(0, size), log_name, "log-3")) == Errc::corrupt);
  }
}

// Goal: no flipped bit goes unnoticed, the last entry's included.
TEST_CASE("journal format: every flipped bit of a log is detected") {
  const Sample sample = sample_log();
  for (std::size_t bit = 0; bit < sample.bytes.size() * 8; ++bit) {
    std::string bytes = sample.bytes;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    const auto log = read_log(bytes, log_name, "data/log-3");
    CAPTURE(bit);
    REQUIRE_FALSE(log);
    CHECK(log.error().code == Errc::corrupt);
    CHECK(log.error().at == "data/log-3");
  }
}

TEST_CASE("journal format: damage is told with its offset") {
  Sample sample = sample_log();
  sample.bytes[sample.boundaries[4] + 1] ^= 1;
  const auto log = read_log(sample.bytes, log_name, "data/log-3");
  REQUIRE_FALSE(log);
  CHECK(log.error().detail.find("data/log-3 is damaged at offset " +
                                std::to_string(sample.boundaries[4])) == 0);
}

// Goal: after a loss of power some file systems show zeros for what was never written.
TEST_CASE("journal format: a tail of zeros from a sector's start is torn, other damage is not") {
  std::string bytes;
  append_file_header(bytes, {log_name, 0});
  append_table_line(bytes, 1, 0, "a");
  append_group(bytes, 1, 1, "kept");
  const std::size_t kept = bytes.size();
  append_frame(bytes, 1, 2, std::string(2000, 'x'));
  std::string zeros = bytes;
  for (std::size_t i = 1024; i < zeros.size(); ++i) zeros[i] = '\0';
  auto log = read_log(zeros, log_name, "log-3");
  REQUIRE(log);
  CHECK(log.value().entries.size() == 1);
  CHECK(log.value().valid_bytes == kept);
  zeros.resize(5000);  // More was allocated than the frame would fill.
  log = read_log(zeros, log_name, "log-3");
  REQUIRE(log);
  CHECK(log.value().valid_bytes == kept);

  std::string only_zeros = bytes.substr(0, kept) + std::string(1000, '\0');
  log = read_log(only_zeros, log_name, "log-3");
  REQUIRE(log);
  CHECK(log.value().valid_bytes == kept);

  append_frame(bytes, 1, 3, "later");
  for (std::size_t i = 1024; i < 1536; ++i) bytes[i] = '\0';
  CHECK(code_of(read_log(bytes, log_name, "log-3")) == Errc::corrupt);
}

TEST_CASE("journal format: frames that are valid alone and wrong together are damage") {
  std::string start;
  append_file_header(start, {log_name, 7});
  append_table_line(start, 1, 7, "a");
  const auto check = [&](auto add) {
    std::string bytes = start;
    add(bytes);
    CHECK(code_of(read_log(bytes, log_name, "log-3")) == Errc::corrupt);
  };
  check([](std::string& b) { append_frame(b, 1, 7, "again"); });
  check([](std::string& b) { append_frame(b, 1, 9, "a gap"); });
  check([](std::string& b) { append_frame(b, 2, 8, "no name"); });
  check([](std::string& b) { append_table_line(b, 1, 7, "b"); });
  check([](std::string& b) { append_table_line(b, 2, 7, "a"); });
  check([](std::string& b) { append_table_line(b, 0, 7, "c"); });
  check([](std::string& b) { append_table_line(b, 2, 8, "c"); });
  check([](std::string& b) { append_frame(b, table_stream, 7, "short"); });
}

TEST_CASE("journal format: a snapshot comes back, and any change of it is detected") {
  const std::string bytes = sample_snapshot();
  const auto snapshot = read_snapshot(bytes, snapshot_name, "snapshot-3");
  REQUIRE(snapshot);
  REQUIRE(snapshot.value().sections.size() == 3);
  CHECK(snapshot.value().sections[0].name == "queues");
  CHECK(snapshot.value().sections[0].state == "some state");
  CHECK(snapshot.value().sections[2].state == std::string(50, 'z'));
  const auto refused = [](const std::string& changed) {
    const auto result = read_snapshot(changed, snapshot_name, "snapshot-3");
    return !result && result.error().code == Errc::corrupt;
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(refused(bytes.substr(0, size)));
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    CAPTURE(bit);
    CHECK(refused(changed));
  }
  CHECK(refused(bytes + "x"));
}

TEST_CASE("journal format: random bytes are refused or torn, never more") {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = sample_log().bytes;
    bytes.resize(file_header_bytes + random.below(400));
    for (std::size_t i = file_header_bytes; i < bytes.size(); ++i) {
      if (random.below(4) == 0) bytes[i] = static_cast<char>(random.next());
    }
    const auto log = read_log(bytes, log_name, "log-3");
    if (log) CHECK(log.value().valid_bytes <= bytes.size());
    if (!log) CHECK(log.error().code == Errc::corrupt);
    const auto snapshot = read_snapshot(bytes, snapshot_name, "snapshot-3");
    CHECK_FALSE(snapshot);
  }
}
