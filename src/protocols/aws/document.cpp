#include "protocols/aws/document.hpp"

#include "porteiro/base/json_scan.hpp"

namespace porteiro::protocols::aws {

bool is_bounded(std::string_view text) {
  return text.size() <= document_bytes_max && !nests_deeper(text, json_levels_max);
}

}  // namespace porteiro::protocols::aws
