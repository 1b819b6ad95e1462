#include "porteiro/audit/verify.hpp"

#include <algorithm>
#include <unordered_map>

#include "audit/entry.hpp"

namespace porteiro::audit {
namespace {

std::string entry(std::uint64_t number) { return "entry " + std::to_string(number); }

// The chain from its first entry on, as far as it is whole.
class Chain {
 public:
  // False: something was found.
  bool take(std::string_view line) {
    const std::uint64_t expected = head.number + 1;
    const auto parsed = parse_line(line);
    if (!parsed) {
      return found(expected, entry(expected) +
                                 " was changed: its line has not the form of an "
                                 "entry");
    }
    if (parsed->number != expected) {
      misplaced = parsed->number;
      return false;
    }
    if (chain_hash(head.hash, parsed->text) != parsed->hash) {
      return found(expected, entry(expected) +
                                 " was changed: its hash is not that of what it "
                                 "says after the entry before it");
    }
    head = {parsed->number, std::string(parsed->hash)};
    hashes.emplace_back(parsed->hash);
    return true;
  }
  bool found(std::uint64_t number, std::string text) {
    finding = Finding{number, std::move(text)};
    return false;
  }

  Head head{0, std::string(no_hash)};
  std::vector<std::string> hashes;         // By number - 1.
  std::optional<std::uint64_t> misplaced;  // The number of the line that should be the next.
  std::optional<Finding> finding;
};

// An entry is not where it should be: it is somewhere else, or nowhere.
Finding explain_place(std::uint64_t expected, std::uint64_t is, bool comes_later) {
  if (is < expected) {
    return {is, entry(is) + " is not in its place: it comes (again) where " + entry(expected) +
                    " should be; it was copied, or moved there"};
  }
  if (comes_later) {
    return {expected, entry(expected) + " is not in its place: " + entry(is) +
                          " comes before it; they were reordered"};
  }
  return {expected, entry(expected) + " was removed: " + entry(is) + " follows " +
                        (expected == 1 ? std::string("the beginning") : entry(expected - 1))};
}

bool comes_later(Files& files, const std::string& directory, std::uint64_t number) {
  bool seen = false;
  const auto looked = read(files, directory, [&](std::string_view line) {
    const auto parsed = parse_line(line);
    seen = parsed && parsed->number == number;
    return !seen;
  });
  return looked.has_value() && seen;
}

// Entries may be gone from the end, which only what was told elsewhere shows.
void check_head(const Head& told, const std::string& by, const Chain& chain, Report& report) {
  if (report.finding || told.number == 0) return;
  if (told.number > chain.head.number) {
    const std::uint64_t gone = chain.head.number + 1;
    report.finding = Finding{gone, entry(gone) + " was removed: " + by +
                                       " tells of entries up to " + std::to_string(told.number)};
  } else if (chain.hashes[told.number - 1] != told.hash) {
    report.finding = Finding{told.number, entry(told.number) +
                                              ", or one before it, was changed and the hashes "
                                              "made anew: " +
                                              by + " tells of another one"};
  }
}

Result<void> check_checkpoints(Files& files, const std::string& directory, const Chain& chain,
                               Report& report) {
  const auto bytes = files.read(directory + "/" + std::string(checkpoints_name));
  if (!bytes && bytes.error().code != Errc::not_found) return bytes.error();
  std::string_view rest;
  const std::string text = bytes ? bytes.value() : std::string();
  std::uint64_t before = 0;
  for (const std::string_view line : split_lines(text, rest)) {
    auto parsed = parse_checkpoint(line);
    if (!parsed || parsed->head.number <= before) {
      if (!report.finding) {
        const std::uint64_t number = parsed ? parsed->head.number : before;
        report.finding = Finding{
            number, "the checkpoint " + (parsed ? "at " + entry(number) + " is not in its place"
                                                : "after that at " + entry(number) +
                                                      " has not the form of one: it was "
                                                      "changed")};
      }
      break;
    }
    before = parsed->head.number;
    check_head(parsed->head, "the checkpoint at " + entry(before), chain, report);
    if (report.finding && before > chain.head.number) break;
    report.checkpoints.push_back({parsed->head, parsed->key, parsed->algorithm,
                                  std::string(parsed->text), parsed->signature});
  }
  return ok();
}

}  // namespace

Result<void> read(Files& files, const std::string& directory,
                  const std::function<bool(std::string_view line)>& each) {
  PORTEIRO_TRY(const auto names, files.list(directory));
  for (const std::string& name : segments_among(names)) {
    PORTEIRO_TRY(const std::string bytes, files.read(directory + "/" + name));
    std::string_view rest;
    for (const std::string_view line : split_lines(bytes, rest)) {
      if (!each(line)) return ok();
    }
    if (!rest.empty() && !each(rest)) return ok();
  }
  return ok();
}

Result<Report> verify(Files& files, const std::string& directory, const Head& expected) {
  PORTEIRO_TRY(const auto names, files.list(directory));
  const std::vector<std::string> segments = segments_among(names);
  if (segments.empty()) {
    return error(Errc::not_found, directory + " holds no audit log", directory);
  }
  Chain chain;
  Report report;
  bool whole = true;
  for (const std::string& name : segments) {
    PORTEIRO_TRY(const std::string bytes, files.read(directory + "/" + name));
    std::string_view rest;
    for (const std::string_view line : split_lines(bytes, rest)) {
      whole = whole && chain.take(line);
      if (!whole) break;
    }
    if (whole && !rest.empty()) {
      const std::uint64_t number = chain.head.number + 1;
      whole = chain.found(number, entry(number) +
                                      " is cut off: the log ends within its line (the "
                                      "next start cuts such a line, if the process was "
                                      "killed while it wrote)");
    }
    if (!whole) break;
  }
  if (chain.misplaced) {
    const std::uint64_t wanted = chain.head.number + 1;
    chain.finding = explain_place(wanted, *chain.misplaced, comes_later(files, directory, wanted));
  }
  report.finding = std::move(chain.finding);
  report.head = chain.head;
  PORTEIRO_TRY(check_checkpoints(files, directory, chain, report));
  check_head(expected, "the manifest of the data directory", chain, report);
  return report;
}

}  // namespace porteiro::audit
