// What leaves the process's memory or could be read by others passes a Witness when there is one:
// the check that no restricted value is in clear listens here.
#pragma once
#include <cstdint>
#include <string_view>

namespace porteiro {

enum class Place : std::uint8_t { disk, queue, logs, traces, report, count_ };
std::string_view to_string(Place place);

class Witness {
 public:
  virtual ~Witness() = default;
  virtual void wrote(Place place, std::string_view bytes) = 0;
};

}  // namespace porteiro
