// The commands behind the command line. Each returns the process's outcome.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/lambda/function.hpp"
#include "porteiro/simulation/scenario.hpp"

namespace porteiro::app {

using simulation::Outcome;

struct UpArguments {
  std::string config;  // Empty: no routes, stores or functions.
  std::optional<std::uint16_t> public_port, inside_port;
  std::string data_directory;
  std::string log_file;   // Empty: stderr.
  std::string log_level;  // Empty: as the config says.
  std::uint64_t seed = 0;
};
Outcome up(const UpArguments& arguments);

struct RunArguments {
  std::vector<std::string> files;
  std::string seeds;  // "7", "1-200"; empty: as the scenario says.
  bool live = false;
  bool check_determinism = false;
  bool json = false;
  std::string junit_file;
  std::string data_directory;  // With `live` only.
};
Outcome run_scenarios(const RunArguments& arguments);

struct CompareArguments {
  std::string file;
  std::string seeds;  // As above.
  bool live = false;
  bool json = false;
};
Outcome compare(const CompareArguments& arguments);

Outcome check(const std::vector<std::string>& files);

struct InspectArguments {
  std::uint16_t inside_port = 4566;
  bool json = false;
  std::uint64_t limit = 100;
  std::string id;     // Of the trace.
  std::string queue;  // To peek into.
};
Outcome events(const InspectArguments& arguments);
Outcome trace(const InspectArguments& arguments);
Outcome peek(const InspectArguments& arguments);

struct EraseArguments {
  std::uint16_t inside_port = 4566;
  bool json = false;
  std::string token;  // The token's name.
  std::string value;  // Or the token; "-": a line of stdin.
};
Outcome erase(const EraseArguments& arguments);

struct AuditArguments {
  std::string directory;   // The data directory, or the folder `audit` in it.
  std::string public_key;  // A PEM file to check the checkpoints with; empty: the keys there.
  std::string subject, principal;  // Only entries of these; empty: all.
  bool may_be_unsigned = false;    // All checkpoints, where there are keys to check them with.
  bool json = false;
};
Outcome audit_verify(const AuditArguments& arguments);
Outcome audit_show(const AuditArguments& arguments);

lambda::Registry registry();  // The built-ins and what the executable was linked with.

bool print_problems(
    const std::vector<config::Problem>& problems);  // To stderr; true: there are some.
std::optional<std::string> write_file(const std::string& path,
                                      const std::string& text);  // The error.

}  // namespace porteiro::app
