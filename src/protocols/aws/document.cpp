#include "protocols/aws/document.hpp"

namespace porteiro::protocols::aws {

bool is_bounded(std::string_view text) {
  if (text.size() > document_bytes_max) return false;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      if (++depth > document_depth_max) return false;
    } else if (!quoted && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return true;
}

}  // namespace porteiro::protocols::aws
