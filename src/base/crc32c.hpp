// The portable half of crc32c, declared so that tests reach it on machines that never take it.
#pragma once
#include <cstdint>
#include <string_view>

namespace porteiro {
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t seed);
}
