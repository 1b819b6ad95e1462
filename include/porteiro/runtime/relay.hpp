// The relay: a small process of the same executable inside a sandbox without network. It is the
// parent of a program there, and carries connections to one address of the sandbox to a socket.
#pragma once
#include <optional>

namespace porteiro::runtime {

// porteiro ARGUMENT SOCKET ADDRESS:PORT PROGRAM [WORD…]
inline constexpr const char* relay_argument = "worker-relay";

// Called early in main(), before anything is started. Where the first argument is the one above,
// this process listens, starts the program, and ends with it and as it did (128 + signal where one
// ended it, 126 or 127 where it could not start); otherwise nullopt, at once.
std::optional<int> run_relay(int argc, char** argv);

}  // namespace porteiro::runtime
