// The journal on disk. The states of an entry: pending (in `pending_`), with `power` in flight
// (in the group that a lane writes and syncs), durable.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal/recovery.hpp"
#include "journal/waiters.hpp"

namespace porteiro::journal {

class DiskJournal final : public Journal {
 public:
  // The directory is there and locked.
  DiskJournal(Options options, Environment& environment, telemetry::Telemetry& telemetry);

  Stream join(std::string_view name, Participant& participant) override;
  Result<void> start() override;
  Sequence append(Stream stream, std::string_view entry) override;
  Sequence last() const override { return last_; }
  Sequence durable() const override { return durable_; }
  bool full() const override;
  bool on_disk() const override { return true; }
  void when_durable(Sequence sequence, UniqueFunction<void(Result<void>)> done) override;
  void close(Task done) override;
  Result<void> compact() override;
  Result<void> clear() override;

 private:
  struct Member {
    std::string name;
    Participant* participant;
    Stream file_stream = 0;  // Its number in the current log.
  };
  struct Group;  // What one write and sync makes durable; shared with the lane.

  std::string path(FileName name) const;
  Member* member(std::string_view name);
  Result<void> hand_out(const Recovered& recovered);
  Result<void> adopt(const Recovered& recovered);
  Result<void> begin_log(std::uint64_t number);
  void remove_file(const std::string& path);

  void flush();
  void seal_pending();
  void write_now();
  void write_group();
  void group_written(const Group& group);
  void now_durable(Sequence sequence);
  void fail(const Error& reason);
  void wake();

  void compact_if_large();
  // Replaces the log by the snapshot and an empty log. On an error the old ones stay; if even that
  // is uncertain, the journal has failed.
  Result<void> replace_log(std::string snapshot);
  std::string snapshot_of_all();
  std::string empty_snapshot() const;

  Options options_;
  Environment& environment_;
  telemetry::Telemetry& telemetry_;
  Offload::Lane lane_ = 0;
  std::vector<Member> members_;  // Stream number n is members_[n - 1].
  bool started_ = false;

  std::uint64_t number_ = 0;  // Of the current log.
  std::shared_ptr<AppendFile> file_;
  std::uint64_t log_bytes_ = 0;
  std::uint64_t snapshot_bytes_ = 0;
  std::uint64_t compact_above_ = 0;

  Sequence last_ = 0;
  Sequence durable_ = 0;
  std::string pending_;
  std::size_t last_frame_ = 0;  // Where it begins in `pending_`.
  std::uint64_t in_flight_bytes_ = 0;
  bool flush_posted_ = false;
  bool wake_posted_ = false;
  bool in_flight_ = false;
  std::optional<Error> failed_;
  Waiters waiters_;

  std::uint64_t& entries_total_;
  std::uint64_t& bytes_total_;
  std::uint64_t& writes_total_;
  std::uint64_t& compactions_total_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // Posted tasks outlive us otherwise.
};

}  // namespace porteiro::journal
