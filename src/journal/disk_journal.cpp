#include "journal/disk_journal.hpp"

#include <algorithm>

namespace porteiro::journal {

using telemetry::Level;

struct DiskJournal::Group {
  std::string bytes;
  std::shared_ptr<AppendFile> file;
  Sequence last;
  std::optional<Error> failure;
};

DiskJournal::DiskJournal(Options options, Environment& environment, telemetry::Telemetry& telemetry)
    : options_(std::move(options)),
      environment_(environment),
      telemetry_(telemetry),
      compact_above_(options_.segment_bytes_max),
      entries_total_(telemetry.counter("porteiro_journal_entries_total")),
      bytes_total_(telemetry.counter("porteiro_journal_bytes_total")),
      writes_total_(telemetry.counter("porteiro_journal_writes_total")),
      compactions_total_(telemetry.counter("porteiro_journal_compactions_total")) {
  telemetry.describe("porteiro_journal_entries_total", "entries appended to the journal");
  telemetry.describe("porteiro_journal_bytes_total", "bytes of entries handed to the disk");
  telemetry.describe("porteiro_journal_writes_total", "groups of entries written together");
  telemetry.describe("porteiro_journal_compactions_total", "logs replaced by a snapshot");
  if (options_.durability == Durability::power) lane_ = environment.offload.lane("journal");
}

std::string DiskJournal::path(FileName name) const {
  return options_.directory + "/" + to_text(name);
}

DiskJournal::Member* DiskJournal::member(std::string_view name) {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [name](const Member& member) { return member.name == name; });
  return found == members_.end() ? nullptr : &*found;
}

Stream DiskJournal::join(std::string_view name, Participant& participant) {
  PORTEIRO_ASSERT(!started_);
  PORTEIRO_ASSERT(member(name) == nullptr);
  members_.push_back({std::string(name), &participant});
  return static_cast<Stream>(members_.size());
}

Result<void> DiskJournal::start() {
  PORTEIRO_ASSERT(!started_);
  PORTEIRO_TRY(const auto recovered, recover(environment_.files, options_.directory));
  PORTEIRO_TRY(hand_out(*recovered));
  if (recovered->fresh) {
    PORTEIRO_TRY(begin_log(0));
  } else {
    PORTEIRO_TRY(adopt(*recovered));
  }
  for (const std::string& name : recovered->removable) {
    remove_file(options_.directory + "/" + name);
  }
  started_ = true;
  return success();
}

// Gives the participants what is theirs, once all of it is known to have an owner.
Result<void> DiskJournal::hand_out(const Recovered& recovered) {
  const auto unknown = [](std::string_view name, const std::string& path) {
    return error(Errc::corrupt,
                 path + " holds data of the stream \"" + std::string(name) +
                     "\", which this program does not know; use the newer program that wrote it",
                 path);
  };
  const std::string snapshot_path = path(recovered.snapshot.header.name);
  const std::string log_path = path(recovered.log.header.name);
  for (const Section& section : recovered.snapshot.sections) {
    if (member(section.name) == nullptr) return unknown(section.name, snapshot_path);
  }
  std::map<Stream, Participant*> owners;
  for (const auto& [stream, name] : recovered.log.streams) {
    const Member* owner = member(name);
    if (owner != nullptr) owners.emplace(stream, owner->participant);
  }
  for (const Entry& entry : recovered.log.entries) {
    if (owners.contains(entry.stream)) continue;
    return unknown(recovered.log.streams.at(entry.stream), log_path);
  }
  const auto refused = [](Error reason, std::string_view name, const std::string& where) {
    reason.detail = where + ": stream \"" + std::string(name) + "\": " + reason.detail;
    reason.at = where;
    return reason;
  };
  for (const Section& section : recovered.snapshot.sections) {
    const auto restored = member(section.name)->participant->restore(section.state);
    if (!restored) return refused(restored.error(), section.name, snapshot_path);
  }
  for (const Entry& entry : recovered.log.entries) {
    const auto replayed = owners.at(entry.stream)->replay(entry.payload);
    if (replayed) continue;
    return refused(replayed.error(), recovered.log.streams.at(entry.stream),
                   log_path + ", entry " + std::to_string(entry.sequence));
  }
  return success();
}

// Goes on with the log that was found, without its torn end.
Result<void> DiskJournal::adopt(const Recovered& recovered) {
  const LogContent& log = recovered.log;
  number_ = log.header.name.number;
  const std::string log_path = path(log.header.name);
  PORTEIRO_TRY(auto file, environment_.files.open_append(log_path, log.valid_bytes));
  file_ = std::move(file);
  const std::size_t torn = recovered.log_bytes.size() - log.valid_bytes;
  if (torn > 0) {
    telemetry_.note(Level::warning, log_path + " ended in the middle of a write: its last " +
                                        std::to_string(torn) +
                                        " bytes, never acknowledged, were cut off");
  }
  log_bytes_ = log.valid_bytes;
  snapshot_bytes_ = recovered.snapshot_bytes.size();
  last_ = durable_ = log.entries.empty() ? log.header.sequence : log.entries.back().sequence;
  Stream highest = 0;
  for (const auto& [stream, name] : log.streams) {
    highest = std::max(highest, stream);
    if (Member* known = member(name)) known->file_stream = stream;
  }
  for (Member& known : members_) {  // Streams that are new since go out with the first entries.
    if (known.file_stream != 0) continue;
    known.file_stream = ++highest;
    last_frame_ = pending_.size();
    append_table_line(pending_, known.file_stream, last_, known.name);
  }
  return success();
}

// A new log with its header and stream table, put in place as a whole.
Result<void> DiskJournal::begin_log(std::uint64_t number) {
  const FileName name{FileKind::log, number};
  std::string bytes;
  append_file_header(bytes, {name, last_});
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const std::size_t line = bytes.size();
    append_table_line(bytes, static_cast<Stream>(i + 1), last_, members_[i].name);
    end_group(bytes, line);
  }
  environment_.wrote(Place::disk, bytes);
  PORTEIRO_TRY(environment_.files.replace(path(name), bytes));
  PORTEIRO_TRY(auto file, environment_.files.open_append(path(name), bytes.size()));
  file_ = std::move(file);
  number_ = number;
  log_bytes_ = bytes.size();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i].file_stream = static_cast<Stream>(i + 1);
  }
  return success();
}

// A file that no longer counts: if it stays, the next start tries again.
void DiskJournal::remove_file(const std::string& path) {
  const auto removed = environment_.files.remove(path);
  if (removed || removed.error().code == Errc::not_found) return;
  telemetry_.note(Level::warning, path + " cannot be removed: " + removed.error().detail);
}

Sequence DiskJournal::append(Stream stream, std::string_view entry) {
  PORTEIRO_ASSERT(started_);
  PORTEIRO_ASSERT(stream >= 1 && stream <= members_.size());
  ++last_;
  ++entries_total_;
  if (failed_) return last_;
  last_frame_ = pending_.size();
  append_frame(pending_, members_[stream - 1].file_stream, last_, entry);
  if (!std::exchange(flush_posted_, true)) {
    environment_.scheduler.post([this, alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) flush();
    });
  }
  return last_;
}

bool DiskJournal::full() const {
  return failed_ || pending_.size() + in_flight_bytes_ > options_.pending_bytes_max;
}

void DiskJournal::when_durable(Sequence sequence, UniqueFunction<void(Result<void>)> done) {
  PORTEIRO_ASSERT(sequence <= last_);
  waiters_.add(sequence, std::move(done));
  if (failed_ || sequence <= durable_) wake();
}

void DiskJournal::wake() {
  if (std::exchange(wake_posted_, true)) return;
  environment_.scheduler.post([this, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    wake_posted_ = false;
    waiters_.run(durable_);
    if (failed_) waiters_.fail(*failed_);
  });
}

void DiskJournal::flush() {
  flush_posted_ = false;
  if (failed_ || pending_.empty()) return;
  if (options_.durability == Durability::process) {
    write_now();
  } else if (!in_flight_) {
    write_group();
  }
}

// As one group: kill -9 may stop a write half way, and a command is more than one entry.
void DiskJournal::seal_pending() { end_group(pending_, last_frame_); }

void DiskJournal::write_now() {
  seal_pending();
  environment_.wrote(Place::disk, pending_);
  const auto written = file_->append(pending_);
  if (!written) return fail(written.error());
  ++writes_total_;
  bytes_total_ += pending_.size();
  log_bytes_ += pending_.size();
  pending_.clear();
  now_durable(last_);
}

void DiskJournal::write_group() {
  seal_pending();
  auto group =
      std::make_shared<Group>(Group{std::exchange(pending_, {}), file_, last_, std::nullopt});
  in_flight_ = true;
  in_flight_bytes_ = group->bytes.size();
  environment_.wrote(Place::disk, group->bytes);
  environment_.offload.run(
      lane_,
      [group] {
        auto written = group->file->append(group->bytes);
        if (written) written = group->file->sync();
        if (!written) group->failure = written.error();
      },
      [this, group, alive = std::weak_ptr<char>(alive_)] {
        if (!alive.expired()) group_written(*group);
      });
}

void DiskJournal::group_written(const Group& group) {
  in_flight_ = false;
  in_flight_bytes_ = 0;
  if (failed_) return;
  if (group.file == file_) {  // Else clear() replaced the log meanwhile, and all of it is durable.
    if (group.failure) return fail(*group.failure);
    ++writes_total_;
    bytes_total_ += group.bytes.size();
    log_bytes_ += group.bytes.size();
    now_durable(group.last);
  }
  if (!in_flight_ && !failed_ && !pending_.empty()) write_group();
}

void DiskJournal::now_durable(Sequence sequence) {
  durable_ = sequence;
  waiters_.run(durable_);
  compact_if_large();
}

void DiskJournal::fail(const Error& reason) {
  failed_ = error(Errc::unavailable,
                  "the journal cannot be written: " + reason.detail +
                      "; nothing more is accepted: make room or repair the disk, then restart",
                  path({FileKind::log, number_}));
  telemetry_.note(Level::error, failed_->detail);
  pending_ = {};
  wake();
}

void DiskJournal::close(Task done) {
  flush();
  when_durable(last_, [done = std::move(done)](const Result<void>&) mutable { done(); });
}

void DiskJournal::compact_if_large() {
  if (failed_) return;
  if (log_bytes_ <= compact_above_ || log_bytes_ / 2 <= snapshot_bytes_) return;
  const auto replaced = replace_log(snapshot_of_all());
  if (replaced) {
    ++compactions_total_;
    return;
  }
  compact_above_ = log_bytes_ + options_.segment_bytes_max;
  if (failed_) return;
  telemetry_.note(
      Level::warning,
      "the log goes on growing, since its snapshot cannot be written: " + replaced.error().detail);
}

Result<void> DiskJournal::compact() {
  PORTEIRO_ASSERT(started_);
  if (failed_) return *failed_;
  PORTEIRO_TRY(replace_log(snapshot_of_all()));
  ++compactions_total_;
  return success();
}

Result<void> DiskJournal::clear() {
  PORTEIRO_ASSERT(started_);
  if (failed_) return *failed_;
  return replace_log(empty_snapshot());
}

std::string DiskJournal::snapshot_of_all() {
  std::string bytes;
  append_file_header(
      bytes,
      {{FileKind::snapshot, number_ + 1}, last_, static_cast<std::uint32_t>(members_.size())});
  for (Member& member : members_) {
    append_section(bytes, member.name, member.participant->snapshot());
  }
  return bytes;
}

std::string DiskJournal::empty_snapshot() const {
  std::string bytes;
  append_file_header(bytes, {{FileKind::snapshot, number_ + 1}, last_, 0});
  return bytes;
}

Result<void> DiskJournal::replace_log(std::string snapshot) {
  const FileName old_log{FileKind::log, number_};
  const FileName old_snapshot{FileKind::snapshot, number_};
  environment_.wrote(Place::disk, snapshot);
  // Without its log this snapshot does not count: the old log goes on if it cannot be written.
  PORTEIRO_TRY(environment_.files.replace(path({FileKind::snapshot, number_ + 1}), snapshot));
  const auto begun = begin_log(number_ + 1);
  if (!begun) {  // It may be in place nevertheless, so that nothing may go to the old one.
    fail(begun.error());
    return *failed_;
  }
  snapshot_bytes_ = snapshot.size();
  compact_above_ = options_.segment_bytes_max;
  pending_.clear();  // The snapshot holds what these entries did.
  durable_ = last_;
  wake();
  remove_file(path(old_log));
  if (old_snapshot.number > 0) remove_file(path(old_snapshot));
  return success();
}

}  // namespace porteiro::journal
