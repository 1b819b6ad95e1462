#include "porteiro/base/id.hpp"

#include <array>
#include <cstring>

#include "porteiro/base/random.hpp"

namespace porteiro {
namespace {

constexpr char id_digits[] = "0123456789abcdef";

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Id make_id(Entropy& entropy) {
  Id id;
  while (!id) {  // Zero means "no id".
    std::array<std::byte, 16> bytes;
    entropy.fill(bytes);
    std::memcpy(&id.high, bytes.data(), 8);
    std::memcpy(&id.low, bytes.data() + 8, 8);
  }
  return id;
}

void append_text(std::string& out, Id id) {
  std::array<char, 32> text;
  for (std::size_t i = 0; i < 16; ++i) {
    text[15 - i] = id_digits[(id.high >> (4 * i)) & 15];
    text[31 - i] = id_digits[(id.low >> (4 * i)) & 15];
  }
  out.append(text.data(), text.size());
}

std::string to_text(Id id) {
  std::string text;
  append_text(text, id);
  return text;
}

std::optional<Id> parse_id(std::string_view text) {
  const bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return std::nullopt;
  Id id;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (hyphens && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = digit_value(text[i]);
    if (value < 0) return std::nullopt;
    id.high = (id.high << 4) | (id.low >> 60);
    id.low = (id.low << 4) | static_cast<std::uint64_t>(value);
  }
  return id;
}

}  // namespace porteiro
