// The problems of one file as they are found. Bounded: a file may hold a million mistakes.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/config/config.hpp"

namespace porteiro::config {

class Problems {
 public:
  explicit Problems(std::string_view file) : file_(file) {}
  void add(std::string pointer, std::string text);
  bool empty() const { return list_.empty(); }
  std::vector<Problem> sorted() &&;  // By pointer, array items by number.

 private:
  std::string file_;
  std::vector<Problem> list_;
  bool more_ = false;
};

std::string in_quotes(std::string_view text);  // As JSON, cut to a readable length.
// "a, b or c"
std::string listed(const std::vector<std::string>& items, std::string_view last);

}  // namespace porteiro::config
