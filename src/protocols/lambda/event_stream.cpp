#include "protocols/lambda/event_stream.hpp"

#include <zlib.h>

#include <cstdint>

namespace porteiro::protocols::lambda_api {
namespace {

constexpr char string_type = 7;

void append_be32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

std::uint32_t crc_of(std::string_view bytes) {
  const auto* const data = reinterpret_cast<const Bytef*>(bytes.data());
  return static_cast<std::uint32_t>(crc32_z(0, data, bytes.size()));
}

}  // namespace

void append_frame(std::string& out,
                  const std::vector<std::pair<std::string_view, std::string_view>>& headers,
                  std::string_view payload) {
  std::string named;
  for (const auto& [name, value] : headers) {
    named += static_cast<char>(name.size());
    named.append(name);
    named += string_type;
    named += static_cast<char>(value.size() >> 8);
    named += static_cast<char>(value.size());
    named.append(value);
  }
  constexpr std::size_t prelude = 12, trailer = 4;
  std::string frame;
  append_be32(frame, static_cast<std::uint32_t>(prelude + named.size() + payload.size() + trailer));
  append_be32(frame, static_cast<std::uint32_t>(named.size()));
  append_be32(frame, crc_of(frame));
  frame.append(named).append(payload);
  append_be32(frame, crc_of(frame));
  out.append(frame);
}

}  // namespace porteiro::protocols::lambda_api
