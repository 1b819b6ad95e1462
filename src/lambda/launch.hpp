// Which program a worker of a function outside is, with which arguments and environment.
#pragma once
#include <string>

#include "porteiro/lambda/external.hpp"

namespace porteiro::lambda {

std::string log_group(const ExternalOptions& options);

struct Launch {
  std::string api;           // Where its port listens: "127.0.0.1:41234", or the path of a socket.
  std::string log_stream;    // Names the worker.
  bool simulated = false;    // Its time is virtual, and what it does must come again.
  std::string data_token{};  // Its own for the data API; empty: there is none.
};

// Looks at `files` for the code and for AWS's own runtime clients.
ProcessOptions launch_options(const ExternalOptions& options, const Surroundings& surroundings,
                              Files& files, const Launch& launch);

}  // namespace porteiro::lambda
