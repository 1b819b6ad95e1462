// Reads an audit log as it lies on disk, and finds what was done to it. Needs no emulator. Pure but
// for the files it reads.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/audit/audit.hpp"

namespace porteiro::audit {

// A line of the checkpoints, whose signature somebody with the key has to look at.
struct Checkpoint {
  Head head;
  std::string key, algorithm;  // Empty: it is not signed.
  std::string message;         // What was signed.
  std::string signature;       // Its bytes.
};

struct Finding {
  std::uint64_t number = 0;  // The entry that it is about.
  std::string text;          // "entry 7 was changed: …"
};

struct Report {
  Head head;  // As far as the chain is whole.
  std::vector<Checkpoint>
      checkpoints;                 // Those that agree with the chain, or do so as far as known.
  std::optional<Finding> finding;  // The first thing that is wrong; none: all is well.
};

// `directory` has the segments. `expected`, where it has a number: how far the log has to go at
// least. Errors: not_found (there is no log), unavailable.
Result<Report> verify(Files& files, const std::string& directory, const Head& expected = {});

// Each line of the log, whatever its state, without its end; false ends. Errors: as above.
Result<void> read(Files& files, const std::string& directory,
                  const std::function<bool(std::string_view line)>& each);

}  // namespace porteiro::audit
