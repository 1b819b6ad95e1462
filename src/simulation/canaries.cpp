#include "simulation/canaries.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "porteiro/base/bytes.hpp"

namespace porteiro::simulation {
namespace {

constexpr std::size_t short_head_bytes = 8;
constexpr std::size_t long_head_bytes = 16;
constexpr unsigned filter_bits_log2 =
    22;  // 512 KiB an index: few false steps with 100,000 needles.

std::uint64_t word_of(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Mixed so that the high bits, which choose the filter's bit, depend on every byte.
std::uint64_t hash_of(const char* head, std::size_t head_bytes) {
  std::uint64_t hash = word_of(head) * 0x9e3779b97f4a7c15U;
  if (head_bytes == long_head_bytes) hash ^= word_of(head + 8) * 0xc2b2ae3d27d4eb4fU;
  return hash;
}

std::size_t filter_bit(std::uint64_t hash) {
  return static_cast<std::size_t>(hash >> (64 - filter_bits_log2));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The part of base64 text that depends on `value` alone when `offset` bytes stand before it.
std::string stable_base64(std::string_view value, std::size_t offset, bool url) {
  const std::string padded = std::string(offset, '\0') + std::string(value);
  const std::string text = url ? to_base64url(padded) : to_base64(padded);
  const std::size_t from = (offset * 8 + 5) / 6;
  const std::size_t to = padded.size() * 8 / 6;
  return text.substr(from, to - from);
}

}  // namespace

Canaries::Canaries()
    : long_{long_head_bytes, std::vector<std::uint64_t>((1U << filter_bits_log2) / 64), {}},
      short_{short_head_bytes, std::vector<std::uint64_t>((1U << filter_bits_log2) / 64), {}} {}

void Canaries::add_needle(std::string text, const char* form) {
  if (text.size() < short_head_bytes) return;
  Index& index = text.size() < long_head_bytes ? short_ : long_;
  const std::uint64_t hash = hash_of(text.data(), index.head_bytes);
  const auto [from, to] = index.needles.equal_range(hash);
  if (std::any_of(from, to, [&](const auto& entry) { return entry.second.text == text; })) return;
  const std::size_t bit = filter_bit(hash);
  index.filter[bit / 64] |= std::uint64_t{1} << (bit % 64);
  const bool digits =
      std::string_view(form) == "raw" && std::all_of(text.begin(), text.end(), is_digit);
  index.needles.emplace(hash, Needle{std::move(text), form, digits});
}

void Canaries::add(std::string_view value) {
  if (value.size() < short_head_bytes) return;
  ++count_;
  add_needle(std::string(value), "raw");
  std::string escaped;
  append_json_string(escaped, value);
  add_needle(escaped.substr(1, escaped.size() - 2), "json");
  add_needle(percent_encode(value), "url");
  std::string hex = to_hex(value);
  add_needle(hex, "hex");
  std::transform(hex.begin(), hex.end(), hex.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  add_needle(hex, "hex");
  for (std::size_t offset = 0; offset < 3; ++offset) {
    add_needle(stable_base64(value, offset, false), "base64");
    add_needle(stable_base64(value, offset, true), "base64url");
  }
}

const Canaries::Needle* Canaries::match(const Index& index, std::uint64_t hash,
                                        std::string_view bytes, std::size_t at) const {
  const auto [from, to] = index.needles.equal_range(hash);
  for (auto it = from; it != to; ++it) {
    const Needle& needle = it->second;
    if (bytes.substr(at, needle.text.size()) != needle.text) continue;
    const std::size_t end = at + needle.text.size();
    const bool inside_number = needle.digits && ((at > 0 && is_digit(bytes[at - 1])) ||
                                                 (end < bytes.size() && is_digit(bytes[end])));
    if (!inside_number) return &needle;
  }
  return nullptr;
}

void Canaries::search(const Index& index, std::string_view bytes, Tally& tally) const {
  if (index.needles.empty()) return;
  for (std::size_t at = 0; at + index.head_bytes <= bytes.size(); ++at) {
    const std::uint64_t hash = hash_of(bytes.data() + at, index.head_bytes);
    const std::size_t bit = filter_bit(hash);
    if ((index.filter[bit / 64] >> (bit % 64) & 1U) == 0) continue;
    const Needle* needle = match(index, hash, bytes, at);
    if (needle == nullptr) continue;
    if (tally.leaks++ == 0) {
      tally.first = std::string("a value in ") + needle->form + " form at byte " +
                    std::to_string(at) + " of a write of " + std::to_string(bytes.size());
    }
  }
}

void Canaries::wrote(Place place, std::string_view bytes) {
  Tally& tally = tallies_[static_cast<std::size_t>(place)];
  ++tally.writes;
  tally.bytes += bytes.size();
  search(long_, bytes, tally);
  search(short_, bytes, tally);
}

}  // namespace porteiro::simulation
