// The durable, checksummed append log of the emulator's state, with snapshots. Modules that must
// survive a restart take part: they append entries as their state changes, and get them back, in
// order, when the journal is opened again. Belongs to the loop; blocking work goes to `Offload`.
//
// Durability: `process` writes the entries of a loop turn together (they survive kill -9);
// `power` also syncs them, off the loop, grouped. Without a directory everything counts as durable
// at once and nothing is written.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "porteiro/base/environment.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::journal {

enum class Durability : std::uint8_t { process, power };

struct Options {
  std::string directory = {};  // Empty: in memory, nothing is kept.
  Durability durability = Durability::process;
  std::uint64_t segment_bytes_max = 64u << 20;  // A larger log is replaced by a snapshot.
  std::uint64_t pending_bytes_max = 64u << 20;  // Not yet durable; then full() is true.
};

using Sequence = std::uint64_t;  // Counts entries from 1; 0 is durable always.
using Stream = std::uint32_t;

// A module with state in the journal. Every call comes on the loop.
class Participant {
 public:
  virtual ~Participant() = default;
  virtual std::string snapshot() = 0;  // The whole state, as of the last appended entry.
  virtual Result<void> restore(std::string_view snapshot) = 0;  // Into the empty state.
  virtual Result<void> replay(std::string_view entry) = 0;      // One entry, as it was appended.
};

class Journal {
 public:
  virtual ~Journal() = default;

  // Before start(): names are unique and part of the file format. Borrows the participant.
  virtual Stream join(std::string_view name, Participant& participant) = 0;

  // Reads what the directory holds into the participants. A tail that was cut in the middle of a
  // write is dropped (it was never acknowledged); any other damage is `corrupt` and nothing is
  // changed. An entry of an unknown stream is `corrupt`, too: a newer version wrote it.
  // Errors: corrupt, with the file in `at` and the offset in `detail`; unavailable; a
  // participant's.
  virtual Result<void> start() = 0;

  // Keeps a copy of `entry`, to be written with all others of this loop turn: after a crash all of
  // them are there or none.
  virtual Sequence append(Stream stream, std::string_view entry) = 0;
  virtual Sequence last() const = 0;              // Of the appended entries.
  virtual Sequence durable() const = 0;           // All entries up to here survive.
  virtual bool full() const = 0;                  // Front-ends refuse new work (503) while true.
  virtual bool on_disk() const { return false; }  // False: without a directory, nothing is kept.

  // Runs `done` once durable() >= sequence; with an error when the log can no longer be written:
  // then nothing later becomes durable either. Never runs before this call has returned, and not
  // at all once the journal is gone. Completions run in the order of their sequences.
  virtual void when_durable(Sequence sequence, UniqueFunction<void(Result<void>)> done) = 0;

  // Writes (and, for `power`, syncs) all that is pending, then runs `done`. For a graceful stop.
  virtual void close(Task done) = 0;

  // Replaces the log by a snapshot now, so that nothing is left in the directory but what the
  // participants still hold. Blocks. Errors: those of clear().
  virtual Result<void> compact() { return ok(); }

  // Forgets everything: an empty snapshot replaces the log. Participants reset themselves;
  // sequences go on. Errors: unavailable: either the old log goes on, or the journal has failed.
  virtual Result<void> clear() = 0;
};

// Makes and locks the directory; borrows `environment` and `telemetry`. Errors: conflict (in use by
// another process), unavailable.
Result<std::unique_ptr<Journal>> open(Options options, Environment& environment,
                                      telemetry::Telemetry& telemetry);

}  // namespace porteiro::journal
