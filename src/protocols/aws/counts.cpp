#include "protocols/aws/counts.hpp"

namespace porteiro::protocols::aws {

void Counts::add(std::size_t action, std::string_view name, const ErrorKind* error,
                 std::string_view code) {
  Action& counters = actions_[action];
  if (error == nullptr && counters.good != nullptr) {
    ++*counters.good;
    return;
  }
  for (const auto& [kind, counter] : counters.bad) {
    if (kind != error) continue;
    ++*counter;
    return;
  }
  std::string labels = "action=\"";
  labels.append(name).append("\",error=\"").append(code).append("\"");
  std::uint64_t& counter = telemetry_.counter(metric_, labels);
  ++counter;
  if (error == nullptr) {
    counters.good = &counter;
  } else {
    counters.bad.emplace_back(error, &counter);
  }
}

}  // namespace porteiro::protocols::aws
