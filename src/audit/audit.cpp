#include "porteiro/audit/audit.hpp"

#include <algorithm>
#include <utility>

#include "audit/entry.hpp"

namespace porteiro::audit {

using telemetry::Level;

struct Audit::Group {
  std::string bytes;
  std::shared_ptr<AppendFile> file;
  Head head;
  bool sync = false;
  std::optional<Error> failure;
};

namespace {

Error not_whole(const std::string& where, std::uint64_t number) {
  return error(Errc::corrupt,
               where + " is not whole at entry " + std::to_string(number) +
                   ": `porteiro audit verify` says more; put the files back, or move the folder "
                   "away to begin a new log",
               where);
}

}  // namespace

Audit::Audit(Options options, Environment& environment, telemetry::Telemetry& telemetry)
    : options_(std::move(options)),
      environment_(environment),
      telemetry_(telemetry),
      entries_total_(telemetry.counter("porteiro_audit_entries_total")),
      checkpoints_total_(telemetry.counter("porteiro_audit_checkpoints_total")),
      lost_total_(telemetry.counter("porteiro_audit_lost_total")),
      last_{0, std::string(no_hash)},
      timer_(environment.scheduler) {
  telemetry.describe("porteiro_audit_entries_total", "entries of the audit log");
  telemetry.describe("porteiro_audit_checkpoints_total", "checkpoints of the audit log");
  telemetry.describe("porteiro_audit_lost_total", "denials that the audit log only counted");
}

Audit::~Audit() = default;

Result<std::unique_ptr<Audit>> Audit::open(Options options, Environment& environment,
                                           telemetry::Telemetry& telemetry) {
  std::unique_ptr<Audit> audit(new Audit(std::move(options), environment, telemetry));
  if (!audit->options_.directory.empty()) {
    audit->lane_ = environment.offload.lane("audit");
    PORTEIRO_TRY(audit->recover());
  }
  audit->written_ = audit->last_;
  return audit;
}

Result<void> Audit::recover() {
  Files& files = environment_.files;
  PORTEIRO_TRY(files.make_directory(options_.directory));
  PORTEIRO_TRY(const auto names, files.list(options_.directory));
  const std::vector<std::string> segments = segments_among(names);
  if (!segments.empty()) {
    PORTEIRO_TRY(last_, last_of(segments));
  } else {
    PORTEIRO_TRY(begin_segment());
  }
  PORTEIRO_TRY(recover_checkpoints(segments.empty() ? std::string() : segments.back()));
  if (segments.empty()) return ok();
  // Only now: a log that is refused stays as it was found.
  PORTEIRO_TRY(file_, files.open_append(path(segments.back()), segment_bytes_));
  return ok();
}

// Follows the chain through the last segment, which begins with the hash that the one before ends
// with, and goes on with that segment.
Result<Head> Audit::last_of(const std::vector<std::string>& segments) {
  Files& files = environment_.files;
  Head head{*segment_first(segments.back()) - 1, std::string(no_hash)};
  std::string_view rest;
  if (segments.size() > 1) {
    PORTEIRO_TRY(const std::string before, files.read(path(segments[segments.size() - 2])));
    const auto lines = split_lines(before, rest);
    const auto line = lines.empty() ? std::nullopt : parse_line(lines.back());
    if (!line || line->number != head.number) return not_whole(options_.directory, head.number);
    head.hash = line->hash;
  } else if (head.number != 0) {
    return not_whole(options_.directory, 1);
  }
  const std::string name = path(segments.back());
  PORTEIRO_TRY(const std::string bytes, files.read(name));
  for (const std::string_view text : split_lines(bytes, rest)) {
    const auto line = parse_line(text);
    const bool right =
        line && line->number == head.number + 1 && chain_hash(head.hash, line->text) == line->hash;
    if (!right) return not_whole(name, head.number + 1);
    head = {line->number, std::string(line->hash)};
    kept_.emplace_back(text);
    if (kept_.size() > options_.kept_max) kept_.pop_front();
  }
  segment_bytes_ = bytes.size() - rest.size();
  if (!rest.empty()) {
    telemetry_.note(Level::warning, name + " ended in the middle of an entry: its last " +
                                        std::to_string(rest.size()) +
                                        " bytes, of an access that was never answered, were cut "
                                        "off");
  }
  return head;
}

Result<void> Audit::recover_checkpoints(const std::string& last_segment) {
  Files& files = environment_.files;
  const std::string name = path(std::string(checkpoints_name));
  auto bytes = files.read(name);
  if (!bytes && bytes.error().code != Errc::not_found) return bytes.error();
  const std::string text = bytes ? std::move(bytes).value() : std::string();
  std::string_view rest;
  const auto lines = split_lines(text, rest);
  if (!lines.empty()) {
    const auto last = parse_checkpoint(lines.back());
    if (!last) return not_whole(name, last_.number);
    if (last->head.number > last_.number) return not_whole(path(last_segment), last_.number + 1);
    const bool same = last->head.number != last_.number || last->head.hash == last_.hash;
    if (!same) return not_whole(path(last_segment), last_.number);
    covered_ = last->head.number;
  }
  PORTEIRO_TRY(checkpoints_, files.open_append(name, text.size() - rest.size()));
  return ok();
}

Result<void> Audit::begin_segment() {
  const std::string name = path(segment_name(written_.number + 1));
  PORTEIRO_TRY(environment_.files.replace(name, ""));
  PORTEIRO_TRY(file_, environment_.files.open_append(name, 0));
  segment_bytes_ = 0;
  return ok();
}

void Audit::decided(const access::Decision& decision) {
  const Time now = environment_.scheduler.now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    denials_ = 0;
  }
  const bool full = pending_.size() + in_flight_bytes_ > options_.pending_bytes_max;
  if (failed_ || closed_ || full || ++denials_ > options_.denials_per_second_max) {
    ++lost_;
    ++lost_total_;
    return;
  }
  append(decision, nullptr);
}

void Audit::decided(const access::Decision& decision, Done done) {
  if (failed_) return done(*failed_);
  if (closed_) return done(error(Errc::unavailable, "the audit log is closed: porteiro stops"));
  if (pending_.size() + in_flight_bytes_ > options_.pending_bytes_max) {
    return done(error(Errc::unavailable, "too much waits for the audit log: try again"));
  }
  append(decision, std::move(done));
}

void Audit::append(const access::Decision& decision, Done done) {
  if (lost_ > 0) tell_lost();
  ++entries_total_;
  ++last_.number;
  std::string text = entry_text(decision, last_.number, environment_.scheduler.now());
  last_.hash = chain_hash(last_.hash, text);
  const std::string line = entry_line(std::move(text), last_.hash);
  kept_.emplace_back(line, 0, line.size() - 1);
  if (kept_.size() > options_.kept_max) kept_.pop_front();
  pending_ += line;
  if (done) waiting_.push_back({last_.number, std::move(done)});
  flush_soon();
}

void Audit::tell_lost() {
  const std::string text =
      std::to_string(std::exchange(lost_, 0)) + " denials were counted only, as they came too fast";
  append({.allowed = false,
          .principal = "porteiro",
          .action = "audit:lost",
          .resource = "audit",
          .reason = text},
         nullptr);
}

void Audit::flush_soon() {
  if (std::exchange(flush_posted_, true)) return;
  environment_.scheduler.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    flush_posted_ = false;
    flush();
  });
}

void Audit::flush() {
  if (failed_ || in_flight_ || pending_.empty()) return;
  auto group = std::make_shared<Group>();
  group->bytes = std::exchange(pending_, {});
  group->head = last_;
  if (file_ == nullptr) return written(*group);
  group->file = file_;
  in_flight_ = true;
  in_flight_bytes_ = group->bytes.size();
  write(group, [this, group] { written(*group); });
}

// In the order of the calls, off the loop; `done` does not run when the log has gone.
void Audit::write(const std::shared_ptr<Group>& group, Task done) {
  group->sync = options_.sync;
  environment_.wrote(Place::disk, group->bytes);
  environment_.offload.run(
      lane_,
      [group] {
        auto written = group->file->append(group->bytes);
        if (written && group->sync) written = group->file->sync();
        if (!written) group->failure = written.error();
      },
      [alive = std::weak_ptr(alive_), done = std::move(done)]() mutable {
        if (!alive.expired()) done();
      });
}

void Audit::written(const Group& group) {
  in_flight_ = false;
  in_flight_bytes_ = 0;
  if (failed_) return;
  if (group.failure) return fail(*group.failure);
  segment_bytes_ += group.bytes.size();
  written_ = group.head;
  if (file_ != nullptr && segment_bytes_ >= options_.segment_bytes_max) {
    if (auto begun = begin_segment(); !begun) return fail(begun.error());
  }
  const std::weak_ptr<int> alive = alive_;
  while (!waiting_.empty() && waiting_.front().number <= written_.number) {
    Done done = std::move(waiting_.front().done);
    waiting_.pop_front();
    done(ok());
    if (alive.expired()) return;
  }
  flush();
  look_for_checkpoint();
  end_if_closed();
}

// Nothing can be recorded any more, so that nothing audited may be done either.
void Audit::fail(const Error& reason) {
  failed_ = error(Errc::unavailable,
                  "the audit log cannot be written, so that nothing audited is "
                  "done: make room or repair the disk, then restart");
  telemetry_.note(Level::error, failed_->detail + " (" + reason.detail + ")");
  pending_ = {};
  const std::weak_ptr<int> alive = alive_;
  while (!waiting_.empty()) {
    Done done = std::move(waiting_.front().done);
    waiting_.pop_front();
    done(*failed_);
    if (alive.expired()) return;
  }
  end_if_closed();
}

void Audit::look_for_checkpoint() {
  if (signing_ || file_ == nullptr || failed_ || written_.number == covered_) return;
  const bool due = written_.number - covered_ >= options_.checkpoint_entries || closed_;
  if (due) return checkpoint();
  if (!timer_.running()) timer_.start(options_.checkpoint_every, [this] { checkpoint(); });
}

void Audit::checkpoint() {
  timer_.stop();
  if (signing_ || failed_ || written_.number == covered_) return;
  signing_ = true;
  const Head head = written_;
  std::string text =
      checkpoint_text(head, environment_.scheduler.now(), signer_.key, signer_.algorithm);
  if (!signer_.sign) return write_checkpoint(head, checkpoint_line(std::move(text), {}));
  signer_.sign(
      text, [this, head, text, alive = std::weak_ptr(alive_)](Result<std::string> signature) {
        if (alive.expired()) return;
        if (signature) return write_checkpoint(head, checkpoint_line(text, signature.value()));
        telemetry_.note(Level::warning, "a checkpoint of the audit log could not be signed: " +
                                            signature.error().detail);
        signing_ = false;
        if (closed_) {
          covered_ = written_.number;  // It ends without one.
          return end_if_closed();
        }
        timer_.start(options_.checkpoint_every, [this] { checkpoint(); });
      });
}

void Audit::write_checkpoint(const Head& head, std::string line) {
  auto group = std::make_shared<Group>();
  group->bytes = std::move(line);
  group->file = checkpoints_;
  group->head = head;
  write(group, [this, group] {
    signing_ = false;
    if (group->failure) return fail(*group->failure);
    ++checkpoints_total_;
    covered_ = group->head.number;
    look_for_checkpoint();
    end_if_closed();
  });
}

std::vector<std::string> Audit::newest(std::size_t count) const {
  const std::size_t from = kept_.size() - std::min(count, kept_.size());
  return {kept_.begin() + static_cast<std::ptrdiff_t>(from), kept_.end()};
}

void Audit::close(Task done) {
  if (lost_ > 0 && !failed_) tell_lost();
  closed_ = true;
  closing_ = std::move(done);
  flush();
  look_for_checkpoint();
  environment_.scheduler.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) end_if_closed();
  });
}

void Audit::end_if_closed() {
  if (!closing_ || in_flight_ || signing_) return;
  const bool level = pending_.empty() && (file_ == nullptr || covered_ == written_.number);
  if (!level && !failed_) return;
  std::exchange(closing_, nullptr)();
}

}  // namespace porteiro::audit
