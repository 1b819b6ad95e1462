// The reports of scenario runs: a table for people, JSON lines for programs, JUnit XML for CI.
#pragma once
#include <string>
#include <vector>

#include "porteiro/simulation/scenario.hpp"

namespace porteiro::simulation {

std::string text_report(const Scenario& scenario, const std::vector<RunResult>& runs, bool color);
std::string json_line(const Scenario& scenario, const RunResult& run);  // One run, one line.
std::string json_verdict(const std::vector<std::pair<Scenario, std::vector<RunResult>>>& all);
std::string junit_report(const std::vector<std::pair<Scenario, std::vector<RunResult>>>& all);
// The variants of one run beside each other, for people.
std::string comparison_text(const Scenario& scenario, const RunResult& run, bool live);
// "porteiro run FILE --seeds 17": what to run to see a failure again.
std::string replay_command(const Scenario& scenario, const RunResult& run);

}  // namespace porteiro::simulation
