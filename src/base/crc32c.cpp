#include "base/crc32c.hpp"

#include <array>
#include <cstring>

#include "porteiro/base/bytes.hpp"

namespace porteiro {
namespace {

constexpr auto table = [] {
  std::array<std::uint32_t, 256> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    t[i] = crc;
  }
  return t;
}();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc, const char* bytes,
                                                               std::size_t size) {
  std::uint64_t wide = crc;
  for (; size >= 8; size -= 8, bytes += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes, 8);
    wide = __builtin_ia32_crc32di(wide, eight);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; --size, ++bytes) {
    crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(*bytes));
  }
  return crc;
}

bool instruction_known() {
  static const bool known = __builtin_cpu_supports("sse4.2") != 0;
  return known;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t seed) {
  std::uint32_t crc = ~seed;
  for (const char c : bytes) {
    crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  if (instruction_known()) return ~by_instruction(~seed, bytes.data(), bytes.size());
#endif
  return crc32c_by_table(bytes, seed);
}

}  // namespace porteiro
