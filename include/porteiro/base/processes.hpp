// Child processes as the core sees them: started with nothing inherited, watched until they end,
// and ended together with all that they started, even when the emulator itself is killed. Belongs
// to the loop; nothing here blocks.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/result.hpp"

namespace porteiro {

struct ProcessOptions {
  // The program and its arguments. A program without '/' is looked up in PATH of `environment`.
  std::vector<std::string> command{};
  std::vector<std::string> environment{};  // "NAME=value": the whole of it.
  std::string directory{};                 // The working directory, absolute.
};

struct ProcessEnd {
  int status = 0;  // Exit status.
  int signal = 0;  // The signal that ended it; 0: it exited by itself.
};

class ProcessListener {
 public:
  enum class Stream : std::uint8_t { out, err };
  virtual ~ProcessListener() = default;
  // What it wrote, as it comes, at most 64 KiB at a time: not by lines.
  virtual void output(Stream stream, std::string_view bytes) = 0;
  // Once, after its last output; the process may be destroyed from here. What others that it
  // started write after its end is not waited for. Errors: not_found (no such program or
  // directory), denied (not executable), invalid (an empty command, a NUL, longer than the system
  // takes), unavailable (no more processes; it never ran then, unless what supervises them was
  // lost).
  virtual void ended(Result<ProcessEnd> end) = 0;
};

// A process that was started and may have ended. Its death kills the process and all that it
// started; the listener is called no more. When the process ends by itself, what it left running is
// killed, too, whatever session it moved to.
class Process {
 public:
  virtual ~Process() = default;
  virtual std::int64_t pid() const = 0;  // 0: not started yet, or it has ended.
  virtual void signal(int number) = 0;   // To it and its process group; nothing if it has ended.
};

class Processes {
 public:
  virtual ~Processes() = default;
  // Stdin is empty. The listener outlives the process; it is never called before this returns.
  virtual std::unique_ptr<Process> start(ProcessOptions options, ProcessListener& listener) = 0;
};

}  // namespace porteiro
