// The sandbox of a worker, made by bubblewrap: file system, processes, network and names of its
// own. It sees the system's programs and libraries, its code (/var/task) and its layers (/opt, or
// /opt/1, /opt/2 … where there are several) read-only, and a /tmp of its own; nothing else of the
// machine. Its network has one address, that of its own port at the emulator, which a relay inside
// carries to a socket.
#pragma once
#include <string>

#include "porteiro/lambda/external.hpp"

namespace porteiro::lambda {

inline constexpr const char* sandbox_code = "/var/task";      // As in AWS Lambda.
inline constexpr const char* sandbox_api = "127.0.0.1:9001";  // Likewise.
std::string sandbox_layer(std::size_t number, std::size_t count);

bool is_executable(Files& files, const std::string& path);  // A file, and by somebody.

// Whether this host has what it needs. Errors: invalid, with "isolation" or "command/0" in `at`.
Result<void> check_sandbox(const ExternalOptions& options, const Surroundings& surroundings,
                           Files& files);

// `inside` is the worker as the sandbox sees it; the port listens on the socket `api`.
ProcessOptions sandboxed(ProcessOptions inside, const ExternalOptions& options,
                         const Surroundings& surroundings, Files& files, const std::string& api);

// What bubblewrap says on stderr when the host does not let it; nullopt: this is something else.
std::optional<std::string> sandbox_refusal(std::string_view output);

}  // namespace porteiro::lambda
