// The audit log: every decision that it is told of becomes a numbered line of JSON, chained to the
// one before by a hash (docs/audit-format.md). The lines of a loop turn are appended together, off
// the loop. Checkpoints say from time to time, under a signature, how far the chain goes and what
// its hash is. Nothing in it is restricted: decisions hold names and tokens. Belongs to the loop.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::audit {

struct Options {
  std::string directory;  // Where the files are; empty: the newest entries are kept in memory only.
  bool sync = false;      // Durability `power`: each group is synced.
  std::uint64_t segment_bytes_max = 64u << 20;
  std::uint64_t checkpoint_entries = 1000;              // After so many entries,
  Duration checkpoint_every = std::chrono::minutes(1);  // or so long after the first one.
  std::size_t kept_max = 1000;                          // Entries in memory.
  std::size_t pending_bytes_max = 16u << 20;            // That wait to be written.
  std::uint64_t denials_per_second_max = 1000;  // More are counted, and one entry says how many.
};

// The last entry, and the hash of the chain up to it.
struct Head {
  std::uint64_t number = 0;  // 0: there is none.
  std::string hash{};        // 64 hexadecimal digits.
};

// What signs checkpoints.
struct Signer {
  std::string key;        // Its name.
  std::string algorithm;  // "HMAC_SHA_256", "ECDSA_SHA_256", as AWS KMS names it.
  // Gives the signature's bytes. Errors: any; the checkpoint is tried again later.
  std::function<void(std::string message, UniqueFunction<void(Result<std::string>)> done)> sign;
};

class Audit final : public access::Recorder {
 public:
  // Goes on with the files that are there; a line that kill -9 left unfinished is cut, and that is
  // noted. Borrows both. Errors: corrupt (the last segment is not whole, or it ends before what a
  // checkpoint tells of: `porteiro audit verify` says where); unavailable.
  static Result<std::unique_ptr<Audit>> open(Options options, Environment& environment,
                                             telemetry::Telemetry& telemetry);
  ~Audit() override;  // What waits is abandoned.

  // Without one checkpoints are not signed.
  void sign_with(Signer signer) { signer_ = std::move(signer); }

  // A denial: beyond denials_per_second_max, and when too much waits to be written, it is counted.
  void decided(const access::Decision& decision) override;
  // Errors: unavailable: the log cannot be written, now (too much waits) or any more.
  void decided(const access::Decision& decision, Done done) override;

  std::vector<std::string> newest(std::size_t count) const;  // Lines, the oldest first.
  Head head() const { return written_; }                     // Of what is written.
  // Writes what waits and a last checkpoint; then nothing more is recorded.
  void close(Task done);

 private:
  struct Group;
  Audit(Options options, Environment& environment, telemetry::Telemetry& telemetry);
  Result<void> recover();
  Result<Head> last_of(const std::vector<std::string>& segments);
  Result<void> recover_checkpoints(const std::string& last_segment);
  Result<void> begin_segment();
  void append(const access::Decision& decision, Done done);
  void tell_lost();
  void flush_soon();
  void flush();
  void write(const std::shared_ptr<Group>& group, Task done);
  void written(const Group& group);
  void fail(const Error& reason);
  void look_for_checkpoint();
  void checkpoint();
  void write_checkpoint(const Head& head, std::string line);
  void end_if_closed();
  std::string path(const std::string& name) const { return options_.directory + "/" + name; }

  const Options options_;
  Environment& environment_;
  telemetry::Telemetry& telemetry_;
  std::uint64_t& entries_total_;
  std::uint64_t& checkpoints_total_;
  std::uint64_t& lost_total_;
  Offload::Lane lane_ = 0;
  Signer signer_;

  Head last_;                  // Of what was decided; `hash` in hexadecimal.
  Head written_;               // Of what is in the file.
  std::uint64_t covered_ = 0;  // By a checkpoint.
  std::deque<std::string> kept_;
  std::string pending_;
  struct Waiting {
    std::uint64_t number;
    Done done;
  };
  std::deque<Waiting> waiting_;  // In the order of their entries.
  std::shared_ptr<AppendFile> file_;
  std::uint64_t segment_bytes_ = 0;
  std::shared_ptr<AppendFile> checkpoints_;
  bool flush_posted_ = false, in_flight_ = false, signing_ = false, closed_ = false;
  std::size_t in_flight_bytes_ = 0;
  std::optional<Error> failed_;
  Time second_{};  // When the count of denials began.
  std::uint64_t denials_ = 0, lost_ = 0;
  Timer timer_;
  Task closing_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace porteiro::audit
