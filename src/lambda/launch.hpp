// Which program a worker of a function outside is, with which arguments and environment.
#pragma once
#include <string>

#include "porteiro/lambda/external.hpp"

namespace porteiro::lambda {

std::string log_group(const ExternalOptions& options);

// `api` is where its port listens ("127.0.0.1:41234"; for a sandbox the path of a socket),
// `log_stream` names the worker, `data_token` is its own for the data API (empty: there is none).
// Looks at `files` for the code and for AWS's own runtime clients.
ProcessOptions launch_options(const ExternalOptions& options, const Surroundings& surroundings,
                              Files& files, const std::string& api, const std::string& log_stream,
                              const std::string& data_token);

}  // namespace porteiro::lambda
