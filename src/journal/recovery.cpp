#include "journal/recovery.hpp"

#include <algorithm>

namespace porteiro::journal {
namespace {

struct Survey {
  std::vector<FileName> ours;
  std::vector<std::string> leftovers;
  std::optional<std::uint64_t> newest_log;
};

Result<Survey> survey(Files& files, const std::string& directory) {
  PORTEIRO_TRY(const auto names, files.list(directory));
  Survey found;
  for (const std::string& name : names) {
    if (is_leftover(name)) found.leftovers.push_back(name);
    const auto file = parse_file_name(name);
    if (!file) continue;
    found.ours.push_back(*file);
    if (file->kind == FileKind::log) {
      found.newest_log = std::max(found.newest_log.value_or(0), file->number);
    }
  }
  return found;
}

Error missing(const std::string& directory, FileName name, std::string_view beside) {
  const std::string path = directory + "/" + to_text(name);
  return error(Errc::corrupt,
               path + " is missing beside " + std::string(beside) +
                   "; nothing was changed: restore the data directory from a copy",
               path);
}

// A file beside the newest pair: what an earlier compaction, or one that did not end, left behind.
Result<void> check_leftover(Files& files, const std::string& directory, FileName name,
                            std::uint64_t newest) {
  if (name.number > newest + 1) {
    return missing(directory, {FileKind::log, name.number}, to_text(name));
  }
  const std::string path = directory + "/" + to_text(name);
  PORTEIRO_TRY(const auto bytes, files.read(path));
  PORTEIRO_TRY(read_file_header(bytes, name, path));
  return success();
}

}  // namespace

Result<std::unique_ptr<Recovered>> recover(Files& files, const std::string& directory) {
  auto recovered = std::make_unique<Recovered>();
  PORTEIRO_TRY(auto found, survey(files, directory));
  recovered->removable = std::move(found.leftovers);
  if (!found.newest_log) {
    if (!found.ours.empty()) {
      const FileName snapshot = found.ours.back();
      return missing(directory, {FileKind::log, snapshot.number}, to_text(snapshot));
    }
    return recovered;
  }
  recovered->fresh = false;
  const FileName log{FileKind::log, *found.newest_log};
  const FileName snapshot{FileKind::snapshot, *found.newest_log};
  bool has_snapshot = false;
  for (const FileName name : found.ours) {
    if (name.number != log.number) {
      PORTEIRO_TRY(check_leftover(files, directory, name, log.number));
      recovered->removable.push_back(to_text(name));
    } else if (name.kind == FileKind::snapshot) {
      has_snapshot = true;
    }
  }
  const std::string log_path = directory + "/" + to_text(log);
  PORTEIRO_TRY(recovered->log_bytes, files.read(log_path));
  PORTEIRO_TRY(recovered->log, read_log(recovered->log_bytes, log, log_path));
  if (!has_snapshot) {
    if (log.number == 0) return recovered;
    return missing(directory, snapshot, to_text(log));
  }
  const std::string snapshot_path = directory + "/" + to_text(snapshot);
  PORTEIRO_TRY(recovered->snapshot_bytes, files.read(snapshot_path));
  PORTEIRO_TRY(recovered->snapshot,
               read_snapshot(recovered->snapshot_bytes, snapshot, snapshot_path));
  if (recovered->snapshot.header.sequence != recovered->log.header.sequence) {
    return error(Errc::corrupt,
                 snapshot_path + " does not belong to " + log_path +
                     ": they were not written together; restore the data directory from a copy",
                 snapshot_path);
  }
  return recovered;
}

}  // namespace porteiro::journal
