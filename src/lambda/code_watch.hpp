// Sees when the files of a function have changed. Looks only when it is asked, and not more often
// than makes looking cost about a hundredth of the time. Not seen: what is in folders named
// node_modules or __pycache__, or in hidden ones, and what goes beyond the bounds.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "porteiro/base/environment.hpp"

namespace porteiro::lambda {

class CodeWatch {
 public:
  static constexpr std::size_t files_max = 2000;  // Of all folders together.
  static constexpr std::size_t depth_max = 16;
  static constexpr Duration pause_per_file = std::chrono::microseconds(100);

  // Files or folders; those that are not there count when they appear.
  CodeWatch(Files& files, const Clock& clock, std::vector<std::string> roots);
  std::uint64_t version();  // Another one when a file was changed, came or went.

 private:
  struct Sum {
    std::uint64_t hash;
    std::size_t files;
  };
  void add(const std::string& path, std::size_t depth, Sum& sum);

  Files& files_;
  const Clock& clock_;
  const std::vector<std::string> roots_;
  std::uint64_t version_ = 0;
  Time next_{};
};

}  // namespace porteiro::lambda
