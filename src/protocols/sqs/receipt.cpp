#include "protocols/sqs/receipt.hpp"

#include <array>
#include <cstdint>

#include "porteiro/base/bytes.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr char version[] = {'\x01', '\x50'};  // Of the layout: version, four numbers, the check.
constexpr std::size_t bytes_count = 2 + 5 * 8;
static_assert(bytes_count % 3 == 0 && bytes_count / 3 * 4 == handle_size);

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ hash >> 29;
}

std::uint64_t check_of(std::string_view queue, const queue::Receipt& receipt) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : queue) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash = mix(hash, receipt.slot);
  hash = mix(hash, receipt.delivery);
  hash = mix(hash, receipt.message.high);
  hash = mix(hash, receipt.message.low);
  return mix(hash, 0);
}

void put(char*& at, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) *at++ = static_cast<char>(value >> (8 * i) & 0xff);
}

std::uint64_t get(std::string_view bytes, std::size_t number) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[sizeof version + 8 * number + i]);
    value |= static_cast<std::uint64_t>(byte) << (8 * i);
  }
  return value;
}

}  // namespace

void append_handle(std::string& out, std::string_view queue, const queue::Receipt& receipt) {
  std::array<char, bytes_count> bytes;
  char* at = bytes.data();
  for (const char c : version) *at++ = c;
  put(at, receipt.slot);
  put(at, receipt.delivery);
  put(at, receipt.message.high);
  put(at, receipt.message.low);
  put(at, check_of(queue, receipt));
  out.append(to_base64({bytes.data(), bytes.size()}));
}

std::optional<queue::Receipt> parse_handle(std::string_view handle, std::string_view queue) {
  if (handle.size() != handle_size) return std::nullopt;
  const auto bytes = from_base64(handle);
  if (!bytes || bytes->size() != bytes_count) return std::nullopt;
  if (!bytes->starts_with(std::string_view(version, sizeof version))) return std::nullopt;
  const queue::Receipt receipt{get(*bytes, 0), get(*bytes, 1), {get(*bytes, 2), get(*bytes, 3)}};
  if (get(*bytes, 4) != check_of(queue, receipt)) return std::nullopt;
  return receipt;
}

}  // namespace porteiro::protocols::sqs
