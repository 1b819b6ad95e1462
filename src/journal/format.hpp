// The bytes of the journal's files, as docs/journal-format.md says.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/journal/journal.hpp"

namespace porteiro::journal {

inline constexpr std::uint32_t format_version = 2;
inline constexpr std::size_t file_header_bytes = 36;
inline constexpr std::size_t frame_header_bytes = 24;
inline constexpr Stream table_stream = 0;

enum class FileKind : std::uint8_t { log, snapshot };

struct FileName {
  FileKind kind;
  std::uint64_t number;
};
std::string to_text(FileName name);                              // "log-3".
std::optional<FileName> parse_file_name(std::string_view text);  // nullopt: not one of ours.
bool is_leftover(std::string_view text);  // A half-written copy of one of ours: "log-3.tmp".

struct FileHeader {
  FileName name;
  Sequence sequence = 0;
  std::uint32_t sections = 0;
};
void append_file_header(std::string& out, const FileHeader& header);
void append_frame(std::string& out, Stream stream, Sequence sequence, std::string_view payload);
// Marks the frame at `at` of `out` as the last of its group: a group counts as a whole or not.
void end_group(std::string& out, std::size_t at);
void append_table_line(std::string& out, Stream stream, Sequence last, std::string_view name);
void append_section(std::string& out, std::string_view name, std::string_view state);

// The readers check everything; views point into `bytes`. `path` is for the errors, all of which
// are `corrupt`.
Result<FileHeader> read_file_header(std::string_view bytes, FileName expected,
                                    const std::string& path);

struct Entry {
  Stream stream;
  Sequence sequence;
  std::string_view payload;
};
struct LogContent {
  FileHeader header;
  std::map<Stream, std::string_view> streams;
  std::vector<Entry> entries;
  std::size_t valid_bytes = 0;  // What follows is torn.
};
Result<LogContent> read_log(std::string_view bytes, FileName expected, const std::string& path);

struct Section {
  std::string_view name;
  std::string_view state;
};
struct SnapshotContent {
  FileHeader header;
  std::vector<Section> sections;
};
Result<SnapshotContent> read_snapshot(std::string_view bytes, FileName expected,
                                      const std::string& path);

}  // namespace porteiro::journal
