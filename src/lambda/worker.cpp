#include "porteiro/lambda/worker.hpp"

#include "porteiro/base/bytes.hpp"

namespace porteiro::lambda {

std::string to_uuid(Id id) {
  constexpr std::uint64_t version_mask = 0xf000U, version_4 = 0x4000U;
  constexpr std::uint64_t variant_mask = std::uint64_t{3} << 62, variant = std::uint64_t{1} << 63;
  id.high = (id.high & ~version_mask) | version_4;
  id.low = (id.low & ~variant_mask) | variant;
  return to_hyphened(id);
}

std::string to_hyphened(Id id) {
  std::string text = to_text(id);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, 1, '-');
  return text;
}

std::string error_object(std::string_view type, std::string_view message, Id request) {
  std::string text;
  if (request) text = "RequestId: " + to_uuid(request) + " Error: ";
  text += message;
  std::string object = "{\"errorType\":";
  append_json_string(object, type);
  object += ",\"errorMessage\":";
  append_json_string(object, text);
  object += '}';
  return object;
}

}  // namespace porteiro::lambda
