#include "journal/format.hpp"

#include <charconv>

#include "porteiro/base/bytes.hpp"

namespace porteiro::journal {
namespace {

constexpr std::string_view log_magic = "PORTLOG\n";
constexpr std::string_view snapshot_magic = "PORTSNP\n";
constexpr std::size_t section_header_bytes = 20;
constexpr std::size_t sector_bytes = 512;
constexpr std::uint32_t group_end = 1U << 31;  // In a frame's stream.

std::string_view magic_of(FileKind kind) {
  return kind == FileKind::log ? log_magic : snapshot_magic;
}

std::string_view prefix_of(FileKind kind) { return kind == FileKind::log ? "log-" : "snapshot-"; }

// The number behind the prefix and what follows it.
std::optional<std::pair<FileName, std::string_view>> split_name(std::string_view text) {
  for (const FileKind kind : {FileKind::log, FileKind::snapshot}) {
    if (!text.starts_with(prefix_of(kind))) continue;
    const std::string_view rest = text.substr(prefix_of(kind).size());
    FileName name{kind, 0};
    const auto [end, failure] =
        std::from_chars(rest.data(), rest.data() + rest.size(), name.number);
    if (failure != std::errc{} || (rest[0] == '0' && end != rest.data() + 1)) return std::nullopt;
    return std::pair(name, rest.substr(static_cast<std::size_t>(end - rest.data())));
  }
  return std::nullopt;
}

void append_crc_of_tail(std::string& out, std::size_t from) {
  append_u32(out, crc32c(std::string_view(out).substr(from)));
}

Error damage(const std::string& path, std::size_t offset, std::string_view what) {
  return error(Errc::corrupt,
               path + " is damaged at offset " + std::to_string(offset) + ": " + std::string(what) +
                   "; nothing was changed: restore the data directory from a copy, or move it away "
                   "to start empty",
               path);
}

// Whether the frame [begin, end) that failed its check may be a write cut by a loss of power: only
// zeros are left, or it reaches into zeros that begin at a sector and last to the end of the file.
bool lost_with_power(std::string_view bytes, std::size_t begin, std::size_t end) {
  const std::size_t zeros = bytes.find_last_not_of('\0') + 1;  // The header is not all zeros.
  const std::size_t sector = (zeros + sector_bytes - 1) / sector_bytes * sector_bytes;
  return zeros <= begin || (sector < bytes.size() && sector < end);
}

struct FrameHeader {
  std::uint32_t length, stream;
  bool ends_group;
  Sequence sequence;
  std::uint32_t payload_crc;
};

std::optional<FrameHeader> read_frame_header(std::string_view bytes) {
  ByteReader reader(bytes.substr(0, frame_header_bytes));
  FrameHeader header{};
  header.length = *reader.u32();
  const std::uint32_t stream = *reader.u32();
  header.stream = stream & ~group_end;
  header.ends_group = (stream & group_end) != 0;
  header.sequence = *reader.u64();
  header.payload_crc = *reader.u32();
  if (*reader.u32() != crc32c(bytes.substr(0, frame_header_bytes - 4))) return std::nullopt;
  return header;
}

bool add_table_line(std::map<Stream, std::string_view>& streams, std::string_view payload) {
  ByteReader reader(payload);
  const auto number = reader.u32();
  const auto name = reader.sized();
  if (!number || *number == table_stream || !name || !reader.rest().empty()) return false;
  for (const auto& [known, known_name] : streams) {
    if (known == *number || known_name == *name) return false;
  }
  streams.emplace(*number, *name);
  return true;
}

}  // namespace

std::string to_text(FileName name) {
  return std::string(prefix_of(name.kind)) + std::to_string(name.number);
}

std::optional<FileName> parse_file_name(std::string_view text) {
  const auto split = split_name(text);
  if (!split || !split->second.empty()) return std::nullopt;
  return split->first;
}

bool is_leftover(std::string_view text) {
  const auto split = split_name(text);
  return split && split->second.starts_with(".tmp");
}

void append_file_header(std::string& out, const FileHeader& header) {
  const std::size_t start = out.size();
  out += magic_of(header.name.kind);
  append_u32(out, format_version);
  append_u32(out, header.sections);
  append_u64(out, header.name.number);
  append_u64(out, header.sequence);
  append_crc_of_tail(out, start);
}

void append_frame(std::string& out, Stream stream, Sequence sequence, std::string_view payload) {
  const std::size_t start = out.size();
  append_u32(out, static_cast<std::uint32_t>(payload.size()));
  append_u32(out, stream);
  append_u64(out, sequence);
  append_u32(out, crc32c(payload));
  append_crc_of_tail(out, start);
  out += payload;
}

void end_group(std::string& out, std::size_t at) {
  const auto patch = [&out](std::size_t place, std::uint32_t value) {
    std::string bytes;
    append_u32(bytes, value);
    out.replace(place, bytes.size(), bytes);
  };
  const std::size_t check = at + frame_header_bytes - 4;
  PORTEIRO_ASSERT(check + 4 <= out.size());
  patch(at + 4, *ByteReader(std::string_view(out).substr(at + 4)).u32() | group_end);
  patch(check, crc32c(std::string_view(out).substr(at, check - at)));
}

void append_table_line(std::string& out, Stream stream, Sequence last, std::string_view name) {
  std::string payload;
  append_u32(payload, stream);
  append_sized(payload, name);
  append_frame(out, table_stream, last, payload);
}

void append_section(std::string& out, std::string_view name, std::string_view state) {
  const std::size_t start = out.size();
  append_u32(out, static_cast<std::uint32_t>(name.size()));
  append_u64(out, state.size());
  append_u32(out, crc32c(state, crc32c(name)));
  append_crc_of_tail(out, start);
  out.append(name).append(state);
}

Result<FileHeader> read_file_header(std::string_view bytes, FileName expected,
                                    const std::string& path) {
  if (!bytes.starts_with(magic_of(expected.kind))) {
    return error(Errc::corrupt,
                 path + " is no journal file, though it is named like one; move it away", path);
  }
  ByteReader reader(bytes.substr(log_magic.size()));
  const auto version = reader.u32();
  if (version && *version != format_version) {
    return error(Errc::corrupt,
                 path + " has format version " + std::to_string(*version) +
                     ", and this program reads version " + std::to_string(format_version) +
                     "; use the program that wrote it",
                 path);
  }
  if (bytes.size() < file_header_bytes) return damage(path, bytes.size(), "the header ends early");
  FileHeader header;
  header.sections = *reader.u32();
  header.name = {expected.kind, *reader.u64()};
  header.sequence = *reader.u64();
  if (*reader.u32() != crc32c(bytes.substr(0, file_header_bytes - 4)) ||
      (expected.kind == FileKind::log && header.sections != 0)) {
    return damage(path, 0, "the header fails its check");
  }
  if (header.name.number != expected.number) {
    return damage(path, 0, "it was written as " + to_text(header.name));
  }
  return header;
}

Result<LogContent> read_log(std::string_view bytes, FileName expected, const std::string& path) {
  LogContent log;
  PORTEIRO_TRY(log.header, read_file_header(bytes, expected, path));
  log.valid_bytes = file_header_bytes;
  std::size_t whole = 0;                // Entries of the groups that have ended.
  std::vector<Stream> named_meanwhile;  // By the group that has not.
  Sequence last = log.header.sequence;
  std::size_t at = file_header_bytes;
  while (bytes.size() - at >= frame_header_bytes) {
    const auto frame = read_frame_header(bytes.substr(at));
    if (!frame) {
      if (lost_with_power(bytes, at, at + frame_header_bytes)) break;
      return damage(path, at, "a frame's header fails its check");
    }
    const std::size_t payload_at = at + frame_header_bytes;
    if (bytes.size() - payload_at < frame->length) break;
    const std::string_view payload = bytes.substr(payload_at, frame->length);
    if (crc32c(payload) != frame->payload_crc) {
      if (lost_with_power(bytes, at, payload_at + frame->length)) break;
      return damage(path, at, "an entry fails its check");
    }
    const bool table = frame->stream == table_stream;
    if (frame->sequence != last + (table ? 0 : 1)) {
      return damage(
          path, at,
          "entry " + std::to_string(frame->sequence) + " follows entry " + std::to_string(last));
    }
    if (table) {
      if (!add_table_line(log.streams, payload)) return damage(path, at, "a bad stream table");
      named_meanwhile.push_back(*ByteReader(payload).u32());
    } else {
      if (!log.streams.contains(frame->stream)) return damage(path, at, "a stream without a name");
      log.entries.push_back({frame->stream, frame->sequence, payload});
      last = frame->sequence;
    }
    at = payload_at + frame->length;
    if (!frame->ends_group) continue;
    log.valid_bytes = at;
    whole = log.entries.size();
    named_meanwhile.clear();
  }
  log.entries.resize(whole);
  for (const Stream stream : named_meanwhile) log.streams.erase(stream);
  return log;
}

Result<SnapshotContent> read_snapshot(std::string_view bytes, FileName expected,
                                      const std::string& path) {
  SnapshotContent snapshot;
  PORTEIRO_TRY(snapshot.header, read_file_header(bytes, expected, path));
  std::size_t at = file_header_bytes;
  for (std::uint32_t i = 0; i < snapshot.header.sections; ++i) {
    if (bytes.size() - at < section_header_bytes) return damage(path, at, "it ends early");
    ByteReader reader(bytes.substr(at, section_header_bytes));
    const std::uint32_t name_bytes = *reader.u32();
    const std::uint64_t state_bytes = *reader.u64();
    const std::uint32_t crc = *reader.u32();
    if (*reader.u32() != crc32c(bytes.substr(at, section_header_bytes - 4))) {
      return damage(path, at, "a section's header fails its check");
    }
    const std::string_view rest = bytes.substr(at + section_header_bytes);
    if (rest.size() < name_bytes || rest.size() - name_bytes < state_bytes) {
      return damage(path, at, "it ends early");
    }
    const std::string_view content = rest.substr(0, name_bytes + state_bytes);
    if (crc32c(content) != crc) return damage(path, at, "a section fails its check");
    snapshot.sections.push_back({content.substr(0, name_bytes), content.substr(name_bytes)});
    at += section_header_bytes + content.size();
  }
  if (at != bytes.size()) return damage(path, at, "something follows the last section");
  return snapshot;
}

}  // namespace porteiro::journal
