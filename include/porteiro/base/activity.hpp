// What a process outside is doing, for who has to know whether it is done with what it was told.
#pragma once
#include <cstdint>

namespace porteiro {

struct Activity {
  // None of its threads, nor of those of what it started, runs or wants to. It has not ended.
  bool asleep = true;
  std::uint64_t runs = 0;  // Differs from an earlier one if any of them has run since.
};

}  // namespace porteiro
