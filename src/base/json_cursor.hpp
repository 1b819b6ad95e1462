// A place in JSON text, for those who walk over it.
#pragma once
#include <string_view>

namespace porteiro {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  const char* at() const { return at_; }
  bool done() const { return at_ == end_; }
  void spaces() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

 protected:
  const char* at_;
  const char* end_;
};

}  // namespace porteiro
