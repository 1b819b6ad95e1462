// The lines of the audit log and of its checkpoints; see docs/audit-format.md.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/audit/audit.hpp"

namespace porteiro::audit {

inline constexpr std::string_view no_hash =
    "0000000000000000000000000000000000000000000000000000000000000000";
inline constexpr std::string_view checkpoints_name = "checkpoints.jsonl";

// Without hash, closing brace and line end.
std::string entry_text(const access::Decision& decision, std::uint64_t number, Time at);
// Of the chain: over the hash before, in hexadecimal, and the entry's text.
std::string chain_hash(std::string_view before, std::string_view text);
// The whole line, with its end.
std::string entry_line(std::string text, std::string_view hash);

// A line without its end, taken apart; views into it. nullopt: it has not the form.
struct Line {
  std::string_view text, hash;
  std::uint64_t number = 0;
};
std::optional<Line> parse_line(std::string_view line);

// A checkpoint without signature, closing brace and line end; this is what is signed.
std::string checkpoint_text(const Head& head, Time at, std::string_view key,
                            std::string_view algorithm);
std::string checkpoint_line(std::string text, std::string_view signature);
struct CheckpointLine {
  std::string_view text;
  Head head;
  std::string key, algorithm, signature;  // The signature's bytes.
};
std::optional<CheckpointLine> parse_checkpoint(std::string_view line);

// "log-000000000001.jsonl": the segment whose first entry has this number.
std::string segment_name(std::uint64_t first);
std::optional<std::uint64_t> segment_first(std::string_view name);
std::vector<std::string> segments_among(const std::vector<std::string>& names);  // In order.

// Lines of a file without their ends; what follows the last end goes to `rest`.
std::vector<std::string_view> split_lines(std::string_view bytes, std::string_view& rest);

}  // namespace porteiro::audit
