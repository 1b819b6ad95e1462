// What the emulator and its nursery say to each other, over a socket of packets (SOCK_SEQPACKET)
// between two processes of the same executable. Its end tells the nursery to end everything.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace porteiro::runtime {

struct NurseryProtocol {
  static constexpr std::string_view argument = "worker-nursery";  // The first one; hidden.
  static constexpr int socket_fd = 3;                             // In the nursery.
  static constexpr std::size_t packet_text_max = 32U << 10;  // The default send buffer takes six.
  static constexpr std::size_t text_bytes_max = 4U << 20;    // Above what execve takes by default.
  static constexpr std::size_t workers_max = 4096;

  enum class Act : std::uint32_t {
    more,    // Text for the `start` that follows.
    start,   // Carries the write ends of stdout and stderr.
    signal,  // To a worker and its process group.
    end,     // Kill it and all that it started; nothing is reported.
  };
  // Followed by up to packet_text_max bytes of text. The text of a start, with that of the `more`
  // before it: directory, arguments and variables, each with a NUL behind it.
  struct Command {
    Act act = Act::more;
    std::int32_t signal = 0;
    std::uint64_t worker = 0;  // Not 0 and never given again, by other emulators neither.
    std::uint32_t arguments = 0;
    std::uint32_t variables = 0;
  };

  enum class Fact : std::uint32_t { started, no_program, no_directory, ended };
  struct Report {
    Fact fact = Fact::started;
    std::int32_t error = 0;  // errno, of what failed.
    std::int32_t status = 0;
    std::int32_t signal = 0;
    std::uint64_t worker = 0;
    std::int64_t pid = 0;
  };
};

}  // namespace porteiro::runtime
