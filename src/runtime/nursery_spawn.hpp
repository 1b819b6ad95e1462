// How the nursery starts a process and recognises those below it. Plain POSIX and Linux.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/nursery_protocol.hpp"

namespace porteiro::runtime {

struct Birth {
  std::string directory;
  std::vector<char*> arguments;  // As execve takes them, ended by null. Not empty.
  std::vector<char*> variables;
  int out = -1;  // Stay open in this process.
  int err = -1;
  std::uint64_t worker = 0;  // Marks it and all that it starts, see owner_of.
};

struct BirthFailure {
  NurseryProtocol::Fact fact = NurseryProtocol::Fact::no_program;
  int error = 0;  // errno.
};

// Starts a process in a session and process group of its own, with an empty stdin, default signals,
// no descriptor but the standard ones, killed when this process dies. A program without '/' is
// looked up in the PATH of its own variables. 0: it could not be started, see `failure`.
pid_t give_birth(const Birth& birth, BirthFailure& failure);

// The worker that `pid` descends from, even if its parents are gone. Inherited by fork and exec as
// the limit RLIMIT_LOCKS, which Linux has kept and not looked at since 2.4.25 (getrlimit(2)).
// 0: none, or it cannot be told.
std::uint64_t owner_of(pid_t pid);

// Kills all that descend from these workers and are still there, wherever they are.
void kill_owned(std::uint64_t first, std::uint64_t last);

// The children of this process that have not been reaped: those it started, and orphans below it
// that it adopted. nullopt: /proc is not there.
std::optional<std::vector<pid_t>> children_now();

}  // namespace porteiro::runtime
